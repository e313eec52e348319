"""Usage: how a task is called, as its help tells it."""

from __future__ import annotations

import shutil
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from invoke.parser.argument import Argument
    from invoke.parser.context import ParserContext

NAME = "--name"
HOSTS = "--hosts"
BARE = (NAME, "--file", "--what", "--key", "--who")
"""Options whose value may stand on its own; so may that of `HOSTS` where it may be given again."""

BY_DEFAULT = "by default"
INDENT = "  "
GAP = "   "
NARROWEST = 20
"""Columns that a description has at least, however narrow the terminal is."""


def bare(flags: Mapping[str, Argument]) -> str | None:
    """Return the option of these that a bare word behind a task stands for."""
    if HOSTS in flags and flags[HOSTS].kind is list:
        return HOSTS
    return next((option for option in BARE if option in flags), None)


def positional(context: ParserContext) -> str:
    """Return what stands in a call without an option, in brackets where it can be left out."""
    option = bare(context.flags)
    if option is None:
        return ""
    argument = context.flags[option]
    word = "NAME" if option == HOSTS else option.removeprefix("--").upper()
    several = "…" if argument.kind is list else ""
    needed = option not in {NAME, HOSTS} and BY_DEFAULT not in (argument.help or "")
    return f" {word}{several}" if needed else f" [{word}{several}]"


def options(context: ParserContext) -> list[tuple[str, str]]:
    """Return the options of a task, each with what it means and what holds without it."""
    return [(_spelt(context, name), _meaning(context, name)) for name in sorted(set(context.args))]


def _spelt(context: ParserContext, name: str) -> str:
    spelt, _ = context.help_for(f"--{name}")
    # Reason: Invoke tells no value of an option that can be given again.
    return f"{spelt}=STRING" if context.args[name].kind is list else spelt


def _meaning(context: ParserContext, name: str) -> str:
    argument = context.args[name]
    meaning, default = argument.help or "", argument.default
    told = BY_DEFAULT in meaning or isinstance(default, bool) or not default
    return meaning if told else f"{meaning}; {default} {BY_DEFAULT}"


def columns(pairs: Sequence[tuple[str, str | None]]) -> Iterator[str]:
    """Yield lines with names on the left and what they are on the right, as wide as fits."""
    left = max((len(name) for name, _ in pairs), default=0)
    room = max(_width() - len(INDENT) - left - len(GAP) - 1, NARROWEST)
    for name, text in pairs:
        first, *more = textwrap.wrap(text or "", room, break_on_hyphens=False) or [""]
        yield f"{INDENT}{name:<{left}}{GAP}{first}".rstrip()
        yield from (f"{INDENT}{'':<{left}}{GAP}{line}" for line in more)


def paragraphs(text: str) -> str:
    """Return a text whose paragraphs are as wide as fits."""
    wrapped = (textwrap.fill(part, max(_width() - 1, NARROWEST)) for part in text.split("\n\n"))
    return "\n\n".join(wrapped)


def spoken(name: str, aliases: Iterable[str]) -> str:
    """Return how one calls a task: the default one of a collection by the collection's name."""
    collection = name.rpartition(".")[0]
    return collection if collection in aliases else name


def _width() -> int:
    """Return the columns of the terminal, or what the environment variable COLUMNS says."""
    return shutil.get_terminal_size((80, 24)).columns
