"""Snapshots fit or are not found, are made in an order that loses nothing, and do not pile up."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from tests.unit.machine.conftest import DOMAIN
from toolbox.lib.core.errors import ProgramFailed
from toolbox.lib.core.run import run
from toolbox.lib.machine import accel
from toolbox.lib.machine.domain import Domain, FirstBoot, Forward
from toolbox.lib.machine.libvirt import Hypervisor
from toolbox.lib.machine.link import derive
from toolbox.lib.simulation import snapshot as snapshots
from toolbox.lib.simulation.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

HYPERVISOR = Hypervisor("test:///default")


@pytest.fixture(autouse=True)
def qemu(fake: Callable[[str, str], Path]) -> None:
    """Be in a place with one QEMU."""
    fake(accel.QEMU, "echo QEMU emulator version 10.0.0")


def _made(folder: Path, key: str, *, age: int = 0, whole: bool = True, size: int = 0) -> Snapshot:
    made = Snapshot(folder / key)
    made.folder.mkdir(parents=True)
    made.memory.write_bytes(b"m" * size)
    made.disk.touch()
    if whole:
        made.facts.write_text(json.dumps({"uuid": DOMAIN.uuid}))
    os.utime(made.folder, (1_000_000 - age, 1_000_000 - age))
    return made


@pytest.mark.parametrize(
    "other",
    [
        replace(DOMAIN, name="other", uuid="2", disk=Path("/other"), console=Path("/other")),
        replace(DOMAIN, forwards=(), labels={}),
    ],
    ids=["names", "ports"],
)
def test_key_is_of_what_the_machine_sees(other: Domain) -> None:
    """Paths, ports and labels of the host do not matter to a machine."""
    assert snapshots.key_of("image", "config", 8, other) == snapshots.key_of(
        "image", "config", 8, DOMAIN
    )


def test_key_differs(fake: Callable[[str, str], Path]) -> None:
    """Everything that a resumed machine could notice makes another key."""
    keys = [
        snapshots.key_of("image", "config", 8, DOMAIN),
        snapshots.key_of("other", "config", 8, DOMAIN),
        snapshots.key_of("image", "other", 8, DOMAIN),
        snapshots.key_of("image", "config", 9, DOMAIN),
        snapshots.key_of("image", "config", 8, replace(DOMAIN, memory=4096)),
        snapshots.key_of("image", "config", 8, replace(DOMAIN, cpus=1)),
        snapshots.key_of("image", "config", 8, replace(DOMAIN, accelerator="kvm")),
    ]
    fake(accel.QEMU, "echo QEMU emulator version 10.0.1")
    keys.append(snapshots.key_of("image", "config", 8, DOMAIN))

    assert len(set(keys)) == len(keys)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a host's snapshots."""
    return tmp_path / "snapshots"


def test_find(folder: Path) -> None:
    """A snapshot is found when it is complete."""
    _made(folder, "half", whole=False)
    whole = _made(folder, "whole")

    assert snapshots.find(folder, "whole") == whole
    assert whole.uuid == DOMAIN.uuid
    assert snapshots.find(folder, "half") is None
    assert snapshots.find(folder, "none") is None


def test_prune_keeps_what_was_used_last(folder: Path) -> None:
    """The oldest and the incomplete go, the one that a disk stands on stays however old it is."""
    for age, key in enumerate(["a", "b", "c", "d"]):
        _made(folder, key, age=age)
    _made(folder, "half", whole=False)
    _made(folder, "used", age=100)

    assert set(snapshots.prune(folder, {"used"})) == {"c", "d", "half"}
    assert {path.name for path in folder.iterdir()} == {"a", "b", "used"}
    assert snapshots.prune(folder, {"used"}) == ()
    assert snapshots.prune(folder / "none", set()) == ()


