"""A YAML document as a tree that knows where each of its values was written.

Scalars keep their text, because what they mean depends on who reads them: Butane, which uses Go's
yaml.v3, takes ``yes`` for true where it expects a boolean and for a text everywhere else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from toolbox.lib.core.report import Finding, Severity
from toolbox.lib.inventory import names, scalar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from yaml import CBaseLoader
    from yaml.error import MarkedYAMLError
    from yaml.nodes import MappingNode
    from yaml.nodes import Node as YamlNode

PLAIN = "plain"
"""Tag of a scalar written without quotes: its text decides what it is."""

TEXT = "tag:yaml.org,2002:str"
COLLECTION = "collection"
BLOCKS = ("|", ">")
"""Styles of texts that begin on the line below."""

CORE_TAG = re.compile(r"tag:yaml\.org,2002:(str|int|float|bool|null|map|seq)")
RESET, OVERRIDE = "reset", "override"
MARKS = {f"!{mark}": mark for mark in (RESET, OVERRIDE)}
"""Tags that tell how a value is merged: it takes what is below away, or stands in its place."""

NULLS = frozenset({"", "~", "null", "Null", "NULL"})
BOOLEANS = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
INTEGER = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
SPECIAL_FLOAT = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
MAX_DEPTH = 100
BYTE_ORDER_MARK = "\ufeff"
STAND_INS = "\ue000\ue001\ue002\ue003"
"""Characters without a meaning of their own."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file that a person wrote, lines and columns counted from 1."""

    file: str
    line: int | None = None
    column: int | None = None

    def finding(
        self,
        code: str,
        message: str,
        hint: str | None = None,
        severity: Severity = Severity.ERROR,
    ) -> Finding:
        """Return a finding about this place."""
        return Finding(self.file, self.line, self.column, severity, code, message, hint)

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part)


@dataclass(frozen=True, slots=True)
class Lines:
    """Where the lines of a text that stands in a document were written.

    Attributes:
        numbers: Line of the document that each line of the text begins on.
        indent: Characters before each line; None where they differ.
        locate: Tells the place of a line and column of the document.
    """

    numbers: Sequence[int]
    indent: int | None
    locate: Callable[[int, int], Place]

    def place(self, line: int, column: int | None = None) -> Place:
        """Return where a line of the text was written, counted from 1."""
        if not 1 <= line <= len(self.numbers):
            line, column = min(max(line, 1), len(self.numbers)), None
        known = column if self.indent is not None else None
        place = self.locate(self.numbers[line - 1], (self.indent or 0) + (known or 1))
        return place if known else Place(place.file, place.line)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value; `tag` is `PLAIN`, `TEXT` or another tag that was written out.

    `lines` are those of a text that has several, or that begins on another line than its place.
    All nodes have a `mark`, which is empty, `RESET` or `OVERRIDE`.
    """

    text: str
    tag: str = TEXT
    place: Place = field(default=Place(""), compare=False)
    mark: str = ""
    lines: Lines | None = field(default=None, compare=False, repr=False)

    @property
    def is_null(self) -> bool:
        """Whether it stands for no value at all."""
        return self.tag == PLAIN and self.text in NULLS


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple[Node, ...]
    place: Place = field(default=Place(""), compare=False)
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping; `keys` tells where each key was written."""

    fields: Mapping[str, Node]
    place: Place = field(default=Place(""), compare=False)
    keys: Mapping[str, Place] = field(default_factory=dict, compare=False)
    mark: str = ""

    def get(self, key: str) -> Node | None:
        """Return the value of a key, None when it is absent or null."""
        node = self.fields.get(key)
        return None if isinstance(node, Scalar) and node.is_null else node

    def text(self, key: str) -> str | None:
        """Return the text of a key's value, None when it is absent or no scalar."""
        node = self.get(key)
        return node.text if isinstance(node, Scalar) else None

    def key_place(self, key: str) -> Place:
        """Return where a key was written."""
        return self.keys.get(key, self.place)


Node = Scalar | Items | Table


def text_at(node: Node | None, path: str) -> str | None:
    """Return the text at a path such as ``systemd.units.0.contents``, None when none is there."""
    for key in path.split("."):
        if isinstance(node, Items) and key.isdecimal() and int(key) < len(node.items):
            node = node.items[int(key)]
        else:
            node = node.get(key) if isinstance(node, Table) else None
    return node.text if isinstance(node, Scalar) else None


