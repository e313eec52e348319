"""Shell scripts, judged by the shell that will run them and by ShellCheck."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolbox.lib.core.parallel import each
from toolbox.lib.core.report import Severity
from toolbox.lib.core.run import run, which

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import Any

    from toolbox.lib.butane.contents import Content
    from toolbox.lib.core.report import Finding

SHELLCHECK = "shellcheck"
SECONDS = 60.0
LARGEST = 256 * 1024
"""Bytes of a script that is judged; people write no larger ones."""

SHEBANG = re.compile(rb"#![ \t]*(?:\S*/env[ \t]+(?:-S[ \t]+)?)?(?:\S*/)?([\w.+-]+)")
SHELLS = {"sh": "sh", "dash": "dash", "ash": "sh", "bash": "bash", "ksh": "ksh"}
"""Shells that ShellCheck knows, by the names of their programs."""

ENDINGS = (".sh", ".bash")
SYNTAX = re.compile(r"^[^\n]*?: (?:line )?(\d+): (.*)$", re.MULTILINE)
LEVELS = {"error": Severity.ERROR, "warning": Severity.WARNING}
"""Style and opinions are left out."""

NOT_PORTABLE = range(3000, 4000)
"""What ShellCheck says of features of bash in a script for sh."""

PARSER = frozenset(range(1000, 2000))
"""What ShellCheck says when it cannot read a script."""

SUMMARY = frozenset({1072, 1073})
"""That it cannot, beside the reason."""


@dataclass(frozen=True, slots=True)
class Script:
    """A script.

    Attributes:
        content: What it holds.
        shell: ShellCheck's name of its shell.
        bare: Whether it has no line that says so.
    """

    content: Content
    shell: str
    bare: bool

    @property
    def data(self) -> bytes:
        """What the programs read: text in UTF-8 that says its shell in its first line."""
        head = f"# shellcheck shell={self.shell}\n" if self.bare else ""
        return (head + self.content.text).encode()

    def line(self, number: int) -> int:
        """Return the line of the script that is a line of the data."""
        return max(number - 1, 1) if self.bare else number


def scripts(contents: Iterable[Content]) -> tuple[Script, ...]:
    """Return the shell scripts among files: by their first lines, or by the ends of their names."""
    found = (script(content) for content in contents)
    return tuple(each for each in found if each)


def script(content: Content) -> Script | None:
    """Return a file as a shell script, or None when it is none."""
    shebang = SHEBANG.match(content.data) if content.is_text else None
    if shebang:
        shell = SHELLS.get(shebang[1].decode())
        return Script(content, shell, bare=False) if shell else None
    if not content.is_text or content.data.startswith(b"#!"):
        return None
    # Reason: such a file is read by a shell that knows bash's features where anything does.
    return Script(content, "bash", bare=True) if content.path.endswith(ENDINGS) else None


def judge_syntax(found: Sequence[Script], folder: Path, *, bash: bool) -> tuple[Finding, ...]:
    """Let shells read scripts without running them.

    Args:
        found: The scripts.
        folder: Private and empty.
        bash: Whether the machine's sh is bash, and not dash.

    Raises:
        DeadlineError: A shell does not end.
    """

    def one(number: int) -> Finding | None:
        script_of = found[number]
        program = "bash" if script_of.shell == "bash" or bash else "sh"
        if script_of.shell == "ksh" or not which(program):
            return None
        path = folder / f"{number}"
        path.write_bytes(script_of.data)
        command = [program, *(["--posix"] if program != script_of.shell and bash else []), "-n"]
        result = run([*command, path], timeout=SECONDS, check=False)
        return _refused(script_of, program, result.stderr.decode(errors="replace"))

    return tuple(filter(None, each(one, range(len(found)))))


def _refused(script_of: Script, program: str, said: str) -> Finding | None:
    complaint = SYNTAX.search(said)
    if complaint is None:
        return None
    message = complaint[2].removeprefix("Syntax error: ").removeprefix("syntax error: ")
    place = script_of.content.at(script_of.line(int(complaint[1])))
    return place.finding("shell-syntax", f"{program} cannot read it: {message}")


def judge(found: Sequence[Script], folder: Path, *, bash: bool) -> tuple[Finding, ...]:
    """Let ShellCheck judge scripts, all at once.

    Args:
        found: The scripts.
        folder: Private and empty.
        bash: Whether the machine's sh is bash, and not dash.

    Raises:
        ProgramMissing: ShellCheck is not installed.
        DeadlineError: It does not end.
    """
    if not found:
        return ()
    for number, script_of in enumerate(found):
        (folder / f"{number}").write_bytes(script_of.data)
    names = [str(number) for number in range(len(found))]
    result = run(
        [SHELLCHECK, "--norc", "--format=json1", "--severity=warning", *names],
        cwd=folder,
        timeout=SECONDS,
        check=False,
    )
    return tuple(_findings(found, result.stdout, bash=bash))


def _findings(found: Sequence[Script], said: bytes, *, bash: bool) -> Iterator[Finding]:
    try:
        comments: list[dict[str, Any]] = json.loads(said)["comments"]
    except (ValueError, KeyError):
        return
    explained = {item["file"] for item in comments if item["code"] in PARSER - SUMMARY}
    for comment in comments:
        severity, code = LEVELS.get(comment["level"]), int(comment["code"])
        if code in SUMMARY and comment["file"] in explained:
            continue
        script_of = found[int(comment["file"])]
        if severity is None or (bash and script_of.shell == "sh" and code in NOT_PORTABLE):
            continue
        if code in PARSER:
            # Reason: whether it can be read, the shell itself decides.
            severity = Severity.WARNING
        place = script_of.content.at(script_of.line(comment["line"]), comment["column"])
        hint = f"https://www.shellcheck.net/wiki/SC{code}"
        yield place.finding(f"SC{code}", str(comment["message"]).rstrip("."), hint, severity)
