"""The main job: a machine boots from a Butane config through Ignition and is checked over ssh.

The tests of this module are one story and run in the order in which they stand.
"""

from __future__ import annotations

import base64
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.core.secret import Secret
from toolbox.lib.transport.ssh import Endpoint, client

if TYPE_CHECKING:
    from conftest import Sandbox

pytestmark = [pytest.mark.machine, pytest.mark.smoke, pytest.mark.timeout(900)]

HELLO = "localhost/infra-toolbox-hello:latest"
PROVEN = {
    "boot_id",
    "system_running",
    "config",
    "hostname",
    "host_key",
    "templated_file",
    "unit",
    "user_key",
    "container_answers",
}


@pytest.fixture(scope="module")
def first(sandbox: Sandbox) -> dict[str, Any]:
    """What the first `sim` reports of its one machine."""
    answer = sandbox.invoke("sim", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["schema"] == "infra-toolbox/sim/1"
    assert answer.json["ok"] is True
    (item,) = answer.json["items"]
    return dict(item)


def test_first_sim_proves_everything(first: dict[str, Any]) -> None:
    """A machine is made, boots, and passes every check."""
    proofs = {proof["check"]: proof["outcome"] for proof in first["proofs"]}

    assert first["action"] == "made"
    assert proofs == dict.fromkeys(PROVEN, "passed")
    assert first["config"].startswith("sha256-")
    assert list(first["phases"])[-1] == "boot complete"


def test_second_sim_changes_nothing(sandbox: Sandbox, first: dict[str, Any]) -> None:
    """The same project once more leaves the machine as it is, in the same boot, and says so."""
    answer = sandbox.invoke("sim", "--json")

    (item,) = answer.json["items"]
    assert (item["action"], item["boot_id"]) == ("unchanged", first["boot_id"])
    assert "nothing changed" in answer.err


def test_preview_of_the_same(sandbox: Sandbox, first: dict[str, Any]) -> None:
    """A preview finds nothing to do."""
    assert first

    changes = {
        item["what"]: item["change"]
        for item in sandbox.invoke("sim.preview", "--json").json["items"]
    }

    assert changes["host hello"] == "stays as it is"
    assert changes["stack sim-identity"].startswith("no change")


def test_list_and_status(sandbox: Sandbox, first: dict[str, Any]) -> None:
    """The machine is listed as running and well."""
    (listed,) = sandbox.invoke("sim.list", "--json").json["items"]
    (status,) = sandbox.invoke("sim.status", "--json").json["items"]

    assert listed["state"] == "running"
    assert listed["config"] == first["config"]
    assert (status["system"], status["failed"]) == ("running", "")


def test_ssh_passes_words_and_exit_code(sandbox: Sandbox, first: dict[str, Any]) -> None:
    """A command on the machine keeps its quoting and its exit code."""
    assert first

    told = sandbox.invoke("sim.ssh", "hello", "--", "printf '%s|' 'a b' c; exit 7")

    assert (told.code, told.out) == (7, "a b|c|")


def test_person_runs_a_container(sandbox: Sandbox, first: dict[str, Any]) -> None:
    """A user's podman starts a container that has a network, from an image of the guest's."""
    assert first
    store = "additionalimagestore=/usr/share/infra-toolbox/images"
    run = f"podman --storage-opt {store} run --rm --entrypoint /bin/busybox {HELLO} ip -o link"

    told = sandbox.invoke("sim.ssh", "hello", "--", run)

    assert told.code == 0, told.err
    # Reason: pasta gives the container's card the name of the machine's.
    assert {line.split()[1] for line in told.out.splitlines()} == {"lo:", "enp1s0:"}


def test_devices_of_modules(sandbox: Sandbox, first: dict[str, Any]) -> None:
    """Devices whose modules are loaded by opening them are there, such as a loop device's."""
    assert first
    use = "truncate -s 1M disk && sudo losetup --find --show disk && sudo losetup --detach-all"

    told = sandbox.invoke("sim.ssh", "hello", "--", f"cd /var/tmp && {use}")

    assert told.out == "/dev/loop0\n", told.err


def test_wrong_host_key_is_refused(sandbox: Sandbox, first: dict[str, Any]) -> None:
    """Another machine at the same address is not talked to."""
    port = first["ports"]["22"]
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBvLFvhYoD+kfMBJAHjVEJgEBJGSBNGAAyHn8kbTJUpF"
    key, public = _new_key(sandbox.root.parent)
    # Reason: names of sockets are limited to 107 bytes, and pytest's folders are deep.
    with (
        TemporaryDirectory() as folder,
        client(
            [Endpoint("hello", "127.0.0.1", port, other)], Secret(key), public, Path(folder)
        ) as ssh,
    ):
        result = ssh.run("hello", "true", timeout=60, check=False)

    assert result.exit_code == 255
    assert "host key" in result.stderr.decode().lower()


def test_no_secret_in_clear(sandbox: Sandbox, first: dict[str, Any]) -> None:
    """No private key stands in clear in state, history, logs, runtime folders or process lists."""
    assert first
    secrets = _secrets(sandbox)
    assert len(secrets) >= 3

    needles = [piece for secret in secrets for piece in _forms(secret)]
    places = [sandbox.state, sandbox.root, Path("/run/infra-toolbox"), Path("/tmp/infra-toolbox")]
    leaks = [
        path
        for place in places
        for path in place.rglob("*")
        # Reason: the machine's own disk and memory hold its own keys.
        if path.is_file() and path.suffix != ".qcow2" and path.name != "memory"
        for data in [path.read_bytes()]
        if any(needle in data for needle in needles)
    ]
    argv = [path for path in Path("/proc").glob("[0-9]*/cmdline") if _has(path, needles)]

    assert (leaks, argv) == ([], [])


def test_clean_leaves_nothing(sandbox: Sandbox, first: dict[str, Any]) -> None:
    """Cleaning removes domain, disk, processes and folders; twice is fine."""
    assert first
    assert sandbox.domains()
    assert sandbox.processes("passt", "passt.avx2")

    once = sandbox.invoke("sim.clean")
    twice = sandbox.invoke("sim.clean")

    assert (once.code, twice.code) == (0, 0)
    assert "nothing to remove" in twice.err
    assert sandbox.domains() == {}
    assert list((sandbox.state / "simulations").iterdir()) == []
    assert sandbox.processes("passt", "passt.avx2", "ssh-agent", "pulumi") == []


def _secrets(sandbox: Sandbox) -> list[str]:
    items = sandbox.invoke("sim.show", "--json", "--secrets").json["items"]
    values = [item["value"] for item in items if "PRIVATE KEY" in item["value"]]
    keys = [value.replace("\\n", "\n") for value in values]
    return [part for key in keys for part in key.split("-----BEGIN")[1:] if "PRIVATE" in part]


def _forms(secret: str) -> list[bytes]:
    """Return a middle line of a key as it is, and as base64 at each of the three offsets."""
    lines = [line for line in secret.splitlines() if len(line) > 40 and " " not in line]
    line = lines[len(lines) // 2].strip('",').encode()
    shifted = [base64.b64encode(b"x" * shift + line)[4:-4] for shift in range(3)]
    return [line, *shifted]


def _has(path: Path, needles: list[bytes]) -> bool:
    try:
        data = path.read_bytes()
    except OSError:
        return False
    return any(needle in data for needle in needles)


def _new_key(folder: Path) -> tuple[str, str]:
    import subprocess

    path = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path.read_text(), path.with_suffix(".pub").read_text()
