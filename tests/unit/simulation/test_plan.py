"""What is decided before machines are touched: whether anew, on which ports, on which hardware."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.inventory.host import Forward
from toolbox.lib.simulation import layout, plan
from toolbox.lib.simulation.record import UNCONFIGURED, Record
from toolbox.lib.simulation.snapshot import Snapshot

if TYPE_CHECKING:
    from toolbox.lib.inventory.host import Host
    from toolbox.lib.inventory.project import Project

KNOWN = Record(
    uuid="uuid",
    accelerator="tcg",
    ports={22: 20022},
    config="sha256-config",
    os="debian",
    image="sha256-image",
    disk=8,
    memory=2048,
    cpus=2,
    ignited=True,
)
IMAGE = SimpleNamespace(os="debian", digest="sha256-image")
CONFIG = SimpleNamespace(sha256="sha256-config")
MOST = 2
"""Virtual CPUs of an emulated machine."""


@pytest.mark.parametrize(
    ("known", "present", "reason"),
    [
        (KNOWN, True, ""),
        (None, False, "new"),
        (None, True, "new"),
        (KNOWN, False, "its domain is gone"),
        (replace(KNOWN, ignited=False), True, "its first boot did not come to an end"),
        (replace(KNOWN, image="sha256-old"), True, "the guest image changed"),
        (replace(KNOWN, config="sha256-old"), True, "its config changed"),
        (replace(KNOWN, config=UNCONFIGURED), True, "it has no config yet"),
        (replace(KNOWN, disk=4), True, "the size of its disk changed"),
    ],
)
def test_why_fresh(known: Record | None, reason: str, *, present: bool) -> None:
    """A machine is made anew only for a reason that can be told."""
    assert plan._why_fresh(known, IMAGE, {"sha256-config"}, 8, present=present) == reason


@pytest.fixture
def guest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be in a place with one guest image and no KVM."""
    monkeypatch.setattr(plan.images, "find", lambda _os: IMAGE)
    choice = SimpleNamespace(accelerator="tcg")
    monkeypatch.setattr(plan.accel, "facts", lambda _accelerator: ("QEMU",))
    monkeypatch.setattr(plan.accel, "choose", lambda _wanted, _image: choice)


def _planned(project: Project, host: Host) -> plan.Plan:
    where = layout.of(project)
    domains = [where.domain(host.name)]
    (item,) = plan.plan(where, [host], {host.name: CONFIG}, domains, plan.Options(), MOST)
    replace(item.record, ignited=True).save(where.record(host.name))
    return item


@pytest.mark.usefixtures("guest")
def test_fewer_cpus_among_others(project: Project) -> None:
    """An emulated machine gets its share of the cores, less when there are more hosts."""
    where, host = layout.of(project), project.hosts[0]
    configs, domains = {host.name: CONFIG}, [where.domain(host.name)]
    for most in (2, 1):
        (item,) = plan.plan(where, [host], configs, domains, plan.Options(), most)
        assert item.record.cpus == most
        replace(item.record, ignited=True).save(where.record(host.name))
    assert item.reason == "its hardware changed"


@pytest.mark.usefixtures("guest")
def test_stays(project: Project) -> None:
    """A machine that is as wanted is not touched."""
    first, second = (_planned(project, project.hosts[1]) for _ in range(2))

    assert (first.fresh, first.reason) == (True, "new")
    assert (second.fresh, second.reason, second.redefined) == (False, "", False)
    assert second.record == replace(first.record, ignited=True)
    assert second.new_ports() == {}


@pytest.mark.usefixtures("guest")
def test_other_hardware(project: Project) -> None:
    """Memory, processors and forwards change the domain and leave the disk alone."""
    web = project.hosts[1]
    first = _planned(project, web)
    further = (*web.sim.forwards, Forward(21999, 9))

    for sim in (replace(web.sim, memory=4096), replace(web.sim, forwards=further)):
        item = _planned(project, replace(web, sim=sim))
        assert (item.fresh, item.reason) == (False, "its hardware changed")
        assert item.redefined
        assert item.record.uuid == first.record.uuid

    assert item.new_ports() == {9: 21999}


@pytest.mark.usefixtures("guest")
def test_same_content_is_resumed(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that must be made and was there before is resumed, unless that is not wanted."""
    where, web = layout.of(project), project.hosts[1]
    first = _planned(project, web)
    kept = Snapshot(where.snapshots("web") / first.key)
    kept.folder.mkdir(parents=True)
    kept.facts.write_text(json.dumps({"uuid": first.record.uuid}))

    def planned(*, cold: bool) -> plan.Plan:
        options = plan.Options(cold=cold)
        return plan.plan(where, [web], {"web": CONFIG}, [], options, MOST)[0]

    warm, cold = planned(cold=False), planned(cold=True)
    monkeypatch.setattr(plan.accel, "facts", lambda _accelerator: ("another QEMU",))

    assert (warm.fresh, warm.snapshot) == (True, kept)
    assert (warm.record.uuid, warm.record.snapshot) == (first.record.uuid, first.key)
    assert (cold.fresh, cold.snapshot, cold.record.snapshot) == (True, None, "")
    assert cold.record.uuid != first.record.uuid
    assert planned(cold=False).snapshot is None


@pytest.mark.usefixtures("guest")
def test_warm(project: Project) -> None:
    """A new machine may start without its config; only who accepts that may keep it so."""
    where, web = layout.of(project), project.hosts[1]

    def planned(*, warm: bool) -> plan.Plan:
        options = plan.Options(warm=warm)
        item = plan.plan(where, [web], {"web": CONFIG}, [where.domain("web")], options, MOST)[0]
        replace(item.record, ignited=True).save(where.record("web"))
        return item

    first, second, third, fourth = (planned(warm=warm) for warm in (True, True, False, True))

    assert (first.warm, first.fresh, first.record.config) == (True, True, UNCONFIGURED)
    assert (second.warm, second.fresh, second.reason) == (False, False, "")
    assert (third.warm, third.fresh, third.reason) == (False, True, "it has no config yet")
    assert third.record.config == fourth.record.config == CONFIG.sha256
    assert (fourth.warm, fourth.reason) == (False, "")


@pytest.mark.usefixtures("guest")
def test_other_disk(project: Project) -> None:
    """A disk of another size is a new one, so the machine is made anew."""
    web = project.hosts[1]
    first = _planned(project, web)

    item = _planned(project, replace(web, sim=replace(web.sim, disk=web.sim.disk + 1)))

    assert (item.fresh, item.reason) == (True, "the size of its disk changed")
    assert item.record.uuid != first.record.uuid


def test_ports(project: Project) -> None:
    """Ports that are asked for are given, the others stay what they were or are chosen."""
    where, web = layout.of(project), project.hosts[1]

    new = plan._ports(where, web, None, set())
    again = plan._ports(where, web, replace(KNOWN, ports={22: 20022}), set())

    assert set(new) == {22, 80, 443}
    assert new[443] == 21443
    assert len(set(new.values())) == 3
    assert again == {22: 20022, 80: new[80], 443: 21443}


def test_ports_differ_between_hosts(project: Project) -> None:
    """No port is given to two machines."""
    where, taken = layout.of(project), set[int]()

    given = [plan._ports(where, host, None, taken) for host in project.hosts]

    numbers = [port for ports in given for port in ports.values()]
    assert len(numbers) == len(set(numbers))
