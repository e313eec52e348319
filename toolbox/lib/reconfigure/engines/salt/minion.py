"""The folder that Salt works in: its configuration, the states, and the contents of files.

It lies in memory and goes when Salt has ended, so nothing secret touches a disk.
"""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from toolbox.lib.reconfigure.engines.salt import infra
from toolbox.lib.reconfigure.engines.salt.sources import OURS, SUFFIX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolbox.lib.reconfigure.desire.blob import Blob
    from toolbox.lib.reconfigure.engines.salt.sources import Sources

BLOBS = "blobs"


def configuration(folder: str, name: str) -> str:
    """Return the configuration of a Salt that has no master and leaves nothing elsewhere.

    Args:
        folder: Where the folder is on the machine.
        name: Name of the host, Salt's ``id``.
    """
    said = {
        "id": name,
        "file_client": "local",
        "fileserver_backend": ["roots"],
        "file_roots": {"base": [f"{folder}/states"]},
        "pillar_roots": {"base": [f"{folder}/pillar"]},
        "states_dirs": [f"{folder}/extension"],
        "root_dir": folder,
        "cachedir": f"{folder}/cache",
        "pki_dir": f"{folder}/pki",
        "log_file": f"{folder}/log",
        "log_level_logfile": "quiet",
        # Reason: what they tell takes many programs, and the bundle has no use for it.
        "enable_gpu_grains": False,
        "enable_fqdns_grains": False,
        # Reason: we are no service that a restart could take with it.
        "systemd.scope": False,
        "verify_env": False,
    }
    return f"{json.dumps(said, indent=1)}\n"  # Reason: JSON is YAML as well.


def pack(folder: str, name: str, document: str, blobs: Sequence[Blob], sources: Sources) -> bytes:
    """Return the folder as an archive, the same bytes for the same content.

    Args:
        folder: Where it will be on the machine.
        name: Name of the host.
        document: The plan's states.
        blobs: Contents of files.
        sources: A person's own states.
    """
    extension = Path(infra.__file__)
    files = {
        "config/minion": configuration(folder, name).encode(),
        f"extension/{extension.name}": extension.read_bytes(),
        **{f"{BLOBS}/{blob.digest}": blob.reveal() for blob in blobs},
        **{f"states/{path}": data for path, data in sources.files.items()},
        f"states/{OURS}{SUFFIX}": document.encode(),
    }
    return _archive(files)


def _archive(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(files):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(files[path]), 0o600
            archive.addfile(entry, io.BytesIO(files[path]))
    return packed.getvalue()
