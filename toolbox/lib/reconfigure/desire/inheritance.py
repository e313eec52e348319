"""Ignition configs in one: those that a config names are merged into it, or stand in its place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from toolbox.lib.butane import dataurl
from toolbox.lib.core.errors import UsageError
from toolbox.lib.reconfigure.desire.fields import Fields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Table = dict[str, Any]

KEYED: dict[str, tuple[str, ...]] = {
    "passwd.users": ("name",),
    "passwd.groups": ("name",),
    "storage.files": ("path",),
    "storage.directories": ("path",),
    "storage.links": ("path",),
    "storage.disks": ("device",),
    "storage.disks.partitions": ("label", "number"),
    "storage.filesystems": ("device",),
    "storage.luks": ("name",),
    "storage.raid": ("name",),
    "systemd.units": ("name",),
    "systemd.units.dropins": ("name",),
}
"""Lists of things that have a name, and the fields it can be in."""

SETS = frozenset(
    {"passwd.users.groups", "passwd.users.sshAuthorizedKeys"}
    | {"kernelArguments.shouldExist", "kernelArguments.shouldNotExist"}
)
"""Lists that hold each thing once; all others are joined."""

KINDS = ("files", "directories", "links")
"""A path is one of these."""

PERMISSIONS = 0o777
SPECIAL_SINCE = 6
"""Minor version from which on a mode holds setuid, setgid and the sticky bit."""

DEEPEST = 30
"""Configs that name each other; each is smaller than the one that holds it, unless compressed."""


class ConfigError(UsageError):
    """An Ignition config is none, or cannot be known without the machine."""


def load(text: str | bytes) -> Table:
    """Return an Ignition config in which nothing is merged any more.

    Args:
        text: JSON.

    Raises:
        ConfigError: It is no config, or names others that only the machine can fetch.
    """
    return _resolved(_parsed(text, "the config"), 0)


def merged(parent: Mapping[str, Any], child: Mapping[str, Any], place: str = "") -> Table:
    """Return two configs in one; where both say something, the child wins.

    Args:
        parent: The config that names the other.
        child: The config that is merged into it.
        place: Where in a config these two stand.
    """
    result = dict(parent)
    for key, value in child.items():
        if value is not None:
            at = f"{place}.{key}" if place else key
            result[key] = _both(result.get(key), value, at)
    if place == "storage":
        _keep_kinds(result, child)
    return result


def _both(below: Any, above: Any, place: str) -> Any:  # noqa: ANN401 - whatever JSON can hold
    if isinstance(below, dict) and isinstance(above, dict):
        return merged(below, above, place)
    if isinstance(below, list) and isinstance(above, list):
        names = KEYED.get(place)
        if names:
            return _things(below, above, place, names)
        new = [item for item in above if item not in below] if place in SETS else above
        return [*below, *new]
    return above


def _things(
    below: Sequence[Any], above: Sequence[Any], place: str, names: Sequence[str]
) -> list[Any]:
    """Return two lists in one, thing by thing."""
    result = list(below)
    index = {_name(item, names): at for at, item in enumerate(below)}
    for item in above:
        at = index.get(_name(item, names))
        if at is None:
            result.append(item)
        else:
            result[at] = merged(result[at], item, place)
    return result


def _name(item: Any, names: Sequence[str]) -> str:  # noqa: ANN401 - whatever JSON can hold
    found = (item.get(name) for name in names) if isinstance(item, dict) else ()
    # Reason: what has no name is equal to nothing, so it never meets another.
    return next((str(value) for value in found if value is not None), f"\0{id(item)}")


def _keep_kinds(storage: Table, child: Mapping[str, Any]) -> None:
    """Take away what is of another kind in the child."""
    for kind in KINDS:
        others = {
            item["path"]
            for other in KINDS
            if other != kind
            for item in _list(child.get(other))
            if isinstance(item, dict) and isinstance(item.get("path"), str)
        }
        if others and kind in storage:
            kept = _list(storage[kind])
            storage[kind] = [item for item in kept if not _is_at(item, others)]


def _is_at(item: Any, paths: set[str]) -> bool:  # noqa: ANN401 - whatever JSON can hold
    path = item.get("path") if isinstance(item, dict) else None
    return isinstance(path, str) and path in paths


def _list(value: Any) -> list[Any]:  # noqa: ANN401 - whatever JSON can hold
    return value if isinstance(value, list) else []


def _parsed(text: str | bytes, what: str) -> Table:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        message = f"{what} is no JSON: {error}"
        raise ConfigError(message) from error
    if not isinstance(found, dict):
        message = f"{what} is no mapping"
        raise ConfigError(message, hint="an Ignition config begins with {")
    return _masked(found, _minor(found, what))


def _minor(config: Table, what: str) -> int:
    """Return the minor version of a config's specification."""
    head = config.get("ignition")
    version = head.get("version") if isinstance(head, dict) else None
    major, _, rest = version.partition(".") if isinstance(version, str) else ("", "", "")
    minor = rest.partition(".")[0]
    if major != "3" or not minor.isascii() or not minor.isdecimal():
        message = f"{what} is of version {version!r}, not of version 3"
        raise ConfigError(message, hint="translate it with a Butane of our days")
    return int(minor[:4])


def _masked(config: Table, minor: int) -> Table:
    """Return a config without the bits of modes that its version does not have."""
    storage = config.get("storage")
    if minor >= SPECIAL_SINCE or not isinstance(storage, dict):
        return config
    kept = dict(storage)
    for kind in ("files", "directories"):
        if isinstance(kept.get(kind), list):
            kept[kind] = [_without_special(item) for item in kept[kind]]
    return {**config, "storage": kept}


def _without_special(item: Any) -> Any:  # noqa: ANN401 - whatever JSON can hold
    mode = item.get("mode") if isinstance(item, dict) else None
    if isinstance(mode, bool) or not isinstance(mode, int):
        return item
    return {**item, "mode": mode & PERMISSIONS}


def _resolved(config: Table, depth: int) -> Table:
    head = Fields(config).below("ignition").below("config")
    if depth > DEEPEST:
        message = f"configs name each other more than {DEEPEST} deep"
        raise ConfigError(message)
    replacement = head.below("replace")
    if replacement.text("source"):
        config = _resolved(_fetched(replacement), depth + 1)
    else:
        for child in head.items("merge"):
            if child.text("source"):
                config = merged(config, _resolved(_fetched(child), depth + 1))
    told(head.mistakes)
    return config


def _fetched(resource: Fields) -> Table:
    data = known(resource)
    told(resource.mistakes)
    if data is None:
        source = resource.text("source") or ""
        message = f"{resource.place} is fetched from {source.partition('?')[0]} at the first boot"
        raise ConfigError(message, hint="put that config into the project, and merge it as local")
    return _parsed(data, resource.place)


def known(resource: Fields) -> bytes | None:
    """Return the bytes of a resource; None where it has none, or the machine fetches them.

    Args:
        resource: As it stands in a config; what is wrong with it becomes one of its mistakes.
    """
    checked = {
        "source": resource.text("source"),
        "compression": resource.text("compression"),
        "verification": {"hash": resource.below("verification").text("hash")},
    }
    try:
        return dataurl.contents(checked)
    except dataurl.ResourceError as error:
        resource.wrong("source", f"cannot be read: {error.message}")
        return None


def told(mistakes: Mapping[str, None]) -> None:
    """Raise what is wrong, all of it at once."""
    if mistakes:
        message = "Ignition would refuse this config:\n" + "\n".join(mistakes)
        raise ConfigError(message, hint="ignition-validate says more")
