"""The file of presets that Ignition writes: which units start at boot, by what a config says."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from toolbox.lib.reconfigure.desire.state import Unit


def text(units: Iterable[Unit], disabled: Collection[str] | None = None) -> str:
    """Return the lines of presets, as Ignition sorts and joins them.

    Args:
        units: What the config says.
        disabled: Units that the image has enabled; only these are disabled. None for all, where
            the image is not known.
    """
    instances: dict[tuple[str, str], list[str]] = {}
    for unit in units:
        if unit.enabled is None:
            continue
        if not unit.enabled and disabled is not None and unit.name not in disabled:
            continue
        template, instance = parted(unit.name)
        verb = "enable" if unit.enabled else "disable"
        found = instances.setdefault((template, verb), [])
        found += [instance] if instance else []
    lines = [
        " ".join([verb, name, *instances[name, verb]]) + "\n"
        for name, verb in sorted(instances, key=lambda key: f"{key[0]}-{key[1]}d")
    ]
    return "".join(lines)


def parted(name: str) -> tuple[str, str]:
    """Return the template of a unit and its instance, or the unit and nothing."""
    stem, dot, kind = name.rpartition(".")
    prefix, at, instance = stem.partition("@")
    return (f"{prefix}@{dot}{kind}", instance) if at and instance else (name, "")
