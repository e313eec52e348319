"""A host's machine is the simulated one while that runs, or else the real one."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.core.errors import UsageError
from toolbox.lib.pki import standin
from toolbox.lib.simulation import layout, reach
from toolbox.lib.simulation.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from toolbox.lib.inventory.project import Project

WEB = Record("u", "tcg", {22: 20022}, "sha256-1", "debian", "sha256-2", 8, 2048, 2, ignited=True)
IDENTITY = standin.identity(["db", "web"])
REAL = standin.identity(["web"])


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let both kinds of machines have keys, each its own."""
    monkeypatch.setattr(reach.keys, "held", lambda _project: IDENTITY)
    monkeypatch.setattr(reach.keys, "real", lambda _project, _hosts: REAL)


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Return the ports that somebody listens to."""
    taken: set[int] = set()
    monkeypatch.setattr(reach.ports, "is_free", lambda port: port not in taken)
    return taken


def _targets(project: Project, *, named: bool = False) -> tuple[reach.Target, ...]:
    return reach.targets(project, project.hosts, named=named)


def test_simulated(project: Project, listening: set[int]) -> None:
    """A simulated machine that runs is meant, known by its key, with the files of its place."""
    WEB.save(layout.of(project).record("web"))
    listening.add(20022)

    (target,) = _targets(project)

    assert (target.host.name, target.simulated, target.words) == ("web", True, "simulated")
    assert (target.endpoint.address, target.endpoint.port) == ("127.0.0.1", 20022)
    assert target.endpoint.host_key == IDENTITY.hosts["web"].ssh_host_public_key
    assert [file.path for file in target.place] == [
        "/etc/systemd/network/00-infra-toolbox.network",
        "/etc/hosts",
    ]


@pytest.mark.parametrize("how", ["none", "off", "half"])
def test_real(project: Project, listening: set[int], how: str) -> None:
    """Where no simulated machine is up, the real one is meant; it has no files of the place."""
    db, web = project.hosts
    project = replace(project, hosts=(db, replace(web, address="192.0.2.7", ssh_port=2222)))
    if how != "none":
        replace(WEB, ignited=how == "off").save(layout.of(project).record("web"))
    if how == "half":
        listening.add(20022)

    (target,) = _targets(project)

    assert (target.words, target.endpoint.port, target.simulated) == ("192.0.2.7", 2222, False)
    assert target.place == ()
    assert target.identity is REAL


@pytest.mark.usefixtures("listening")
def test_no_machine(project: Project) -> None:
    """Who was asked for and has no machine is named; so are all when none has one."""
    with pytest.raises(UsageError, match=r"^db, web: there is no machine"):
        _targets(project)

    db, web = project.hosts
    project = replace(project, hosts=(db, replace(web, address="192.0.2.7")))
    with pytest.raises(UsageError, match=r"^db: there is no machine") as caught:
        _targets(project, named=True)
    assert "hosts/db.yaml" in str(caught.value.hint)


def test_reached(
    project: Project,
    habitat: Path,
    opened: Callable[[], list[str]],
) -> None:
    """Connections are made from the beginning, one for each machine, and end with the block."""
    db, web = project.hosts
    project = replace(project, hosts=(db, replace(web, address="192.0.2.7")))

    with reach.reached(project, project.hosts, named=False) as machines:
        (found,) = machines
        assert (found.name, found.target.words) == ("web", "192.0.2.7")
        assert found.states == (web.folder / "salt", project.root / "salt")
        assert machines[0].vault.folder.is_relative_to(habitat / "state" / "vaults")
        assert opened() == ["client web", "session web"]
    assert opened()[2:] == ["end session web", "end client web"]


def test_simulated_is_held(
    project: Project, listening: set[int], opened: Callable[[], list[str]]
) -> None:
    """A simulated machine may be booting, and its connection stays; a real one's does neither."""
    WEB.save(layout.of(project).record("web"))
    listening.add(20022)

    with reach.reached(project, project.hosts, named=False):
        assert opened() == ["client web held", "session web patiently"]


@pytest.mark.parametrize(("accelerator", "begun"), [("tcg", 1), ("kvm", 2)])
def test_emulated_machines_have_processors(
    project: Project,
    listening: set[int],
    opened: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
    accelerator: str,
    begun: int,
) -> None:
    """Of emulated machines, no more than there are processors are worked on at once."""
    monkeypatch.setattr(reach.cores, "here", lambda: 1)
    for port, name in enumerate(("db", "web"), start=20022):
        known = replace(WEB, accelerator=accelerator, ports={22: port})
        known.save(layout.of(project).record(name))
        listening.add(port)

    with reach.reached(project, project.hosts, named=False) as machines:
        sessions = ["session db patiently", "session web patiently"]
        assert opened() == ["client db web held", *sessions[:begun]]
        assert reach.at_once([machine.target for machine in machines]) == (
            1 if accelerator == "tcg" else reach.MOST
        )


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Return a function that tells what was opened and ended."""
    said: list[str] = []

    @contextmanager
    def client(endpoints: Any, *_: Any, held: Path | None) -> Iterator[Any]:
        names = " ".join(endpoint.name for endpoint in endpoints)
        said.append(f"client {names}{' held' if held else ''}")
        yield SimpleNamespace()
        said.append(f"end client {names}")

    @contextmanager
    def remote(_client: Any, name: str, *, patience: float) -> Iterator[Any]:
        waits = " patiently" if patience else ""
        yield SimpleNamespace(name=name, begin=lambda: said.append(f"session {name}{waits}"))
        said.append(f"end session {name}")

    monkeypatch.setattr(reach, "client", client)
    monkeypatch.setattr(reach, "remote", remote)
    return lambda: said
