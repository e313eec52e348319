"""Texts as YAML that a person reads: a word, a text in quotes, or a block of lines.

PyYAML writes a text with a tab, or with a blank at the end of a line, in quotes on one line, and
many files of a machine are such texts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TEMPLATE = re.compile(r"\{\{|\{%|\{#")
ENDRAW = re.compile(r"\{%-?\s*endraw")
WORD = re.compile(r"[A-Za-z/_.][\w/.@:+-]*(?<!:)", re.ASCII)
NOT_TEXTS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}
ENDS = {0: "-", 1: ""}
"""How a block says how many line ends its text has; more are ``+``."""


def word(text: str) -> str:
    """Return a text on one line, in quotes where it needs them."""
    if WORD.fullmatch(text) and text.lower() not in NOT_TEXTS:
        return text
    return quoted(raw(text) or text)


def quoted(text: str) -> str:
    """Return a text in double quotes."""
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    if character in ESCAPES:
        return ESCAPES[character]
    return character if character.isprintable() else f"\\U{ord(character):08x}"


def block(key: str, text: str) -> Iterator[str]:
    """Yield a text below a key, as a block where YAML can write it as one.

    Args:
        key: The key.
        text: The text; what looks like a template in it is kept from being one.
    """
    kept = raw(text)
    if kept is None:
        yield f"# {key} ends a raw block of templates, so it has to be a local file"
        return
    shown = all(character.isprintable() or character in "\n\t" for character in kept)
    if not shown or not kept.strip("\n"):
        yield f"{key}: {quoted(kept)}"
        return
    ends = len(kept) - len(kept.rstrip("\n"))
    lines = kept.split("\n")
    indent = "2" if lines[0][:1] in {" ", "\t", ""} else ""
    yield f"{key}: |{indent}{ENDS.get(ends, '+')}"
    yield from indented(lines[:-1] if ends else lines, 2)


def raw(text: str) -> str | None:
    """Return a text that templates leave alone; None where that cannot be said."""
    if not TEMPLATE.search(text):
        return text
    if ENDRAW.search(text):
        return None
    body = text.rstrip("\n")
    return f"{{% raw %}}{body}{{% endraw %}}{text[len(body) :]}"


def indented(lines: Iterable[str], depth: int) -> Iterator[str]:
    """Yield lines, those that are not empty behind some blanks."""
    yield from (f"{' ' * depth}{line}" if line else "" for line in lines)
