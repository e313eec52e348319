"""Where a project keeps what is secret: sealed, in its own repository.

    state/pulumi/                       Pulumi's state; it seals secrets with the passphrase
    state/pulumi/prod.passphrase.age    the passphrase, sealed to authorized_keys
    state/pulumi/prod.recipients        whom it is sealed to
    state/files/prod/NAME.age           what was exported for people, sealed to the same
    state/files/prod/public/NAME        what everybody may read

So a clone and one private key are all that is needed, and neither is enough without the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import ToolboxError, UsageError, VerificationError
from toolbox.lib.core.files import private_directory, write_atomic
from toolbox.lib.core.report import Severity
from toolbox.lib.inventory.names import label_problem
from toolbox.lib.inventory.project import KEYS_FILE
from toolbox.lib.vault import age, markers, recipients

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolbox.lib.core.report import Finding
    from toolbox.lib.core.secret import Secret
    from toolbox.lib.vault.recipients import Membership, Recipient

STATE = "state"
PULUMI = f"{STATE}/pulumi"
FILES = f"{STATE}/files"
PUBLIC = "public"
SUFFIX = ".age"
STACK = "prod"
SETTINGS = "Pulumi.yaml"
IGNORED = """\
# What only one computer needs, and copies that the next change outdates: git keeps the history.
/lock
*.settled
*.attrs
*.bak
/.pulumi/backups/
/.pulumi/history/
/.pulumi/locks/
"""


@dataclass(frozen=True, slots=True)
class Vault:
    """The secrets of a project's real machines.

    Attributes:
        root: The project's folder.
        stack: Name of what they belong to; Pulumi's stacks have it, or begin with it and ``-``.
    """

    root: Path
    stack: str = STACK

    @property
    def pulumi(self) -> Path:
        """Folder of Pulumi's state."""
        return self.root / PULUMI

    @property
    def passphrase(self) -> Path:
        """The sealed passphrase."""
        return self.pulumi / f"{self.stack}.passphrase{SUFFIX}"

    @property
    def following(self) -> Path:
        """The sealed passphrase that takes the place of the other one while it is changed."""
        return self.pulumi / f"{self.stack}.following{SUFFIX}"

    @property
    def record(self) -> Path:
        """Whom the secrets are sealed to, as lines of authorized_keys."""
        return self.pulumi / f"{self.stack}.recipients"

    @property
    def files(self) -> Path:
        """Folder of what was exported."""
        return self.root / FILES / self.stack

    @property
    def public(self) -> Path:
        """Folder of what everybody may read."""
        return self.files / PUBLIC

    def exports(self) -> tuple[Path, ...]:
        """Return the sealed exports."""
        found = self.files.rglob(f"*{SUFFIX}") if self.files.is_dir() else ()
        return tuple(sorted(path for path in found if not path.is_relative_to(self.public)))

    def state(self, project: str, stack: str) -> Path:
        """Return the file in which Pulumi keeps the state of a stack."""
        return self.pulumi / ".pulumi" / "stacks" / project / f"{stack}.json"

    def owns(self, stack: str) -> bool:
        """Tell whether a stack of Pulumi is sealed by this passphrase."""
        return stack == self.stack or stack.startswith(f"{self.stack}-")


def vault(root: Path, stack: str = STACK) -> Vault:
    """Return a vault of a project.

    Args:
        root: The project's folder.
        stack: Name of what it is for.

    Raises:
        UsageError: The name can be none.
    """
    problem = label_problem(stack)
    if problem:
        message = f"{stack!r} is no name of a stack: {problem}"
        raise UsageError(message, hint=f"the usual one is {STACK}")
    return Vault(root, stack)


def prepare(here: Vault) -> None:
    """Make the folders of a vault where they are missing."""
    private_directory(here.pulumi)
    ignored = here.pulumi / ".gitignore"
    if not ignored.exists():
        write_atomic(ignored, IGNORED.encode())


