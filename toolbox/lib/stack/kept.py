"""Identities where they are kept: made, brought up to date, read, and made anew in parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import UsageError
from toolbox.lib.core.steps import note, step
from toolbox.lib.pki import plan as plans
from toolbox.lib.pki.plan import ROOT
from toolbox.lib.stack import identity as identity_stack
from toolbox.lib.stack import renewal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolbox.lib.inventory.project import Project
    from toolbox.lib.pki.identity import Identity
    from toolbox.lib.pki.plan import Plan
    from toolbox.lib.stack.workspace import Changes, Workspace

SUFFIX = "-identity"
ROLLOVER = (
    "first put its certificate into the file of identity.extra_bundle, set identity.protect_root "
    "to false, and let identity.up and an apply bring that to all machines"
)


@dataclass(frozen=True, slots=True)
class Kept:
    """An identity, and where it is kept.

    Attributes:
        workspace: The Pulumi workspace.
        stack: Name of its stack.
        plan: What it has to hold.
    """

    workspace: Workspace
    stack: str
    plan: Plan

    def up(self) -> tuple[Identity, Changes]:
        """Make it, or bring it to what is wanted; what is due is made anew."""
        with step("Bring the identity up"):
            changes = self.workspace.up(self.stack, identity_stack.program(self.plan))
            note(changes.sentence())
            return self.read(), changes

    def preview(self) -> Changes:
        """Return what `up` would change; nothing is changed."""
        return self.workspace.preview(self.stack, identity_stack.program(self.plan))

    def read(self) -> Identity:
        """Return it as it was made last.

        Raises:
            UsageError: It was not made yet.
        """
        outputs = self.workspace.outputs(self.stack)
        if "hosts" not in outputs:
            message = "the project has no keys yet"
            raise UsageError(message, hint="identity.up makes them")
        return identity_stack.identity(outputs)

    def planned(self, names: Sequence[str], *, with_keys: bool) -> Changes:
        """Return what making parts of it anew would change; nothing is changed.

        Args:
            names: What people call them.
            with_keys: Whether their keys are meant, too.
        """
        with step("Plan"):
            program = identity_stack.program(self.plan)
            urns = self._chosen(names, with_keys=with_keys)
            return self.workspace.preview(self.stack, program, replace=urns)

    def renew(self, names: Sequence[str], *, with_keys: bool) -> Changes:
        """Make parts of it anew.

        Args:
            names: What people call them.
            with_keys: Whether their keys are meant, too.
        """
        with step("Make anew"):
            program = identity_stack.program(self.plan)
            urns = self._chosen(names, with_keys=with_keys)
            return self.workspace.up(self.stack, program, replace=urns)

    def _chosen(self, names: Sequence[str], *, with_keys: bool) -> list[str]:
        urns = self.workspace.urns(self.stack)
        if not urns:
            message = "the project has no keys yet"
            raise UsageError(message, hint="identity.up makes them")
        if with_keys and ROOT in names and self.plan.protect:
            message = "the key of the root is protected: whoever trusts it would trust nothing then"
            raise UsageError(message, hint=ROLLOVER)
        return renewal.chosen(self.plan, names, urns, with_keys=with_keys)


def real(project: Project, stack: str) -> Kept:
    """Return the identity of a project's real machines, which its repository keeps.

    Args:
        project: The project.
        stack: Name of the vault that it belongs to.

    Raises:
        UsageError: The project has no such vault.
        VerificationError: No key here opens it.
    """
    from toolbox.lib.stack import sealed
    from toolbox.lib.vault.store import vault

    workspace = sealed.workspace(project.name, vault(project.root, stack))
    return Kept(workspace, f"{stack}{SUFFIX}", plans.of(project, protect=True))
