"""Merging Butane configs: what a later layer says is laid over the earlier ones, by key.

Mappings merge field by field. Lists of things with a name merge thing by thing, in the order of
the earlier list with new things at its end. Other lists are joined, equal items kept once. Anything
else is replaced; a null is no value and replaces nothing. What is marked as an override is not
merged but stands in the place of what is below; what is marked as a reset takes it away.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from toolbox.lib.core.report import Severity
from toolbox.lib.inventory import names as spelling
from toolbox.lib.inventory.document import OVERRIDE, RESET, Items, Place, Scalar, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolbox.lib.core.report import Finding
    from toolbox.lib.inventory.document import Node

Path = tuple[str, ...]

KEYED: dict[Path, tuple[str, ...]] = {
    ("boot_device", "luks", "tang"): ("url",),
    ("grub", "users"): ("name",),
    ("passwd", "users"): ("name",),
    ("passwd", "groups"): ("name",),
    ("storage", "files"): ("path",),
    ("storage", "directories"): ("path",),
    ("storage", "links"): ("path",),
    ("storage", "disks"): ("device",),
    ("storage", "disks", "partitions"): ("label", "number"),
    ("storage", "filesystems"): ("device",),
    ("storage", "luks"): ("name",),
    ("storage", "luks", "clevis", "tang"): ("url",),
    ("storage", "raid"): ("name",),
    ("systemd", "units"): ("name",),
    ("systemd", "units", "dropins"): ("name",),
    ("systemd", "quadlets"): ("name",),
    ("systemd", "quadlets", "dropins"): ("name",),
}
"""Lists of things that have a name, and the fields it can be in."""

SOURCES = ("inline", "local", "source")
OF_THE_SOURCE = ("compression", "verification")
"""What describes one source of contents and is wrong for another."""

UNIT_SOURCES = ("contents", "contents_local")
KINDS = ("files", "directories", "links")
"""A path is one of these."""

KINDS_AT: dict[Path, tuple[str, ...]] = {
    ("storage",): KINDS,
    ("kernel_arguments",): ("should_exist", "should_not_exist"),
}
"""Lists of which one only can have a thing."""

VERSION = re.compile(r"([0-9]+)\.([0-9]+)\.([0-9]+)(-.+)?")


def merge(configs: Sequence[Table]) -> Table:
    """Return configs in one, the later over the earlier.

    Their variants are expected to be equal (`variants`); the highest version is kept.
    """
    return merged(configs)[0]


def merged(configs: Sequence[Table]) -> tuple[Table, list[Finding]]:
    """Return configs in one, and warnings of what takes something away that is not there."""
    laid = _Laid()
    for config in configs:
        laid.lay(config)
    return _unmarked(laid.table()), laid.findings


def join(configs: Sequence[Table]) -> Table:
    """Return configs in one that can still be laid over others: it keeps its marks."""
    laid = _Laid()
    for config in configs:
        laid.lay(config)
    return laid.table()


@dataclass(slots=True)
class _Map:
    """A mapping that more is laid over."""

    fields: dict[str, _Held]
    keys: dict[str, Place]
    place: Place
    mark: str = ""


@dataclass(slots=True)
class _List:
    """A list that more is laid over; what is gone leaves a gap, so that the index stays right."""

    items: list[_Held | None]
    index: dict[str, int]
    place: Place
    mark: str = ""


_Held = Scalar | Items | Table | _Map | _List


@dataclass(slots=True)
class _Laid:
    """Configs laid over each other, in a time that grows with what is laid and not with all."""

    top: _Map = field(default_factory=lambda: _Map({}, {}, Place("")))
    findings: list[Finding] = field(default_factory=list)
    _used: set[int] = field(default_factory=set)
    _close: dict[int, str | None] = field(default_factory=dict)

    def lay(self, config: Table) -> None:
        """Lay a config over all."""
        before = self.top.fields.get("version"), self.top.keys.get("version")
        self._map(self.top, config, ())
        version = self.top.fields.get("version")
        if before[0] and before[1] and version and _version(before[0]) >= _version(version):
            self.top.fields["version"], self.top.keys["version"] = before[0], before[1]
        for name, node in _resets(config, "", ()):
            if id(node) not in self._used:
                message = f"there is no {name} below to reset" if name else "nothing to reset"
                close = self._close.get(id(node))
                hint = f"did you mean {close}?" if close else "remove it"
                found = node.place.finding("needless-reset", message, hint, Severity.WARNING)
                self.findings.append(found)

    def table(self) -> Table:
        """Return all in one."""
        return _closed_map(self.top)

    def _node(self, below: _Held | None, above: Node, path: Path) -> _Held:
        if above.mark == RESET:
            if _is_there(below):
                self._used.add(id(above))
            return above
        if below is None or above.mark == OVERRIDE:
            return above
        if isinstance(above, Scalar) and above.is_null:
            return below
        if below.mark == RESET:
            # Reason: laid over a config further down, it must still not meet what was taken away.
            return replace(above, mark=OVERRIDE)
        return self._merged(below, above, path)

    def _merged(self, below: _Held, above: Node, path: Path) -> _Held:
        if isinstance(above, Table) and isinstance(below, Table | _Map):
            return self._map(_opened_map(below), above, path)
        if isinstance(above, Items) and isinstance(below, Items | _List):
            return self._list(_opened_list(below, path), above, path)
        return replace(above, mark=below.mark) if below.mark else above

    def _map(self, below: _Map, above: Table, path: Path) -> _Map:
        if not below.fields:
            below.place = above.place
        for key in _superseded(above):
            below.fields.pop(key, None)
        if path in KINDS_AT:
            _drop_other_kinds(below, above, path)
        for key, node in above.fields.items():
            under = below.fields.get(key)
            new = self._node(under, node, (*path, key))
            below.fields[key] = new
            if new is not under or isinstance(new, _Map | _List):
                below.keys[key] = above.key_place(key)
        return below

    def _list(self, below: _List, above: Items, path: Path) -> _List:
        for item in above.items:
            name = _name(item, path)
            at = None if name is None else below.index.get(name)
            if name is None:
                self._unnamed(below, item)
            elif at is None:
                if item.mark == RESET:
                    self._close[id(item)] = spelling.closest(name, below.index)
                below.index[name] = len(below.items)
                below.items.append(item)
            elif isinstance(item, Scalar) and not item.mark and not _is_reset(below.items[at]):
                # Reason: it is the same, so it stays what it was said to be first.
                continue
            else:
                below.items[at] = self._node(below.items[at], item, path)
        return below

    def _unnamed(self, below: _List, item: Node) -> None:
        """Lay an item without a name, which is one with those that are equal to it."""
        if item.mark == RESET:
            for at, held in enumerate(below.items):
                if held is not None and not held.mark and _agrees(_closed(held), item):
                    self._used.add(id(item))
                    below.items[at] = None
        if item not in below.items:
            below.items.append(item)


def _version(node: _Held) -> tuple[int, int, int, bool]:
    match = VERSION.fullmatch(node.text) if isinstance(node, Scalar) else None
    if match is None:
        return (-1, 0, 0, False)
    return (int(match[1]), int(match[2]), int(match[3]), match[4] is None)


def _is_there(node: _Held | None) -> bool:
    """Tell whether there is anything that can be taken away."""
    gone = isinstance(node, Scalar) and node.is_null
    return node is not None and not gone and node.mark != RESET


def _is_reset(node: _Held | None) -> bool:
    return node is not None and node.mark == RESET


def _agrees(node: Node, wanted: Node) -> bool:
    """Tell whether a node says all that another one says."""
    if isinstance(node, Table) and isinstance(wanted, Table):
        fields = wanted.fields.items()
        return bool(fields) and all(node.fields.get(key) == value for key, value in fields)
    return False


def _opened_map(node: Table | _Map) -> _Map:
    if isinstance(node, _Map):
        return node
    return _Map(dict(node.fields), dict(node.keys), node.place, node.mark)


def _opened_list(node: Items | _List, path: Path) -> _List:
    if isinstance(node, _List):
        return node
    names = ((_name(item, path), at) for at, item in enumerate(node.items))
    index = {name: at for name, at in names if name is not None}
    return _List(list(node.items), index, node.place, node.mark)


def _closed(node: _Held) -> Node:
    if isinstance(node, _Map):
        return _closed_map(node)
    if isinstance(node, _List):
        items = tuple(_closed(item) for item in node.items if item is not None)
        return Items(items, node.place, node.mark)
    return node


def _closed_map(node: _Map) -> Table:
    fields = {key: _closed(child) for key, child in node.fields.items()}
    return Table(fields, node.place, node.keys, node.mark)


def _superseded(above: Table) -> set[str]:
    """Return the fields of the config below that another field above stands for."""
    gone: set[str] = set()
    given = {key for key in SOURCES if above.get(key) is not None}
    if given:
        gone |= {*SOURCES, *OF_THE_SOURCE}
    for key in UNIT_SOURCES:
        if isinstance(above.get(key), Scalar):
            gone |= set(UNIT_SOURCES) - {key}
    return gone


def _drop_other_kinds(below: _Map, above: Table, path: Path) -> None:
    """Remove from the lists below what is of another kind above."""
    for kind in KINDS_AT[path]:
        node = below.fields.get(kind)
        names = {
            name
            for other in KINDS_AT[path]
            if other != kind
            for name in _names(above.get(other), (*path, other))
        }
        if names and isinstance(node, Items | _List):
            opened = _opened_list(node, (*path, kind))
            for name in names & opened.index.keys():
                opened.items[opened.index.pop(name)] = None
            below.fields[kind] = opened


def _name(node: Node, path: Path) -> str | None:
    """Return what tells a list's item from the others, None when nothing does."""
    if isinstance(node, Scalar):
        return None if node.is_null else node.text
    if isinstance(node, Table):
        for key in KEYED.get(path, ()):
            text = node.text(key)
            if text:
                return text
    return None


