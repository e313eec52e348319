"""What a decision about a path looks at: what is wanted, what is there, what was put there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from toolbox.lib.core.report import Finding, Severity
from toolbox.lib.reconfigure.desire import secrecy
from toolbox.lib.reconfigure.desire.state import Kind
from toolbox.lib.reconfigure.planning.diff import unified

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolbox.lib.reconfigure.desire.blob import Blob
    from toolbox.lib.reconfigure.history.record import Placed
    from toolbox.lib.reconfigure.look.survey import Found, Survey
    from toolbox.lib.reconfigure.planning.owners import Owners


@dataclass(slots=True)
class Scene:
    """A machine while it is decided what becomes of its paths.

    Attributes:
        survey: What it holds.
        owners: Who can own something there.
        placed: What was put there, with what an apply that was cut off has begun to make.
        cleared: Paths at which something of another kind goes, with all that is in it.
        emptied: Folders of ours that something else takes the place of, once they are empty.
        findings: What is refused, and what is to say.
    """

    survey: Survey
    owners: Owners
    placed: Mapping[str, Placed]
    cleared: set[str] = field(default_factory=set)
    emptied: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)

    def found(self, path: str) -> Found | None:
        """Return what stands at a path, once what is cleared is gone."""
        return None if self.is_cleared(path) else self.survey.nodes.get(path)

    def is_cleared(self, path: str) -> bool:
        """Tell whether a path is inside of what is cleared."""
        return _is_inside(path, self.cleared)

    def is_emptied(self, path: str) -> bool:
        """Tell whether a path is inside of what is emptied."""
        return _is_inside(path, self.emptied)

    def say(
        self, code: str, message: str, hint: str | None = None, severity: Severity = Severity.ERROR
    ) -> None:
        """Note something about the machine."""
        self.findings.append(Finding(None, None, None, severity, code, message, hint))

    def diff(self, path: str, after: Blob | None, mode: int | None, *, secret: bool) -> str:
        """Return the diff of a file's text, "" where it is secret or what is there is not known.

        Args:
            path: The file.
            after: What it shall hold; None where it goes.
            mode: Its permission bits afterwards.
            secret: Whether it is known to be secret.
        """
        found = self.found(path)
        there = found if found and found.kind is Kind.FILE else None
        known = there.contents if there else None
        if there and known is None:
            return ""
        kept = self.placed.get(path)
        modes = (mode, there.mode if there else None)
        data = [blob.reveal() if blob else b"" for blob in (known, after)]
        hidden = any(secrecy.is_secret(path, bits, each) for bits in modes for each in data)
        if secret or hidden or (kept and kept.secret):
            return ""
        return unified(path, known, after)


def _is_inside(path: str, folders: set[str]) -> bool:
    parent = path.rpartition("/")[0]
    while parent and folders:
        if parent in folders:
            return True
        parent = parent.rpartition("/")[0]
    return False
