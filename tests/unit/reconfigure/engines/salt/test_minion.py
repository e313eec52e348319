"""The folder that Salt works in."""

from __future__ import annotations

import io
import json
import tarfile

from toolbox.lib.reconfigure.desire.blob import Blob
from toolbox.lib.reconfigure.engines.salt import minion
from toolbox.lib.reconfigure.engines.salt.sources import OURS, Sources


def unpacked(data: bytes) -> dict[str, bytes]:
    """Return the files of an archive, all of them readable by their owner alone."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert {entry.mode for entry in archive} == {0o600}
        return {entry.name: archive.extractfile(entry).read() for entry in archive}  # type: ignore[union-attr]


def test_everything_is_in_the_folder() -> None:
    """Nothing that Salt writes is elsewhere, and it asks no master."""
    said = json.loads(minion.configuration("/run/a/salt", "web"))
    assert said["file_client"] == "local"
    assert said["id"] == "web"
    for key in ("root_dir", "cachedir", "pki_dir", "log_file"):
        assert said[key].startswith("/run/a/salt")


def test_the_archive_has_all_and_is_the_same_twice() -> None:
    """States, contents by their hash, and a person's own states beside them."""
    blob = Blob(b"\x00{{")
    own = Sources(("mine",), {"mine.sls": b"a: {}", f"{OURS}.sls": b"never"})
    data = minion.pack("/run/salt", "web", "#!json\n{}\n", [blob], own)
    files = unpacked(data)
    assert files[f"blobs/{blob.digest}"] == b"\x00{{"
    assert files[f"states/{OURS}.sls"] == b"#!json\n{}\n"
    assert files["states/mine.sls"] == b"a: {}"
    assert "extension/infra.py" in files
    assert data == minion.pack("/run/salt", "web", "#!json\n{}\n", [blob], own)
