"""Errors a person can cause or meet, each with its exit code.

They stand below each other like this:

    ToolboxError             1    something wanted could not be done
    ├── ProgramFailed        1    another program failed
    ├── UsageError           2    the call or what was written is wrong
    ├── HabitatError         3    this place cannot do it
    │   └── ProgramMissing   3    a program is not installed here
    ├── VerificationError    4    something is not what it claims to be
    ├── DeadlineError      124    it took too long (also a TimeoutError)
    └── Interrupted        130    a person ended it, and it was cleaned up
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolbox.lib.core.report import Finding
    from toolbox.lib.core.run import Result


class ToolboxError(Exception):
    """Something that was wanted could not be done.

    Attributes:
        message: What and why, one sentence or more.
        hint: What to do about it.
        findings: Places in what a person wrote.
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self, message: str, *, hint: str | None = None, findings: Sequence[Finding] = ()
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.findings = tuple(findings)

    def __reduce__(self) -> tuple[object, ...]:
        # Reason: errors go from one process to another, and not all are made of their words alone.
        return _again, (type(self), self.args), self.__dict__


def _again(kind: type[ToolboxError], words: tuple[object, ...]) -> ToolboxError:
    return kind.__new__(kind, *words)


class ProgramFailed(ToolboxError):
    """Another program failed; `result` tells how."""

    def __init__(self, message: str, result: Result, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.result = result


class UsageError(ToolboxError):
    """The call, or a file that a person wrote, is wrong."""

    exit_code: ClassVar[int] = 2


class HabitatError(ToolboxError):
    """This place lacks what is needed."""

    exit_code: ClassVar[int] = 3


class ProgramMissing(HabitatError):
    """A program is not installed here."""

    def __init__(self, program: str) -> None:
        super().__init__(
            f"the program {program} is not installed here",
            hint="run inside the toolbox image, which has it: ./infra shell",
        )
        self.program = program


class VerificationError(ToolboxError):
    """Something is not what it claims to be."""

    exit_code: ClassVar[int] = 4


class DeadlineError(ToolboxError, TimeoutError):
    """Something took longer than it may."""

    exit_code: ClassVar[int] = 124


class Interrupted(ToolboxError):
    """A person ended it; what was begun has been cleaned up."""

    exit_code: ClassVar[int] = 130


def together(errors: Sequence[ToolboxError]) -> ToolboxError:
    """Return one error that tells all of these; a single one stays as it is.

    Errors of one class give one of that class, so the exit code tells what happened; others give a
    plain one.

    Args:
        errors: At least one.
    """
    messages = dict.fromkeys(error.message for error in errors)
    if len(messages) == 1:
        return errors[0]
    hints = dict.fromkeys(error.hint for error in errors if error.hint)
    findings = [finding for error in errors for finding in error.findings]
    kind = type(errors[0])
    alike = all(type(error) is kind for error in errors) and kind is not ProgramFailed
    return (kind if alike else ToolboxError)(
        "\n".join(messages), hint="\n".join(hints) or None, findings=findings
    )
