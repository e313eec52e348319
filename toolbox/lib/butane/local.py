"""Local files: what a Butane file names with ``local`` is checked and staged for Butane.

Our one extension is resolved here too: an item with ``template: jinja`` gets its local file
rendered.
"""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolbox.lib.butane import template
from toolbox.lib.inventory import names as spelling
from toolbox.lib.inventory.document import PLAIN, TEXT, Items, Scalar, Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolbox.lib.butane.layers import Layer
    from toolbox.lib.butane.stage import Stage
    from toolbox.lib.core.report import Finding
    from toolbox.lib.inventory.document import Node

TEMPLATE = "template"
JINJA = "jinja"
TEMPLATED = frozenset({"files", "units", "dropins", "quadlets"})
"""Lists whose items may have `TEMPLATE`."""

TREES = "trees"


def is_local(key: str) -> bool:
    """Tell whether a key of a Butane config names a local file, or a list of them."""
    return key == "local" or key.endswith("_local")


@dataclass(slots=True)
class Localizer:
    """Rewrites the local files of one layer's configs to their staged names.

    Attributes:
        layer: Whose folder the names are relative to.
        stage: Where the files go.
        names: What rendered files may use.
        findings: What is wrong, collected on the way.
    """

    layer: Layer
    stage: Stage
    names: Mapping[str, Any]
    findings: list[Finding] = field(default_factory=list)

    def table(self, node: Table, *, within: str = "", render: bool = False) -> Table:
        """Return a mapping with its local files staged.

        Args:
            node: The mapping.
            within: Key of the list it is an item of.
            render: Render the files it names.
        """
        fields = dict(node.fields)
        item = within in TEMPLATED
        if item:
            render = self._is_template(node)
            fields.pop(TEMPLATE, None)
        for key, child in fields.items():
            if is_local(key):
                fields[key] = self._local(child, folder=within == TREES, render=render)
            else:
                fields[key] = self._node(child, key, render=render)
        return Table(fields, node.place, node.keys)

    def _node(self, node: Node, key: str, *, render: bool) -> Node:
        if isinstance(node, Table):
            return self.table(node, render=render)
        if isinstance(node, Items):
            items = (
                self.table(item, within=key, render=render) if isinstance(item, Table) else item
                for item in node.items
            )
            return Items(tuple(items), node.place)
        return node

    def _is_template(self, node: Table) -> bool:
        written = node.get(TEMPLATE)
        if written is None:
            return False
        if not isinstance(written, Scalar) or written.text != JINJA:
            message = "unknown kind of template"
            self._complain(written, "unknown-template", message, f"the only kind is {JINJA}")
            return False
        if not _names_files(node):
            message = "there is no local file to render here"
            hint = "inline text is rendered with the file it stands in: remove the key"
            self._complain(written, "needless-template", message, hint)
        return True

    def _local(self, node: Node, *, folder: bool, render: bool) -> Node:
        if isinstance(node, Items):
            staged = (self._local(item, folder=folder, render=render) for item in node.items)
            return Items(tuple(staged), node.place)
        if not isinstance(node, Scalar) or node.is_null:
            return node
        path = self._resolved(node, folder=folder)
        if path is None:
            return node
        name = self._rendered(node, path) if render else self.stage.link(path)
        return Scalar(name or node.text, TEXT if node.tag == PLAIN else node.tag, node.place)

    def _resolved(self, node: Scalar, *, folder: bool) -> Path | None:
        """Return the file that a local path means, or None when it may not or cannot be read."""
        # Reason: as Butane does it, a path is cleaned as text first and is below the folder.
        clean = posixpath.normpath(node.text.lstrip("/") or ".")
        if clean == ".." or clean.startswith("../"):
            message = f"{node.text} leads out of {self.layer.label}"
            hint = f"put the file into {self.layer.label}, or link it there from the project"
            self._complain(node, "local-escape", message, hint)
            return None
        path = self.layer.folder / clean
        if not self.layer.holds(path):
            message = f"{node.text} is a link out of {self.layer.boundary}"
            self._complain(node, "local-escape", message, "copy it into the project")
            return None
        if not os.path.lexists(path):
            message = f"there is no {self.layer.label}/{clean}"
            self._complain(node, "missing-local", message, self._nearest(clean))
            return None
        if not (path.is_dir() if folder else path.is_file()):
            message = f"{self.layer.label}/{clean} is no {'folder' if folder else 'file'}"
            self._complain(node, "missing-local", message)
            return None
        if not os.access(path, os.R_OK):
            message = f"{self.layer.label}/{clean} may not be read"
            self._complain(node, "unreadable", message, f"chmod u+r {path}")
            return None
        return path.resolve()

    def _nearest(self, clean: str) -> str | None:
        parent = (self.layer.folder / clean).parent
        if not parent.is_dir() or not self.layer.holds(parent):
            return None
        close = spelling.closest(Path(clean).name, [entry.name for entry in parent.iterdir()])
        return f"did you mean {posixpath.join(posixpath.dirname(clean), close)}?" if close else None

    def _rendered(self, node: Scalar, path: Path) -> str | None:
        clean = posixpath.normpath(node.text.lstrip("/"))
        try:
            source = path.read_bytes().decode()
        except UnicodeDecodeError:
            message = f"{clean} is not UTF-8 text, so it is no template"
            self._complain(node, "not-text", message, f"remove {TEMPLATE}: {JINJA}")
            return None
        rendered, findings = template.render(source, f"{self.layer.label}/{clean}", self.names)
        self.findings += findings
        return self.stage.write(rendered.text.encode()) if rendered else None

    def _complain(self, node: Node, code: str, message: str, hint: str | None = None) -> None:
        self.findings.append(node.place.finding(code, message, hint))


def _names_files(node: Node) -> bool:
    """Tell whether an item names a local file; its drop-ins speak for themselves."""
    if isinstance(node, Items):
        return any(_names_files(item) for item in node.items)
    if not isinstance(node, Table):
        return False
    return any(
        is_local(key) or (key != "dropins" and _names_files(item))
        for key, item in node.fields.items()
    )