def parse(
    text: str,
    file: str,
    locate: Callable[[int, int], Place] | None = None,
    *,
    marks: bool = False,
) -> tuple[Node | None, list[Finding]]:
    """Read one YAML document.

    Args:
        text: The YAML.
        file: Its name in findings.
        locate: Tells the place of a line and column, counted from 1, when the text was made
            from another one; by default they are the file's own.
        marks: Take the tags of `MARKS`.

    Returns:
        The document, None when it is empty or cannot be read, and everything wrong with it.
    """
    from yaml.error import MarkedYAMLError, YAMLError

    located = locate or (lambda line, column: Place(file, line, column))
    reader = _Reader(located, text, marks=marks)
    try:
        roots = _compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = located(mark.line + 1, mark.column + 1) if mark else Place(file)
        problem = error.problem or "this is not YAML"
        message = f"{_context(error, located)}: {problem}" if error.context else problem
        return None, [place.finding("yaml-syntax", message, _syntax_hint(problem))]
    except (YAMLError, ValueError) as error:
        return None, [Place(file).finding("yaml-syntax", f"this is not YAML: {error}")]
    for extra in roots[1:]:
        hint = "put it into a file of its own"
        reader.complain(extra, "several-documents", "another YAML document begins here", hint)
    return (reader.read(roots[0], 0) if roots else None), reader.findings


@cache
def _composer() -> type[CBaseLoader]:
    from yaml import CBaseLoader

    # Reason: libyaml, which Go's yaml.v3 was made from, reads what Butane reads.
    class Composer(CBaseLoader):
        """Composes nodes without deciding what plain scalars are."""

        def resolve(self, kind: object, value: object, implicit: object) -> str:
            """Return the tag of a node that was written without one."""
            del kind, value
            if isinstance(implicit, tuple):
                return PLAIN if implicit[0] else TEXT
            return COLLECTION

    return Composer


def _compose(text: str) -> list[YamlNode]:
    """Return PyYAML's nodes of each document, with `PLAIN` as the tag of plain scalars."""
    if BYTE_ORDER_MARK in text[1:]:
        # Reason: libyaml passes over a mark before any line, yaml.v3 before the first one only.
        stand_in = next((mark for mark in STAND_INS if mark not in text), "")
        marked = _compose(text[0] + text[1:].replace(BYTE_ORDER_MARK, stand_in))
        for root in marked if stand_in else ():
            _put_back(root, stand_in)
        return marked
    composer = _composer()(text)
    roots: list[YamlNode] = []
    try:
        while composer.check_node():
            node = composer.get_node()
            if node is not None:
                roots.append(node)
    finally:
        composer.dispose()
    return roots


def _put_back(root: YamlNode, stand_in: str) -> None:
    """Give a node and all in it their byte order marks again."""
    pending, seen = [root], set()
    while pending:
        node = pending.pop()
        if isinstance(node.value, str):
            node.value = node.value.replace(stand_in, BYTE_ORDER_MARK)
        elif id(node) not in seen:
            seen.add(id(node))
            for item in node.value:
                pending += item if isinstance(item, tuple) else (item,)


