"""One generic guest serves all machines of a shape, is made once, leaves nothing when it fails."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core.errors import ProgramFailed
from toolbox.lib.core.run import run
from toolbox.lib.machine import saveimage
from toolbox.lib.machine.domain import Domain, Forward
from toolbox.lib.machine.libvirt import Hypervisor
from toolbox.lib.machine.link import derive
from toolbox.lib.simulation import generic
from toolbox.lib.simulation import snapshot as snapshots
from toolbox.lib.simulation.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

IMAGE = SimpleNamespace(digest="sha256-image")
HYPERVISOR = Hypervisor("test:///default")


@pytest.fixture(autouse=True)
def place(habitat: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be in a place with one QEMU."""
    del habitat
    monkeypatch.setattr(snapshots.accel, "facts", lambda _accelerator: ("QEMU",))


@pytest.fixture
def domain(tmp_path: Path) -> Domain:
    """The machine of a host, with a disk."""
    disk = tmp_path / "pool" / "web.qcow2"
    disk.parent.mkdir()
    run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "1G"])
    return Domain(
        name="example-12345678-web",
        uuid="11111111-1111-1111-1111-111111111111",
        memory=2048,
        cpus=2,
        accelerator="tcg",
        disk=disk,
        console=tmp_path / "web.log",
        mac="02:00:00:00:00:01",
        forwards=(Forward(20022, 22),),
        labels={"host": "web"},
        link=derive("example-12345678", "web"),
    )


def _made(key: str, domain: Domain) -> Snapshot:
    """Put a generic guest into its place, as if it had been booted."""
    made = Snapshot(generic.folder() / key)
    made.folder.mkdir(parents=True)
    xml = generic.shape(domain).xml().encode() + b"\0"
    marks = (saveimage.MAGIC, saveimage.VERSION, len(xml) + 65536, 1, 0, 0)
    made.memory.write_bytes(saveimage.HEADER.pack(*marks) + xml.ljust(len(xml) + 65536, b"\0"))
    run(["qemu-img", "create", "-q", "-f", "qcow2", made.disk, "1G"])
    made.facts.write_text(json.dumps({"uuid": "1"}))
    return made


def test_one_for_all_of_a_shape(domain: Domain) -> None:
    """Names, ports, addresses and projects do not matter; what a machine is made of does."""
    same = replace(
        domain, name="other", uuid="2", mac="02::", forwards=(), labels={}, link=derive("o", "o")
    )
    other = [
        generic.key_of(IMAGE, 8, replace(domain, memory=4096)),
        generic.key_of(IMAGE, 8, replace(domain, cpus=1)),
        generic.key_of(IMAGE, 9, domain),
        generic.key_of(SimpleNamespace(digest="sha256-other"), 8, domain),
        generic.key_of(IMAGE, 8, domain),
    ]

    assert generic.key_of(IMAGE, 8, same) == other[-1]
    assert len(set(other)) == len(other)


def test_found_when_complete(domain: Domain) -> None:
    """What was made is used again, without a boot."""
    key = generic.key_of(IMAGE, 8, domain)
    assert generic.find(key) is None
    made = _made(key, domain)

    assert generic.ensure(HYPERVISOR, IMAGE, 8, domain, 1.0) == made


def test_boot_that_fails(domain: Domain, tmp_path: Path, fake: Callable[[str, str], Path]) -> None:
    """Nothing stays of one that did not come up: no machine, no key, no config."""
    calls = tmp_path / "calls"
    fake("virsh", f'shift 3; echo "$*" >>{calls}; [ "$1" != create ]')
    base = tmp_path / "guest.qcow2"
    run(["qemu-img", "create", "-q", "-f", "qcow2", base, "1G"])
    image = SimpleNamespace(
        digest="sha256-image",
        disk=base,
        kernel=base,
        initramfs=base,
        arguments="",
        firstboot_arguments="",
    )

    with pytest.raises(ProgramFailed):
        generic.ensure(HYPERVISOR, image, 8, domain, 1.0)

    assert calls.read_text().splitlines()[-1] == f"destroy {generic.NAME}"
    assert list(generic.folder().iterdir()) == []
    assert not list(generic.runtime_dir().rglob("*.ign"))
    assert not list(generic.runtime_dir().rglob("login*"))


def test_prepared_in_another_way(domain: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guest that waits for something else is another one."""
    before = generic.key_of(IMAGE, 8, domain)
    monkeypatch.setattr(generic.instance, "PREPARE", "true")

    assert generic.key_of(IMAGE, 8, domain) != before


VIRSH = """
shift 3
[ "$1" = restore ] && cp "$2" {seen}
exit {code}
"""


@pytest.mark.parametrize("code", [0, 1])
def test_start(domain: Domain, tmp_path: Path, fake: Callable[[str, str], Path], code: int) -> None:
    """A machine starts under its own names from a copy, which is gone whatever happened."""
    seen, base = tmp_path / "seen", tmp_path / "snapshots" / "key"
    fake("virsh", VIRSH.format(seen=seen, code=code))
    origin = _made("key", domain)
    memory = origin.memory.read_bytes()

    if code:
        with pytest.raises(ProgramFailed):
            generic.start(HYPERVISOR, origin, domain, base, tmp_path / "web.ign")
    else:
        generic.start(HYPERVISOR, origin, domain, base, tmp_path / "web.ign")

    xml = saveimage.document(seen)
    assert all(word in xml for word in (domain.name, domain.uuid, domain.mac, str(domain.disk)))
    assert generic.NAME not in xml
    assert origin.memory.read_bytes() == memory
    assert [path.name for path in base.iterdir()] == ["disk.qcow2"]
    assert (base / "disk.qcow2").samefile(origin.disk)
    facts = json.loads(run(["qemu-img", "info", "--output=json", domain.disk]).text)
    assert facts["full-backing-filename"] == str(base / "disk.qcow2")


def test_machine_outlives_the_guest_it_came_from(
    domain: Domain, tmp_path: Path, fake: Callable[[str, str], Path]
) -> None:
    """When others are made instead, the disk of a machine still stands."""
    fake("virsh", "exit 0")
    origin = _made("key", domain)
    generic.start(HYPERVISOR, origin, domain, tmp_path / "snapshots" / "key", tmp_path / "web.ign")

    removed = generic.remove()

    assert removed == ("generic guest key",)
    assert generic.remove() == ()
    checked = json.loads(run(["qemu-img", "check", "--output=json", domain.disk]).text)
    assert checked["check-errors"] == 0
