"""Which unit a path is about: unit files and drop-ins, quadlets, and links that want a unit."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from enum import StrEnum

from toolbox.lib.butane.check.unitfile import QUADLETS, TYPES, entries

FOLDERS = r"/(?:etc|run|usr/local/lib|usr/lib|lib)/systemd/system(?:\.control)?"
NAME = rf"[\w:.\\-]+(?:@[\w:.\\-]*)?\.(?:{'|'.join(TYPES)})"
UNIT = re.compile(rf"{FOLDERS}/({NAME})")
DROPIN = re.compile(rf"{FOLDERS}/({NAME})\.d/[^/]+\.conf")
WANTED = re.compile(rf"{FOLDERS}/{NAME}\.(?:wants|requires|upholds)/({NAME})")

QUADLET_FOLDERS = r"/(?:etc|run|usr/share)/containers/systemd/(?!users/)(?:[^/]+/)*?"
QUADLET_NAME = rf"([^/]+)\.({'|'.join(QUADLETS)})"
QUADLET = re.compile(QUADLET_FOLDERS + QUADLET_NAME)
QUADLET_DROPIN = re.compile(QUADLET_FOLDERS + QUADLET_NAME + r"\.d/[^/]+\.conf")
OF_TYPE = re.compile(rf"{FOLDERS}/(?:{'|'.join(TYPES)})\.d/[^/]+\.conf")


class Role(StrEnum):
    """What a path is to its unit."""

    UNIT = "unit"
    DROPIN = "drop-in"
    WANTED = "wanted"
    QUADLET = "quadlet"


@dataclass(frozen=True, slots=True)
class About:
    """A unit that a path is about.

    Attributes:
        unit: Its name; of a template without its instance.
        role: What the path is to it.
        quadlet: Name of the quadlet that it is made of, "" for none.
    """

    unit: str
    role: Role
    quadlet: str = ""


def about(path: str, text: str = "") -> About | None:
    """Return the unit that a path is about, None where it is about none.

    Args:
        path: The path.
        text: What stands there; a quadlet can name its service.
    """
    for pattern, role in ((UNIT, Role.UNIT), (DROPIN, Role.DROPIN), (WANTED, Role.WANTED)):
        found = pattern.fullmatch(path)
        if found:
            return About(found[1], role)
    quadlet = QUADLET.fullmatch(path) or QUADLET_DROPIN.fullmatch(path)
    if quadlet is None:
        return None
    role = Role.QUADLET if QUADLET.fullmatch(path) else Role.DROPIN
    return About(service(quadlet[1], quadlet[2], text), role, f"{quadlet[1]}.{quadlet[2]}")


def service(stem: str, kind: str, text: str = "") -> str:
    """Return the name of the service that podman makes of a quadlet.

    Args:
        stem: Name of the quadlet, without its kind.
        kind: Its kind, such as ``container``.
        text: What it holds.
    """
    named = [entry.value for entry in entries(text) if entry.key == "ServiceName"]
    if named and named[-1]:
        return f"{named[-1]}.service"
    prefix, at, instance = stem.partition("@")
    return f"{prefix}{QUADLETS[kind]}{at}{instance}.service"


def reloads(path: str) -> bool:
    """Tell whether systemd has to read its units anew when a path changes."""
    return bool(about(path) or OF_TYPE.fullmatch(path) or path in {"/etc/fstab", "/etc/crypttab"})


def is_template(unit: str) -> bool:
    """Tell whether a name is that of a template."""
    return unit.rpartition(".")[0].endswith("@")


def instance_of(unit: str, template: str) -> bool:
    """Tell whether a unit is an instance of a template."""
    stem, _, kind = unit.rpartition(".")
    prefix, at, instance = stem.partition("@")
    return bool(instance) and f"{prefix}{at}.{kind}" == template


def kind(unit: str) -> str:
    """Return the type of a unit, such as ``service``."""
    return posixpath.splitext(unit)[1][1:]
