"""Choosing hosts by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolbox.lib.core.errors import UsageError
from toolbox.lib.inventory.names import closest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from toolbox.lib.inventory.host import Host
    from toolbox.lib.inventory.project import Project


def parted(words: Iterable[str]) -> list[str]:
    """Return the names in words that hold one each, or several with commas between."""
    return [name for word in words for name in word.split(",") if name]


def chosen(project: Project, names: Sequence[str]) -> tuple[Host, ...]:
    """Return the hosts of these names, each once, or all when there are no names.

    Raises:
        UsageError: A name is no host of the project.
    """
    known = {host.name: host for host in project.hosts}
    unknown = [name for name in dict.fromkeys(names) if name not in known]
    if unknown:
        message = f"{project.name} has no host {', '.join(unknown)}"
        close = closest(unknown[0], known)
        hint = f"did you mean {close}?" if close else f"its hosts are {', '.join(known)}"
        raise UsageError(message, hint=hint)
    return tuple(known[name] for name in dict.fromkeys(names)) or project.hosts


def named(project: Project, names: Sequence[str]) -> tuple[Host, ...]:
    """Return the hosts of these names, or the only one there is.

    Raises:
        UsageError: A name is no host of the project, or none is given and there are several.
    """
    if not names and len(project.hosts) > 1:
        hosts = ", ".join(host.name for host in project.hosts)
        message = "which host is meant?"
        raise UsageError(message, hint=f"name one or more of {hosts}")
    return chosen(project, names)
