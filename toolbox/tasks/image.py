"""image: the image itself, looked at from inside."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from invoke.collection import Collection
from invoke.tasks import task

from toolbox.tasks import show

if TYPE_CHECKING:
    from invoke.context import Context


@task(help={"json": show.JSON})
def check(_context: Context, json: bool = False) -> None:  # noqa: FBT001, FBT002
    """Prove that the image has every program it promises, and that every task explains itself.

    Examples:
        invoke image.check
        invoke image.check --json
    """
    from toolbox.lib.core.run import run
    from toolbox.lib.core.steps import step
    from toolbox.lib.habitat import ensure
    from toolbox.tasks import tree

    with step("Ask every program for its version"):
        programs = list(ensure.check())
    with step("Ask every task for its help"):
        for name in sorted(tree().task_names):
            asked = run(["invoke", name, "--help"], timeout=60, check=False)
            problem = "" if asked.ok and asked.text else asked.tail("stderr")
            programs.append(ensure.Program(f"invoke {name}", problem=problem))
    wrong = [program for program in programs if program.problem]
    if json:
        show.emit("image.check", [asdict(program) for program in programs], ok=not wrong)
    else:
        rows = [(p.name, p.version, p.problem or "ok") for p in programs]
        show.table(("program", "version", "result"), rows)
    if wrong:
        names = ", ".join(program.name for program in wrong)
        show.fail(f"the image is not as it shall be: {names}", hint="build it anew: ./infra image")
    show.say(f"{len(programs)} programs and tasks are as they shall be")


ns = Collection("image", check)
