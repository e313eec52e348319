"""Environments are made once, anew when their content changed, and never half."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core.errors import HabitatError, ProgramFailed, UsageError
from toolbox.lib.habitat import environments
from toolbox.lib.habitat.environments import NAMES, build, clean

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# What uv does as far as we see it: a folder with a Python, and a file for each list.
UV = """
case $1 in
  venv)
    for folder; do :; done
    mkdir -p "$folder/bin" "$folder/lib/python3.13/site-packages"
    touch "$folder/bin/python" "$folder/bin/invoke" ;;
  pip)
    echo "$*" >> "$(dirname "$0")/installed"
    [ ! -e "$(dirname "$0")/broken" ] || { cat "$(dirname "$0")/broken" >&2; exit 1; } ;;
esac
"""


@pytest.fixture(autouse=True)
def own(habitat: Path) -> None:
    """Keep the lock in a folder of the test."""
    del habitat


@pytest.fixture
def exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of short lists."""
    folder = tmp_path / "exports"
    folder.mkdir()
    for name in NAMES:
        (folder / f"{name}.txt").write_text(f"{name}==1\n")
    monkeypatch.setattr(environments, "EXPORTS", folder)
    return folder


@pytest.fixture
def uv(fake: Callable[[str, str], Path], exports: Path) -> Path:
    """Return the folder of a uv; ``installed`` in it has its calls, ``broken`` lets it fail."""
    del exports
    return fake("uv", UV).parent


def _installed(uv: Path) -> list[str]:
    path = uv / "installed"
    return path.read_text().splitlines() if path.exists() else []


def test_made(uv: Path, tmp_path: Path) -> None:
    """All environments are made, each from its list, checked by hashes."""
    dest = tmp_path / "dest"

    built = build(dest, [])

    assert [(item.name, item.action) for item in built] == [(name, "made") for name in NAMES]
    assert all((dest / name / environments.DONE).is_file() for name in NAMES)
    assert len(_installed(uv)) == 3
    assert all("--require-hashes" in call and "--no-deps" in call for call in _installed(uv))


def test_library(uv: Path, tmp_path: Path) -> None:
    """The library is in its environment, with its programs instead of Invoke's."""
    del uv
    build(tmp_path / "dest", ["toolbox"])

    folder = (tmp_path / "dest/toolbox").resolve()
    package = folder / "lib/python3.13/site-packages/toolbox"
    assert (package / "lib/habitat/environments.py").is_file()
    assert (package / "shipped/butane/base/unit.bu").is_file()
    assert not list(package.rglob("__pycache__"))
    for name in environments.PROGRAMS:
        assert (folder / "bin" / name).read_text().startswith(f"#!{folder}/bin/python\n")


def test_linked(uv: Path, tmp_path: Path) -> None:
    """One folder has the programs that a person calls, and no Python to hide the system's."""
    del uv
    build(tmp_path / "dest", [])

    programs = {path.name for path in (tmp_path / "dest/bin").iterdir()}
    assert programs >= {"invoke", "inv", "salt-call", "esphome"}
    assert "python" not in programs
    assert (tmp_path / "dest/bin/invoke").resolve().is_file()


def test_linked_as_in_the_image() -> None:
    """What is linked is what the image links."""
    finish = (environments.PACKAGE / "image/finish").read_text()

    for names in environments.LINKED.values():
        assert all(re.search(rf"[ /]{name}[ ;\"]", finish) for name in names)


def test_unchanged(uv: Path, tmp_path: Path) -> None:
    """A second time nothing is done."""
    build(tmp_path / "dest", [])

    built = build(tmp_path / "dest", [])

    assert {item.action for item in built} == {"unchanged"}
    assert len(_installed(uv)) == 3


def test_changed(uv: Path, exports: Path, tmp_path: Path) -> None:
    """An environment whose list changed is made anew, in the same place, and the old one goes."""
    dest = tmp_path / "dest"
    build(dest, [])
    before = (dest / "salt").resolve()
    (exports / "salt.txt").write_text("salt==2\n")

    built = build(dest, [])

    assert [item.action for item in built] == ["unchanged", "made", "unchanged"]
    assert (dest / "salt").resolve() != before
    assert not before.exists()
    assert len(_installed(uv)) == 4


@pytest.mark.parametrize(
    ("said", "hint"),
    [("no such package", "mend what is said above"), ("command 'gcc' failed", "gcc")],
)
def test_failed(uv: Path, tmp_path: Path, said: str, hint: str) -> None:
    """A failure leaves nothing half-made, keeps what was there, and tells what would help."""
    dest = tmp_path / "dest"
    build(dest, ["toolbox"])
    (uv / "broken").write_text(said)

    with pytest.raises(ProgramFailed) as caught:
        build(dest, ["toolbox", "salt"])

    assert said in caught.value.message
    assert hint in str(caught.value.hint)
    assert not list(dest.glob("salt*"))
    assert (dest / "toolbox" / environments.DONE).is_file()


