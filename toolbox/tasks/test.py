"""test: the tests of this repository, run where everything they need is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.collection import Collection
from invoke.tasks import task

from toolbox.tasks import show

if TYPE_CHECKING:
    from invoke.context import Context

ARGUMENTS = "further words for pytest go after --"
FAST = "not machine and not image"
ONE_BOOT = "machine and smoke"
MACHINES = "machine"
ALONE = ["-n", "0", "-p", "no:randomly"]


def _run(context: Context, *expressions: str) -> None:
    """Run pytest once for each expression; the fast tests in parallel, machines one by one."""
    import sys
    from pathlib import Path

    from toolbox.lib.core.errors import UsageError
    from toolbox.lib.core.run import attach

    if not Path("tests/conftest.py").is_file():
        message = "there are no tests of infra-toolbox in this folder"
        hint = "run it in a checkout of the repository; checks of your own machines: invoke sim"
        raise UsageError(message, hint=hint)
    worst = 0
    for expression in expressions:
        show.say(f"• pytest -m '{expression}'")
        # Reason: a module may be one story, whose tests need each other.
        parallel = ["-n", "2", "--dist", "loadfile"] if expression == FAST else ALONE
        # Reason: the checkout stays off the path, as what is tested is what is shipped.
        isolated = ["-P", "-m", "pytest", "-o", "pythonpath="]
        command = [sys.executable, *isolated, "-q", *parallel, "-m", expression, "tests"]
        code = attach([*command, *show.rest(context)])
        worst = worst or code
    show.end(worst)


@task(default=True)
def fast(context: Context) -> None:
    """Run everything fast, and boot one machine.

    Examples:
        invoke test
        invoke test -- -k butane
    """
    _run(context, FAST, ONE_BOOT)


@task(name="all")
def all_(context: Context) -> None:
    """Run all tests, all those that boot machines among them.

    Examples:
        invoke test.all
    """
    _run(context, FAST, MACHINES)


ns = Collection("test", fast, all_)
