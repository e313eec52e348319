"""Secrets are sealed anew when people come, and the passphrase is another one when they go.

Who could open the passphrase once may have kept it. So when somebody goes, the stacks are sealed
with a new one; what that person has read stays known, and is listed.

A change that is cut off is finished by the next one: the new passphrase lies sealed beside the old
one until all stacks have it, and a stack tells by the salt in its state which one it has.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import ToolboxError, VerificationError
from toolbox.lib.core.files import write_atomic
from toolbox.lib.core.lock import exclusive
from toolbox.lib.core.steps import step
from toolbox.lib.inventory.project import KEYS_FILE
from toolbox.lib.stack import sealed
from toolbox.lib.stack.workspace import Workspace
from toolbox.lib.vault import age, passphrase, recipients, store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from toolbox.lib.core.secret import Secret
    from toolbox.lib.vault.recipients import Recipient
    from toolbox.lib.vault.store import Vault

AGAIN = "secret.rekey goes on where this ended"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done.

    Attributes:
        came: Who can open the secrets now and could not before.
        went: Who could, and cannot any more.
        rotated: Whether there is a new passphrase.
        stacks: Stacks that were sealed with it.
        files: Files that were sealed anew.
    """

    came: tuple[Recipient, ...]
    went: tuple[Recipient, ...]
    rotated: bool
    stacks: tuple[str, ...]
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """Something that a person who went may still know.

    Attributes:
        kind: What it is: ``secret``, ``file`` or ``login``.
        name: Which one.
        advice: What makes that worthless.
    """

    kind: str
    name: str
    advice: str


def rekey(project: str, here: Vault, *, keys: str | None = None, rotate: bool = False) -> Outcome:
    """Seal the secrets of a project to those in its authorized_keys.

    Where somebody went, or it is asked for, the passphrase is another one thereafter.

    Args:
        project: Name of the project.
        here: Its vault.
        keys: New content of authorized_keys, which is written when all secrets could be opened.
        rotate: Make a new passphrase also if nobody went.

    Raises:
        VerificationError: None of the keys here opens the secrets, or nobody could open them.
        ToolboxError: Pulumi failed; calling it again goes on.
    """
    passphrase.ensure(here.passphrase, here)
    with exclusive(here.pulumi / "lock", what=f"Pulumi workspace {here.pulumi}"):
        members = _members(here, keys)
        came, went = recipients.changes(store.recorded(here), members)
        current = passphrase.reveal(here)
        anew = rotate or bool(went) or here.following.exists()
        # Reason: all is opened before anything is written, so that a key that is missing, or a
        # passphrase that is mistyped, changes nothing.
        exports = {path: age.seal(age.unseal(path), members) for path in here.exports()}
        if keys is not None:
            write_atomic(here.root / KEYS_FILE, keys.encode())
        changed: tuple[str, ...] = ()
        if anew:
            changed = _rotate(project, here, members, current)
        else:
            write_atomic(here.passphrase, age.seal(current, members))
        for path, data in exports.items():
            write_atomic(path, data)
        store.record(here, members)
    return Outcome(came, went, anew, changed, (here.passphrase, *exports))


def known(project: str, here: Vault, *, logged_in: bool) -> tuple[Known, ...]:
    """Return what a person who went may still know: all that the secrets were.

    Args:
        project: Name of the project.
        here: Its vault.
        logged_in: Whether the person had a key that logs in to machines.
    """
    found = [
        Known("secret", str(one), "replace it at its resource")
        for one in sealed.names(project, here)
    ]
    found += [
        Known("file", str(path.relative_to(here.root)), "make it anew and export it")
        for path in here.exports()
    ]
    if logged_in:
        advice = "the next update of each machine takes the key away"
        found.append(Known("login", "core on all machines", advice))
    return tuple(found)


def _members(here: Vault, keys: str | None) -> Sequence[Recipient]:
    found = store.members(here.root) if keys is None else recipients.read(keys, KEYS_FILE)
    if not found.recipients:
        message = "nobody would be left who can open the secrets"
        raise VerificationError(message, hint="add somebody else before: secret.add")
    return found.recipients


def _rotate(
    project: str, here: Vault, members: Sequence[Recipient], current: Secret
) -> tuple[str, ...]:
    """Give all stacks a new passphrase; return their names."""
    new = passphrase.reveal(here, here.following) if here.following.exists() else None
    if new is None:
        new = passphrase.fresh()
        # Reason: before a stack has it, it must not get lost with this process.
        write_atomic(here.following, age.seal(new, members))
    before = Workspace(project, here.pulumi, current)
    journal = _Journal(here.pulumi / f"{here.stack}.rotation.json")
    stacks = sealed.stacks(project, here)
    for stack in stacks:
        with step(f"Seal {stack} with a new passphrase"):
            journal.change(before, stack, here.state(project, stack), new)
            _forget(here, project, stack)
    write_atomic(here.passphrase, age.seal(new, members))
    here.following.unlink()
    journal.path.unlink(missing_ok=True)
    return stacks


@dataclass(frozen=True, slots=True)
class _Journal:
    """Remembers how each stack was sealed before a change began.

    Attributes:
        path: File that lasts as long as the change.
    """

    path: Path

    def change(self, before: Workspace, stack: str, state: Path, new: Secret) -> None:
        """Seal a stack with a new passphrase, if it has not got it already."""
        settings = before.folder / f"Pulumi.{stack}.yaml"
        entries = json.loads(self.path.read_text()) if self.path.exists() else {}
        now = {"salt": _salt(state), "settings": settings.read_text()}
        entry = entries.setdefault(stack, now)
        if entry["salt"] != now["salt"]:
            return
        write_atomic(self.path, json.dumps(entries).encode())
        # Reason: Pulumi writes the settings first, and leaves them so when it fails thereafter.
        write_atomic(settings, entry["settings"].encode())
        try:
            before.change_passphrase(stack, new)
        except ToolboxError as error:
            write_atomic(settings, entry["settings"].encode())
            message = f"the stack {stack} keeps its passphrase:\n{error.message}"
            raise ToolboxError(message, hint=AGAIN) from error


def _salt(state: Path) -> str:
    """Return the salt of a state, which another passphrase changes."""
    latest = json.loads(state.read_text())["checkpoint"]["latest"]
    return str((latest.get("secrets_providers") or {}).get("state"))


def _forget(here: Vault, project: str, stack: str) -> None:
    """Remove copies of a stack's former states, which the old passphrase opens."""
    state = here.state(project, stack)
    for path in state.parent.glob(f"{state.name}.bak*"):
        path.unlink()
    for kind in ("history", "backups"):
        shutil.rmtree(here.pulumi / ".pulumi" / kind / project / stack, ignore_errors=True)
