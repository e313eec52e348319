"""Shell scripts, judged by the shell that will run them and by ShellCheck."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolbox.lib.core.report import Severity
from toolbox.lib.core.run import run, which

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import Any

    from toolbox.lib.butane.contents import Content
    from toolbox.lib.core.report import Finding

    # Reason: a shell, and the options by which it reads a script as it does on the machine.
    Reader = tuple[str, ...]

SHELLCHECK = "shellcheck"
OPTIONS = ("--norc", "--format=json1", "--severity=warning", "--exclude=SC1090,SC1091")
"""Style and opinions are left out, and that files of the machine are not here."""

FOUND = 1
"""Exit code when it has something to say."""

SECONDS = 60.0
LARGEST = 256 * 1024
"""Bytes of a script that is judged; people write no larger ones."""

SHEBANG = re.compile(rb"#![ \t]*(?:\S*/env[ \t]+(?:-S[ \t]+)?)?(?:\S*/)?([\w.+-]+)")
SHELLS = {"sh": "sh", "dash": "dash", "ash": "sh", "bash": "bash", "ksh": "ksh"}
"""Shells that ShellCheck knows, by the names of their programs."""

POSIX = ("bash", "--posix")
"""How bash reads a script for sh."""

ENDINGS = (".sh", ".bash")
SYNTAX = re.compile(r"^(\d+): (?:line )?(\d+): (?:[Ss]yntax error: )?(.*)$", re.MULTILINE)
"""A complaint: of which script, at which line, and what."""

NOT_PORTABLE = range(3000, 4000)
"""What ShellCheck says of features of bash in a script for sh."""

SOURCED = frozenset({2034, 2154})
"""What it says of variables, which files that others read share with them."""

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


def readers(found: Iterable[Script], *, bash: bool) -> dict[Reader, tuple[Script, ...]]:
    """Return scripts by the shell that can read them here.

    Args:
        found: The scripts.
        bash: Whether the machine's sh is bash, and not dash.
    """
    plain = ("dash",) if which("dash") else ("sh",)
    groups: dict[Reader, list[Script]] = {}
    for script_of in found:
        if script_of.shell == "bash":
            groups.setdefault(("bash",), []).append(script_of)
        elif script_of.shell != "ksh":
            groups.setdefault(POSIX if bash else plain, []).append(script_of)
    return {reader: tuple(group) for reader, group in groups.items()}


def judge_syntax(reader: Reader, found: Sequence[Script], folder: Path) -> tuple[Finding, ...]:
    """Let a shell read scripts without running them.

    Args:
        reader: The shell and its options, as `readers` gives it.
        found: The scripts.
        folder: Private and empty.

    Raises:
        ProgramMissing: The shell is not installed.
        DeadlineError: It does not end.
    """
    shell, *options = reader
    read_all = f'for name; do "$0" {" ".join([*options, "-n"])} "$name"; done'
    command = [shell, "-c", read_all, shell, *_written(found, folder)]
    result = run(command, cwd=folder, timeout=SECONDS, check=False)
    first: dict[int, Finding] = {}
    for number, line, message in SYNTAX.findall(result.stderr.decode(errors="replace")):
        script_of = found[int(number)]
        place = script_of.content.at(script_of.line(int(line)))
        words = f"{shell} cannot read it: {message}"
        first.setdefault(int(number), place.finding("shell-syntax", words))
    return tuple(first.values())


def _written(found: Sequence[Script], folder: Path) -> list[str]:
    """Write scripts to files; return the names of these, which are their numbers."""
    for number, script_of in enumerate(found):
        (folder / f"{number}").write_bytes(script_of.data)
    return [str(number) for number in range(len(found))]


def judge(found: Sequence[Script], folder: Path, *, bash: bool) -> tuple[Finding, ...]:
    """Let ShellCheck judge scripts, all at once.

    Args:
        found: The scripts.
        folder: Private and empty.
        bash: Whether the machine's sh is bash, and not dash.

    Raises:
        ProgramMissing: ShellCheck is not installed.
        ProgramFailed: It fails otherwise than by finding something.
        DeadlineError: It does not end.
    """
    result = run(
        [SHELLCHECK, *OPTIONS, *_written(found, folder)],
        cwd=folder,
        timeout=SECONDS,
        ok=(0, FOUND),
    )
    return tuple(_findings(found, result.stdout, bash=bash))


def _findings(found: Sequence[Script], said: bytes, *, bash: bool) -> Iterator[Finding]:
    comments: list[dict[str, Any]] = json.loads(said)["comments"]
    explained = {item["file"] for item in comments if item["code"] in PARSER - SUMMARY}
    for comment in comments:
        script_of, code = found[int(comment["file"])], int(comment["code"])
        if (
            (code in SUMMARY and comment["file"] in explained)
            or (code in NOT_PORTABLE and script_of.shell == "sh" and bash)
            or (code in SOURCED and script_of.bare)
        ):
            continue
        place = script_of.content.at(script_of.line(comment["line"]), comment["column"])
        hint = f"https://www.shellcheck.net/wiki/SC{code}"
        message = str(comment["message"]).rstrip(".")
        # Reason: what it calls an error often works; whether it can be read, the shell decides.
        yield place.finding(f"SC{code}", message, hint, Severity.WARNING)
