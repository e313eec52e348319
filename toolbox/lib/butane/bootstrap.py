"""The outer config a machine boots with: it merges the host's own and leaves its hash behind."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolbox.lib.core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolbox.lib.butane.translate import IgnitionConfig

HASH_FILE = "/etc/infra-toolbox/config.sha256"
"""Where a machine keeps the hash of the config it was made from."""

VERSION = "3.3.0"
"""Ignition spec; compressed configs need 3.1.0, and every Ignition we boot knows this one."""


@dataclass(frozen=True, slots=True)
class PlaceFile:
    """A file that a machine has because of the place it runs in, whatever its config.

    Attributes:
        path: Where it is.
        text: What it holds, or what stands at its end.
        append: Whether the config, or the image, may hold a beginning of it.
        mode: Permission bits; what is appended leaves them as they are.
    """

    path: str
    text: str
    append: bool = False
    mode: int = 0o644

    def entry(self) -> dict[str, Any]:
        """Return it as Ignition wants it."""
        resource = {"source": f"data:;base64,{base64.b64encode(self.text.encode()).decode()}"}
        if self.append:
            return {"path": self.path, "append": [resource]}
        return {"path": self.path, "mode": self.mode, "overwrite": True, "contents": resource}


def wrap(
    config: IgnitionConfig, files: Iterable[PlaceFile] = (), private: Iterable[str] = ()
) -> Secret:
    """Return the outer Ignition config, JSON.

    The host's config is merged as a compressed data URL. Ignition checks its hash, which is of the
    uncompressed bytes, and refuses to boot another one. Of the two configs the merged one wins
    where both say something, so the hash file must be in the outer one only; rendering and
    translation see to that.

    Args:
        config: The host's config.
        files: Files of the place; those that the config names, too, are the config's, but for
            what is appended to them.
        private: Folders that only root enters.
    """
    # Reason: without a time stamp the same config always becomes the same bytes.
    packed = gzip.compress(config.json.reveal().encode(), mtime=0)
    outer = {
        "ignition": {
            "version": VERSION,
            "config": {
                "merge": [
                    {
                        "source": f"data:;base64,{base64.b64encode(packed).decode()}",
                        "compression": "gzip",
                        "verification": {"hash": config.sha256},
                    }
                ]
            },
        },
        "storage": {
            "files": [
                {
                    "path": HASH_FILE,
                    "mode": 0o644,
                    "overwrite": True,
                    "contents": {"source": f"data:,{config.sha256}%0A"},
                },
                *(file.entry() for file in files),
            ],
            "directories": [{"path": path, "mode": 0o700} for path in private],
        },
    }
    return Secret(json.dumps(outer, separators=(",", ":"), sort_keys=True))
