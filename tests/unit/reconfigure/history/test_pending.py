"""What an apply has begun is written down, and read by the next one."""

from __future__ import annotations

from tests.unit.reconfigure.model import Machine, file, read, storage
from toolbox.lib.reconfigure.history import pending
from toolbox.lib.reconfigure.units.actions import Verb


def test_there_and_back() -> None:
    """Units and programs are read as they were written."""
    anchor = "/usr/local/share/ca-certificates/a b.crt"
    unit = {"name": "a.service", "contents": "[Service]\n[Install]\nWantedBy=x\n", "enabled": True}
    plan = Machine().plan(read({**storage(file(anchor, "x")), "systemd": {"units": [unit]}}))
    left = pending.read(pending.lines(plan.pending))
    assert [(it.verb, it.unit) for it in left.actions] == [
        (Verb.ENABLE, "a.service"),
        (Verb.START, "a.service"),
    ]
    assert left.commands == (("update-ca-certificates",),)


def test_what_makes_no_sense() -> None:
    """Lines of nobody's are left out."""
    left = pending.read(["", "hop a.service", "restart", "restart a b", "run", "'", "start x"])
    assert [(it.verb, it.unit) for it in left.actions] == [(Verb.START, "x")]
    assert not left.commands
