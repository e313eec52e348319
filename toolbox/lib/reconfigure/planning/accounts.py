"""Users, groups and ssh keys: what has to be done so that they are as a config says."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from toolbox.lib.reconfigure.desire.state import LOCKED, Group, User
from toolbox.lib.reconfigure.history import record
from toolbox.lib.reconfigure.history.record import KEPT
from toolbox.lib.reconfigure.planning.plan import Change, GroupChange, UserChange

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolbox.lib.core.secret import Secret
    from toolbox.lib.reconfigure.desire.state import DesiredState
    from toolbox.lib.reconfigure.look.survey import Account, Survey


def users(desired: DesiredState, survey: Survey) -> Iterator[UserChange]:
    """Yield the users that change; those that go come last."""
    known = survey.record.users if survey.record else {}
    for user in desired.users:
        account = survey.accounts.get(user.name)
        if not user.exists:
            if account:
                yield UserChange(user, Change.REMOVED)
        elif account is None:
            yield UserChange(user, Change.ADDED)
        else:
            reasons = tuple(_reasons(user, account, survey, known.get(user.name)))
            if reasons:
                yield UserChange(_told(user, reasons), Change.CHANGED, reasons)
    wanted = {user.name for user in desired.users}
    for name, text in known.items():
        account = survey.accounts.get(name)
        if name in wanted or account is None:
            continue
        if not text.endswith(KEPT):
            yield UserChange(User(name, exists=False), Change.REMOVED)
        elif account.keys:
            yield UserChange(User(name, keys=()), Change.CHANGED, ("keys",))


def _told(user: User, reasons: tuple[str, ...]) -> User:
    """Return a user whose keys go where a config says nothing of them any more."""
    return replace(user, keys=user.keys or ()) if "keys" in reasons else user


def _reasons(user: User, account: Account, survey: Survey, known: str | None) -> Iterator[str]:
    """Yield the fields that differ."""
    plain = {
        "uid": (user.uid, account.uid),
        "gecos": (user.gecos, account.gecos),
        "home": (user.home, account.home),
        "shell": (user.shell, account.shell),
    }
    yield from (name for name, (wanted, found) in plain.items() if wanted not in {None, found})
    group = user.primary_group
    if group is not None and survey.groups.get(group) != account.gid:
        yield "primary_group"
    if user.groups is not None and set(user.groups) != set(account.groups):
        yield "groups"
    same = known is not None and known.removesuffix(KEPT) == record.account_blob(user).digest
    if user.password is not None and _password_differs(user.password, account.password, same=same):
        yield "password"
    # Reason: keys of a user that was never ours are nobody's business; ours are revoked.
    minded = user.keys is not None or known is not None
    if minded and [*(user.keys or ())] != [*filter(None, account.keys or ())]:
        yield "keys"


def _password_differs(wanted: Secret, found: str, *, same: bool) -> bool:
    """Tell whether a password is another one.

    Args:
        wanted: Its hash as in shadow(5).
        found: SHA-256 of the hash that is there; "" where that cannot be read.
        same: Whether the config says of this user what it said before.
    """
    if not found:
        return not same
    text = wanted.reveal() or LOCKED
    return hashlib.sha256(text.encode()).hexdigest() != found


def groups(desired: DesiredState, survey: Survey) -> Iterator[GroupChange]:
    """Yield the groups that change; those that go come last."""
    known = survey.record.groups if survey.record else {}
    for group in desired.groups:
        found = survey.groups.get(group.name)
        if not group.exists:
            if found is not None:
                yield GroupChange(group, Change.REMOVED)
        elif found is None:
            yield GroupChange(group, Change.ADDED)
        else:
            reasons = tuple(_group_reasons(group, found, known.get(group.name)))
            if reasons:
                yield GroupChange(group, Change.CHANGED, reasons)
    wanted = {group.name for group in desired.groups}
    made = {user.name for user in desired.users if user.exists}
    for name, text in known.items():
        # Reason: a user's own group goes with the user, and comes with one.
        if name not in wanted | made and name in survey.groups and not text.endswith(KEPT):
            yield GroupChange(Group(name, exists=False), Change.REMOVED)


def _group_reasons(group: Group, found: int, known: str | None) -> Iterator[str]:
    if group.gid is not None and group.gid != found:
        yield "gid"
    same = known is not None and known.removesuffix(KEPT) == record.account_blob(group).digest
    if group.password is not None and not same:
        yield "password"


def remembered(desired: DesiredState, survey: Survey) -> tuple[dict[str, str], dict[str, str]]:
    """Return what is remembered of users and of groups; those that were there before stay so."""
    old = survey.record
    known_users, known_groups = (old.users, old.groups) if old else ({}, {})
    people = {
        user.name: record.account_blob(user).digest
        + _kept(user.name, known_users.get(user.name), there=user.name in survey.accounts)
        for user in desired.users
        if user.exists
    }
    sets = {
        group.name: record.account_blob(group).digest
        + _kept(group.name, known_groups.get(group.name), there=group.name in survey.groups)
        for group in desired.groups
        if group.exists
    }
    return people, sets


def _kept(name: str, known: str | None, *, there: bool) -> str:
    if known is not None:
        return KEPT * known.endswith(KEPT)
    return KEPT * (there or name in record.OF_THE_IMAGE)
