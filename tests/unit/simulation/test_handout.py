"""What a real machine boots with is its config with a record; its secrets are kept here, sealed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from toolbox.lib.butane.translate import IgnitionConfig
from toolbox.lib.core.files import sha256
from toolbox.lib.core.secret import Secret
from toolbox.lib.pki import standin
from toolbox.lib.reconfigure.desire.ignition import derive
from toolbox.lib.reconfigure.history import firstboot
from toolbox.lib.reconfigure.history.record import keepsakes
from toolbox.lib.simulation import handout, layout

if TYPE_CHECKING:
    from toolbox.lib.inventory.project import Project

FILES = [
    {"path": "/etc/key", "mode": 0o600, "contents": {"source": "data:,hidden"}},
    {"path": "/etc/motd", "mode": 0o644, "contents": {"source": "data:,hello"}},
]
TEXT = json.dumps({"ignition": {"version": "3.4.0"}, "storage": {"files": FILES}})


def test_handed(project: Project) -> None:
    """Each host gets the same as `firstboot` gives, and its secrets can be had again."""
    identity = standin.identity(["web", "db"])
    configs = {
        host.name: IgnitionConfig(host, Secret(TEXT), sha256(TEXT.encode()))
        for host in project.hosts
    }

    made = handout.handed(project, configs, identity)

    assert made == {name: firstboot.handed(config) for name, config in configs.items()}
    vault = layout.of(project).real_vault("web", identity.provision_key)
    found = {
        item.blob.reveal(): vault.get(item.blob.digest)
        for item in keepsakes(derive(configs["web"]))
    }
    assert found[b"hidden"] is not None
    assert found[b"hello"] is None