class _Reader:
    """Makes our tree of PyYAML's nodes and finds what is wrong on the way."""

    def __init__(self, locate: Callable[[int, int], Place], text: str, *, marks: bool) -> None:
        self.locate = locate
        self.written = text.split("\n")
        self.marks = MARKS if marks else {}
        self.findings: list[Finding] = []

    def complain(self, node: YamlNode, code: str, message: str, hint: str | None = None) -> None:
        """Add a finding about a node."""
        self.findings.append(self.place(node).finding(code, message, hint))

    def place(self, node: YamlNode) -> Place:
        """Return where a node begins."""
        return self.locate(node.start_mark.line + 1, node.start_mark.column + 1)

    def read(self, node: YamlNode, depth: int) -> Node:
        """Return our tree of a node."""
        from yaml.nodes import MappingNode, SequenceNode

        if depth > MAX_DEPTH:
            # Reason: an alias inside its own anchor would never end.
            self.complain(node, "yaml-depth", f"more than {MAX_DEPTH} levels deep")
            return Scalar("", PLAIN, self.place(node))
        if isinstance(node, MappingNode):
            return self._table(node, depth)
        if isinstance(node, SequenceNode):
            items = tuple(self.read(item, depth + 1) for item in node.value)
            return Items(items, self.place(node), self._mark(node))
        mark, tag = self._mark(node), node.tag
        if mark:
            # Reason: with a tag of ours in front, the quotes have to tell what the value is.
            tag = TEXT if getattr(node, "style", None) else PLAIN
        return Scalar(str(node.value), tag, self.place(node), mark, self._lines(node))

    def _lines(self, node: YamlNode) -> Lines | None:
        from yaml.nodes import ScalarNode

        if not isinstance(node, ScalarNode):
            return None
        value, begin, end = str(node.value), node.start_mark, node.end_mark
        if node.style in BLOCKS:
            numbers, indent = scalar.block(
                value, self.written, begin.line, folded=node.style == ">"
            )
            return Lines(numbers, indent, self.locate)
        if "\n" not in value:
            return None
        numbers = scalar.flow(value, self.written, (begin.line, begin.column), end.line, node.style)
        return Lines(numbers, None, self.locate)

    def _mark(self, node: YamlNode) -> str:
        """Return the mark that a node's tag is, and complain of tags that nobody knows."""
        if node.tag in self.marks:
            return self.marks[node.tag]
        if node.tag not in {PLAIN, TEXT, COLLECTION} and not CORE_TAG.fullmatch(node.tag):
            hint = names.suggestion(node.tag, self.marks)
            self.complain(node, "yaml-tag", f"unknown tag {node.tag}", hint)
        return ""

    def _field(self, node: YamlNode, depth: int) -> Node:
        """Return our tree of a key's value; what is taken away has none."""
        read = self.read(node, depth)
        null = isinstance(read, Scalar) and read.is_null
        if read.mark == RESET and not null and node.value:
            place, hint = read.place, "to put it in the place of what is below, write !override"
            message = "what stands after !reset is not used"
            self.findings.append(place.finding("reset-value", message, hint, Severity.WARNING))
        if read.mark == RESET or (read.mark and null):
            return Scalar("null", PLAIN, read.place, RESET)
        return read

    def _table(self, node: MappingNode, depth: int) -> Table:
        fields: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        merged: list[Table] = []
        for key, value in node.value:
            if not isinstance(key.value, str):
                self.complain(key, "yaml-key", "a key is a single word, not a list or mapping")
                continue
            if key.value == "<<" and key.tag == PLAIN:
                merged += self._merged(value, depth)
                continue
            if key.value in fields:
                self.complain(
                    key,
                    "duplicate-key",
                    f"{key.value} is given twice, first at {keys[key.value]}",
                    "remove one of them",
                )
                continue
            if key.tag in MARKS:
                hint = "put it in front of the value"
                self.complain(key, "yaml-tag", f"{key.tag} is no part of a key", hint)
            fields[key.value] = self._field(value, depth + 1)
            keys[key.value] = self.place(key)
        for table in merged:
            for name, value in table.fields.items():
                if name not in fields:
                    fields[name] = value
                    keys[name] = table.key_place(name)
        return Table(fields, self.place(node), keys, self._mark(node))

    def _merged(self, node: YamlNode, depth: int) -> list[Table]:
        read = self.read(node, depth + 1)
        tables = list(read.items) if isinstance(read, Items) else [read]
        if all(isinstance(table, Table) for table in tables):
            return [table for table in tables if isinstance(table, Table)]
        self.complain(node, "yaml-merge", "<< wants a mapping or a list of mappings")
        return []


def _context(error: MarkedYAMLError, locate: Callable[[int, int], Place]) -> str:
    """Return what was being read, and where that begins if it is on another line."""
    began, ended = error.context_mark, error.problem_mark
    if not began or not ended or began.line == ended.line:
        return str(error.context)
    return f"{error.context} that begins on line {locate(began.line + 1, 1).line}"


def _syntax_hint(problem: str) -> str | None:
    if "cannot start any token" in problem:
        return "indent with blanks, and put text with @, `, % or tabs in front into quotes"
    if "mapping values are not allowed" in problem:
        return "check the indentation, and put text that holds a colon and a blank into quotes"
    return None


def value(node: Node | None) -> Any:  # noqa: ANN401 - whatever YAML can hold
    """Return a tree as Python values, scalars read as Go's yaml.v3 reads them into no type.

    ``yes``, ``on`` and ``12:30`` are texts, ``0644`` is 420, a date stays a text.
    """
    if node is None:
        return None
    if isinstance(node, Table):
        return {key: value(item) for key, item in node.fields.items()}
    if isinstance(node, Items):
        return [value(item) for item in node.items]
    return node.text if node.tag == TEXT else _plain(node.text)


def _plain(text: str) -> str | int | float | bool | None:
    if text in NULLS:
        return None
    if text in BOOLEANS:
        return BOOLEANS[text]
    digits = text.replace("_", "")
    if INTEGER.fullmatch(digits):
        return _integer(digits)
    if FLOAT.fullmatch(digits):
        return float(digits)
    if SPECIAL_FLOAT.fullmatch(text):
        return float(text.replace(".", "", 1))
    return text


def _integer(digits: str) -> int:
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-").lower()
    if re.fullmatch(r"0[0-7]+", digits):
        return sign * int(digits, 8)
    return sign * int(digits, 0)
