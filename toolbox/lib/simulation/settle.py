"""Changing the machines of a simulation, once they are up, to configs that changed meanwhile."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.core.steps import note, step
from toolbox.lib.machine import accel
from toolbox.lib.reconfigure.engines.contract import DIRECT
from toolbox.lib.reconfigure.session.shell import remote
from toolbox.lib.reconfigure.telling import words
from toolbox.lib.simulation import reconfigure
from toolbox.lib.simulation.reach import Reached, Target
from toolbox.lib.simulation.start import CHANGED, UNCHANGED, WARM

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolbox.lib.butane.translate import IgnitionConfig
    from toolbox.lib.simulation.plan import Plan
    from toolbox.lib.simulation.start import Running, Starter

NOTHING = "nothing on it differs but what it remembers of its config"


def settle(
    starter: Starter, plans: Sequence[Plan], machines: Sequence[Running]
) -> tuple[Running, ...]:
    """Change the machines whose config is another one by now.

    Args:
        starter: What brought them up.
        plans: What each machine shall be.
        machines: The machines, up, in the same order.

    Returns:
        All machines, with what was changed on them.

    Raises:
        ToolboxError: Some cannot be changed, or not all of it went well.
    """
    wanted = [
        (item, machine)
        for item, machine in zip(plans, machines, strict=True)
        if item.changed and machine.config != item.config.sha256
    ]
    if not wanted:
        return tuple(machines)
    configs = {item.host.name: item.config for item, _machine in wanted}
    with step(f"Change {', '.join(configs)}"):
        try:
            told = _change(starter, wanted, configs)
        except ToolboxError as error:
            # Reason: a machine that cannot become what is wanted can always be made anew.
            error.hint = error.hint or "a new machine: invoke sim --fresh"
            raise
    return tuple(
        replace(
            machine,
            config=configs[machine.host.name].sha256,
            action=CHANGED if machine.action == UNCHANGED else machine.action,
            changes=told[machine.host.name],
        )
        if machine.host.name in configs
        else machine
        for machine in machines
    )


def _change(
    starter: Starter,
    wanted: Sequence[tuple[Plan, Running]],
    configs: Mapping[str, IgnitionConfig],
) -> dict[str, tuple[str, ...]]:
    """Change machines and say what changes; return that by the names of their hosts."""
    with ExitStack() as sessions:
        begun = [_reached(starter, *pair, sessions) for pair in wanted]
        seen = reconfigure.prospects(begun, configs, DIRECT)
        for prospect in seen:
            # Reason: of a machine that has nothing yet, all that it gets is no news.
            if prospect.plan.base is None:
                continue
            for line in words.lines(prospect.plan) or [NOTHING]:
                note(f"{prospect.name}: {line}")
        pairs = list(zip(begun, seen, strict=True))
        reconfigure.carry_out(starter.where, pairs, DIRECT)
    return {item.name: tuple(words.lines(item.plan, diffs=False)) for item in seen}


def _reached(starter: Starter, item: Plan, machine: Running, sessions: ExitStack) -> Reached:
    name = machine.host.name
    return Reached(
        Target(
            machine.host,
            machine.endpoint,
            starter.identity,
            starter.told.files(name),
            simulated=True,
            emulated=item.record.accelerator == accel.TCG,
        ),
        sessions.enter_context(remote(starter.ssh, name)),
        starter.ssh,
        starter.where.vault(name, starter.identity.provision_key),
        new=machine.action == WARM,
    )
