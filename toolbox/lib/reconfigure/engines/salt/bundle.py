"""Salt with all that it needs, shipped to a machine once and kept there by its hash."""

from __future__ import annotations

import hashlib
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import HabitatError, ToolboxError, VerificationError
from toolbox.lib.core.run import which
from toolbox.lib.core.steps import step
from toolbox.lib.reconfigure.engines.salt import call

if TYPE_CHECKING:
    from toolbox.lib.reconfigure.session.shell import Session

PROGRAM = "salt-call"
CACHE = "/var/cache/infra-toolbox/salt"
"""Where a machine keeps it; what is in it is public and can be had again."""

FOLDER = Path("/usr/share/infra-toolbox/salt")
"""Where the image has it."""

ARCHIVE, DIGEST = "bundle.tar.gz", "bundle.sha256"
SECONDS = 900.0
INSTALL = Path(__file__).parent / "install.sh"


def start(session: Session) -> str:
    """Return the shell words that start Salt for a session; where it lacks Salt, ship it.

    Args:
        session: On a machine, or for a folder: there it is the Salt of this place.

    Raises:
        HabitatError: This place has no Salt, or none that could be shipped.
        VerificationError: What would be shipped is damaged.
        ToolboxError: The machine has no room for it, or lacks tar or gzip.
    """
    return here() if session.root else installed(session)


def here() -> str:
    """Return the shell words that start the Salt of this place.

    Raises:
        HabitatError: There is none.
    """
    program = which(PROGRAM)
    if program is None:
        message = f"the program {PROGRAM} is not installed here"
        raise HabitatError(message, hint="run inside the toolbox image, or: invoke env.build")
    # Reason: its Python is started by us, so that it writes as on a machine (see `call`).
    python = program.resolve().parent / "python"
    return shlex.join([str(python), "-B", call.__file__])


def installed(session: Session) -> str:
    """Return the shell words that start Salt on a machine; ship it where it is not there.

    Args:
        session: On the machine.

    Raises:
        HabitatError: This place has none to ship.
        VerificationError: What would be shipped is damaged.
        ToolboxError: The machine has no room for it, or lacks tar or gzip.
    """
    folder = Path(os.environ.get("INFRA_SALT_BUNDLE", FOLDER))
    digest = known(folder)
    program = f"{CACHE}/{digest}/{PROGRAM}"
    if session.run(f"[ -x {program} ]").exit_code != 0:
        data = archive(folder, digest)
        with step(f"{session.name}: sending Salt, {len(data) // 1_000_000} MB, once"):
            _ship(session, digest, data)
    return program


def known(folder: Path) -> str:
    """Return the digest of the bundle in a folder.

    Raises:
        HabitatError: There is none.
    """
    try:
        return (folder / DIGEST).read_text(encoding="ascii").strip()
    except OSError as error:
        message = f"there is no Salt for machines in {folder}"
        hint = "run inside the toolbox image, or use the engine direct, which needs none"
        raise HabitatError(message, hint=hint) from error


def archive(folder: Path, digest: str) -> bytes:
    """Return the bundle in a folder, checked.

    Raises:
        VerificationError: It is damaged.
    """
    data = (folder / ARCHIVE).read_bytes()
    if hashlib.sha256(data).hexdigest() != digest:
        message = f"{folder / ARCHIVE} is damaged: its SHA-256 is not that in {DIGEST}"
        raise VerificationError(message, hint="./infra --rebuild image makes it anew")
    return data


def _ship(session: Session, digest: str, data: bytes) -> None:
    said = f"CACHE={CACHE} DIGEST={digest}\n{INSTALL.read_text(encoding='utf-8')}"
    reply = session.run(said, files=[data], deadline=SECONDS)
    if reply.exit_code != 0:
        message = f"{session.name}: Salt could not be unpacked\n{reply.complaint}"
        hint = "it wants tar, gzip and 150 MB below /var/cache; the engine direct wants none"
        raise ToolboxError(message, hint=hint)