def test_half_made_is_made_anew(uv: Path, tmp_path: Path) -> None:
    """What a killed run left behind is not taken for an environment."""
    dest = tmp_path / "dest"
    build(dest, ["salt"])
    (dest / "salt" / environments.DONE).unlink()
    (dest / "salt" / "rest").touch()

    (built,) = build(dest, ["salt"])

    assert built.action == "made"
    assert not (dest / "salt/rest").exists()
    assert len(_installed(uv)) == 2


def test_killed_run(uv: Path, tmp_path: Path) -> None:
    """An installer that a killed run left behind works in a folder that nobody uses, and goes."""
    dest = tmp_path / "dest"
    rest = dest / f"salt-{environments.key('salt')}-0123abcd"
    (rest / "bin").mkdir(parents=True)

    (built,) = build(dest, ["salt"])

    assert built.action == "made"
    assert not rest.exists()
    assert len(_installed(uv)) == 1


def test_foreign(uv: Path, tmp_path: Path) -> None:
    """What somebody else has put there stays, and nothing is begun."""
    (tmp_path / "dest/salt").mkdir(parents=True)
    (tmp_path / "dest/salt/mine").touch()

    with pytest.raises(UsageError, match="was not made by this task"):
        build(tmp_path / "dest", [])

    assert not _installed(uv)
    clean(tmp_path / "dest")
    assert (tmp_path / "dest/salt/mine").exists()


def test_foreign_link(uv: Path, tmp_path: Path) -> None:
    """A link of somebody else's is as foreign as a folder."""
    (tmp_path / "dest/bin").mkdir(parents=True)
    (tmp_path / "dest/bin/esphome").symlink_to("/usr/bin/esphome")

    with pytest.raises(UsageError, match="esphome was not made by this task"):
        build(tmp_path / "dest", [])

    assert not _installed(uv)
    assert clean(tmp_path / "dest") == ()
    assert (tmp_path / "dest/bin/esphome").is_symlink()


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_no_folder(uv: Path, tmp_path: Path, place: str) -> None:
    """Where no folder can be, that is said, and the file that is in the way stays."""
    (tmp_path / "file").write_text("a person's")

    with pytest.raises(HabitatError, match=f"cannot work in {tmp_path / place}: ") as caught:
        build(tmp_path / place, ["salt"])

    assert "--dest" in str(caught.value.hint)
    assert not _installed(uv)
    assert (tmp_path / "file").read_text() == "a person's"


def test_unknown_name(tmp_path: Path) -> None:
    """An environment that does not exist is an error of the call."""
    with pytest.raises(UsageError) as caught:
        build(tmp_path / "dest", ["slat"])

    assert "toolbox, salt, esphome" in str(caught.value.hint)
    assert not (tmp_path / "dest").exists()


def test_clean(uv: Path, tmp_path: Path) -> None:
    """Cleaning removes what was made and nothing else, and a second time nothing."""
    del uv
    dest = tmp_path / "dest"
    build(dest, [])
    (dest / "mine").touch()

    assert clean(dest) == tuple(dest / name for name in NAMES)
    assert [path.name for path in dest.iterdir()] == ["mine"]
    assert clean(dest) == ()


def test_clean_removes_its_folder(uv: Path, tmp_path: Path) -> None:
    """A folder that held nothing else goes, too; one that was never there is fine."""
    del uv
    build(tmp_path / "dest", ["salt"])

    clean(tmp_path / "dest")

    assert not (tmp_path / "dest").exists()
    assert clean(tmp_path / "dest") == ()


def test_without_uv(
    exports: Path,
    tmp_path: Path,
    fake: Callable[[str, str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without uv the right Python makes an environment, whose pip installs."""
    del exports
    script = f'#!/bin/sh\\necho "$*" >> {tmp_path}/pip\\n'
    python = fake(
        "python3.13",
        f"""
[ "$1" != --version ] || exit 0
mkdir -p "$3/bin" && printf '{script}' > "$3/bin/python" && chmod +x "$3/bin/python" """,
    )
    monkeypatch.setenv("PATH", f"{python.parent}:/usr/bin:/bin")
    monkeypatch.setattr(environments, "which", lambda name: None if name == "uv" else python)
    monkeypatch.setattr(sys, "version_info", type("V", (), {"major": 3, "minor": 11}))

    build(tmp_path / "dest", ["salt"])

    assert "--require-hashes" in (tmp_path / "pip").read_text()


def test_no_python(
    exports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake: Callable[[str, str], Path]
) -> None:
    """Without uv and that Python nothing is made, also where a version manager is in its place."""
    del exports
    python = fake("python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127")
    monkeypatch.setattr(environments, "which", lambda name: None if name == "uv" else python)
    monkeypatch.setattr(sys, "version_info", type("V", (), {"major": 3, "minor": 11}))

    with pytest.raises(HabitatError, match=r"need Python 3\.13; this is 3\.11") as caught:
        build(tmp_path / "dest", [])

    assert "pip install uv" in str(caught.value.hint)