def test_prune_keeps_to_its_room(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit goes, the newest stays."""
    monkeypatch.setattr(snapshots, "KEPT_BYTES", 150_000)
    for age, key in enumerate(["new", "old"]):
        _made(folder, key, age=age, size=100_000)

    assert snapshots.prune(folder, set()) == ("old",)


def test_disk_stands_on_another(tmp_path: Path) -> None:
    """A new disk reads what the other has, and is of its size or larger."""
    base, disk = tmp_path / "base.qcow2", tmp_path / "disk.qcow2"
    run(["qemu-img", "create", "-q", "-f", "qcow2", base, "1G"])
    disk.write_text("lost")

    snapshots.stand_on(base, disk)
    facts = json.loads(run(["qemu-img", "info", "--output=json", disk]).text)
    snapshots.stand_on(base, disk, gibibytes=2)
    larger = json.loads(run(["qemu-img", "info", "--output=json", disk]).text)

    assert facts["full-backing-filename"] == str(base)
    assert (facts["virtual-size"], larger["virtual-size"]) == (1024**3, 2 * 1024**3)
    assert {path.name for path in tmp_path.iterdir()} >= {"base.qcow2", "disk.qcow2"}
    assert not list(tmp_path.glob(".*.new"))


def test_adapted() -> None:
    """A saved machine gets the names, paths, ports and addresses of now and keeps all else."""
    now = replace(
        DOMAIN,
        name="other",
        uuid="22222222-2222-2222-2222-222222222222",
        disk=Path("/new/disk.qcow2"),
        console=Path("/new/web.log"),
        mac="02:00:00:00:00:02",
        forwards=(Forward(30022, 22),),
        labels={"host": "other"},
        link=derive("other", "other"),
    )
    first = FirstBoot(Path("/vmlinuz"), Path("/initramfs"), "quiet", Path("/run/old.ign"))
    moved = replace(first, ignition=Path("/run/new.ign"))

    text = snapshots.adapted(DOMAIN.xml(first), now, Path("/run/new.ign"))

    assert ET.canonicalize(text) == ET.canonicalize(now.xml(moved))


VIRSH = """
echo "$4" >>"{calls}"
case "$*" in
*" save "*) : >"$6" ;;
*" {fails} "*) echo "error: no" >&2; exit 1 ;;
esac
"""


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """Return the disk of a machine, with something on it."""
    path = tmp_path / "pool" / "web.qcow2"
    path.parent.mkdir()
    run(["qemu-img", "create", "-q", "-f", "qcow2", path, "1G"])
    return path


def test_save(tmp_path: Path, disk: Path, fake: Callable[[str, str], Path]) -> None:
    """A machine is saved, its disk stays with the snapshot, and it runs on upon a new one."""
    fake("virsh", VIRSH.format(calls=tmp_path / "calls", fails="nothing"))
    made, content = Snapshot(tmp_path / "snapshots" / "key"), disk.read_bytes()

    snapshots.save(HYPERVISOR, replace(DOMAIN, disk=disk), made)

    assert snapshots.find(made.folder.parent, "key") == made
    assert made.disk.read_bytes() == content
    facts = json.loads(run(["qemu-img", "info", "--output=json", disk]).text)
    assert facts["full-backing-filename"] == str(made.disk)
    assert made.folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("fails", ["save", "restore", "no room"])
def test_save_fails(
    folder: Path,
    tmp_path: Path,
    disk: Path,
    fake: Callable[[str, str], Path],
    fails: str,
) -> None:
    """However a save ends, the disk is whole, the machine runs on if it can, nothing half stays."""
    calls = tmp_path / "calls"
    script = VIRSH.format(calls=calls, fails=fails)
    fake("virsh", script.replace(": >", "exit 1; : >") if fails == "save" else script)
    if fails == "no room":
        fake("qemu-img", f'[ "$1" = create ] && exit 1; exec {shutil.which("qemu-img")} "$@"')
    made = Snapshot(folder / "key")

    with pytest.raises(ProgramFailed):
        snapshots.save(HYPERVISOR, replace(DOMAIN, disk=disk), made)

    assert snapshots.find(folder, "key") is None
    assert made.folder.exists() is made.carries(disk) is (fails == "restore")
    assert json.loads(run(["qemu-img", "check", "--output=json", disk]).text)["check-errors"] == 0
    assert ("restore" in calls.read_text()) is (fails != "save")
