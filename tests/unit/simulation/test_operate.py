"""What is found of a simulation in libvirt, whether or not its state knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.simulation import layout, operate

if TYPE_CHECKING:
    from toolbox.lib.inventory.project import Project


class Libvirt:
    """A hypervisor that has a pool, and no domains."""

    def __init__(self, pool: str) -> None:
        self.pool = pool
        self.asked: list[str] = []

    def domains(self) -> tuple[str, ...]:
        """Return no domain."""
        return ()

    def virsh(self, *words: str, **_options: Any) -> str:
        """Tell the pool."""
        assert words[0] == "pool-list"
        self.asked.append(words[0])
        return f"default\n{self.pool}\n"


def test_forgotten(project: Project) -> None:
    """A pool that is there without a state is told, with what to do."""
    where = layout.of(project)

    with pytest.raises(ToolboxError, match=f"pool {where.pool_name}") as caught:
        operate.require_known(where, cast("Any", Libvirt(where.pool_name)))

    assert "sim.clean" in (caught.value.hint or "")


def test_nothing_forgotten(project: Project) -> None:
    """The pool of another project is none of ours."""
    hypervisor = Libvirt("infra-other")

    operate.require_known(layout.of(project), cast("Any", hypervisor))

    assert hypervisor.asked == ["pool-list"]


def test_known(project: Project) -> None:
    """What the state knows is the stack's to look after."""
    where = layout.of(project)
    state = where.workspace.folder / ".pulumi/stacks" / where.workspace.project
    state.mkdir(parents=True)
    (state / f"{layout.MACHINES}.json").write_text("{}")
    hypervisor = Libvirt(where.pool_name)

    operate.require_known(where, cast("Any", hypervisor))

    assert hypervisor.asked == []
