"""A place is told by its marks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolbox.lib.habitat import place
from toolbox.lib.habitat.place import DOCKER, IMAGE, PODMAN, STATE, TOOLBOX, Facts, Kind, decide

if TYPE_CHECKING:
    from pathlib import Path

GITHUB = {"GITHUB_ACTIONS": "true"}
LAUNCHED = {"INFRA_STATE": STATE}


@pytest.mark.parametrize(
    ("environment", "files", "mounted", "kind"),
    [
        ({}, [], False, Kind.NATIVE),
        ({}, [PODMAN], False, Kind.CONTAINER),
        ({}, [DOCKER], False, Kind.CONTAINER),
        ({"container": "oci"}, [], False, Kind.CONTAINER),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, [], False, Kind.CONTAINER),
        (LAUNCHED, [PODMAN], True, Kind.LAUNCHER),
        (LAUNCHED | GITHUB, [PODMAN], True, Kind.LAUNCHER),
        (LAUNCHED, [PODMAN], False, Kind.CONTAINER),
        ({}, [PODMAN], True, Kind.CONTAINER),
        (LAUNCHED, [], True, Kind.NATIVE),
        ({}, [PODMAN, TOOLBOX], False, Kind.TOOLBOX),
        ({"DISTROBOX_ENTER_PATH": "/usr/bin/distrobox-enter"}, [PODMAN], False, Kind.TOOLBOX),
        ({"DISTROBOX_HOST_HOME": "/home/me"}, [DOCKER], False, Kind.TOOLBOX),
        ({}, [TOOLBOX], False, Kind.NATIVE),
        (GITHUB, [DOCKER], False, Kind.GITHUB),
        (GITHUB, [PODMAN, IMAGE], False, Kind.GITHUB),
        ({"GITHUB_ACTIONS": "false"}, [DOCKER], False, Kind.CONTAINER),
        (GITHUB, [], False, Kind.NATIVE),
    ],
)
def test_kind(environment: dict[str, str], files: list[str], *, mounted: bool, kind: Kind) -> None:
    """Each kind has its marks, and the nearer one wins."""
    assert decide(Facts(environment, frozenset(files), mounted)).kind is kind


@pytest.mark.parametrize(
    ("files", "engine"), [([PODMAN], "podman"), ([DOCKER], "docker"), ([PODMAN, DOCKER], "podman")]
)
def test_engine(files: list[str], engine: str) -> None:
    """The engine is told by its file, so that advice is in its words."""
    assert decide(Facts({}, frozenset(files), mounted=False)).engine == engine


def test_image() -> None:
    """Our image is told by its list of programs; a native system has none."""
    container = decide(Facts({}, frozenset([PODMAN, IMAGE]), mounted=False))

    assert container.image
    assert not decide(Facts({}, frozenset([PODMAN]), mounted=False)).image
    assert not decide(Facts({}, frozenset([IMAGE]), mounted=False)).image


def test_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Facts are the marks that are there, and the environment."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/.containerenv").touch()

    facts = place.read(tmp_path)

    assert facts.files == {PODMAN}
    assert facts.environment["GITHUB_ACTIONS"] == "true"
    assert not facts.mounted


def test_every_kind_is_described() -> None:
    """Every kind has words for a reader."""
    assert set(place.DESCRIPTIONS) == set(Kind)
