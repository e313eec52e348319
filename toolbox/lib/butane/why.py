"""Why a file, folder, link or unit is on a host: who put it there, and over whom."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from toolbox.lib.butane.check.unitfile import QUADLETS
from toolbox.lib.butane.render import names_of_sources
from toolbox.lib.inventory import names as spelling
from toolbox.lib.inventory.document import RESET, Items, Scalar, Table, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from toolbox.lib.butane.render import ButaneConfig
    from toolbox.lib.inventory.document import Node, Place

UNITS_FOLDER = "/etc/systemd/system"
QUADLETS_FOLDER = "/etc/containers/systemd"
KINDS = {"files": "file", "directories": "directory", "links": "link"}
NAMES = ("path", "name")
MANY = 3


@dataclass(frozen=True, slots=True)
class Reason:
    """A place that says something about what was asked for.

    Attributes:
        kind: ``file``, ``directory``, ``link``, ``tree``, ``unit``, ``drop-in`` or ``quadlet``.
        name: Its path on the machine, or its name.
        layer: Label of the layer that says it.
        place: Where it was written.
        sets: What it says that holds.
        overruled: What it says that a later place has replaced.
        source: The file in the project that it is made from, where there is one.
        mark: ``reset`` when it takes what is below away, ``override`` when it replaces it.
        removes: What it takes away of it.
    """

    kind: str
    name: str
    layer: str
    place: Place
    sets: tuple[str, ...]
    overruled: tuple[str, ...] = ()
    source: str | None = None
    mark: str = ""
    removes: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether anything of it is on the machine."""
        return bool(self.sets or self.removes) or not self.overruled


