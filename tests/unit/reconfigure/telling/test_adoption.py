"""The snippet that makes the source agree with a machine is Butane, and makes it agree."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.reconfigure.model import Entry, Machine, file, read, storage
from toolbox.lib.butane.translate import butane
from toolbox.lib.reconfigure.desire import ignition
from toolbox.lib.reconfigure.desire.inheritance import load, merged
from toolbox.lib.reconfigure.desire.state import PRESET, UNITS, Kind
from toolbox.lib.reconfigure.look.survey import Account, UnitFacts
from toolbox.lib.reconfigure.telling import adoption, yamltext

if TYPE_CHECKING:
    from toolbox.lib.reconfigure.desire.state import DesiredState

TEXT = "first\n  indented\n\nlast: {x}\n"
CONFIG: dict[str, Any] = {
    **storage(
        file("/etc/changed", "source\n"),
        file("/etc/gone", "x"),
        file("/etc/key", "source-canary", mode=0o600),
        directories=[{"path": "/srv/d", "mode": 0o750}],
        links=[{"path": "/srv/l", "target": "source"}],
    ),
    "systemd": {
        "units": [
            {"name": "web.service", "contents": "[Service]\n", "enabled": True},
            {
                "name": "web.socket",
                "dropins": [{"name": "1.conf", "contents": "[Socket]\n"}],
            },
            {"name": "cron.service", "enabled": True},
        ]
    },
    "passwd": {"users": [{"name": "core", "sshAuthorizedKeys": ["ssh-ed25519 A a"]}]},
}


@pytest.fixture
def changed() -> Machine:
    """Return a machine on which somebody has changed a lot by hand."""
    core = Account("core", 1000, 1000, "", "/home/core", "/bin/bash", keys=("ssh-ed25519 A a",))
    machine = Machine(accounts={"core": core}, groups={"root": 0, "core": 1000})
    machine.ignite(read(CONFIG))
    tree = machine.tree
    tree["/etc/changed"] = Entry(Kind.FILE, 0o640, 1000, 1000, TEXT.encode())
    tree["/etc/key"] = Entry(Kind.FILE, 0o600, data=b"machine-canary")
    tree["/srv/d"].mode = 0o700
    tree["/srv/l"].target = "by hand"
    tree[f"{UNITS}/web.service"].data = b"[Service]\nNice=1\n"
    tree[f"{UNITS}/web.socket.d/1.conf"].data = b"[Socket]\nBacklog=1\n"
    del tree["/etc/gone"]
    machine.units = {"cron.service": UnitFacts("loaded", "inactive", "disabled")}
    machine.accounts["core"] = Account(
        "core", 1000, 1000, "", "/home/core", "/bin/bash", keys=("ssh-ed25519 B b",)
    )
    return machine


def _snippet(machine: Machine, desired: DesiredState) -> str:
    return adoption.snippet(machine.plan(desired), machine.survey(desired))


def test_snippet(changed: Machine) -> None:
    """It says all that differs, and comments on what cannot be said."""
    assert (
        _snippet(changed, read(CONFIG))
        == """\
variant: fcos
version: 1.6.0
# /etc/gone is not there: remove it from the source
# /etc/key differs; what it holds is a secret
passwd:
  users:
    - name: core
      ssh_authorized_keys:
        - "ssh-ed25519 B b"
storage:
  directories:
    - path: /srv/d
      mode: 0700
  files:
    - path: /etc/changed
      overwrite: true
      mode: 0640
      user:
        name: core
      group:
        name: core
      contents:
        inline: |
          first
            indented

          last: {x}
  links:
    - path: /srv/l
      overwrite: true
      target: "by hand"
systemd:
  units:
    - name: web.service
      contents: |
        [Service]
        Nice=1
    - name: web.socket
      dropins:
        - name: "1.conf"
          contents: |
            [Socket]
            Backlog=1
    - name: cron.service
      enabled: false
"""
    )


@pytest.mark.needs("butane")
def test_the_source_agrees_then(changed: Machine) -> None:
    """Laid over the source, the snippet leaves the machine as it is, but for what it could not."""
    desired = read(CONFIG)
    result = butane(_snippet(changed, desired).encode())
    assert result.ok, result.tail()
    own = json.loads(result.stdout)
    source = json.dumps({"ignition": {"version": "3.5.0"}, **CONFIG})
    both = merged(load(source), own)
    # Reason: keys are a set, to which a layer adds.
    both["passwd"]["users"][0]["sshAuthorizedKeys"] = ["ssh-ed25519 B b"]
    plan = changed.plan(ignition.read(json.dumps(both), "sha256-b"))
    # Reason: a unit that nothing starts has no line among the presets.
    assert {change.path for change in plan.nodes} == {"/etc/gone", "/etc/key", PRESET}
    assert not plan.users
    assert not plan.units


def test_nothing_to_adopt() -> None:
    """A machine that agrees gives nothing."""
    machine = Machine().ignite(read(storage(file("/etc/a", "x"))))
    assert not _snippet(machine, read(storage(file("/etc/a", "x"))))


def test_what_the_source_has_dropped() -> None:
    """What a machine has and the source no more is said again, without what is secret."""
    machine = Machine().ignite(read(CONFIG))
    said = _snippet(machine, read({}))
    assert "path: /etc/changed" in said
    assert "canary" not in said
    assert "- name: web.service" in said


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a\n", ["k: |", "  a"]),
        ("a", ["k: |-", "  a"]),
        ("a\n\n", ["k: |+", "  a", ""]),
        (" a\n", ["k: |2", "   a"]),
        ("", ['k: ""']),
        ("\n", ['k: "\\n"']),
        ("a\rb", ['k: "a\\U0000000db"']),
        ("{{ x }}\n", ["k: |", "  {% raw %}{{ x }}{% endraw %}"]),
        ("{% endraw %}", ["# k ends a raw block of templates, so it has to be a local file"]),
    ],
)
def test_blocks(text: str, lines: list[str]) -> None:
    """A text is a block where it can be one, and no template."""
    assert list(yamltext.block("k", text)) == lines


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_texts_are_read_as_they_were(text: str) -> None:
    """A block and a word are read by YAML as the text that they were."""
    import yaml

    kept = yamltext.raw(text)
    if kept is None:
        return
    written = "\n".join(["k:", *yamltext.indented(yamltext.block("x", text), 2), "end: 1", ""])
    assert yaml.safe_load(written)["k"]["x"] == kept
    assert yaml.safe_load(f"k: {yamltext.word(text)}\n")["k"] == kept
