"""What is decided before machines are touched: whether anew, on which ports, on which hardware."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

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
    provisioning={},
)
LATER = "a, storage.luks changed, which only a first boot can do"
EARLIER = "its config changed, and an earlier release had made it"
IMAGE = SimpleNamespace(os="debian", digest="sha256-image")
CONFIG = SimpleNamespace(sha256="sha256-config", parts={})
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
        (replace(KNOWN, config="sha256-old"), True, ""),
        (replace(KNOWN, config=UNCONFIGURED), True, ""),
        (replace(KNOWN, disk=4), True, "the size of its disk changed"),
    ],
)
def test_why_fresh(known: Record | None, reason: str, *, present: bool) -> None:
    """A machine is made anew only for a reason that can be told."""
    assert plan._why_fresh(known, IMAGE, 8, present=present, asked=False) == reason


def test_fresh_was_asked_for() -> None:
    """A machine that is as wanted is made anew by who asks for it."""
    assert plan._why_fresh(KNOWN, IMAGE, 8, present=True, asked=True) == "--fresh was asked for"


LUKS = {"storage.luks": "1"}


@pytest.mark.parametrize(
    ("known", "parts", "reason"),
    [
        (None, LUKS, ""),
        (replace(KNOWN, provisioning=None), LUKS, ""),
        (replace(KNOWN, config="sha256-old"), {}, ""),
        (replace(KNOWN, config="sha256-old", provisioning=LUKS), LUKS, ""),
        (replace(KNOWN, config="sha256-old", provisioning=LUKS | {"a": "1"}), {"a": "2"}, LATER),
        (replace(KNOWN, config="sha256-old", provisioning=None), {}, EARLIER),
        (replace(KNOWN, config=UNCONFIGURED), LUKS, "storage.luks changed, which only a"),
    ],
)
def test_why_provisioned(known: Record | None, parts: dict[str, str], reason: str) -> None:
    """Another first boot is for what nothing else can bring, and for who knows nothing of it."""
    found = plan._why_provisioned(known, "sha256-config", parts)
    assert found.startswith(reason)
    assert bool(found) == bool(reason)


@pytest.fixture
def guest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be in a place with one guest image and no KVM."""
    monkeypatch.setattr(plan.images, "find", lambda _os: IMAGE)
    choice = SimpleNamespace(accelerator="tcg")
    monkeypatch.setattr(plan.accel, "facts", lambda _accelerator: ("QEMU",))
    monkeypatch.setattr(plan.accel, "choose", lambda _wanted, _image: choice)
    monkeypatch.setattr(plan, "derive", lambda config: SimpleNamespace(provisioning=config.parts))


def _planned(
    project: Project, host: Host, config: Any = CONFIG, options: plan.Options | None = None
) -> plan.Plan:
    where = layout.of(project)
    domains = [where.domain(host.name)]
    options = options or plan.Options()
    (item,) = plan.plan(where, [host], {host.name: config}, domains, options, MOST)
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
def test_another_config(project: Project) -> None:
    """A machine keeps its disk and its domain when its config changes, and is changed."""
    web = project.hosts[1]
    first = _planned(project, web)

    item = _planned(project, web, SimpleNamespace(sha256="sha256-other", parts={}))

    assert (item.fresh, item.changed, item.redefined) == (False, True, False)
    assert item.reason == "its config changed"
    # Reason: it has the old one until it was changed.
    assert item.record == replace(first.record, ignited=True)
    both = _planned(
        project,
        replace(web, sim=replace(web.sim, memory=4096)),
        SimpleNamespace(sha256="sha256-other", parts={}),
    )
    assert (both.fresh, both.changed, both.redefined) == (False, True, True)
    assert both.reason == "its hardware changed, its config changed"


@pytest.mark.usefixtures("guest")
def test_config_for_a_first_boot(project: Project) -> None:
    """A config whose disks are others needs another machine, which remembers them."""
    web = project.hosts[1]
    _planned(project, web)

    item = _planned(project, web, SimpleNamespace(sha256="sha256-other", parts=LUKS))

    assert (item.fresh, item.changed, item.reinstalled) == (True, False, True)
    assert item.record.provisioning == LUKS


@pytest.mark.usefixtures("guest")
def test_fresh(project: Project) -> None:
    """A machine that is made anew on request is the same hardware with another system."""
    web = project.hosts[1]
    first = _planned(project, web)

    item = _planned(project, web, options=plan.Options(fresh=True))

    assert (item.fresh, item.reason) == (True, "--fresh was asked for")
    assert (item.record.uuid, item.reinstalled) == (first.record.uuid, True)
    assert (item.record.ignited, first.reinstalled) == (False, False)


@pytest.mark.usefixtures("guest")
def test_warm(project: Project) -> None:
    """A new machine may start from the generic guest, and is changed to its config then."""
    web, warm = project.hosts[1], plan.Options(warm=True)
    first, second = (_planned(project, web, options=warm) for _ in range(2))

    assert (first.warm, first.fresh, first.changed) == (True, True, True)
    assert (first.reason, first.record.config) == ("new", UNCONFIGURED)
    # Reason: it was cut off before it had its config.
    assert (second.warm, second.fresh, second.changed) == (False, False, True)
    assert second.reason == "its config is not all on it yet"


@pytest.mark.usefixtures("guest")
def test_not_warm(project: Project) -> None:
    """What takes effect at a first boot only has one, however much time it takes."""
    config = SimpleNamespace(sha256="sha256-config", parts=LUKS)

    item = _planned(project, project.hosts[1], config, plan.Options(warm=True))

    assert (item.warm, item.fresh, item.changed) == (False, True, False)


@pytest.mark.usefixtures("guest")
def test_other_disk(project: Project) -> None:
    """A disk of another size is a new one, so the machine is made anew."""
    web = project.hosts[1]
    first = _planned(project, web)

    item = _planned(project, replace(web, sim=replace(web.sim, disk=web.sim.disk + 1)))

    assert (item.fresh, item.reason) == (True, "the size of its disk changed")
    assert item.record.uuid != first.record.uuid
    assert not item.reinstalled


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
