"""Salt for machines: shipped once, by its hash."""

from __future__ import annotations

import hashlib
import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core.errors import HabitatError, ToolboxError, VerificationError
from toolbox.lib.reconfigure.engines.salt import bundle
from toolbox.lib.reconfigure.session.shell import local

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Return a function that puts a bundle on the shelf, and returns its digest."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv("INFRA_SALT_BUNDLE", str(folder))
    monkeypatch.setattr(bundle, "CACHE", str(tmp_path / "cache"))

    def put(text: str) -> str:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            entry = tarfile.TarInfo(bundle.PROGRAM)
            entry.size, entry.mode = len(text), 0o755
            archive.addfile(entry, io.BytesIO(text.encode()))
        data = packed.getvalue()
        (folder / bundle.ARCHIVE).write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        (folder / bundle.DIGEST).write_text(f"{digest}\n")
        return digest

    return put


def test_a_machine_gets_it_once(shelf: Callable[[str], str], tmp_path: Path, habitat: Path) -> None:
    """It is sent where it lacks, found where it is, and takes the place of an older one."""
    assert habitat.is_dir()
    with local(tmp_path) as session:
        first = shelf("#!/bin/sh\necho one\n")
        assert bundle.installed(session) == str(tmp_path / "cache" / first / bundle.PROGRAM)
        (tmp_path / "shelf" / bundle.ARCHIVE).unlink()
        bundle.installed(session)
        second = shelf("#!/bin/sh\necho two\n")
        (tmp_path / "cache/new").mkdir()
        program = bundle.installed(session)
        assert session.run(program).stdout == b"two\n"
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {second, "lock"}


def test_a_machine_without_room_is_told(
    shelf: Callable[[str], str], tmp_path: Path, habitat: Path
) -> None:
    """Where it cannot be unpacked, what it wants is said."""
    assert habitat.is_dir()
    shelf("x")
    (tmp_path / "cache").touch()
    with local(tmp_path) as session, pytest.raises(ToolboxError, match="unpacked") as caught:
        bundle.installed(session)
    assert "tar" in str(caught.value.hint)


def test_a_damaged_one_is_not_sent(shelf: Callable[[str], str], tmp_path: Path) -> None:
    """What is not what its digest says goes nowhere."""
    digest = shelf("x")
    (tmp_path / "shelf" / bundle.ARCHIVE).write_bytes(b"half")
    with pytest.raises(VerificationError, match="damaged"):
        bundle.archive(tmp_path / "shelf", digest)


def test_a_place_without_one_says_so(tmp_path: Path) -> None:
    """Outside of the image there is none to send."""
    with pytest.raises(HabitatError, match="no Salt for machines"):
        bundle.known(tmp_path)


def test_the_salt_of_this_place_is_started_by_its_python(
    fake: Callable[[str, str], Path],
) -> None:
    """A folder is worked on by what is installed here, with the entry that machines have."""
    program = fake(bundle.PROGRAM, "")
    words = bundle.here().split()
    assert words[0] == str(program.parent / "python")
    assert words[-1].endswith("/call.py")


def test_a_place_without_salt_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no Salt is installed, the image is named."""
    monkeypatch.setattr(bundle, "which", lambda _name: None)
    with pytest.raises(HabitatError, match="salt-call is not installed"):
        bundle.here()
