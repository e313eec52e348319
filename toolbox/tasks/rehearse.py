"""rehearse: doing beforehand what one hopes never to need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.collection import Collection
from invoke.tasks import task

from toolbox.tasks import show

if TYPE_CHECKING:
    from invoke.context import Context

    from toolbox.lib.simulation.rehearsal import Rehearsal

STACK = "prod"


# Reason: the short form of --hosts would be -h, which asks for help.
@task(
    help={
        "identity": "file of the one private key; by default the one that opens the secrets here",
        "stack": "whose keys: the name of a vault such as prod",
        "hosts": "names of hosts, separated by commas; all by default",
        "boot": "--no-boot: look at secrets, keys and configs only",
        "accel": "auto (KVM if it boots a guest here), kvm (or fail), tcg (emulation)",
        "os": "simulate every host on this guest; on that of its own os by default",
        "deadline": "seconds that a boot may take",
        "json": show.JSON,
    },
    auto_shortflags=False,
)
def recover(  # noqa: PLR0913 - the options of a task
    _context: Context,
    identity: str = "",
    stack: str = STACK,
    hosts: str = "",
    boot: bool = True,  # noqa: FBT001, FBT002
    accel: str = "auto",
    os: str = "",
    deadline: int = 600,
    json: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Rebuild keys, configs and machines from a clone and one key, and compare; nothing stays.

    Examples:
        invoke rehearse.recover
        invoke rehearse.recover --identity ~/.ssh/id_ed25519 --json
        invoke rehearse.recover --no-boot
    """
    from pathlib import Path

    from toolbox.lib.core.errors import UsageError
    from toolbox.lib.inventory.choice import parted
    from toolbox.lib.inventory.project import find_root
    from toolbox.lib.simulation.plan import Options
    from toolbox.lib.simulation.rehearsal import Wish, rehearse

    root = find_root(Path.cwd())
    if root is None:
        message = "there is no project.yaml here or above"
        raise UsageError(message, hint="go to the folder of a project")
    options = Options(accel, os or None, float(deadline), tuple(parted([hosts])), cold=True)
    _tell(rehearse(root, Wish(stack, identity, boot, options)), as_json=json)


def _tell(found: Rehearsal, *, as_json: bool) -> None:
    """Print what was recovered; raise what was not."""
    problem = found.problem()
    if as_json:
        show.emit("rehearse.recover", found.rows, findings=found.findings, ok=problem is None)
    else:
        rows = [(row.what, row.source, row.state, row.detail) for row in found.rows]
        show.table(("what", "from where", "result", ""), rows)
    show.findings(found.findings)
    if problem:
        raise problem
    show.say("a clone and this key are all that is needed")
    show.next_step("keep a copy of the key where this computer is not")


ns = Collection("rehearse", recover)
