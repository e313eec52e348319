"""Several failures become one error that tells all of them."""

from __future__ import annotations

from toolbox.lib.core.errors import (
    DeadlineError,
    HabitatError,
    ProgramMissing,
    ToolboxError,
    together,
)
from toolbox.lib.core.report import Finding, Severity

FINDING = Finding("a", 1, 1, Severity.ERROR, "x", "wrong")


def test_one() -> None:
    """A single failure stays as it is."""
    one = HabitatError("no")

    assert together([one]) is one


def test_all_are_told() -> None:
    """Messages, hints and findings of all are there, each hint once."""
    first = ToolboxError("web is dead", hint="look", findings=[FINDING])
    second = ToolboxError("db is dead", hint="look")

    error = together([first, second])

    assert error.message == "web is dead\ndb is dead"
    assert (error.hint, error.findings) == ("look", (FINDING,))


def test_exit_code() -> None:
    """Failures of one kind keep their exit code; a mixture has the plain one."""
    late = [DeadlineError("web is late"), DeadlineError("db is late")]

    assert together(late).exit_code == 124
    assert together([*late, HabitatError("no room")]).exit_code == 1


def test_same() -> None:
    """What all say alike is said once."""
    error = together([ProgramMissing("butane"), ProgramMissing("butane")])

    assert error.message == "the program butane is not installed here"
    assert error.exit_code == 3
