"""The file .env of a project: settings of one computer, which nothing needs.

Its names become environment variables where they are not set. The file belongs to a person, not to
the repository, and may have secrets; so it is not committed.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import UsageError
from toolbox.lib.core.secret import Secret
from toolbox.lib.inventory.document import Place

if TYPE_CHECKING:
    from pathlib import Path

FILE = ".env"
REFUSED = ("PATH", "HOME", "IFS", "ENV", "BASH_ENV", "SHELLOPTS")
REFUSED_PREFIXES = ("LD_", "PYTHON", "GIT_")
"""Names that decide which programs run: a file in a folder must not."""


def read(root: Path) -> dict[str, Secret]:
    """Return the values of a project's file; none where there is no file.

    Args:
        root: The project's folder.

    Raises:
        UsageError: It cannot be read, or sets what it must not.
    """
    path = root / FILE
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        values = dotenv_values(path, verbose=False)
    except (OSError, UnicodeDecodeError) as error:
        message = f"{FILE} cannot be read"
        raise UsageError(message, hint="save it as UTF-8") from error
    findings = [
        Place(FILE).finding("refused-name", f"{name} must not be set here", "remove it")
        for name in values
        if name in REFUSED or name.startswith(REFUSED_PREFIXES)
    ]
    if findings:
        message = f"{FILE} would decide which programs run"
        raise UsageError(message, findings=findings)
    return {name: Secret(value) for name, value in values.items() if value is not None}


def apply(root: Path) -> tuple[str, ...]:
    """Set the environment variables of a project's file that are not set yet.

    Args:
        root: The project's folder.

    Returns:
        Their names.
    """
    missing = {name: value for name, value in read(root).items() if name not in os.environ}
    os.environ.update({name: value.reveal() for name, value in missing.items()})
    return tuple(missing)
