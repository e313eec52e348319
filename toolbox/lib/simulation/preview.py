"""What bringing a simulation up would change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolbox.lib.machine import libvirt
from toolbox.lib.simulation import cores, keys, layout
from toolbox.lib.simulation.plan import Options, plan
from toolbox.lib.simulation.up import translate_all
from toolbox.lib.stack import identity as identity_stack

if TYPE_CHECKING:
    from toolbox.lib.inventory.project import Project
    from toolbox.lib.simulation.plan import Plan


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that would change, or would not.

    Attributes:
        what: A stack or a host.
        change: What would happen, in words.
    """

    what: str
    change: str


def preview(project: Project) -> tuple[Change, ...]:
    """Tell what `up` would change; nothing is changed.

    Before the identity exists no config can be rendered, so all machines are simply new.
    """
    where = layout.of(project)
    changes = where.workspace.preview(layout.IDENTITY, keys.program(project))
    told = [Change(f"stack {layout.IDENTITY}", changes.sentence())]
    if not changes.nothing:
        return (*told, *(Change(f"host {host.name}", "made: new") for host in project.hosts))
    identity = identity_stack.identity(where.workspace.outputs(layout.IDENTITY))
    configs = translate_all(project, project.hosts, identity)
    domains, most = libvirt.connect().domains(), cores.per_machine(project)
    plans = plan(where, project.hosts, configs, domains, Options(), most)
    for item in plans:
        words = f"{_how(item)}: {item.reason}"
        told.append(Change(f"host {item.host.name}", words if item.reason else "stays as it is"))
    return tuple(told)


def _how(item: Plan) -> str:
    if item.fresh:
        return "resumed" if item.snapshot else "made anew"
    return "started again" if item.redefined else "changed"
