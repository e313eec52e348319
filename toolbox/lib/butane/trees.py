"""Trees of rendered files, read once for all hosts whose files render to the same text."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from toolbox.lib.core.files import sha256
from toolbox.lib.inventory.document import Items, Place, Table, parse

if TYPE_CHECKING:
    from toolbox.lib.butane.template import Rendered
    from toolbox.lib.core.report import Finding
    from toolbox.lib.inventory.document import Lines, Node

Key = tuple[str, str, tuple[int, ...]]

MOST = 10_000
"""Trees that are kept; the first ones are those that hosts share most likely."""


@dataclass(frozen=True, slots=True)
class Trees:
    """Trees by the hashes of what they were read from.

    Attributes:
        known: Each with the file whose name is in it.
    """

    known: dict[Key, tuple[str, Node]] = field(default_factory=dict, repr=False)

    def read(self, rendered: Rendered) -> tuple[Node | None, list[Finding]]:
        """Return the tree of a rendered file, with the places where it was written."""
        # Reason: places are of the source, and two sources may well become the same text.
        source = "\n".join(rendered.source)
        key = sha256(source.encode()), sha256(rendered.text.encode()), rendered.lines
        found = self.known.get(key)
        if found is not None:
            file, node = found
            return (node if file == rendered.file else _moved(node, rendered.file)), []
        read, findings = parse(rendered.text, rendered.file, rendered.locate, marks=True)
        if read is not None and not findings and len(self.known) < MOST:
            self.known[key] = rendered.file, read
        return read, findings


KNOWN = Trees()
"""Those of this process."""


def _moved(node: Node, file: str) -> Node:
    """Return a tree as if it had been written in another file."""
    place = replace(node.place, file=file)
    if isinstance(node, Table):
        fields = {key: _moved(item, file) for key, item in node.fields.items()}
        keys = {key: replace(item, file=file) for key, item in node.keys.items()}
        return Table(fields, place, keys, node.mark)
    if isinstance(node, Items):
        return Items(tuple(_moved(item, file) for item in node.items), place, node.mark)
    return replace(node, place=place, lines=node.lines and _moved_lines(node.lines, file))


def _moved_lines(lines: Lines, file: str) -> Lines:
    def locate(line: int, column: int) -> Place:
        return replace(lines.locate(line, column), file=file)

    return replace(lines, locate=locate)
