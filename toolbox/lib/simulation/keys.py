"""The keys of a project: those that its simulation has, and those of its real machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolbox.lib.core.errors import ToolboxError, UsageError
from toolbox.lib.core.lock import exclusive
from toolbox.lib.pki import plan as identity_plan
from toolbox.lib.simulation import layout
from toolbox.lib.stack import identity as identity_stack
from toolbox.lib.vault.store import STACK

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolbox.lib.inventory.host import Host
    from toolbox.lib.inventory.project import Project
    from toolbox.lib.pki.identity import Identity


def program(project: Project) -> Callable[[], None]:
    """Return the Pulumi program of a project's identity stack."""
    return identity_stack.program(identity_plan.of(project))


def held(project: Project) -> Identity:
    """Return the identity of a project as it was made for just these hosts; made if it was not.

    As a rule no engine is started, whose start alone takes longer than changing a machine.
    """
    outputs = layout.of(project).workspace.known(layout.IDENTITY, program(project))
    return identity_stack.identity(outputs) if outputs else made(project)


def real(project: Project, hosts: Sequence[Host], stack: str = STACK) -> Identity:
    """Return the identity of a project's real machines, which its repository keeps sealed.

    Args:
        project: The project.
        hosts: Hosts that must have keys.
        stack: Name of the vault that they belong to.

    Raises:
        UsageError: It was not made yet, or not for all of them.
        VerificationError: No key here opens it.
    """
    from toolbox.lib.stack import kept

    identity = kept.real(project, stack).read()
    lacking = [host.name for host in hosts if host.name not in identity.hosts]
    if lacking:
        message = f"{', '.join(lacking)}: there are no keys for a real machine yet"
        raise UsageError(message, hint=f"identity.up --stack {stack} makes them")
    return identity


def made(project: Project) -> Identity:
    """Return the identity of a project, which is made or brought up to date where it must be."""
    from toolbox.lib.simulation.up import ensure_identity

    where = layout.of(project)
    with exclusive(where.folder / "lock", what=f"simulation of {project.name}"):
        return ensure_identity(project, where)[0]


def known(project: Project) -> Identity | None:
    """Return the identity that was made for all hosts of a project, or None; nothing is made."""
    where = layout.of(project)
    if not where.folder.is_dir():
        return None
    try:
        outputs = where.workspace.outputs(layout.IDENTITY)
    except ToolboxError:
        # Reason: whoever only looks can do without, be it that Pulumi is missing or busy.
        return None
    names = {host.name for host in project.hosts}
    return identity_stack.identity(outputs) if names <= set(outputs.get("hosts", ())) else None
