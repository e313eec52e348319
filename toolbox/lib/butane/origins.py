"""A merged config as YAML for Butane, with the place where each of its pieces was written."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from toolbox.lib.inventory.document import PLAIN, TEXT, Items, Place, Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolbox.lib.inventory.document import Node

# Reason: only such words can mean anything but a text to yaml.v3, so of what was written without
# quotes only these have to stay without.
WORD = re.compile(r"[A-Za-z0-9_.+~][A-Za-z0-9_.+~-]*|-[0-9.][A-Za-z0-9_.+-]*")
# Reason: what begins so is a text without quotes too, and easier to read.
PLAIN_PATH = re.compile(r"/[A-Za-z0-9_./@-]*")
KEY = re.compile(r"(?!(?:true|false|null|yes|no|on|off|y|n)$)[a-z_]+")
UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
INDENT = 2


@dataclass(frozen=True, slots=True)
class Origins:
    """Where the pieces of a merged config were written.

    Attributes:
        paths: Place of each value, by its path such as ``storage.files.0.mode``.
        keys: Place of each key, by the path of its value.
        lines: Place of each line's value.
    """

    paths: Mapping[str, Place]
    keys: Mapping[str, Place]
    lines: tuple[Place, ...]

    def value(self, path: str) -> Place | None:
        """Return the place of the value at a path, or of the nearest one around it."""
        return _nearest(self.paths, path)

    def key(self, path: str) -> Place | None:
        """Return the place of the key at a path, or of the nearest value around it."""
        return self.keys.get(path) or self.value(path)

    def line(self, number: int) -> Place | None:
        """Return the place of what is on a line, counted from 1."""
        return self.lines[number - 1] if 1 <= number <= len(self.lines) else None


def _nearest(places: Mapping[str, Place], path: str) -> Place | None:
    while path:
        if path in places:
            return places[path]
        path = path.rpartition(".")[0]
    return None


def of(config: Node) -> Origins:
    """Return where each piece of a config was written, for one that is not written anew."""
    paths: dict[str, Place] = {}
    keys: dict[str, Place] = {}

    def walk(node: Node, path: str) -> None:
        paths[path] = node.place
        if isinstance(node, Table):
            for key, child in node.fields.items():
                below = f"{path}.{key}".lstrip(".")
                keys[below] = node.key_place(key)
                walk(child, below)
        elif isinstance(node, Items):
            for number, child in enumerate(node.items):
                walk(child, f"{path}.{number}")

    walk(config, "")
    return Origins(paths, keys, ())


def write(config: Table) -> tuple[str, Origins]:
    """Return a config as YAML, one value to a line, and where each piece is from."""
    writer = _Writer()
    writer.write(config, "", 0)
    origins = Origins(writer.paths, writer.keys, tuple(writer.places))
    return "".join(f"{line}\n" for line in writer.lines), origins


@dataclass(slots=True)
class _Writer:
    lines: list[str] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    paths: dict[str, Place] = field(default_factory=dict)
    keys: dict[str, Place] = field(default_factory=dict)

    def write(self, node: Node, path: str, indent: int) -> None:
        """Write a node as lines of its own."""
        self.paths.setdefault(path, node.place)
        if isinstance(node, Table) and node.fields:
            for key, child in node.fields.items():
                self._field(key, child, node.key_place(key), f"{path}.{key}".lstrip("."), indent)
        elif isinstance(node, Items) and node.items:
            for number, child in enumerate(node.items):
                start = len(self.lines)
                self.write(child, f"{path}.{number}", indent + INDENT)
                line = self.lines[start]
                self.lines[start] = f"{line[:indent]}- {line[indent + INDENT :]}"
        else:
            self._line(f"{' ' * indent}{_flow(node)}", node.place)

    def _field(self, key: str, node: Node, place: Place, path: str, indent: int) -> None:
        self.keys[path] = place
        start = f"{' ' * indent}{key if KEY.fullmatch(key) else _quoted(key)}:"
        filled = (isinstance(node, Table) and node.fields) or (
            isinstance(node, Items) and node.items
        )
        if filled:
            self.paths[path] = place
            self._line(start, place)
            self.write(node, path, indent + INDENT)
        else:
            self.paths[path] = node.place
            self._line(f"{start} {_flow(node)}", node.place)

    def _line(self, line: str, place: Place) -> None:
        self.lines.append(line)
        self.places.append(place)


def _flow(node: Node) -> str:
    """Return a scalar, or an empty collection, on one line."""
    if isinstance(node, Table):
        return "{}"
    if isinstance(node, Items):
        return "[]"
    if node.tag == PLAIN and (node.is_null or WORD.fullmatch(node.text)):
        return node.text or "null"
    if node.tag in (PLAIN, TEXT):
        return node.text if PLAIN_PATH.fullmatch(node.text) else _quoted(node.text)
    return f"!<{node.tag}> {_quoted(node.text)}"


def _quoted(text: str) -> str:
    return UNSAFE.sub(_escaped, json.dumps(text, ensure_ascii=False))


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
