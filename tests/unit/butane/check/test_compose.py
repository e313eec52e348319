"""Compose files: which belong together, and what only the machine knows is no mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.butane.check import compose
from toolbox.lib.core.errors import ProgramFailed, ProgramMissing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

checked = pytest.mark.needs("docker-compose")
WEB = "services:\n  web:\n    image: x\n"


def test_projects(file: Any) -> None:
    """A folder has one project: the first of its files, and what overrides it."""
    paths = (
        "/a/compose.yaml",
        "/a/compose.override.yml",
        "/a/docker-compose.yml",
        "/b/docker-compose.yml",
        "/b/other.yml",
        "/c/compose.override.yml",
    )
    binary = file("/d/compose.yml", b"\0")
    files = {path: file(path) for path in paths} | {binary.path: binary}

    found = [[content.path for content in project] for project in compose.projects(files)]

    assert found == [["/a/compose.yaml", "/a/compose.override.yml"], ["/b/docker-compose.yml"]]


@pytest.fixture
def judge(file: Any, room: Path) -> Callable[..., list[str]]:
    """Return what judges the Compose file of a folder, with the files beside it."""

    def judged(text: str, beside: dict[str, str] | None = None) -> list[str]:
        texts = {"compose.yml": text} | (beside or {})
        files = {f"/srv/{name}": file(f"/srv/{name}", value) for name, value in texts.items()}
        (project,) = compose.projects(files)
        return [found.render().partition("\n")[0] for found in compose.judge(project, files, room)]

    return judged


@checked
@pytest.mark.parametrize(
    ("more", "beside"),
    [
        ("    ports: ['${PORT}:80']\n", None),
        ("    cpus: ${CPUS:?must be set}\n", None),
        ("    ports: ['${PORT}:80']\n", {".env": "PORT=8080\n"}),
        ("    env_file: [web.env]\n", None),
        ("    env_file: [/etc/web.env, ../web.env]\n", None),
        ("    extends: {file: /etc/nowhere.yml, service: web}\n", None),
        ("    extends: {file: base.yml, service: web}\n", {"base.yml": WEB}),
        ("include: [nowhere.yml]\n", None),
        ("include: ['https://git.example.org/web.git']\n", None),
        ("include: ['oci://registry.example.org/web:1']\n", None),
        ("x-own: &own {restart: always}\n", None),
        ("volumes:\n  data: !reset null\n", None),
    ],
)
def test_sound(judge: Any, more: str, beside: dict[str, str] | None) -> None:
    """Variables, files of the machine and files from a network are taken as they come."""
    assert judge(WEB + more, beside) == []


@checked
@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("    env_file: [no.env]\n    pots: []\n", ":5:5: error[compose]: Compose refuses it: Add"),
        (
            "include: [no.yml]\ncolour: red\n",
            ":5:1: error[compose]: Compose refuses it: Additional",
        ),
        ("    build:\n      contxt: .\n", ":5:7: error[compose]: Compose refuses it: Additional"),
        ("    mem_limit: much\n", ":4:5: error[compose]: Compose refuses it: error decoding"),
        ("  db: no\n", ":4:3: error[compose]: Compose refuses it: must be a mapping"),
    ],
)
def test_mistakes(judge: Any, more: str, told: str) -> None:
    """A mistake is told at its line, also behind what the machine alone has."""
    (found,) = judge(WEB + more)

    assert found.startswith(f"/srv/compose.yml{told}")


@checked
def test_value_of_a_variable(judge: Any) -> None:
    """What cannot be with our value of a variable may be with the machine's."""
    (told,) = judge(f"{WEB}    mem_limit: ${{MUCH}}x\n    pots: []\n")

    assert told.startswith("/srv/compose.yml:5:5: error[compose]: Compose refuses it: Additional")


def test_without_compose(judge: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Docker Compose nothing is taken for right."""
    monkeypatch.setattr(compose, "PROGRAMS", ("no-such-program",))

    with pytest.raises(ProgramMissing):
        judge(WEB)


def test_crash(judge: Any, instead: Any) -> None:
    """Neither is it where it crashes, and that is no mistake of the file."""
    instead("docker-compose", "kill -9 $$")

    with pytest.raises(ProgramFailed):
        judge(WEB)
