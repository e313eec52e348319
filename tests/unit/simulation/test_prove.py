"""What is expected of the machines of a simulation."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from toolbox.lib.butane import environment
from toolbox.lib.inventory.load import load
from toolbox.lib.pki import standin
from toolbox.lib.simulation.network import Network
from toolbox.lib.simulation.prove import expected

if TYPE_CHECKING:
    from pathlib import Path

    from toolbox.lib.simulation.up import Simulation


def test_own_variables(tmp_path: Path) -> None:
    """A machine's variables are its own: no other host's, no keys, nothing of the contract."""
    (tmp_path / "hosts").mkdir()
    (tmp_path / "project.yaml").write_text("name: p\nvariables: {color: red, web: {port: 80}}\n")
    (tmp_path / "hosts/db.yaml").write_text("variables: {color: blue, table: x}\n")
    (tmp_path / "hosts/web.yaml").write_text("variables: {web: {tls: true}}\n")
    project = load(tmp_path)

    db, web = expected(_simulation(tmp_path))

    assert db.variables == {"color": "blue", "web": {"port": 80}, "table": "x"}
    assert web.variables == {"color": "red", "web": {"port": 80, "tls": True}}
    names = environment.of(project, project.hosts[1], standin.identity(["db", "web"])).names
    assert names.items() >= web.variables.items()
    assert "TLS_KEY" in names
    assert "TLS_KEY" not in web.variables


def test_peers(tmp_path: Path) -> None:
    """Each machine is expected at its address, and to know the other ones by both names."""
    (tmp_path / "hosts").mkdir()
    (tmp_path / "project.yaml").write_text("name: p\ndomain: example.org\n")
    for name in ("db", "web"):
        (tmp_path / f"hosts/{name}.yaml").write_text("")

    db, web = expected(_simulation(tmp_path))

    assert (db.address, web.address) == ("10.0.0.2", "10.0.0.3")
    assert db.peers == {"web": "10.0.0.3", "web.example.org": "10.0.0.3"}
    assert (web.boot_id, web.config, web.ports) == ("boot-web", "sha256-web", {22: 20022})


def _simulation(root: Path) -> Simulation:
    """Return a simulation that runs nowhere, of all hosts of a project."""
    machines = tuple(
        SimpleNamespace(
            host=host,
            boot_id=f"boot-{host.name}",
            config=f"sha256-{host.name}",
            ports={22: 20022},
        )
        for host in load(root).hosts
    )
    addresses = {"db": IPv4Address("10.0.0.2"), "web": IPv4Address("10.0.0.3")}
    network = Network(IPv4Network("10.0.0.0/24"), addresses)
    return cast("Simulation", SimpleNamespace(machines=machines, network=network))
