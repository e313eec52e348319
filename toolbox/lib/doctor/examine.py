"""The examination: every look at this place, several at a time, none of them able to spoil it."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import HabitatError, ToolboxError
from toolbox.lib.core.files import data_home
from toolbox.lib.doctor import acceleration, engines, resources, tools
from toolbox.lib.doctor.row import Row, State, Terms, said
from toolbox.lib.habitat import packages, place

if TYPE_CHECKING:
    from collections.abc import Callable

    Look = Callable[[], Row | list[Row]]

VITAL = {"libvirt", "guest", "plugins", "programs", "disk"}
"""What sim looks at, too, and would end with the same error."""


def terms(program: str) -> Terms:
    """Return whose advice is given here.

    Args:
        program: How tasks are called.
    """
    try:
        data = data_home()
    except ToolboxError:
        # Reason: without a home the looks below say so; advice must name some folder.
        data = Path("/var/tmp/infra-toolbox")  # noqa: S108 - named in advice, nothing is made there
    return Terms(place.here(), packages.family_here(), program, os.geteuid(), data)


def examine(given: Terms) -> tuple[Row, ...]:
    """Look at everything; what cannot be looked at tells why.

    Args:
        given: Whose advice it is.
    """
    habitat = given.habitat
    looks: dict[str, Look] = {
        "habitat": lambda: Row("habitat", State.OK, f"{habitat.kind}: {habitat.description}"),
        "image": lambda: tools.look_at_age(given),
        "acceleration": lambda: acceleration.look(given),
        "libvirt": lambda: engines.look_at_libvirt(given),
        "guest": lambda: engines.look_at_guest(given),
        "programs": lambda: tools.look_at_needed(given),
        "plugins": lambda: engines.look_at_plugins(given),
        "disk": lambda: resources.disks(given),
        "memory": resources.look_at_memory,
        "network": lambda: resources.network(resources.read_network(), given),
        "ssh agent": lambda: resources.look_at_agent(given),
        "podman": lambda: engines.look_at_podman(given),
        "tools": lambda: tools.look_at_tools(given),
    }
    with ThreadPoolExecutor(max_workers=len(looks)) as pool:
        found = pool.map(guarded, looks, looks.values())
        return tuple(row for rows in found for row in rows)


def guarded(what: str, look: Look) -> list[Row]:
    """Look at one thing; a failure is what was found."""
    try:
        found = look()
    except ToolboxError as error:
        vital = what in VITAL and isinstance(error, HabitatError)
        state = State.LOST if vital else State.NOTE
        return [Row(what, state, said(error.message), error.hint or "")]
    except OSError as error:
        why = f"{error.filename or 'the system'}: {error.strerror}"
        return [Row(what, State.NOTE, f"cannot be looked at: {why}")]
    except (ValueError, LookupError) as error:
        return [Row(what, State.NOTE, f"cannot be looked at: {error}")]
    return found if isinstance(found, list) else [found]
