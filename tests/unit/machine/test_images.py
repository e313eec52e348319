"""Guest images are found by name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core.errors import HabitatError
from toolbox.lib.core.files import sha256
from toolbox.lib.machine.images import GUESTS, find, guests_folder

if TYPE_CHECKING:
    from pathlib import Path

FACTS = {"kernel_arguments": "console=ttyS0", "firstboot_arguments": "ignition.firstboot"}


@pytest.fixture
def guests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder of guests."""
    monkeypatch.setenv("INFRA_GUESTS", str(tmp_path))
    return tmp_path


def _add(guests: Path, name: str, **facts: str) -> bytes:
    (guests / name).mkdir()
    data = json.dumps(FACTS | facts).encode()
    (guests / name / "manifest.json").write_bytes(data)
    return data


def test_find(guests: Path) -> None:
    """A guest's files and arguments come from its folder and manifest."""
    _add(guests, "debian", digest="sha256-1")

    image = find("debian")

    assert image.disk == guests / "debian" / "disk.qcow2"
    assert image.kernel == guests / "debian" / "vmlinuz"
    assert (image.arguments, image.firstboot_arguments) == tuple(FACTS.values())
    assert image.digest == "sha256-1"


def test_digest_of_the_manifest(guests: Path) -> None:
    """A manifest without a digest is its own."""
    data = _add(guests, "debian")

    assert find("debian").digest == sha256(data)


def test_missing_guest(guests: Path) -> None:
    """A guest that is missing where there is another names the other."""
    _add(guests, "debian")

    with pytest.raises(HabitatError) as caught:
        find("fcos")

    assert "os: fcos" in caught.value.message
    assert "--os debian" in str(caught.value.hint)


def test_no_guests(guests: Path) -> None:
    """Where there is no guest at all the image has one."""
    del guests
    with pytest.raises(HabitatError) as caught:
        find("debian")

    assert "./infra sim" in str(caught.value.hint)


def test_default_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a word from the environment the image's folder is used."""
    monkeypatch.delenv("INFRA_GUESTS", raising=False)

    assert guests_folder() == GUESTS
