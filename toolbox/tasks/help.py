"""help: what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from invoke.tasks import task

from toolbox.tasks import show, usage

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
    called = {usage.spoken(name, aliases): name for name, aliases in tasks.task_names.items()}
    for line in usage.columns([(name, _summary(tasks[called[name]])) for name in sorted(called)]):
        show.data(line)
    show.next_step("invoke TASK --help explains a task; invoke sim is where to begin")


def _summary(task: Any) -> str:  # noqa: ANN401 - Invoke tells no type
    return (task.__doc__ or "").strip().split("\n")[0]


root = (help_,)