@dataclass(frozen=True, slots=True)
class _Found:
    """An item of one config that is about what was asked for; `at` is its list's path."""

    kind: str
    name: str
    at: str
    item: Table
    source: Path | None = None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What was asked for, under all the names that it can have in a config."""

    paths: frozenset[str]
    folder: str = ""
    units: frozenset[str] = frozenset()
    dropin: str = ""
    quadlets: frozenset[str] = frozenset()

    def holds(self, path: str) -> bool:
        """Tell whether a path is one of those that were asked for."""
        clean = posixpath.normpath(path)
        return clean in self.paths or bool(self.folder and posixpath.dirname(clean) == self.folder)


def why(config: ButaneConfig, what: str) -> tuple[Reason, ...]:
    """Return who says something about a path or a unit, those that win first.

    Args:
        config: As `render` gives it, while its block lasts.
        what: An absolute path on the machine, or the name of a unit.
    """
    wanted = _wanted(what)
    merged, _ = parse(config.text.reveal(), "")
    judge = _Judge(config, merged if isinstance(merged, Table) else Table({}))
    found: list[_Found] = []
    for table in config.configs:
        found += _swept(table, found)
        found += _search(config, table, wanted)
    said = (item for item in found if item.kind != "unit" or item.item.mark or _says(item.item))
    return tuple(judge.reason(item) for item in said)[::-1]


def _swept(table: Table, found: Iterable[_Found]) -> list[_Found]:
    """Return what takes whole lists away that something was found in."""
    swept = {}
    for item in found:
        node: Node | None = table
        for key in item.at.split("."):
            node = node.fields.get(key) if isinstance(node, Table) else None
            if node is not None and node.mark:
                mark = Table({}, node.place, mark=node.mark)
                swept[item.kind, item.name] = replace(item, item=mark, source=None)
                break
    return list(swept.values())


def suggestion(config: ButaneConfig, what: str) -> str | None:
    """Return a hint for a path or unit that no config names."""
    known = sorted(set(_known(config)))
    below = [name for name in known if name.startswith(f"{what.rstrip('/')}/")]
    if below:
        more = ", and more" if len(below) > MANY else ""
        return f"nothing names the folder itself; in it: {', '.join(below[:MANY])}{more}"
    if not what.startswith("/"):
        # Reason: by their endings all services would be alike.
        stems = {name.rpartition(".")[0] or name: name for name in known if name[:1] != "/"}
        close = spelling.closest(what.rpartition(".")[0] or what, stems)
        return f"did you mean {stems[close]}?" if close else None
    close = spelling.closest(what, known)
    return f"did you mean {close}?" if close else None


def _wanted(what: str) -> _Wanted:
    if not what.startswith("/"):
        return _unit(what, frozenset({f"{UNITS_FOLDER}/{what}"}))
    path = posixpath.normpath(what)
    folder, name = posixpath.split(path)
    if folder == UNITS_FOLDER and not name.endswith(".d"):
        return _unit(name, frozenset({path}))
    if posixpath.dirname(folder) == UNITS_FOLDER and folder.endswith(".d"):
        unit = posixpath.basename(folder).removesuffix(".d")
        return _Wanted(frozenset({path}), units=frozenset({unit}), dropin=name)
    if folder == QUADLETS_FOLDER:
        return _Wanted(frozenset({path}), quadlets=frozenset({name}))
    return _Wanted(frozenset({path}))


def _unit(unit: str, paths: frozenset[str]) -> _Wanted:
    stem = unit.removesuffix(".service")
    quadlets = frozenset(
        f"{stem.removesuffix(more)}.{kind}"
        for kind, more in QUADLETS.items()
        if unit.endswith(".service") and stem.endswith(more)
    ) | {unit}
    made = frozenset(f"{QUADLETS_FOLDER}/{name}" for name in quadlets)
    folder = f"{UNITS_FOLDER}/{unit}.d"
    return _Wanted(paths | made, folder, frozenset({unit}), quadlets=quadlets)


def _search(config: ButaneConfig, table: Table, wanted: _Wanted) -> Iterator[_Found]:
    """Yield the items of a config that are about what was asked for."""
    storage, systemd = table.get("storage"), table.get("systemd")
    for key, kind in KINDS.items():
        for item in _items(storage, key):
            path = item.text("path") or ""
            if wanted.holds(path):
                yield _Found(kind, path, f"storage.{key}", item)
    for item in _items(storage, "trees"):
        yield from _in_tree(config, item, wanted)
    for item in _items(systemd, "units"):
        yield from _unit_items(item, "unit", "systemd.units", wanted.units, wanted)
    for item in _items(systemd, "quadlets"):
        yield from _unit_items(item, "quadlet", "systemd.quadlets", wanted.quadlets, wanted)


def _unit_items(
    item: Table, kind: str, at: str, names: frozenset[str], wanted: _Wanted
) -> Iterator[_Found]:
    """Yield a unit and its drop-ins, if they were asked for."""
    name = item.text("name") or ""
    if name not in names:
        return
    if not wanted.dropin:
        yield _Found(kind, name, at, item)
    for dropin in _items(item, "dropins"):
        own = dropin.text("name") or ""
        if wanted.dropin in {"", own}:
            yield _Found("drop-in", f"{name}.d/{own}", at, dropin)


def _in_tree(config: ButaneConfig, item: Table, wanted: _Wanted) -> Iterator[_Found]:
    """Yield what was asked for and is in a tree."""
    local = item.text("local")
    if local is None:
        return
    top, root = config.files_dir / local, posixpath.normpath(item.text("path") or "/")
    paths = set(wanted.paths)
    folder = _below(root, wanted.folder) if wanted.folder else None
    if folder is not None and (top / folder).is_dir():
        paths |= {f"{wanted.folder}/{entry.name}" for entry in (top / folder).iterdir()}
    for path in sorted(paths):
        relative = _below(root, path)
        if relative and ((top / relative).exists() or (top / relative).is_symlink()):
            yield _Found("tree", path, "storage.trees", item, top / relative)


def _below(root: str, path: str) -> str | None:
    """Return a path relative to a folder of the machine, None when it is not in it."""
    start = root if root.endswith("/") else f"{root}/"
    return path.removeprefix(start) if path.startswith(start) else None


@dataclass(frozen=True, slots=True)
class _Judge:
    """Tells what of an item holds in the merged config."""

    config: ButaneConfig
    merged: Table
    _kept: dict[str, frozenset[Place]] = field(default_factory=dict, repr=False)

    def reason(self, found: _Found) -> Reason:
        """Return an item as a reason."""
        kept = self._places(found)
        fields = _fields(found.item) if found.kind != "tree" else {}
        sets = [key for key, node in fields.items() if kept & set(_places(node))]
        removes = [key for key, node in found.item.fields.items() if node.mark == RESET]
        return Reason(
            kind=found.kind,
            name=found.name,
            layer=self._layer(found.item.place),
            place=found.item.place,
            sets=tuple(sets) or (("contents",) if found.kind == "tree" else ()),
            overruled=tuple(key for key in fields if key not in sets),
            source=self._source(found),
            mark=found.item.mark,
            removes=tuple(removes),
        )

    def _places(self, found: _Found) -> frozenset[Place]:
        """Return the places of what the merged config says of an item."""
        path = self._path(found)
        if path is None:
            return frozenset()
        if path not in self._kept:
            places = self.config.origins.paths.items()
            mine = (place for at, place in places if at == path or at.startswith(f"{path}."))
            self._kept[path] = frozenset(mine)
        return self._kept[path]

    def _path(self, found: _Found) -> str | None:
        node: Node | None = self.merged
        for key in found.at.split("."):
            node = node.get(key) if isinstance(node, Table) else None
        unit, _, dropin = found.name.partition(".d/")
        name = unit if found.kind == "drop-in" else found.name
        for number, item in enumerate(node.items if isinstance(node, Items) else ()):
            if not isinstance(item, Table) or name not in {item.text(key) for key in NAMES}:
                continue
            if found.kind != "drop-in":
                return f"{found.at}.{number}"
            for second, own in enumerate(_items(item, "dropins")):
                if own.text("name") == dropin:
                    return f"{found.at}.{number}.dropins.{second}"
        return None

    def _layer(self, place: Place) -> str:
        labels = [layer.label for layer in self.config.layers]
        mine = [label for label in labels if place.file.startswith(f"{label}/")]
        return max(mine, key=len, default=labels[-1])

    def _source(self, found: _Found) -> str | None:
        """Return the file that an item is made from, as the project names it."""
        path = found.source
        if path is None:
            local = next(_locals(found.item), None)
            path = self.config.files_dir / local if local else None
        return names_of_sources(self.config)(path) if path else None


def _locals(node: Node) -> Iterator[str]:
    for key, child in node.fields.items() if isinstance(node, Table) else ():
        if isinstance(child, Scalar) and (key == "local" or key.endswith("_local")):
            yield child.text
        elif key != "dropins":
            yield from _locals(child)


def _fields(item: Table) -> dict[str, Node]:
    """Return what an item says beside its name; its drop-ins speak for themselves."""
    fields = {} if item.mark == RESET else item.fields
    said = {key: node for key, node in fields.items() if key not in {*NAMES, "dropins"}}
    return {key: node for key, node in said.items() if node.mark != RESET}


def _says(item: Table) -> bool:
    """Tell whether an item says anything beside its name and its drop-ins."""
    return bool(_fields(item)) or any(node.mark == RESET for node in item.fields.values())


def _places(node: Node) -> Iterator[Place]:
    """Yield the places of the values in a node."""
    if isinstance(node, Table) and node.fields:
        for child in node.fields.values():
            yield from _places(child)
    elif isinstance(node, Items) and node.items:
        for child in node.items:
            yield from _places(child)
    else:
        yield node.place


def _items(node: Node | None, key: str) -> Iterator[Table]:
    """Yield the mappings in a list of a mapping."""
    found = node.get(key) if isinstance(node, Table) else None
    for item in found.items if isinstance(found, Items) else ():
        if isinstance(item, Table):
            yield item


def _known(config: ButaneConfig) -> Iterator[str]:
    """Yield the paths and units that the configs name."""
    for table in config.configs:
        storage, systemd = table.get("storage"), table.get("systemd")
        for key in KINDS:
            yield from (item.text("path") or "" for item in _items(storage, key))
        for key in ("units", "quadlets"):
            yield from (item.text("name") or "" for item in _items(systemd, key))
