"""Checking a running simulation against what was rendered for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolbox.lib.verify.expectation import Expectation
from toolbox.lib.verify.run import Proof, verify

if TYPE_CHECKING:
    from toolbox.lib.inventory.project import Project
    from toolbox.lib.simulation.up import Simulation


def prove(project: Project, simulation: Simulation) -> tuple[Proof, ...]:
    """Run all checks against all machines of a simulation.

    Args:
        project: Its hosts' folders may hold checks of their own.
        simulation: The running machines.

    Returns:
        What was proven, or not.
    """
    expectations = expected(simulation)
    folders = [project.root / "checks", *(machine.host.folder for machine in simulation.machines)]
    return verify(expectations, simulation.client.config, folders)


def expected(simulation: Simulation) -> list[Expectation]:
    """Return what the machines of a simulation are expected to be.

    A machine's variables are those that were written for it. Neither the environment contract
    around them, which has its keys, nor what was written for another host is among them.
    """
    addresses = {name: str(address) for name, address in simulation.network.addresses.items()}
    return [
        Expectation(
            name=machine.host.name,
            fqdn=machine.host.fqdn,
            boot_id=machine.boot_id,
            config=machine.config,
            ports=machine.ports,
            address=addresses[machine.host.name],
            peers={
                name: addresses[other.host.name]
                for other in simulation.machines
                if other is not machine
                for name in (other.host.name, other.host.fqdn)
            },
            variables=dict(machine.host.variables),
        )
        for machine in simulation.machines
    ]
