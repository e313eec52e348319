"""Revoking: what a person names becomes lines of revoked_keys, and goes out of authorized_keys."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from toolbox.lib.core.errors import UsageError
from toolbox.lib.inventory import operators, revocations
from toolbox.lib.inventory.project import KEYS_FILE, REVOKED_FILE
from toolbox.lib.pki import ssh

CERTIFICATE = "-cert-v01@openssh.com "
HINT = "a serial number, the name that a certificate says, or the file of a key or certificate"


@dataclass(frozen=True, slots=True)
class Revocation:
    """What revoking something changes.

    Attributes:
        lines: New lines of revoked_keys; none where all was revoked already.
        revoked: Content of revoked_keys thereafter.
        authorized: Content of authorized_keys thereafter.
        went: Lines that are not in it any more.
    """

    lines: tuple[str, ...]
    revoked: str
    authorized: str
    went: tuple[str, ...]


def plan(what: str, revoked: str, authorized: str) -> Revocation:
    """Return what revoking something changes.

    Who is named has no certificate of that name any more, and no key of that comment in
    authorized_keys.

    Args:
        what: A serial number, a name, a key, or the file of a key or certificate.
        revoked: Content of revoked_keys.
        authorized: Content of authorized_keys.

    Raises:
        UsageError: It is none of these.
    """
    wanted = _lines(what.strip())
    rest, went = revocations.taken(authorized, revocations.of(wanted))
    known = revocations.of(revocations.read(revoked, REVOKED_FILE)[0])
    new = tuple(line for line in (*wanted, *went) if not _has(known, line))
    lines = tuple({_meaning(line): line for line in reversed(new)}.values())[::-1]
    # Reason: a file without a newline at its end would join two lines to one.
    gap = "" if revoked.endswith("\n") or not revoked else "\n"
    return Revocation(lines, revoked + gap + "".join(f"{line}\n" for line in lines), rest, went)


def files(root: Path) -> tuple[str, str]:
    """Return the contents of a project's revoked_keys and authorized_keys, empty where missing."""
    revoked, authorized = (
        path.read_text() if path.exists() else ""
        for path in (root / REVOKED_FILE, root / KEYS_FILE)
    )
    return revoked, authorized


def _lines(what: str) -> tuple[str, ...]:
    text = _content(what)
    if CERTIFICATE in text:
        found = ssh.read(text)
        return (f"serial: {found.serial} # {found.key_id.decode(errors='replace')}",)
    if operators.key(text):
        return (text,)
    line = f"serial: {text}" if text.isdecimal() else f"id: {text}"
    lines, wrong = revocations.read(line, "it")
    if text != what or wrong or not lines or "\n" in text:
        message = f"{what!r} is nothing that can be revoked" if what else "what is to be revoked?"
        raise UsageError(message, hint=HINT)
    return lines


def _content(what: str) -> str:
    """Return what a file says where one is named, else what is given."""
    try:
        path = Path(what).expanduser()
        return path.read_text().strip() if what and path.is_file() else what
    except (OSError, ValueError, RuntimeError):
        return what


def _meaning(line: str) -> revocations.Revocations:
    return revocations.of([line])


def _has(known: revocations.Revocations, line: str) -> bool:
    one = _meaning(line)
    return one.keys <= known.keys and one.serials <= known.serials and one.names <= known.names
