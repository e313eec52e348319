"""A rendered config as it can be read, and translated by Butane itself, outside of the toolbox.

Local files have their path from the project's root; those that were rendered, or are not in the
project, stand in the config.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolbox.lib.butane.local import is_local
from toolbox.lib.butane.origins import write
from toolbox.lib.inventory.document import TEXT, Items, Scalar, Table, parse

if TYPE_CHECKING:
    from pathlib import Path

    from toolbox.lib.butane.render import ButaneConfig
    from toolbox.lib.inventory.document import Node
    from toolbox.lib.inventory.project import Project

INLINE = {"local": "inline", "contents_local": "contents"}
"""For each key that names a local file the one that holds its text instead."""


def text(project: Project, config: ButaneConfig) -> str:
    """Return the YAML of a config, to be used with the project's root as ``--files-dir``.

    Args:
        project: The project.
        config: As `render` gives it, while its block lasts.
    """
    node, _ = parse(config.text.reveal(), "")
    if not isinstance(node, Table):
        return config.text.reveal()
    return write(_table(node, config.files_dir, project.root.resolve()))[0]


def _table(node: Table, files: Path, root: Path) -> Table:
    fields: dict[str, Node] = {}
    for key, child in node.fields.items():
        if is_local(key):
            new, value = _local(key, child, files, root)
            fields[new] = value
        else:
            fields[key] = _node(child, files, root)
    return Table(fields, node.place, node.keys)


def _node(node: Node, files: Path, root: Path) -> Node:
    if isinstance(node, Table):
        return _table(node, files, root)
    if isinstance(node, Items):
        return Items(tuple(_node(item, files, root) for item in node.items), node.place)
    return node


def _local(key: str, node: Node, files: Path, root: Path) -> tuple[str, Node]:
    """Return the key and value that say the same without the staged files."""
    if isinstance(node, Items):
        named = (_local("", item, files, root)[1] for item in node.items)
        return key, Items(tuple(named), node.place)
    if not isinstance(node, Scalar) or node.is_null:
        return key, node
    staged = files / node.text
    path = staged.parent.resolve() / staged.name
    if path.is_relative_to(root):
        return key, Scalar(str(path.relative_to(root)), TEXT, node.place)
    if key in INLINE and path.is_file():
        contents = path.read_bytes().decode(errors="replace")
        return INLINE[key], Scalar(contents, TEXT, node.place)
    return key, Scalar(str(path), TEXT, node.place)
