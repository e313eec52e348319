"""Which kind of place this is: a container of some kind, or none."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from toolbox.lib.habitat.ensure import LIST

if TYPE_CHECKING:
    from collections.abc import Mapping

PODMAN = "/run/.containerenv"
DOCKER = "/.dockerenv"
TOOLBOX = "/run/.toolboxenv"
IMAGE = str(LIST)
MARKS = (PODMAN, DOCKER, TOOLBOX, IMAGE)
STATE = "/var/lib/infra-toolbox"
# Reason: podman, systemd and LXC say it with the first, pods with the second, as their engines
# leave no file; distrobox leaves no file either.
CONTAINER_VARIABLES = ("container", "KUBERNETES_SERVICE_HOST")
DISTROBOX_VARIABLES = ("DISTROBOX_ENTER_PATH", "DISTROBOX_HOST_HOME")


class Kind(StrEnum):
    """The kinds of places that tasks run in."""

    LAUNCHER = "launcher"
    CONTAINER = "container"
    TOOLBOX = "toolbox"
    GITHUB = "github"
    NATIVE = "native"


DESCRIPTIONS = {
    Kind.LAUNCHER: "the project's container, kept by ./infra",
    Kind.CONTAINER: "a plain container, with what its caller gave it",
    Kind.TOOLBOX: "a toolbox or distrobox, which shares home and network with its host",
    Kind.GITHUB: "a job container of GitHub Actions",
    Kind.NATIVE: "no container: the programs of this system are used",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What tells kinds of places apart.

    Attributes:
        environment: The environment variables.
        files: Those of `MARKS` that exist.
        mounted: Whether something is mounted where the launcher mounts a project's state.
    """

    environment: Mapping[str, str]
    files: frozenset[str]
    mounted: bool


@dataclass(frozen=True, slots=True)
class Habitat:
    """A place that tasks run in.

    Attributes:
        kind: Its kind.
        engine: Program that made the container; empty without one.
        image: Whether it is made from our image.
    """

    kind: Kind
    engine: str
    image: bool

    @property
    def description(self) -> str:
        """What it is, in words."""
        return DESCRIPTIONS[self.kind]


def decide(facts: Facts) -> Habitat:
    """Decide which kind of place it is."""
    image = IMAGE in facts.files
    podman, docker = PODMAN in facts.files, DOCKER in facts.files
    distrobox = any(facts.environment.get(name) for name in DISTROBOX_VARIABLES)
    marked = any(facts.environment.get(name) for name in CONTAINER_VARIABLES)
    if not (podman or docker or marked):
        return Habitat(Kind.NATIVE, "", image=False)
    engine = "docker" if docker and not podman else "podman"
    if facts.mounted and facts.environment.get("INFRA_STATE") == STATE:
        # Reason: before GitHub, as the launcher passes GITHUB_ACTIONS on to its container.
        return Habitat(Kind.LAUNCHER, engine, image)
    if TOOLBOX in facts.files or distrobox:
        return Habitat(Kind.TOOLBOX, engine, image)
    if facts.environment.get("GITHUB_ACTIONS") == "true":
        return Habitat(Kind.GITHUB, engine, image)
    return Habitat(Kind.CONTAINER, engine, image)


def read(root: Path = Path("/")) -> Facts:
    """Read the facts of this place.

    Args:
        root: Folder that the marks are looked for in.
    """
    files = frozenset(mark for mark in MARKS if (root / mark.lstrip("/")).exists())
    return Facts(dict(os.environ), files, (root / STATE.lstrip("/")).is_mount())


def here() -> Habitat:
    """Return the place that we are in."""
    return decide(read())
