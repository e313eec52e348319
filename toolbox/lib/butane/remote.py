"""The public bootstrap: a config without a secret, by which a machine fetches its own."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from toolbox.lib.butane.bootstrap import HASH_FILE, VERSION
from toolbox.lib.core.files import sha256

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolbox.lib.butane.bootstrap import PlaceFile

HASH_HEADER = "Verification-Hash"
"""By this header a machine shows which config it is for; only its bootstrap knows it."""

PATIENCE_SECONDS = 600
"""How long a machine tries; after it the console says why nothing came."""


@dataclass(frozen=True, slots=True)
class Remote:
    """Where a config is fetched from, and how it is known.

    Attributes:
        url: HTTPS URL.
        authority: Certificate that the server's is checked with, PEM.
        sha256: Hash of the config's bytes, ``sha256-<hex>``.
        patience: Seconds for which a machine tries.
    """

    url: str
    authority: str
    sha256: str
    patience: int = PATIENCE_SECONDS

    @property
    def headers(self) -> dict[str, str]:
        """The headers that a request has."""
        return {HASH_HEADER: self.sha256}


def public(remote: Remote, files: Iterable[PlaceFile] = ()) -> str:
    """Return the bootstrap config of a machine, JSON; it holds no secret.

    The fetched config replaces one that stands in this one as a data URL and that alone knows
    authority and patience. So neither stays: what the machine fetches later, it fetches as its own
    config says. The hash file is here, as it cannot be in the config that it is the hash of; one
    that wraps another one brings the hash of that, which wins.

    Args:
        remote: Where the config is.
        files: Files of the place that the machine is in.
    """
    inner = json.dumps(_fetching(remote), separators=(",", ":"), sort_keys=True)
    outer = {
        "ignition": {"version": VERSION, "config": {"merge": [_data(inner)]}},
        "storage": {
            "files": [
                {
                    "path": HASH_FILE,
                    "mode": 0o644,
                    "overwrite": True,
                    "contents": {"source": f"data:,{remote.sha256}%0A"},
                },
                *(file.entry() for file in files),
            ]
        },
    }
    return json.dumps(outer, separators=(",", ":"), sort_keys=True)


def _fetching(remote: Remote) -> dict[str, Any]:
    headers = [{"name": name, "value": value} for name, value in remote.headers.items()]
    fetched = {
        "source": remote.url,
        "httpHeaders": headers,
        "verification": {"hash": remote.sha256},
    }
    return {
        "ignition": {
            "version": VERSION,
            "config": {"replace": fetched},
            "security": {"tls": {"certificateAuthorities": [_data(remote.authority)]}},
            "timeouts": {"httpTotal": remote.patience},
        }
    }


def _data(text: str) -> dict[str, Any]:
    # Reason: what a person looks at should be readable where it can be.
    source = f"data:,{quote(text)}"
    packed = f"data:;base64,{base64.b64encode(text.encode()).decode()}"
    shorter = min(source, packed, key=len)
    return {"source": shorter, "verification": {"hash": sha256(text.encode())}}
