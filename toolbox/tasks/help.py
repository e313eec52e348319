"""help: what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from invoke.tasks import task

from toolbox.tasks import show

if TYPE_CHECKING:
    from invoke.context import Context


@task(name="help")
def help_(_context: Context) -> None:
    """List the tasks; `invoke TASK --help` explains one.

    Examples:
        invoke help
        invoke sim.ssh --help
    """
    from toolbox.tasks import tree

    tasks = tree()
    for name in sorted(tasks.task_names):
        found: Any = tasks[name]
        summary = (found.__doc__ or "").strip().split("\n")[0]
        show.data(f"  {name:<16} {summary}")
    show.next_step("invoke TASK --help explains a task; invoke sim is where to begin")


root = (help_,)
