"""Whom no machine lets in any more: keys and certificates in the file revoked_keys.

A line has an ssh key, or what a certificate says: ``serial: 42`` or ``id: bob``, as in the
specification of a key revocation list (ssh-keygen(1)).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolbox.lib.inventory import operators
from toolbox.lib.inventory.document import Place

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolbox.lib.core.report import Finding

STATEMENT = re.compile(r"(?P<what>serial|id)\s*:(?P<value>.*)")
SERIAL = re.compile(r"\s*(?P<number>[0-9]{1,20})(?:\s+#.*)?")
LARGEST = (1 << 64) - 1
CODE = "bad-revocation"


@dataclass(frozen=True, slots=True)
class Revocations:
    """What is revoked.

    Attributes:
        keys: ssh keys, each as its type and data.
        serials: Numbers of certificates.
        names: What certificates say whose they are.
    """

    keys: frozenset[str]
    serials: frozenset[int]
    names: frozenset[str]


def read(text: str, file: str) -> tuple[tuple[str, ...], list[Finding]]:
    """Read a revoked_keys file.

    Args:
        text: Its content.
        file: Its name in findings.

    Returns:
        Its lines, those of keys first, and what is wrong.
    """
    statements: list[str] = []
    findings: list[Finding] = []
    others: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        match = STATEMENT.fullmatch(line.strip())
        # Reason: an empty line instead keeps the numbers of the others.
        others.append("" if match else line)
        if match is None:
            continue
        problem = _problem(match)
        if problem:
            hint = "such as serial: 42, or id: bob"
            findings.append(Place(file, number, 1).finding(CODE, problem, hint))
        else:
            statements.append(line.strip())
    keys, wrong = operators.read_keys("\n".join(others), file)
    return (*keys, *dict.fromkeys(statements)), [*wrong, *findings]


def of(lines: Iterable[str]) -> Revocations:
    """Return what lines revoke that `read` has read."""
    keys: set[str] = set()
    serials: set[int] = set()
    names: set[str] = set()
    for line in lines:
        match = STATEMENT.fullmatch(line)
        if match is None:
            keys.add(operators.bare(line))
        elif match["what"] == "id":
            names.add(match["value"].strip())
        elif number := SERIAL.fullmatch(match["value"]):
            serials.add(int(number["number"]))
    return Revocations(frozenset(keys), frozenset(serials), frozenset(names))


def taken(text: str, gone: Revocations) -> tuple[str, tuple[str, ...]]:
    """Return an authorized_keys file without what is revoked, and the lines that went.

    Args:
        text: Its content.
        gone: Keys, and the comments of keys.
    """
    kept: list[str] = []
    went: list[str] = []
    for line in text.split("\n"):
        key = operators.key(line.strip())
        meant = key is not None and (
            key.comment in gone.names or f"{key.kind} {key.blob}" in gone.keys
        )
        (went if meant else kept).append(line)
    return "\n".join(kept), tuple(line.strip() for line in went)


def _problem(match: re.Match[str]) -> str | None:
    value = match["value"]
    if not value.isprintable():
        return "this line has a sign that does not show"
    if match["what"] == "id":
        return None if value.strip() else "this line names nobody"
    number = SERIAL.fullmatch(value)
    # Reason: sshd takes 0 for a certificate that has none.
    if number is None or not 0 < int(number["number"]) <= LARGEST:
        return "this is no serial number of a certificate"
    return None
