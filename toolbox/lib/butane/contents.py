"""What the files and units of a config hold on the machine, and who wrote each line of it where."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from toolbox.lib.butane import dataurl
from toolbox.lib.inventory.document import Items, Place, Scalar, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from toolbox.lib.butane.stage import Written
    from toolbox.lib.core.report import Finding
    from toolbox.lib.inventory.document import Node

    # Reason: tells where a line was written, and the column of it where that is known.
    Origin = Callable[[int, int | None], Place]

UNITS_FOLDER = "/etc/systemd/system"
QUADLETS_FOLDER = "/etc/containers/systemd"
LARGEST = 16 * 1024 * 1024
"""Bytes of a file that is looked at."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a file of the machine holds.

    Attributes:
        path: Where it is on the machine.
        data: Its bytes.
        place: Of the item that it comes from.
        parts: Line that each of its parts begins on, and where its lines were written.
        rendered: Whether it went through a template.
    """

    path: str
    data: bytes = field(repr=False)
    place: Place
    parts: tuple[tuple[int, Origin], ...] = field(default=(), repr=False)
    rendered: bool = False

    @property
    def is_text(self) -> bool:
        """Whether it is a text, and no program or picture."""
        return b"\0" not in self.data

    @property
    def text(self) -> str:
        """What it holds, as a text."""
        return self.data.decode(errors="replace")

    @property
    def lines(self) -> list[str]:
        """Its lines, as those count who number them."""
        return self.text.split("\n")

    def at(self, line: int | None, column: int | None = None) -> Place:
        """Return where one of its lines was written, or the item where that is not known."""
        if line is None:
            return self.place
        # Reason: what is missing at the end is told of the line behind it.
        end = self.data.count(b"\n") + (not self.data.endswith(b"\n"))
        line, column = (line, column) if line <= end else (max(end, 1), None)
        parts = [part for part in self.parts if part[0] <= line]
        if not parts:
            return self.place
        start, origin = parts[-1]
        return origin(line - start + 1, column)


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of the config.

    Attributes:
        name: Its name.
        place: Of its item.
        content: What it holds; None where the machine has it already.
        dropins: What is added to it.
        enabled: Whether it is to be started at boot; None where nothing is said of it.
        enabled_place: Where that is said.
        masked: Whether it must never be started.
    """

    name: str
    place: Place
    content: Content | None
    dropins: tuple[Content, ...] = ()
    enabled: bool | None = None
    enabled_place: Place = field(default=Place(""))
    masked: bool = False


@dataclass(frozen=True, slots=True)
class Contents:
    """All that a config puts on the machine and that is known before the boot.

    Attributes:
        files: Its files, by their paths; those of units are not among them.
        units: Its units.
        links: Targets of its links, by their paths.
        findings: What Ignition would refuse, or what is too large to be looked at.
    """

    files: Mapping[str, Content]
    units: tuple[Unit, ...]
    links: Mapping[str, str]
    findings: tuple[Finding, ...] = ()

    def every(self) -> Iterator[Content]:
        """Yield the contents of all files, units and drop-ins."""
        yield from self.files.values()
        for unit in self.units:
            if unit.content:
                yield unit.content
            yield from unit.dropins


@dataclass(frozen=True, slots=True)
class Source:
    """What Butane has read.

    Attributes:
        config: The config; nothing where it is no mapping.
        files_dir: Folder of the local files that it names.
        whole: Place of what nobody wrote, such as units that Butane adds.
        name: Gives the name of a local file as a person knows it; None for one that was rendered.
        made: Where the lines of rendered files were written, by their paths below `files_dir`.
    """

    config: Table
    files_dir: Path
    whole: Place
    name: Callable[[Path], str | None]
    made: Mapping[str, Written] = field(default_factory=dict)


def of(source: Source, ignition: Mapping[str, Any]) -> Contents:
    """Return what a config puts on the machine.

    Args:
        source: What Butane has read; its local files are still there.
        ignition: What came out.
    """
    return _Reader(source).read(ignition)