def _names(node: Node | None, path: Path) -> Iterator[str]:
    for item in node.items if isinstance(node, Items) else ():
        name = _name(item, path)
        if name is not None and item.mark != RESET:
            yield name


def _resets(node: Node, name: str, path: Path) -> Iterator[tuple[str, Node]]:
    """Yield what takes something away, with the name of that."""
    if node.mark == RESET:
        yield name, node
    elif isinstance(node, Table):
        for key, child in node.fields.items():
            yield from _resets(child, key, (*path, key))
    elif isinstance(node, Items):
        for item in node.items:
            yield from _resets(item, _name(item, path) or "", path)


def _unmarked(node: Table) -> Table:
    """Return a config without marks, and without what they take away."""
    cleared = _cleared(node)
    return cleared if isinstance(cleared, Table) else node


def _cleared(node: Node) -> Node:
    if isinstance(node, Table):
        fields = {key: _cleared(item) for key, item in node.fields.items() if item.mark != RESET}
        return Table(fields, node.place, node.keys)
    if isinstance(node, Items):
        kept = tuple(_cleared(item) for item in node.items if item.mark != RESET)
        return Items(kept, node.place)
    return replace(node, mark="") if node.mark else node


def duplicates(config: Table) -> list[Finding]:
    """Find things that one config names twice, which a merge would hide."""
    return list(_duplicates(config, ()))


