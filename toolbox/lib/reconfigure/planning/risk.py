"""What could lock an operator out, so that it is undone unless it is confirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolbox.lib.reconfigure.planning.plan import Change
from toolbox.lib.reconfigure.units import rules
from toolbox.lib.reconfigure.units.actions import Verb

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from toolbox.lib.reconfigure.look.survey import Survey
    from toolbox.lib.reconfigure.planning.plan import NodeChange, UserChange
    from toolbox.lib.reconfigure.units.actions import UnitAction

UNITS = frozenset(
    {"sshd.service", "ssh.service", "sshd.socket", "ssh.socket", "NetworkManager.service"}
    | {"systemd-networkd.service", "firewalld.service", "nftables.service", "sshd@.service"}
)
"""Units without which nobody reaches a machine."""

WAYS_IN = frozenset({"keys", "shell", "home", "groups", "uid", "primary_group"})


def reasons(
    nodes: Iterable[NodeChange],
    users: Iterable[UserChange],
    units: Iterable[UnitAction],
    survey: Survey,
) -> tuple[str, ...]:
    """Return why a plan could lock the operator out, nothing where it cannot."""
    found = [*_of_nodes(nodes), *_of_users(users, survey), *_of_units(units)]
    return tuple(dict.fromkeys(found))


def _of_nodes(nodes: Iterable[NodeChange]) -> Iterator[str]:
    for change in nodes:
        risks = (rule.risky for rule, _ in rules.of(change.path) if rule.risky)
        yield from (f"{change.path}: {risk}" for risk in risks)
        if any(part.removesuffix(".d") in UNITS for part in change.path.split("/")):
            yield f"{change.path}: {rules.NETWORK}"


def _of_users(users: Iterable[UserChange], survey: Survey) -> Iterator[str]:
    for change in users:
        name = change.user.name
        account = survey.accounts.get(name)
        if account is None or not (account.keys or name in {"root", "core"}):
            continue
        if change.change is Change.REMOVED:
            yield f"user {name} goes"
        elif WAYS_IN & set(change.reasons):
            what = ", ".join(reason for reason in change.reasons if reason in WAYS_IN)
            yield f"user {name}: {what.replace('_', ' ')} change"


def _of_units(units: Iterable[UnitAction]) -> Iterator[str]:
    for action in units:
        if action.unit in UNITS and action.verb in {Verb.STOP, Verb.RESTART, Verb.DISABLE}:
            yield f"{action.verb} of {action.unit}: {rules.NETWORK}"
