"""A rendered config can be translated by Butane itself, without the toolbox."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from toolbox.lib.butane import portable
from toolbox.lib.butane.render import render
from toolbox.lib.butane.translate import translate
from toolbox.lib.inventory.load import load

if TYPE_CHECKING:
    from conftest import Workbench

MAIN = """\
variant: fcos
version: 1.6.0
passwd:
  users:
    - name: core
      ssh_authorized_keys_local: [keys]
storage:
  trees:
    - local: tree
  files:
    - path: /etc/plain
      contents:
        local: plain
    - path: /etc/rendered
      mode: 0640
      template: jinja
      contents:
        local: rendered
systemd:
  units:
    - name: a.service
      template: jinja
      contents_local: a.service
"""


def test_text(bench: Workbench) -> None:
    """Butane makes the same of it, with the project's folder for local files."""
    bench.write(
        {
            "main.bu": MAIN,
            "keys": "ssh-ed25519 AAAA me\n",
            "tree/srv/x": b"\xff",
            "plain": "{{ braces }}\n",
            "rendered": "{{ FQDN }}\n",
            "a.service": "[Service]\nExecStart=/bin/echo {{ HOSTNAME }}\n",
        }
    )
    project = load(bench.root)
    with render(project, project.hosts[0], bench.identity) as config:
        text = portable.text(project, config)
        ours = json.loads(translate(config).json.reveal())

    butane = subprocess.run(
        ["butane", "--strict", "--files-dir", bench.root],
        input=text.encode(),
        capture_output=True,
        check=True,
    )

    assert json.loads(butane.stdout) == ours
    assert 'local: "hosts/web/plain"' in text
    assert "web.example.internal" in text
