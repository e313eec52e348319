"""What was found sound, configs and the units of hosts, so that nothing judges it again.

Only hashes are kept.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

import toolbox
from toolbox.lib.butane.check import compose, quadlet, shell, systemd
from toolbox.lib.core.errors import HabitatError
from toolbox.lib.core.files import cache_home, private_directory
from toolbox.lib.core.run import which

FOLDER = "checks"
KEPT = 1000
"""Configs and sets of units that are remembered."""


def key(*parts: str) -> str:
    """Return the hash of something, of the programs that judge it, and of what asks them.

    Args:
        parts: All that the judgement is about.
    """
    judges = (systemd.ANALYZE, quadlet.generator(), compose.program(), shell.SHELLCHECK)
    programs = (which(name) for name in (*judges, "bash", "dash", "sh") if name)
    modules = sorted(Path(__file__).parent.glob("*.py"))
    state = [_state(path) for path in (*programs, *modules) if path]
    return hashlib.sha256(repr((toolbox.__version__, state, parts)).encode()).hexdigest()


def _state(path: Path) -> tuple[str, int, int]:
    status = path.stat()
    return str(path), status.st_size, status.st_mtime_ns


def is_sound(name: str) -> bool:
    """Tell whether what has this key was found sound."""
    try:
        os.utime(cache_home() / FOLDER / name)
    except (HabitatError, OSError):
        return False
    return True


def remember(name: str) -> None:
    """Keep that what has this key is sound, and forget those that nobody asked for lately."""
    # Reason: a memory that cannot be written costs time, and nothing else.
    with suppress(HabitatError, OSError):
        folder = private_directory(cache_home() / FOLDER)
        (folder / name).touch()
        known = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        for path in known[:-KEPT]:
            path.unlink()
