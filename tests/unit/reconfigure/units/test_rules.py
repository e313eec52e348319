"""The declared map tells what follows from a change at a path."""

from __future__ import annotations

import pytest

from toolbox.lib.reconfigure.units import rules
from toolbox.lib.reconfigure.units.actions import Verb


def test_a_unit() -> None:
    """A path has the units of its program, by all their names, and what goes wrong."""
    ((rule, names),) = rules.of("/etc/ssh/sshd_config.d/10-x.conf")
    assert (rule.units, rule.verb) == (("sshd.service", "ssh.service"), Verb.RELOAD)
    assert (names, rule.risky) == ({}, rules.SSH)


def test_a_name() -> None:
    """A name in a path is one in the unit's."""
    ((rule, names),) = rules.of("/etc/compose/web/compose.yml")
    assert [unit.format(**names) for unit in rule.units] == ["compose@web.service"]


@pytest.mark.parametrize("path", ["/etc/motd", "/etc/sysctl.d/x.txt", "/srv/etc/ssh/sshd_config"])
def test_no_rule(path: str) -> None:
    """Nothing follows from most paths."""
    assert rules.of(path) == ()


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.paths.pattern)
def test_each_rule_does_something(rule: rules.Rule) -> None:
    """A rule names units or a program, never both, or else a risk."""
    assert not (rule.units and rule.command)
    assert rule.units or rule.command or rule.risky
    known = dict.fromkeys(rule.paths.groupindex, "x")
    assert all("{" not in unit.format(**known) for unit in rule.units)