def _duplicates(node: Node, path: Path) -> Iterator[Finding]:
    if isinstance(node, Table):
        for key, child in node.fields.items():
            yield from _duplicates(child, (*path, key))
    elif isinstance(node, Items):
        seen: dict[str, Node] = {}
        for item in node.items:
            yield from _duplicates(item, path)
            name = _name(item, path) if isinstance(item, Table) else None
            if name and name in seen:
                message = f"{name} is listed twice, first at {seen[name].place}"
                yield item.place.finding("duplicate-entry", message, "make them one")
            elif name:
                seen[name] = item


def variants(configs: Sequence[Table]) -> list[Finding]:
    """Find configs without variant or version, or with a wrong or another one."""
    findings = []
    first: Scalar | None = None
    for config in configs:
        for key in ("variant", "version"):
            if not isinstance(config.get(key), Scalar):
                hint = "begin with variant: fcos and version: 1.6.0"
                message = f"the key {key} is missing"
                findings.append(config.place.finding(f"missing-{key}", message, hint))
        variant, version = config.get("variant"), config.get("version")
        if isinstance(version, Scalar) and not VERSION.fullmatch(version.text):
            # Reason: the merge keeps the highest, so Butane might never see a wrong one.
            message = f"{version.text} is no version"
            findings.append(version.place.finding("bad-version", message, "such as 1.6.0"))
        if not isinstance(variant, Scalar):
            continue
        if first is not None and variant.text != first.text:
            message = f"variant {variant.text} does not go with {first.text} ({first.place})"
            hint = "all Butane files of a host have the same variant"
            findings.append(variant.place.finding("different-variant", message, hint))
        first = first or variant
    return findings
