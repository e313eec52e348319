"""Template statements in files that are not rendered, where somebody meant them to be."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from toolbox.lib.core.report import Severity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from toolbox.lib.butane.contents import Content
    from toolbox.lib.core.report import Finding

LARGEST = 1024 * 1024
"""Bytes of a file that is searched."""

TEMPLATES = (".j2", ".jinja", ".jinja2", ".tmpl", ".tpl", ".gotmpl", ".tera", ".mustache", ".hbs")
"""Ends of names of files that the machine itself renders."""

STATEMENT = re.compile(r"\{\{-?(?P<value>[^{}\n]*?)-?\}\}|\{%[-+]?(?P<statement>[^%\n]*?)[-+]?%\}")
COMMENT = re.compile(r"(?<!\$)\{#(?![\w@*!]).*?#\}")
TEXTS = re.compile(r"'[^']*'|\"[^\"]*\"")
NAME = re.compile(r"(?P<before>[.|$]?)\s*(?<![\w$])(?P<name>[A-Za-z_]\w*)")
HINT = "add template: jinja to the item that names the file"


def judge(content: Content, names: Collection[str]) -> tuple[Finding, ...]:
    """Find what looks like a template in a file that is none.

    Braces are common in files of other programs, so only statements with one of the names that
    templates here can use are told.

    Args:
        content: The file.
        names: Names that templates can use.
    """
    if content.rendered or not content.is_text or len(content.data) > LARGEST:
        return ()
    if content.path.endswith(TEMPLATES):
        return ()
    return tuple(_findings(content, frozenset(names)))


def _findings(content: Content, names: frozenset[str]) -> Iterator[Finding]:
    comments: list[tuple[int, re.Match[str]]] = []
    told = False
    for number, line in enumerate(content.lines, start=1):
        comments += ((number, found) for found in COMMENT.finditer(line))
        for found in STATEMENT.finditer(line):
            own = _own(found["value"] or found["statement"] or "", names)
            if own:
                told = True
                yield _finding(content, number, found, f"it uses {own}")
    if told:
        # Reason: a comment has no names; beside statements of ours it is one of ours.
        for number, found in comments:
            yield _finding(content, number, found, "a comment of a template")


def _own(expression: str, names: frozenset[str]) -> str | None:
    """Return the first of our names that an expression uses."""
    for found in NAME.finditer(TEXTS.sub("''", expression)):
        if not found["before"] and found["name"] in names:
            return found["name"]
    return None


def _finding(content: Content, line: int, found: re.Match[str], why: str) -> Finding:
    message = f"{found[0]} looks like a template, but the file is not rendered: {why}"
    place = content.at(line, found.start() + 1)
    return place.finding("template-leftover", message, HINT, Severity.WARNING)