def members(root: Path) -> Membership:
    """Return who may open the secrets of a project, by its authorized_keys.

    Args:
        root: The project's folder.

    Raises:
        UsageError: There is no such file.
    """
    path = root / KEYS_FILE
    try:
        return recipients.read(path.read_text(), KEYS_FILE)
    except FileNotFoundError as error:
        message = f"the project has no {KEYS_FILE}"
        hint = f"put the line of your .pub file into it: cat ~/.ssh/id_ed25519.pub >>{KEYS_FILE}"
        raise UsageError(message, hint=hint) from error
    except (OSError, UnicodeDecodeError) as error:
        message = f"{KEYS_FILE} cannot be read"
        raise UsageError(message, hint="save it as UTF-8") from error


def recorded(here: Vault) -> tuple[Recipient, ...]:
    """Return whom the secrets of a vault are sealed to."""
    if not here.record.exists():
        return ()
    file = str(here.record.relative_to(here.root))
    return recipients.read(here.record.read_text(), file).recipients


def record(here: Vault, members: Sequence[Recipient]) -> None:
    """Write down whom the secrets of a vault are sealed to."""
    write_atomic(here.record, recipients.written(members).encode())


def differences(root: Path) -> list[Finding]:
    """Return who can open a project's secrets and is not in authorized_keys, and the reverse.

    Args:
        root: The project's folder.
    """
    findings = []
    for path in sorted((root / PULUMI).glob("*.recipients")):
        now = members(root).recipients
        came, went = recipients.changes(recorded(Vault(root, path.stem)), now)
        for words, some in (("cannot open the secrets yet", came), ("can still open them", went)):
            findings += [
                one.place.finding(
                    "not-sealed", f"{one.name} {words}", "run secret.rekey", Severity.WARNING
                )
                for one in some
            ]
    return findings


def export(
    here: Vault, name: str, data: bytes | Secret, members: Sequence[Recipient] | None = None
) -> Path:
    """Seal something into a file of the project; one that holds the same for the same stays.

    Args:
        here: The vault.
        name: Path below the folder of exports, without the suffix.
        data: What is sealed.
        members: Whom it is sealed to; by default those whom the passphrase is sealed to.

    Returns:
        The sealed file.
    """
    path = _inside(here.files, f"{name}{SUFFIX}")
    if path.is_relative_to(here.public):
        message = f"{name} is among what everybody may read"
        raise UsageError(message, hint=f"sealed files stay out of {PUBLIC}/")
    to = recorded(here) if members is None else members
    # Reason: sealing the same twice gives two texts, and git would show changes where none are.
    if not _holds(path, data, to):
        sealed = age.seal(data, to)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, sealed)
    return path


def publish(here: Vault, name: str, data: bytes) -> Path:
    """Write something that everybody may read into a file of the project.

    Args:
        here: The vault.
        name: Path below the folder for it.
        data: What is written.

    Raises:
        VerificationError: There is a private key in it.
    """
    path = _inside(here.public, name)
    marker = markers.search(data)
    if marker is not None:
        message = f"{name} is not published: there is {marker} in it"
        raise VerificationError(message, hint="export it instead, which seals it")
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_bytes() != data:
        write_atomic(path, data)
    return path


def _holds(path: Path, data: bytes | Secret, members: Sequence[Recipient]) -> bool:
    """Tell whether a sealed file has that in it, for these people; no if that is not known."""
    try:
        sealed = path.read_bytes()
        if not age.is_sealed(sealed) or not age.may_be_for(sealed, members):
            return False
        return age.unseal(path) == (data if isinstance(data, bytes) else data.reveal().encode())
    except (OSError, ToolboxError):
        return False


def _inside(folder: Path, name: str) -> Path:
    """Return the path of a name in a folder, and in no other one."""
    parts = PurePosixPath(name).parts
    path = folder.joinpath(*parts)
    inside = path.resolve().is_relative_to(folder.resolve())
    if not parts or parts[0] == "/" or ".." in parts or not inside:
        message = f"{name!r} is no name of a file below {folder}"
        raise UsageError(message, hint="a path without .. that does not begin with /")
    return path
