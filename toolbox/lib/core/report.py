"""Findings about what a person wrote, and the envelope that every data task prints."""

from __future__ import annotations

from dataclasses import asdict, dataclass, is_dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


SHOWN_HOSTS = 3


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to say about a place in a file.

    Attributes:
        file: Path as the person knows it, or None.
        line: Counted from 1.
        column: Counted from 1.
        severity: How bad it is.
        code: Stable name of this kind of finding, such as ``undefined-name``.
        message: What is wrong.
        hint: What to do.
        hosts: Names of the hosts that it concerns, where several were looked at.
    """

    file: str | None
    line: int | None
    column: int | None
    severity: Severity
    code: str
    message: str
    hint: str | None = None
    hosts: tuple[str, ...] = ()

    def render(self) -> str:
        """Return it as compilers print it: ``file:line:column: severity[code]: message``."""
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        text = f"{place}: " if place else ""
        text += f"{self.severity}[{self.code}]: {self.message}"
        text += f" ({self.concerned})" if self.hosts else ""
        return text + (f"\n  hint: {self.hint}" if self.hint else "")

    @property
    def concerned(self) -> str:
        """The hosts that it concerns, in words; of many only the first."""
        more = len(self.hosts) - SHOWN_HOSTS
        names = ", ".join(self.hosts[:SHOWN_HOSTS])
        return f"{names} and {more} more" if more > 0 else names

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return asdict(self)


def envelope(
    task: str,
    *,
    ok: bool,
    items: Sequence[Mapping[str, Any] | object],
    findings: Sequence[Finding] = (),
) -> dict[str, Any]:
    """Return the one JSON envelope of all tasks.

    Args:
        task: Task name, part of the schema's.
        ok: Whether the task did what was asked.
        items: The data; mappings or dataclasses.
        findings: What is to say about it.
    """
    return {
        "schema": f"infra-toolbox/{task}/1",
        "ok": ok,
        "items": [_plain(item) for item in items],
        "findings": [finding.as_dict() for finding in findings],
    }


def _plain(item: object) -> object:
    if is_dataclass(item) and not isinstance(item, type):
        return asdict(item)
    return item
