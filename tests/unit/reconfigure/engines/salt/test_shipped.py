"""The Salt that the image has for machines."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from toolbox.lib.reconfigure.engines.salt import bundle, call, minion

HERE = bundle.FOLDER
LARGEST = 60_000_000
PROC = ("cpuinfo", "meminfo", "mounts", "stat", "uptime")
pytestmark = pytest.mark.needs("salt-bundle")


def test_it_is_what_its_digest_says() -> None:
    """A machine is sent what was built, and less than 60 MB of it."""
    data = bundle.archive(HERE, bundle.known(HERE))
    assert len(data) < LARGEST


def test_it_was_built_with_this_entry() -> None:
    """What starts Salt on a machine is what starts it here."""
    with tarfile.open(HERE / bundle.ARCHIVE) as archive:
        packed = archive.extractfile("./call.py")
        assert packed is not None
        found = hashlib.sha256(packed.read()).hexdigest()
    assert found == hashlib.sha256(Path(call.__file__).read_bytes()).hexdigest()


@pytest.mark.needs("root")
def test_it_runs_where_nothing_is_installed(tmp_path: Path) -> None:
    """In a root without libc, shell and Python it makes a file; what is lent is /proc."""
    with tarfile.open(HERE / bundle.ARCHIVE) as archive:
        archive.extractall(tmp_path / "bundle", filter="tar")
    for folder in ("proc", "etc", "run", "salt/config", "salt/states", "salt/cache", "salt/pki"):
        (tmp_path / folder).mkdir(parents=True)
    for name in PROC:
        (tmp_path / "proc" / name).write_bytes(Path("/proc", name).read_bytes())
    (tmp_path / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (tmp_path / "etc/group").write_text("root:x:0:\n")
    (tmp_path / "salt/config/minion").write_text(minion.configuration("/salt", "bare"))
    state = {"/etc/made": {"file.managed": [{"contents": "{{ a }}", "mode": "0600"}]}}
    (tmp_path / "salt/states/a.sls").write_text(f"#!json\n{json.dumps(state)}")
    (python,) = (tmp_path / "bundle/bin").iterdir()
    loader = ["/bundle/run/ld.so", "--library-path", "/bundle/run"]
    started = ["--argv0", f"/bundle/bin/{python.name}", "/bundle/run/python", "-E", "-s", "-S"]
    salt = ["-B", "/bundle/call.py", "--config-dir", "/salt/config", "--local", "--out=json"]
    done = subprocess.run(
        ["chroot", tmp_path, *loader, *started, *salt, "state.apply", "a"],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / "etc/made").read_text() == "{{ a }}\n"
