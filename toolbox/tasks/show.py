"""How tasks speak: words to stderr, data to stdout, failures as errors with a hint."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from invoke.exceptions import Exit

from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.core.report import Finding, Severity, envelope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from invoke.context import Context


JSON = "print the data as JSON on stdout"
"""Help of the option ``--json``."""

LAST_RULE = 78
FULL = "no space left on device"
"""What programs say when a disk is full (strerror(3) of ENOSPC)."""
ROOM = "make room: invoke doctor tells where state is and how much is free, sim.clean removes it"
_emitted: list[str] = []


def say(text: str) -> None:
    """Print a sentence."""
    print(text, file=sys.stderr, flush=True)


def next_step(text: str) -> None:
    """Say what one would do next."""
    say(f"next: {text}")


def data(text: str) -> None:
    """Print data as it is."""
    print(text, flush=True)


def data_bytes(output: bytes) -> None:
    """Print data byte for byte, with no newline added."""
    sys.stdout.flush()
    sys.stdout.buffer.write(output)
    sys.stdout.flush()


def emit(
    task: str,
    items: Sequence[object],
    *,
    findings: Sequence[Finding] = (),
    ok: bool = True,
) -> None:
    """Print the JSON envelope.

    Args:
        task: Task name.
        items: The data; mappings or dataclasses.
        findings: What is to say about what a person wrote.
        ok: Whether the task did what was asked.
    """
    _emitted.append(task)
    data(json.dumps(envelope(task, ok=ok, items=items, findings=findings), indent=2))


def emitted(task: str) -> bool:
    """Tell whether a task has printed its envelope since the last `forget`."""
    return task in _emitted


def forget() -> None:
    """Begin a call of the program, which has printed nothing yet."""
    _emitted.clear()


def emit_error(task: str, problem: ToolboxError) -> None:
    """Print the JSON envelope of a task that failed before it had data."""
    code = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(problem).__name__.removesuffix("Error")).lower()
    whole = Finding(None, None, None, Severity.ERROR, code, problem.message, problem.hint)
    emit(task, (), findings=problem.findings or (whole,), ok=False)


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under headers, each column as wide as its widest cell."""
    cells = [[str(cell) for cell in row] for row in (headers, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headers))]
    # Reason: nothing is beside the last column, and what is pasted may be long.
    rule = ["─" * width for width in (*widths[:-1], min(widths[-1], LAST_RULE))]
    for row in (cells[0], rule, *cells[1:]):
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        data("  ".join(padded).rstrip())


def ask(question: str) -> bool:
    """Ask a person on the terminal; yes unless the answer is no, or there is none (Ctrl-D)."""
    print(question, end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    if not answer:
        say("")
    return bool(answer) and answer.strip().lower() not in {"n", "no"}


def program() -> str:
    """Return how tasks are called here, for advice that is to be pasted."""
    called = sys.argv[0]
    # Reason: in a plain virtual environment the scripts invoke and inv are Invoke's own.
    return called if Path(called).name == "infra-toolbox" else "invoke"


def rest(context: Context) -> list[str]:
    """Return the words after ``--`` on the command line."""
    # Reason: the program has quoted them, as Invoke keeps no more than a text.
    return shlex.split(context.remainder)


def fail(message: str, *, hint: str | None = None) -> NoReturn:
    """End the task as failed."""
    raise ToolboxError(message, hint=hint)


def end(exit_code: int) -> NoReturn:
    """End with the exit code of another program, which has said why itself."""
    raise Exit(code=exit_code)


def error(problem: ToolboxError) -> None:
    """Print an error: what, where, and what to do."""
    findings(problem.findings)
    say(f"error: {problem.message}")
    hint = problem.hint or (ROOM if FULL in problem.message.lower() else None)
    if hint:
        say(f"\nhint: {hint}")


def findings(found: Sequence[Finding], *, infos: bool = False) -> None:
    """Print what is to say about what a person wrote; on GitHub as annotations of a workflow.

    Args:
        found: All that is to say.
        infos: Whether that is wanted, too, what nothing needs to be done about.
    """
    annotated = os.environ.get("GITHUB_ACTIONS") == "true"
    for finding in found:
        if infos or finding.severity is not Severity.INFO:
            say(_annotation(finding) if annotated else finding.render())


def _annotation(finding: Finding) -> str:
    """Return a finding as a workflow command of GitHub Actions."""
    kind = "notice" if finding.severity is Severity.INFO else str(finding.severity)
    # Reason: these end a property there.
    place = ",".join(
        f"{key}={str(value).replace('%', '%25').replace(':', '%3A').replace(',', '%2C')}"
        for key, value in (
            ("file", _from_workspace(finding.file)),
            ("line", finding.line),
            ("col", finding.column),
        )
        if value
    )
    text = finding.message + (f" ({finding.hint})" if finding.hint else "")
    text += f" [{finding.concerned}]" if finding.hosts else ""
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return f"::{kind} {place}::{escaped}"


def _from_workspace(file: str | None) -> str | None:
    """Return the path of a file from where GitHub has checked the repository out.

    Findings name files from the project's folder, which may be one of several in a repository.
    """
    from toolbox.lib.inventory.project import find_root

    workspace = Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd())
    root = find_root(Path.cwd())
    for folder in (root, Path.cwd()):
        if file and folder and (folder / file).exists() and folder.is_relative_to(workspace):
            return str((folder / file).relative_to(workspace))
    return file