@dataclass(slots=True)
class _Reader:
    source: Source
    findings: list[Finding] = field(default_factory=list)

    def read(self, ignition: Mapping[str, Any]) -> Contents:
        """Return what an Ignition config holds."""
        storage, systemd = ignition.get("storage") or {}, ignition.get("systemd") or {}
        items = dict(self._items())
        trees = list(_items(self.source.config, "storage", "trees"))
        files: dict[str, Content] = {}
        for file in storage.get("files") or ():
            path = str(file["path"])
            content = self._file(file, items.get(path), trees)
            if content:
                files[path] = content
        links = {str(link["path"]): str(link["target"]) for link in storage.get("links") or ()}
        own = {unit.text("name"): unit for unit in _items(self.source.config, "systemd", "units")}
        units = [self._unit(unit, own.get(unit["name"])) for unit in systemd.get("units") or ()]
        return Contents(files, tuple(units), links, tuple(self.findings))

    def _items(self) -> Iterator[tuple[str, Table]]:
        """Yield the items that files are made from, each with the path of its file."""
        for quadlet in _items(self.source.config, "systemd", "quadlets"):
            folder = QUADLETS_FOLDER + ("" if quadlet.text("rootful") == "true" else "/users")
            path = f"{folder}/{quadlet.text('name')}"
            yield path, quadlet
            for dropin in _items(quadlet, "dropins"):
                yield f"{path}.d/{dropin.text('name')}", dropin
        for file in _items(self.source.config, "storage", "files"):
            yield file.text("path") or "", file

    def _file(self, file: dict[str, Any], item: Table | None, trees: list[Table]) -> Content | None:
        path = str(file["path"])
        parts_of: list[Node | None] = [item.get("contents") if item else None]
        added = item.get("append") if item else None
        parts_of += added.items if isinstance(added, Items) else ()
        place = item.place if item else self.source.whole
        origin, rendered = self._origin(item if self._is_text(item) else parts_of[0], place)
        if parts_of[0] is None:
            tree = next((tree for tree in trees if self._in_tree(tree, path)), None)
            if tree is not None:
                file_of = self._in_tree(tree, path)
                name = self.source.name(file_of) if file_of else None
                place = place if item else tree.place
                origin, rendered = _whole(name) if name else _fixed(place), False
        resources = [file.get("contents") or {}, *(file.get("append") or ())]
        pieces = [self._data(resource, path, place) for resource in resources]
        if pieces[0] is None or None in pieces:
            # Reason: what the machine fetches, or has already, is not known here.
            return None
        origins = [origin, *(self._origin(part, place)[0] for part in parts_of[1:])]
        data, parts = _joined([piece for piece in pieces if piece is not None], origins)
        return Content(path, data, place, parts, rendered)

    def _is_text(self, item: Table | None) -> bool:
        """Tell whether the contents of an item are a text, as those of quadlets are."""
        return (
            item is not None
            and bool({"contents_local", "contents"} & set(item.fields))
            and (not isinstance(item.get("contents"), Table))
        )

    def _unit(self, unit: dict[str, Any], item: Table | None) -> Unit:
        name = str(unit["name"])
        place = item.place if item else self.source.whole
        path = f"{UNITS_FOLDER}/{name}"
        own = {dropin.text("name"): dropin for dropin in _items(item, "dropins")}
        dropins = (
            self._text(
                f"{path}.d/{dropin['name']}", dropin.get("contents"), own.get(dropin["name"])
            )
            for dropin in unit.get("dropins") or ()
        )
        return Unit(
            name=name,
            place=place,
            # Reason: Ignition writes no unit for empty contents, but an empty drop-in.
            content=self._text(path, unit.get("contents") or None, item),
            dropins=tuple(dropin for dropin in dropins if dropin),
            enabled=unit.get("enabled"),
            enabled_place=item.key_place("enabled") if item else place,
            masked=bool(unit.get("mask")),
        )

    def _text(self, path: str, text: str | None, item: Table | None) -> Content | None:
        if text is None:
            return None
        place = item.place if item else self.source.whole
        origin, rendered = self._origin(item, place)
        return Content(path, text.encode(), place, ((1, origin),), rendered)

    def _origin(self, node: Node | None, place: Place) -> tuple[Origin, bool]:
        """Return where the lines of contents were written, and whether a template made them."""
        for key in ("local", "contents_local"):
            local = node.text(key) if isinstance(node, Table) else None
            if local is None:
                continue
            made = self.source.made.get(local)
            if made:
                return _located(made), True
            name = self.source.name(self.source.files_dir / local.lstrip("/"))
            return _whole(name) if name else _fixed(place), False
        for key in ("inline", "contents", "source"):
            text = node.get(key) if isinstance(node, Table) else None
            if isinstance(text, Scalar):
                line = Place(text.place.file, text.place.line)
                return text.lines.place if text.lines else _fixed(line), True
        return _fixed(place), True

    def _in_tree(self, tree: Table, path: str) -> Path | None:
        """Return the file in a tree that a path of the machine is made from."""
        local, top = tree.text("local"), posixpath.normpath(tree.text("path") or "/")
        start = top.rstrip("/") + "/"
        if local is None or not path.startswith(start):
            return None
        found = self.source.files_dir / local.lstrip("/") / path.removeprefix(start)
        return found if found.is_file() else None

    def _data(self, resource: dict[str, Any], path: str, place: Place) -> bytes | None:
        try:
            return dataurl.contents(resource, largest=LARGEST)
        except dataurl.ResourceError as error:
            self.findings.append(_refused(error, path, place))
            return None


def _refused(error: dataurl.ResourceError, path: str, place: Place) -> Finding:
    from toolbox.lib.core.report import Severity

    if isinstance(error, dataurl.TooLarge):
        message = f"{path} was not looked at: {error.message}"
        return place.finding("not-checked", message, severity=Severity.INFO)
    message = f"Ignition would refuse {path}: {error.message}"
    return place.finding("bad-resource", message, error.hint)


def _joined(
    pieces: Sequence[bytes], origins: Sequence[Origin]
) -> tuple[bytes, tuple[tuple[int, Origin], ...]]:
    """Return parts in one, with the line that each begins on."""
    joined = b""
    parts = []
    for data, origin in zip(pieces, origins, strict=False):
        parts.append((joined.count(b"\n") + 1, origin))
        joined += data
    return joined, tuple(parts)


def _whole(file: str) -> Origin:
    return lambda line, column: Place(file, line, column)


def _fixed(place: Place) -> Origin:
    return lambda _line, _column: place


def _located(made: Written) -> Origin:
    def origin(line: int, column: int | None) -> Place:
        place = made(line, column or 1)
        return place if column else Place(place.file, place.line)

    return origin


def _items(node: Node | None, *keys: str) -> Iterator[Table]:
    """Yield the mappings in a list somewhere below a mapping."""
    for key in keys:
        node = node.get(key) if isinstance(node, Table) else None
    for item in node.items if isinstance(node, Items) else ():
        if isinstance(item, Table):
            yield item
