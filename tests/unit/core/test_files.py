"""Files are whole, private where they must be, and where XDG wants them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from toolbox.lib.core.errors import HabitatError
from toolbox.lib.core.files import (
    cache_home,
    data_home,
    private_directory,
    runtime_dir,
    sha256,
    shown,
    state_home,
    write_atomic,
)


def test_write_atomic(tmp_path: Path) -> None:
    """The content is replaced, with the mode asked for, and nothing else is left."""
    path = tmp_path / "key"
    path.write_text("old")

    write_atomic(path, b"new", mode=0o600)

    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_write_atomic_keeps_the_old_on_failure(tmp_path: Path) -> None:
    """A write that fails leaves the old content and no debris."""
    path = tmp_path / "key"
    path.write_text("old")

    with pytest.raises(TypeError):
        write_atomic(path, "no bytes")  # type: ignore[arg-type]

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_write_atomic_needs_a_folder(tmp_path: Path) -> None:
    """The folder of the file is not made."""
    with pytest.raises(FileNotFoundError):
        write_atomic(tmp_path / "none" / "key", b"")


def test_private_directory(tmp_path: Path) -> None:
    """A private folder is for its owner only; making it twice is fine."""
    folder = private_directory(private_directory(tmp_path / "a" / "b"))

    assert folder.stat().st_mode & 0o777 == 0o700


def test_private_directory_of_somebody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that may not be made is told, with the variables that name another."""

    def refuse(self: Path, **_options: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)

    with pytest.raises(HabitatError, match=f"may not make {tmp_path}/a") as caught:
        private_directory(tmp_path / "a")
    assert "INFRA_STATE" in str(caught.value.hint)


def test_sha256() -> None:
    """A digest is written as in Ignition."""
    assert sha256(b"") == (
        "sha256-e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )


@pytest.mark.parametrize(
    ("environment", "state"),
    [
        ({"INFRA_STATE": "/given", "XDG_STATE_HOME": "/xdg"}, "/given"),
        ({"XDG_STATE_HOME": "/xdg"}, "/xdg/infra-toolbox"),
        ({"HOME": "/home/me"}, "/home/me/.local/state/infra-toolbox"),
        ({"HOME": "/home/me", "INFRA_STATE": ""}, "/home/me/.local/state/infra-toolbox"),
    ],
)
def test_state_home(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], state: str
) -> None:
    """Our variable wins over XDG's, which wins over the default; empty ones count for nothing."""
    for name in ("INFRA_STATE", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert state_home() == Path(state)


def test_cache_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache has its own place."""
    monkeypatch.delenv("INFRA_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")

    assert cache_home() == Path("/xdg/infra-toolbox")


def test_runtime_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sockets are in a private folder below XDG's."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    assert runtime_dir() == tmp_path / "infra-toolbox"
    assert runtime_dir().stat().st_mode & 0o777 == 0o700


def test_runtime_dir_without_a_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where XDG's folder is missing a person's own temporary one serves."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "none"))
    monkeypatch.setattr("os.geteuid", lambda: 4711)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = tmp_path / "infra-toolbox-4711"
    lstat = Path.lstat
    owned = os.stat_result((0o40700, 0, 0, 0, 4711, 0, 0, 0, 0, 0))
    monkeypatch.setattr(Path, "lstat", lambda self: owned if self == folder else lstat(self))

    assert runtime_dir() == folder


def test_runtime_dir_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that somebody else made first is refused."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "none"))
    monkeypatch.setattr("os.geteuid", lambda: 4711)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "infra-toolbox-4711").mkdir(mode=0o777)

    with pytest.raises(HabitatError, match="not private"):
        runtime_dir()


def test_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path below home is shown so that it can be pasted by anybody."""
    monkeypatch.setenv("HOME", str(tmp_path))

    assert shown(tmp_path / "a/b") == "$HOME/a/b"
    assert shown(tmp_path.with_name("other")) == str(tmp_path.with_name("other"))
    monkeypatch.setenv("HOME", "/")
    assert shown(tmp_path) == str(tmp_path)


def test_data_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is built for a person is below the folder that XDG names."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    assert data_home() == tmp_path / "infra-toolbox"


def test_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without a home gets an error with a hint, not a traceback."""
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda uid: {}[uid])

    with pytest.raises(HabitatError, match="has no home folder") as caught:
        data_home()

    assert "HOME" in str(caught.value.hint)
