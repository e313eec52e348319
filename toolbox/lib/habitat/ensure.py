"""What the image must have: a list of programs, each with the way to ask for its version."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from toolbox.lib.core.errors import HabitatError, ToolboxError
from toolbox.lib.core.run import run, which

LIST = Path("/usr/share/infra-toolbox/ensure.txt")
VERSION = re.compile(r"\d+(?:\.\d+)+(?:[-.~+\w]*)|\d{3,}")
SECONDS = 120.0
ABSENT = "is not on PATH"


@dataclass(frozen=True, slots=True)
class Program:
    """A program that was looked for.

    Attributes:
        name: Its name.
        version: What it says of itself, or nothing if it is only looked for.
        problem: What is wrong with it, or nothing.
    """

    name: str
    version: str = ""
    problem: str = ""


def wanted(path: Path = LIST) -> tuple[tuple[str, ...], ...]:
    """Read the list: a program a line, with the arguments that make it tell its version.

    Raises:
        HabitatError: The list is not there, so this is not the image.
    """
    if not path.is_file():
        message = f"{path} is missing: this is not the toolbox image"
        raise HabitatError(message, hint="run it inside the image: ./infra image.check")
    lines = (line.split("#")[0].split() for line in path.read_text().splitlines())
    return tuple(tuple(words) for words in lines if words)


def look(words: tuple[str, ...], *, seconds: float = SECONDS) -> Program:
    """Look for one program and ask for its version, if the list says how.

    Args:
        words: The program, with the arguments that make it tell its version.
        seconds: How long it may take.
    """
    name = words[0]
    if which(name) is None:
        return Program(name, problem=ABSENT)
    if len(words) == 1:
        return Program(name)
    try:
        result = run(words, timeout=seconds)
    except ToolboxError as error:
        return Program(name, problem=error.message)
    said = result.text + result.stderr.decode(errors="replace")
    found = VERSION.search(said)
    if found is None:
        return Program(name, problem=f"does not tell its version: {said.strip()[:80]}")
    return Program(name, version=found.group())


def check(path: Path = LIST) -> tuple[Program, ...]:
    """Look for every program of the list, several at a time."""
    with ThreadPoolExecutor() as pool:
        return tuple(pool.map(look, wanted(path)))
