"""Ignition as a client: it fetches a config here, and no machine boots."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def fetch(bootstrap: str, folder: Path) -> dict[str, Any] | str:
    """Have Ignition fetch; return the config that it has then, or what it said.

    Args:
        bootstrap: The config that it starts from.
        folder: Where its files are; used again by the next call.
    """
    start, cache = folder / "bootstrap.ign", folder / "config.json"
    start.write_text(bootstrap)
    cache.unlink(missing_ok=True)
    command = ["ignition", "--platform=file", "--stage=fetch", "--log-to-stdout"]
    done = subprocess.run(
        [*command, f"--root={folder}", f"--config-cache={cache}", f"--neednet={folder}/neednet"],
        env={"IGNITION_CONFIG_FILE": str(start), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        assert not cache.exists()
        return done.stdout
    got: dict[str, Any] = json.loads(cache.read_text())
    return got
