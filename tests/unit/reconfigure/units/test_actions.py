"""Each unit is worked on once for each verb, in an order that takes nothing away from another."""

from __future__ import annotations

from toolbox.lib.reconfigure.units.actions import UnitAction, Verb, ordered


def test_order() -> None:
    """Units are stopped first and restarted last, sockets before networks before services."""
    units = ("web.service", "web-network.service", "web.socket")
    given = [UnitAction(unit, verb) for verb in (Verb.RESTART, Verb.STOP) for unit in units]

    found = ordered(given, ())

    wanted = [(verb, unit) for verb in (Verb.STOP, Verb.RESTART) for unit in reversed(units)]
    assert [(action.verb, action.unit) for action in found] == wanted


def test_a_restart_is_enough() -> None:
    """What is restarted is neither reloaded nor started, and tells all that it is for."""
    given = [
        UnitAction("web.service", verb, (f"/etc/{verb}",))
        for verb in (Verb.START, Verb.RELOAD, Verb.RESTART)
    ]
    why = ("/etc/restart", "/etc/start", "/etc/reload")
    assert ordered(given, ()) == (UnitAction("web.service", Verb.RESTART, why),)


def test_what_is_stopped_stays_so() -> None:
    """Nothing starts a unit that goes."""
    given = [UnitAction("web.service", verb) for verb in Verb]
    found = [action.verb for action in ordered(given, {"web.service"})]
    assert found == [Verb.STOP, Verb.DISABLE]
