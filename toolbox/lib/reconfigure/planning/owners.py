"""Names and numbers of owners on a machine, those that a config makes included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolbox.lib.reconfigure.desire.state import DesiredState
    from toolbox.lib.reconfigure.look.survey import Survey

ROOT = "root"


@dataclass(frozen=True, slots=True)
class Owners:
    """Who can own something.

    Attributes:
        users: Numbers of users by name; None where the machine chooses it.
        groups: The same for groups.
    """

    users: Mapping[str, int | None]
    groups: Mapping[str, int | None]

    def user(self, owner: str | int) -> int | None:
        """Return the number of a user; None where it is not known yet."""
        return owner if isinstance(owner, int) else self.users.get(owner)

    def group(self, owner: str | int) -> int | None:
        """Return the number of a group; None where it is not known yet."""
        return owner if isinstance(owner, int) else self.groups.get(owner)

    def lacks(self, user: str | int, group: str | int) -> str:
        """Return the name of the owner that there is not, in words; "" where there are both."""
        if isinstance(user, str) and user not in self.users:
            return f"user {user}"
        if isinstance(group, str) and group not in self.groups:
            return f"group {group}"
        return ""


def owners(desired: DesiredState, survey: Survey) -> Owners:
    """Return who can own something when a state has come about."""
    users: dict[str, int | None] = {name: it.uid for name, it in survey.accounts.items()}
    groups: dict[str, int | None] = dict(survey.groups)
    for user in desired.users:
        if user.exists:
            users[user.name] = user.uid if user.uid is not None else users.get(user.name)
            if user.own_group and user.name not in survey.accounts:
                groups.setdefault(user.name, None)
    for group in desired.groups:
        if group.exists:
            groups[group.name] = group.gid if group.gid is not None else groups.get(group.name)
    return Owners({ROOT: 0, **users}, {ROOT: 0, **groups})
