"""project: what is wanted, as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.collection import Collection
from invoke.tasks import task

from toolbox.tasks import show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from invoke.context import Context

    from toolbox.lib.butane.pipeline import Outcome
    from toolbox.lib.inventory.project import Project


@task(
    help={
        "hosts": "names of hosts, separated by commas; all by default",
        "json": show.JSON,
    },
)
def check(_context: Context, hosts: str = "", json: bool = False) -> None:  # noqa: FBT001, FBT002
    """Check the configs of all hosts, without keys, machines or network.

    Examples:
        invoke project.check
        invoke project.check --hosts web,db --json
    """
    from toolbox.lib.butane import pipeline
    from toolbox.lib.core.errors import ToolboxError, VerificationError
    from toolbox.lib.inventory.choice import chosen, parted
    from toolbox.lib.pki import plan, standin
    from toolbox.lib.vault import plain, store

    project = current()
    plan.of(project)
    wanted = chosen(project, parted([hosts]))
    identity = standin.identity((host.name for host in project.hosts), project.profile)
    outcomes = pipeline.every(project, wanted, identity)
    unsealed = plain.folder(project.root)
    found = [*pipeline.findings(outcomes), *unsealed, *store.differences(project.root)]
    failed = [outcome for outcome in outcomes if not outcome.ok]
    if json:
        show.emit("project.check", _items(outcomes), findings=found, ok=not failed and not unsealed)
    else:
        rows = [tuple(item.values()) for item in _items(outcomes)]
        show.table(
            ("host", "ok", "errors", "warnings"),
            [(r[0], "yes" if r[1] else "no", *r[2:]) for r in rows],
        )
    if failed:
        names = ", ".join(outcome.host.name for outcome in failed)
        message = f"{len(failed)} of {len(outcomes)} hosts cannot be made: {names}"
        raise ToolboxError(message, findings=found)
    if unsealed:
        message = f"there are secrets in clear in {store.STATE}/: {len(unsealed)}"
        raise VerificationError(message, hint=plain.TAKE_BACK, findings=found)
    show.findings(found, infos=True)
    several = f"all {len(outcomes)} hosts of {project.name} are well"
    show.say(several if len(outcomes) > 1 else f"the host of {project.name} is well")
    show.next_step(f"{show.program()} sim boots them")


def current() -> Project:
    """Return the current project; there is no other one to be checked in its place."""
    from pathlib import Path

    from toolbox.lib.core.errors import UsageError
    from toolbox.lib.inventory.load import load
    from toolbox.lib.inventory.project import find_root

    root = find_root(Path.cwd())
    if root is None:
        message = "there is no project.yaml here or above"
        raise UsageError(message, hint="go to the folder of a project")
    return load(root)


def _items(outcomes: Sequence[Outcome]) -> list[dict[str, object]]:
    from toolbox.lib.core.report import Severity

    return [
        {
            "host": outcome.host.name,
            "ok": outcome.ok,
            "errors": outcome.count(Severity.ERROR),
            "warnings": outcome.count(Severity.WARNING),
        }
        for outcome in outcomes
    ]


ns = Collection("project", check)
