"""What a real machine boots with, whichever way it gets it: by a file, or from our server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolbox.lib.reconfigure.desire.ignition import derive
from toolbox.lib.reconfigure.history import firstboot
from toolbox.lib.reconfigure.history.record import keepsakes
from toolbox.lib.simulation import layout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolbox.lib.butane.translate import IgnitionConfig
    from toolbox.lib.inventory.project import Project
    from toolbox.lib.pki.identity import Identity


def handed(
    project: Project, configs: Mapping[str, IgnitionConfig], identity: Identity
) -> dict[str, IgnitionConfig]:
    """Return what the machines of hosts boot with, and keep what coming back to it needs.

    Args:
        project: The project.
        configs: Own configs of hosts, by their names.
        identity: Keys of the real machines.
    """
    where = layout.of(project)
    for name, config in configs.items():
        # Reason: the machine keeps no secrets of what it was, and may be asked to be that again.
        where.real_vault(name, identity.provision_key).keep(keepsakes(derive(config)))
    return {name: firstboot.handed(config) for name, config in configs.items()}
