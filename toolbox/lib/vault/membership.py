"""Who is among the operators: lines come into authorized_keys and go out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import UsageError, VerificationError
from toolbox.lib.inventory import operators
from toolbox.lib.inventory.document import Place
from toolbox.lib.inventory.project import KEYS_FILE
from toolbox.lib.vault import recipients
from toolbox.lib.vault.recipients import Recipient

if TYPE_CHECKING:
    from toolbox.lib.core.report import Finding


@dataclass(frozen=True, slots=True)
class Line:
    """A line of authorized_keys that has a key.

    Attributes:
        number: Counted from 1.
        key: What identifies the key: its type and data.
        comment: Whose it is.
        fingerprint: As ssh-keygen shows it.
        logs_in: Whether it logs in to machines.
    """

    number: int
    key: str
    comment: str
    fingerprint: str
    logs_in: bool


def added(text: str, line: str) -> str:
    """Return an authorized_keys file with one more line.

    Args:
        text: Its content.
        line: The line of a .pub file, or a recipient of age.

    Raises:
        UsageError: The line is no single key, or is there already.
        VerificationError: The key cannot be a recipient.
    """
    new = line.strip()
    _logs_in, wrong = operators.read_keys(new, "the key")
    if "\n" in new or not new or wrong:
        message = wrong[0].message if wrong else "one key is wanted, on one line"
        raise UsageError(message, hint="such as the content of a .pub file")
    found = recipients.of_line(new, Place("the key"))
    if not isinstance(found, Recipient):
        raise refusal(found)
    if any(one.text == found.text for one in recipients.read(text, KEYS_FILE).recipients):
        message = f"this key of {found.name} is in {KEYS_FILE} already"
        raise UsageError(message, hint="secret.rekey seals to all that are in it")
    # Reason: a file without a newline at its end would join two keys to one line.
    return f"{text}{'' if text.endswith(chr(10)) or not text else chr(10)}{new}\n"


def refusal(finding: Finding) -> VerificationError:
    """Return the error of a key that cannot be a recipient."""
    place = f"{finding.file}:{finding.line}: " if finding.line else ""
    return VerificationError(f"{place}{finding.message}", hint=finding.hint)


def removed(text: str, who: str) -> tuple[str, tuple[Line, ...]]:
    """Return an authorized_keys file without a person, and the lines that went.

    All lines of that person go, also those of keys that only log in.

    Args:
        text: Its content.
        who: A comment, a fingerprint or a key; a part of a comment that means one person.

    Raises:
        UsageError: Nobody is meant, or several persons are.
    """
    lines = _lines(text)
    gone = _meant(lines, who)
    numbers = {line.number for line in gone}
    kept = (line for number, line in enumerate(text.split("\n"), 1) if number not in numbers)
    return "\n".join(kept), gone


def _meant(lines: tuple[Line, ...], who: str) -> tuple[Line, ...]:
    wanted = who.strip()
    exact = tuple(
        line
        for line in lines
        if wanted in {line.comment, line.fingerprint, line.key}
        or (wanted and wanted.startswith(f"{line.key} "))
    )
    keys = {line.key for line in exact}
    if exact:
        return tuple(line for line in lines if line.key in keys)
    near = tuple(line for line in lines if wanted and wanted in line.comment)
    names = sorted({line.comment for line in near})
    if len(names) == 1:
        return _meant(lines, names[0])
    known = ", ".join(sorted({line.comment or line.fingerprint for line in lines}))
    if names:
        message = f"{wanted!r} means several: {', '.join(names)}"
    else:
        message = f"nobody in {KEYS_FILE} is {wanted!r}"
    raise UsageError(message, hint=f"there are: {known}" if known else f"{KEYS_FILE} is empty")


def _lines(text: str) -> tuple[Line, ...]:
    found = []
    for place, written in operators.lines(text, KEYS_FILE):
        number = place.line or 0
        key = operators.key(written)
        if key is not None:
            fingerprint = recipients.fingerprint(key.blob)
            found.append(
                Line(number, f"{key.kind} {key.blob}", key.comment, fingerprint, logs_in=True)
            )
        elif operators.AGE.fullmatch(written):
            native, *comment = written.split(None, 1)
            name = comment[0] if comment else ""
            found.append(Line(number, native, name, native, logs_in=False))
    return tuple(found)
