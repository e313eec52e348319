"""doctor, env and host as a person calls them."""

from __future__ import annotations

import io
import json
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.doctor import examine
from toolbox.lib.doctor.row import Row, State
from toolbox.lib.habitat import environments, packages, place
from toolbox.lib.habitat.environments import Environment
from toolbox.lib.habitat.packages import Family, Package
from toolbox.lib.habitat.place import Habitat, Kind

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WELL = Row("disk", State.OK, "room")
NOTED = Row("podman", State.NOTE, "rests " * 30, "podman start")
LOST = Row("guest", State.LOST, "none", "get one")
AGE = Row("age", State.OK, "1.2.1", tool=True)
LESS = Row("less", State.OK, "is here", tool=True)
GONE = Row("rsync", State.NOTE, "is not on PATH", "install it", tool=True)
ALSO = Row("wget", State.NOTE, "is not on PATH", "install it", tool=True)
ILL = Row("crun", State.NOTE, "no state folder", tool=True)
NATIVE = Habitat(Kind.NATIVE, "", image=False)
CONTAINER = Habitat(Kind.CONTAINER, "podman", image=True)


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that chooses what the examination finds."""

    def choose(*found: Row) -> None:
        monkeypatch.setattr(examine, "examine", lambda _terms: found)

    return choose


def _in(monkeypatch: pytest.MonkeyPatch, habitat: Habitat) -> None:
    monkeypatch.setattr(place, "here", lambda: habitat)


def test_well(invoke: Callable[..., Any], rows: Callable[..., None]) -> None:
    """Where nothing is lost, sim can run."""
    rows(WELL, NOTED, AGE, LESS, GONE, ALSO, ILL)

    ended = invoke("doctor")

    assert ended.code == 0
    assert ended.err == "sim can run here\n"
    assert "disk    ok     room\n" in ended.out
    assert "               → podman start\n" in ended.out
    assert "tools   ok     age 1.2.1, less\n" in ended.out
    assert "tools   note   not on PATH: rsync, wget\n               → install it\n" in ended.out
    assert "tools   note   crun does not answer: no state folder\n" in ended.out
    assert max(len(line) for line in ended.out.splitlines()) <= 100


def test_lost(invoke: Callable[..., Any], rows: Callable[..., None]) -> None:
    """What is lost is named, with code 3 and what mends it."""
    rows(WELL, LOST)

    ended = invoke("doctor")

    assert ended.code == 3
    assert "guest  lost   none\n              → get one\n" in ended.out
    assert "error: sim cannot run here; what is lost: guest\n" in ended.err


def test_one_way_for_two(invoke: Callable[..., Any], rows: Callable[..., None]) -> None:
    """One command that mends two neighbours is told once."""
    rows(LOST, Row("plugins", State.LOST, "none", "get one"))

    assert invoke("doctor").out.count("get one") == 1


def test_json(invoke: Callable[..., Any], rows: Callable[..., None]) -> None:
    """The data has every row, and ok goes with the exit code."""
    rows(LOST, GONE)

    ended = invoke("doctor", "--json")

    data = json.loads(ended.out)
    assert ended.code == 3
    assert (data["schema"], data["ok"]) == ("infra-toolbox/doctor/1", False)
    assert data["items"][1] == {
        "what": "rsync",
        "state": "note",
        "found": "is not on PATH",
        "mend": "install it",
        "tool": True,
    }


def test_for_real(invoke: Callable[..., Any]) -> None:
    """This very place is examined without a mistake of ours."""
    ended = invoke("doctor")

    assert ended.code in {0, 3}
    assert "Traceback" not in ended.err
    assert "habitat" in ended.out


def test_env_build(
    invoke: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Environments are made below XDG_DATA_HOME, and the PATH to them is told."""
    _in(monkeypatch, NATIVE)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(
        environments,
        "build",
        lambda dest, names: tuple(Environment(name, f"{dest}/{name}", "made") for name in names),
    )

    ended = invoke("env.build", "--names", "toolbox,salt")

    folder = tmp_path / "infra-toolbox/envs"
    assert ended.code == 0
    assert f"toolbox      {folder}/toolbox  made\n" in ended.out
    assert f'next: export PATH="{folder}/bin:$PATH"; invoke doctor' in ended.err


