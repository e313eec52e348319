"""Local files: what a Butane file names with ``local`` is checked and staged for Butane.

Our one extension is resolved here too: an item with ``template`` gets what is made of its local
file, by Jinja or by the compiler of SELinux modules.
"""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import TYPE_CHECKING, Any

from toolbox.lib.butane import layers, selinux, template, times
from toolbox.lib.butane.wants import FilterError, text
from toolbox.lib.inventory import names as spelling
from toolbox.lib.inventory.document import PLAIN, RESET, TEXT, Items, Place, Scalar, Table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from toolbox.lib.butane.layers import Layer
    from toolbox.lib.butane.stage import Stage
    from toolbox.lib.core.report import Finding
    from toolbox.lib.inventory.document import Node

TEMPLATE = "template"
JINJA = "jinja"
SELINUX = "selinux-te2mod"
KINDS = {JINJA: frozenset({"files", "units", "dropins", "quadlets"}), SELINUX: frozenset({"files"})}
"""Kinds of `TEMPLATE`, and the lists whose items may have one."""

TEMPLATED = frozenset().union(*KINDS.values())

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
        trees: Folders that the machine gets as they are, or links to them.
    """

    layer: Layer
    stage: Stage
    names: Mapping[str, Any]
    findings: list[Finding] = field(default_factory=list)
    trees: list[Path] = field(default_factory=list)

    def table(self, node: Table, *, within: str = "", kind: str | None = None) -> Table:
        """Return a mapping with its local files staged.

        Args:
            node: The mapping.
            within: Key of the list it is an item of.
            kind: Kind of template that the files it names are.
        """
        fields = dict(node.fields)
        if within in TEMPLATED:
            kind = self._kind(node, within)
            fields.pop(TEMPLATE, None)
        for key, child in fields.items():
            if child.mark == RESET:
                continue
            if is_local(key):
                wanted = "folder" if within == TREES else "text" if key != "local" else "file"
                fields[key] = self._local(child, wanted, kind=kind)
            else:
                fields[key] = self._node(child, key, kind=kind)
        return Table(fields, node.place, node.keys, node.mark)

    def _node(self, node: Node, key: str, *, kind: str | None) -> Node:
        if isinstance(node, Table):
            return self.table(node, kind=kind)
        if isinstance(node, Items):
            items = (
                self.table(item, within=key, kind=kind)
                if isinstance(item, Table) and item.mark != RESET
                else item
                for item in node.items
            )
            return Items(tuple(items), node.place, node.mark)
        return node

    def _kind(self, node: Table, within: str) -> str | None:
        written = node.get(TEMPLATE)
        if written is None:
            return None
        kind = written.text if isinstance(written, Scalar) else ""
        known = [name for name, lists in KINDS.items() if within in lists]
        if kind not in known:
            message = f"{kind or 'this'} is no kind of template for {within}"
            meant = SELINUX if kind == "selinux" else spelling.closest(kind, known)
            hint = f"did you mean {meant}?" if meant in known else f"known here: {', '.join(known)}"
            self._complain(written, "unknown-template", message, hint)
            return None
        if not _names_files(node):
            message = "there is no local file here"
            hint = "inline text is rendered with the file it stands in: remove the key"
            if kind == SELINUX:
                hint = "name the module's source with contents.local"
            self._complain(written, "needless-template", message, hint)
        return kind

    def _local(self, node: Node, wanted: str, *, kind: str | None) -> Node:
        if isinstance(node, Items):
            staged = (self._local(item, wanted, kind=kind) for item in node.items)
            return Items(tuple(staged), node.place, node.mark)
        if not isinstance(node, Scalar) or node.is_null or node.mark == RESET:
            return node
        if wanted == "folder":
            tree = self.layer.folder / _clean(node.text)
            self.trees.append(layers.real(tree.parent) / tree.name)
        try:
            path = resolve(self.layer, node.text, folder=wanted == "folder")
        except LocalError as error:
            self._complain(node, error.code, str(error), error.hint)
            return node
        if kind is None and wanted == "text":
            self._check_text(node, path)
        name = self._made(node, path, kind) if kind else self.stage.link(path)
        tag = TEXT if node.tag == PLAIN else node.tag
        return Scalar(name or node.text, tag, node.place, node.mark)

    def _check_text(self, node: Scalar, path: Path) -> None:
        """Refuse bytes where Ignition takes a text: Butane would put other characters there."""
        try:
            path.read_bytes().decode()
        except UnicodeDecodeError as error:
            file = f"{self.layer.label}/{_clean(node.text)}"
            message = f"{file} is not UTF-8 text, as its byte {error.start} shows"
            self._complain(node, "not-text", message, "save it as UTF-8")

    def _made(self, node: Scalar, path: Path, kind: str) -> str | None:
        """Return the staged name of what is made of a local file."""
        clean = _clean(node.text)
        file = f"{self.layer.label}/{clean}"
        source = path.read_bytes()
        if kind == SELINUX:
            made, findings = selinux.compiled(source, file)
            self.findings += findings
            # Reason: what the compiler makes has no lines.
            whole = Place(file)
            return self.stage.write(made, lambda *_: whole) if made is not None else None
        try:
            written = source.decode()
        except UnicodeDecodeError:
            message = f"{clean} is not UTF-8 text, so it is no template"
            self._complain(node, "not-text", message, f"remove {TEMPLATE}: {JINJA}")
            return None
        rendered, findings = template.render(written, file, self.names, Dates(self.layer))
        self.findings += findings
        return self.stage.write(rendered.text.encode(), rendered.locate) if rendered else None

    def _complain(self, node: Node, code: str, message: str, hint: str | None = None) -> None:
        self.findings.append(node.place.finding(code, message, hint))


@dataclass(frozen=True, slots=True)
class Dates:
    """The filter ``created_at`` of the templates of one layer."""

    layer: Layer

    def __call__(self, name: object) -> datetime:
        """Return when a file of the layer was made."""
        written = text("created_at", name)
        # Reason: an undefined name is noted by then, and has no file.
        return times.created_at(resolve(self.layer, written)) if written else times.BEGINNING


class LocalError(FilterError):
    """A local path means no file that may be read.

    Attributes:
        code: Kind of the finding that tells it.
    """

    def __init__(self, message: str, code: str, hint: str | None = None) -> None:
        super().__init__(message, hint)
        self.code = code


def resolve(layer: Layer, local: str, *, folder: bool = False) -> Path:
    """Return the file that a local path means, with no links in it.

    Args:
        layer: Whose folder the path is relative to.
        local: The path as it is written.
        folder: A folder is wanted.

    Raises:
        LocalError: It is none, may not be read, or leads elsewhere.
    """
    clean = _clean(local)
    if clean == ".." or clean.startswith("../"):
        message = f"{local} leads out of {layer.label}"
        hint = f"put the file into {layer.label}, or link it there from the project"
        raise LocalError(message, "local-escape", hint)
    path = f"{layer.folder}/{clean}"
    try:
        real = _followed(str(layer.folder), clean)
        mode = _mode(real)
    except (OSError, RuntimeError, ValueError) as error:
        # Reason: links in a circle, names too long, or with characters that no name has.
        message = f"{local!r} is no path that can be followed"
        raise LocalError(message, "missing-local") from error
    if not layers.inside(real, layer.boundary):
        message = f"{local} is a link out of {layer.boundary}"
        raise LocalError(message, "local-escape", "copy it into the project")
    if not mode and not os.path.lexists(path):
        message = f"there is no {layer.label}/{clean}"
        raise LocalError(message, "missing-local", _nearest(layer, clean))
    if not (S_ISDIR(mode) if folder else S_ISREG(mode)):
        message = f"{layer.label}/{clean} is no {'folder' if folder else 'file'}"
        raise LocalError(message, "missing-local")
    if not os.access(real, os.R_OK):
        message = f"{layer.label}/{clean} may not be read"
        raise LocalError(message, "unreadable", f"chmod u+r {path}")
    return real


def _mode(path: Path) -> int:
    """Return what kind of thing a path is and who may use it, as stat(2) tells; 0 of nothing."""
    try:
        return path.stat().st_mode
    except OSError:
        return 0


def _followed(folder: str, clean: str) -> Path:
    """Return where a path leads, all links below a folder that has none in it followed."""
    path = folder.rstrip("/")
    for name in clean.split("/"):
        path += f"/{name}"
        if os.path.islink(path):  # noqa: PTH114 - there are very many, and pathlib is slow
            return layers.real(Path(folder, clean))
    return Path(path)


def _clean(local: str) -> str:
    # Reason: as Butane does it, a path is cleaned as text first and is below the folder.
    return posixpath.normpath(local.lstrip("/") or ".")


def _nearest(layer: Layer, clean: str) -> str | None:
    parent = (layer.folder / clean).parent
    if not parent.is_dir() or not layer.holds(parent):
        return None
    close = spelling.closest(Path(clean).name, [entry.name for entry in parent.iterdir()])
    return f"did you mean {posixpath.join(posixpath.dirname(clean), close)}?" if close else None


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
