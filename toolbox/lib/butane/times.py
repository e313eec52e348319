"""The times that templates see, the same ones wherever and whenever a config is rendered.

``SOURCE_DATE_EPOCH`` stands for the time of now where it is set, as the specification of that
name at reproducible-builds.org has it.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from toolbox.lib.butane.wants import FilterError
from toolbox.lib.core.run import run

if TYPE_CHECKING:
    from datetime import tzinfo
    from pathlib import Path

VARIABLE = "SOURCE_DATE_EPOCH"
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""The time of what nobody knows a time of."""

SECONDS = 30.0
"""Far more than git takes to find a commit."""


def given() -> datetime | None:
    """Return the time that ``SOURCE_DATE_EPOCH`` says, or None.

    Raises:
        FilterError: It is no number of seconds.
    """
    written = os.environ.get(VARIABLE, "")
    if not written:
        return None
    try:
        return datetime.fromtimestamp(int(written), UTC)
    except (ValueError, OverflowError, OSError):
        message = f"{VARIABLE} is {written!r}, which is no number of seconds since 1970"
        raise FilterError(message, f"unset it, or: export {VARIABLE}=$(date +%s)") from None


def utc_now() -> datetime:
    """Return the time of now in UTC: ``SOURCE_DATE_EPOCH`` where it is set.

    Where it is not, each rendering makes another config, and so new machines: a warning tells.

    Example:
        >>> jinja("{{ utc_now().isoformat() }}")
        2026-01-01T00:00:00+00:00
    """
    return given() or datetime.now(UTC)


def local_now(name: str = "UTC") -> datetime:
    """Return the time of now in the host's time zone, `LOCALE.TIMEZONE`; else as `utc_now`.

    Example:
        >>> jinja("{{ local_now().strftime('%d.%m.%Y %H:%M') }}")
        01.01.2026 01:00
    """
    return utc_now().astimezone(zone(name))


def created_at(path: Path) -> datetime:
    """Return when a local file was changed last: the time of its last commit, in UTC.

    ``SOURCE_DATE_EPOCH`` goes before it where it is set; of a file that is in no commit it is 1970.
    What the file system says is never asked, as each checkout makes that anew. In a shallow clone
    git knows one commit only, which then is everybody's last.

    Example:
        >>> jinja("{{ ('motd' | created_at).strftime('%Y-%m-%d') }}")
        2026-01-01
    """
    fixed = given()
    if fixed is not None:
        return fixed
    # Reason: in a container the project often belongs to somebody else, and git then wants to be
    # told that this is all right.
    command = ["git", "-c", "safe.directory=*", "log", "-1", "--no-show-signature", "--format=%ct"]
    result = run([*command, "--", path.name], cwd=path.parent, timeout=SECONDS, check=False)
    seconds = result.text.strip()
    return datetime.fromtimestamp(int(seconds), UTC) if result.ok and seconds else BEGINNING


def zone(name: str) -> tzinfo:
    """Return a time zone by its name, such as ``Europe/Vienna``.

    Raises:
        FilterError: There is none of this name here.
    """
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = f"there is no time zone {name!r}"
        raise FilterError(message, "such as Europe/Vienna") from None
