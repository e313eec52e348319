"""Merging Butane configs: what a later layer says is laid over the earlier ones, by key.

Mappings merge field by field. Lists of things with a name merge thing by thing, in the order of
the earlier list with new things at its end. Other lists are joined, equal items kept once. Anything
else is replaced; a null is no value and replaces nothing.
"""

from __future__ import annotations

import re
from functools import reduce
from typing import TYPE_CHECKING

from toolbox.lib.inventory.document import Items, Scalar, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolbox.lib.core.report import Finding
    from toolbox.lib.inventory.document import Node

Path = tuple[str, ...]

KEYED: dict[Path, tuple[str, ...]] = {
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

VERSION = re.compile(r"([0-9]+)\.([0-9]+)\.([0-9]+)(-.+)?")


def merge(configs: Sequence[Table]) -> Table:
    """Return configs in one, the later over the earlier.

    Their variants are expected to be equal (`variants`); the highest version is kept.
    """
    return reduce(_over, configs, Table({}))


def _over(below: Table, above: Table) -> Table:
    merged = _tables(below, above, ())
    versions = [node for node in (below.get("version"), above.get("version")) if node]
    if not versions:
        return merged
    highest = max(versions, key=_version)
    return Table({**merged.fields, "version": highest}, merged.place, merged.keys)


def _version(node: Node) -> tuple[int, int, int, bool]:
    match = VERSION.fullmatch(node.text) if isinstance(node, Scalar) else None
    if match is None:
        return (-1, 0, 0, False)
    return (int(match[1]), int(match[2]), int(match[3]), match[4] is None)


def _nodes(below: Node, above: Node, path: Path) -> Node:
    if isinstance(above, Scalar) and above.is_null:
        return below
    if isinstance(below, Table) and isinstance(above, Table):
        return _tables(below, above, path)
    if isinstance(below, Items) and isinstance(above, Items):
        return Items(tuple(_items(below, above, path)), below.place)
    return above


def _tables(below: Table, above: Table, path: Path) -> Table:
    fields = dict(below.fields)
    for key in _superseded(above):
        fields.pop(key, None)
    if path == ("storage",):
        fields = _without_other_kinds(fields, above)
    keys = dict(below.keys)
    for key, node in above.fields.items():
        under = fields.get(key)
        fields[key] = node if under is None else _nodes(under, node, (*path, key))
        if fields[key] is not under:
            keys[key] = above.key_place(key)
    return Table(fields, below.place if below.fields else above.place, keys)


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


def _without_other_kinds(fields: dict[str, Node], above: Table) -> dict[str, Node]:
    """Return the storage fields below without paths that are of another kind above."""
    kept = dict(fields)
    for kind in KINDS:
        paths = {
            name
            for other in KINDS
            if other != kind
            for name in _names(above.get(other), ("storage", other))
        }
        node = fields.get(kind)
        if isinstance(node, Items):
            items = (item for item in node.items if _name(item, ("storage", kind)) not in paths)
            kept[kind] = Items(tuple(items), node.place)
    return kept


def _items(below: Items, above: Items, path: Path) -> list[Node]:
    merged = list(below.items)
    index = {name: at for at, name in enumerate(_name(item, path) for item in merged) if name}
    for item in above.items:
        name = _name(item, path)
        if name and name in index:
            merged[index[name]] = _nodes(merged[index[name]], item, path)
        elif name or item not in merged:
            if name:
                index[name] = len(merged)
            merged.append(item)
    return merged


def _name(node: Node, path: Path) -> str | None:
    """Return the name of a list's item, None when it has none."""
    if isinstance(node, Table):
        for key in KEYED.get(path, ()):
            text = node.text(key)
            if text:
                return text
    return None


def _names(node: Node | None, path: Path) -> Iterator[str]:
    for item in node.items if isinstance(node, Items) else ():
        name = _name(item, path)
        if name:
            yield name


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
            name = _name(item, path)
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