def test_env_in_the_image(
    invoke: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In the image nothing is made and nothing removed, and that is fine."""
    _in(monkeypatch, CONTAINER)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))

    built, cleaned = invoke("env.build", "--json"), invoke("env.clean")

    assert (built.code, cleaned.code) == (0, 0)
    assert [item["folder"] for item in json.loads(built.out)["items"]] == [
        *("/opt/toolbox", "/opt/salt", "/opt/esphome"),
    ]
    assert "part of this image" in cleaned.err
    assert not (tmp_path / "data").exists()


def test_env_unknown(invoke: Callable[..., Any]) -> None:
    """An environment that does not exist is an error of the call."""
    assert invoke("env.build", "--names", "slat").code == 2


@pytest.mark.parametrize("task", ["env.build", "env.clean"])
def test_env_in_the_home_of_nobody(
    invoke: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    """A home that does not exist is a mistake of the call."""
    _in(monkeypatch, NATIVE)

    ended = invoke(task, "--dest", "~no-such-user/envs")

    assert ended.code == 2
    assert ended.err.startswith("error: there is no home folder for ~no-such-user/envs\n\nhint: ")


def test_env_clean(
    invoke: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where nothing was made, nothing is removed."""
    _in(monkeypatch, NATIVE)

    ended = invoke("env.clean", "--dest", str(tmp_path / "none"))

    assert ended.code == 0
    assert f"nothing to remove in {tmp_path}/none" in ended.err


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> list[Package]:
    """Return the packages of a Debian system, which a test may change."""
    found = [
        Package("age", installed=True, available=True),
        Package("passt", installed=False, available=True),
        Package("new", installed=False, available=False),
    ]
    _in(monkeypatch, NATIVE)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(packages, "release_here", lambda: {"ID": "debian"})
    monkeypatch.setattr(packages, "look", lambda _family, _names: tuple(found))
    monkeypatch.setattr(packages, "has_catalogue", lambda _family: True)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return found


@pytest.fixture
def manager(fake: Callable[[str, str], Path], system: list[Package]) -> Callable[[int], Path]:
    """Return a function that puts an apt-get on PATH; its file ``called`` has its arguments."""
    del system

    def put(code: int) -> Path:
        path = fake("apt-get", f'echo "$*" >> "$0.called"; echo chatter; exit {code}')
        return path.with_name("apt-get.called")

    return put


def test_setup_tells(invoke: Callable[..., Any], system: list[Package]) -> None:
    """What is missing is data, how one gets it is told, and nothing is done."""
    del system

    ended = invoke("host.setup")

    assert (ended.code, ended.out) == (0, "passt\nnew (not in this release)\n")
    assert "2 of 3 packages are missing on this debian system" in ended.err
    assert "host.setup --install" in ended.err
    assert "apt-get install passt" in ended.err
    assert "butane, ignition-validate, pulumi" in ended.err


def test_setup_complete(invoke: Callable[..., Any], system: list[Package]) -> None:
    """Where nothing is missing, that is said."""
    system[1:] = []

    ended = invoke("host.setup", "--install")

    assert (ended.code, ended.out) == (0, "")
    assert "all 1 packages are installed" in ended.err


def test_setup_json(invoke: Callable[..., Any], system: list[Package]) -> None:
    """The data tells of each package."""
    del system

    data = json.loads(invoke("host.setup", "--json").out)

    assert data["ok"] is True
    assert data["items"][2] == {"name": "new", "installed": False, "available": False}


def test_setup_unknown(
    invoke: Callable[..., Any], system: list[Package], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unknown distribution ends with code 3 and the list of what is needed."""
    del system
    monkeypatch.setattr(packages, "release_here", lambda: {"ID": "arch"})

    ended = invoke("host.setup")

    assert ended.code == 3
    assert "no list of packages for arch" in ended.err
    assert all(name in ended.err for name in packages.for_host(Family.FEDORA))


def test_install_with_nobody_to_ask(
    invoke: Callable[..., Any], manager: Callable[[int], Path]
) -> None:
    """Without a terminal nothing is installed unless that was said before."""
    called = manager(0)

    ended = invoke("host.setup", "--install")

    assert ended.code == 3
    assert "host.setup --install --yes" in ended.err
    assert not called.exists()


@pytest.mark.parametrize(
    ("answer", "code", "installs"),
    [("\n", 0, True), ("y\n", 0, True), ("No\n", 1, False), ("", 1, False)],
)
def test_install_asks(
    invoke: Callable[..., Any],
    manager: Callable[[int], Path],
    system: list[Package],
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    code: int,
    *,
    installs: bool,
) -> None:
    """On a terminal a person is asked, and a no is a no; so is Ctrl-D."""
    called = manager(0)

    class Terminal(io.StringIO):
        def readline(self, size: int | None = -1, /) -> str:
            system[1] = Package("passt", installed=True, available=True)
            return super().readline(size)

    monkeypatch.setattr("sys.stdin", Terminal(answer))
    monkeypatch.setattr("toolbox.tasks.consent.person", lambda: True)

    ended = invoke("host.setup", "--install")

    assert ended.code == code
    assert "packages are missing: passt\nInstall them? [Y/n]" in ended.err
    assert called.exists() is installs


@pytest.mark.parametrize("way", ["--yes", "CI"])
def test_install(
    invoke: Callable[..., Any],
    manager: Callable[[int], Path],
    system: list[Package],
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    """What was said before is not asked; what the release has is installed."""
    called = manager(0)
    if way == "CI":
        monkeypatch.setenv("CI", "true")

    ended = invoke("host.setup", "--install", *([way] if way == "--yes" else []))

    assert called.read_text() == "install --no-install-recommends -y passt\n"
    assert "chatter" not in ended.out
    assert (ended.code, "still missing: passt" in ended.err) == (1, True)
    assert system


def test_install_fails(invoke: Callable[..., Any], manager: Callable[[int], Path]) -> None:
    """A package manager that fails has said why itself."""
    manager(100)

    ended = invoke("host.setup", "--install", "--yes")

    assert ended.code == 1
    assert "could not install: passt" in ended.err


def test_install_without_sudo(
    invoke: Callable[..., Any],
    manager: Callable[[int], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A person without sudo gets the command for root."""
    called = manager(0)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr("toolbox.lib.core.run.which", lambda _name: None)

    ended = invoke("host.setup", "--install", "--yes")

    assert ended.code == 3
    assert "hint: as root: apt-get install passt" in ended.err
    assert not called.exists()


@pytest.mark.parametrize(
    ("called", "told"), [("/x/bin/infra-toolbox", "/x/bin/infra-toolbox"), ("/x/inv", "invoke")]
)
def test_program(monkeypatch: pytest.MonkeyPatch, called: str, told: str) -> None:
    """Advice calls tasks as they were called, where `invoke` may be Invoke's own."""
    from toolbox.tasks import show

    monkeypatch.setattr(sys, "argv", [called])

    assert show.program() == told
