"""What comes after the first boot: Ignition does not run again, whichever way the machine starts.

The tests of this module are one story and run in the order in which they stand.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core.files import runtime_dir

if TYPE_CHECKING:
    from conftest import Sandbox

pytestmark = [pytest.mark.machine, pytest.mark.timeout(1200)]

PAGE = "/srv/hello/index.html"
BOOT_ID = "cat /proc/sys/kernel/random/boot_id"


@pytest.fixture(scope="module")
def machine(sandbox: Sandbox) -> Sandbox:
    """The sandbox with its machine up and one file of the config changed by hand."""
    answer = sandbox.invoke("sim")
    assert answer.code == 0, answer.err
    sandbox.ssh(f"echo changed | sudo tee {PAGE}")
    return sandbox


def test_saved_machine_resumes(machine: Sandbox) -> None:
    """A machine saved in its first boot wakes up in the same boot, with the right time.

    The folder of sockets and short-lived files is empty then, as in a new container.
    """
    before = machine.ssh(BOOT_ID)

    assert "saved: " in machine.invoke("sim.stop").err
    # Reason: what the launcher mounts there cannot be removed, and is there again, too.
    shutil.rmtree(runtime_dir(), ignore_errors=True)
    time.sleep(5)
    answer = machine.invoke("sim.up", "--json")

    assert answer.code == 0, answer.err
    assert machine.ssh(BOOT_ID) == before
    assert abs(int(machine.ssh("date +%s")) - time.time()) < 30


def test_reset_does_not_ignite_again(machine: Sandbox) -> None:
    """A reboot from within, still with the first boot's kernel arguments, leaves the disk alone.

    A task that comes while it reboots waits for it.
    """
    before = machine.ssh(BOOT_ID)

    machine.invoke("sim.ssh", "hello", "--", "sudo systemctl reboot")
    answer = machine.invoke("sim.up", "--json")

    assert answer.code == 0, answer.err
    assert "hello does not answer; waiting" in answer.err or "hello is shutting" in answer.err
    (item,) = answer.json["items"]
    assert item["action"] == "unchanged"
    assert item["boot_id"] == machine.ssh(BOOT_ID).strip() != before.strip()
    assert "ignition.firstboot" in machine.ssh("cat /proc/cmdline")
    assert machine.ssh(f"cat {PAGE}") == "changed\n"


def test_connection_that_is_dead(machine: Sandbox) -> None:
    """A connection that was left by a task, and that no machine knows any more, is replaced."""
    before = machine.ssh(BOOT_ID)
    assert machine.invoke("host.plan").code == 0
    assert len(list((runtime_dir() / machine.key / "held").iterdir())) == 1
    (name,) = machine.domains()
    subprocess.run(["virsh", "reset", name], check=True)

    answer = machine.invoke("host.plan", "--json")

    assert answer.code == 0, answer.err
    assert [node["path"] for node in answer.json["items"][0]["nodes"]] == [PAGE]
    assert machine.ssh(BOOT_ID) != before


def test_disk_boots_by_its_boot_loader(machine: Sandbox) -> None:
    """After a shutdown the machine comes up from its disk, by GRUB, without Ignition."""
    before = machine.ssh(BOOT_ID)

    down = machine.invoke("sim.down")
    assert (down.code, "shut down: hello" in down.err) == (0, True)
    assert "does not react" not in down.err
    up = machine.invoke("sim.up", "--json")

    assert up.code == 0, up.err
    assert up.json["items"][0]["action"] == "started"
    assert machine.ssh(BOOT_ID) != before
    assert "BOOT_IMAGE" in machine.ssh("cat /proc/cmdline")
    assert "ignition.firstboot" not in machine.ssh("cat /proc/cmdline")
    assert machine.ssh(f"cat {PAGE}") == "changed\n"
    assert machine.ssh("sudo ls -A /boot | grep -c firstboot || true").strip() == "0"


def test_dead_libvirtd_is_replaced(machine: Sandbox) -> None:
    """A killed libvirt daemon is started again, and the machine has not noticed."""
    before = machine.ssh(BOOT_ID)
    for pid in _pids("libvirtd"):
        os.kill(pid, signal.SIGKILL)

    answer = machine.invoke("sim.up", "--json")

    assert answer.code == 0, answer.err
    assert machine.ssh(BOOT_ID) == before


def test_changed_hardware_keeps_the_disk(machine: Sandbox) -> None:
    """More memory and one more port are a restart of the same machine."""
    settings = machine.root / "hosts/hello.yaml"
    text = settings.read_text()
    assert "memory: 2GiB" in text
    settings.write_text(
        text.replace("memory: 2GiB", "memory: 2560MiB").replace(
            "    - guest: 8080", "    - guest: 8080\n    - guest: 8081"
        )
    )

    assert "started again: its hardware changed" in machine.invoke("sim.preview").out
    answer = machine.invoke("sim.up", "--json")

    assert answer.code == 0, answer.err
    (item,) = answer.json["items"]
    assert (item["action"], item["reason"]) == ("started", "its hardware changed")
    assert set(item["ports"]) == {"22", "8080", "8081"}
    assert int(machine.ssh("free -m | awk '/Mem/ { print $2 }'")) > 2100
    assert machine.ssh(f"cat {PAGE}") == "changed\n"


def test_changed_config_changes_the_machine(machine: Sandbox) -> None:
    """Another config is brought to the machine that runs, and what was done by hand is mended."""
    before = machine.ssh(BOOT_ID)
    bu = machine.root / "hosts/hello/hello.bu"
    bu.write_text(bu.read_text().replace("greeted.service", "saluted.service"))
    check = machine.root / "hosts/hello/check_hello.py"
    check.write_text(
        check.read_text()
        .replace("greeted &&", "saluted &&")
        .replace("active greeted", "active saluted")
    )

    answer = machine.invoke("sim", "--json")

    assert answer.code == 0, answer.err
    (item,) = answer.json["items"]
    assert (item["action"], item["reason"]) == ("changed", "its config changed")
    assert machine.ssh(BOOT_ID) == before
    assert machine.ssh(f"cat {PAGE}") != "changed\n"
    assert "greeted" not in machine.ssh("ls /etc/systemd/system")
    assert any("- /etc/systemd/system/greeted.service" in line for line in item["changes"])


def test_made_anew_on_request(machine: Sandbox) -> None:
    """Whoever wants a first boot gets one, though nothing changed, and nothing saved comes back."""
    before = machine.ssh(BOOT_ID)
    assert machine.invoke("sim.stop").code == 0

    answer = machine.invoke("sim.up", "--fresh", "--json")

    assert answer.code == 0, answer.err
    (item,) = answer.json["items"]
    assert (item["action"], item["reason"]) == ("made", "--fresh was asked for")
    assert machine.ssh(BOOT_ID) != before
    (name,) = machine.domains()
    told = subprocess.run(["virsh", "dominfo", name], check=True, capture_output=True, text=True)
    assert re.search(r"Managed save: +no", told.stdout)


def test_lost_container_state(machine: Sandbox) -> None:
    """When the domain is gone, the next sim notices and makes the machine anew."""
    (name,) = machine.domains()
    subprocess.run(["virsh", "destroy", name], check=True)
    subprocess.run(["virsh", "undefine", name], check=True)

    answer = machine.invoke("sim.up", "--json")

    assert answer.code == 0, answer.err
    assert answer.json["items"][0]["reason"] == "its domain is gone"


def test_removed_state_is_cleaned(machine: Sandbox) -> None:
    """What carries our label though Pulumi has forgotten all of it is told, and cleaned."""
    (pulumi,) = machine.state.glob("simulations/*/pulumi")
    shutil.rmtree(pulumi)

    told = machine.invoke("sim.up")
    assert told.code == 1
    assert "hint: invoke sim.clean" in told.err
    assert len(machine.domains()) == 1

    assert machine.invoke("sim.clean").code == 0
    assert machine.domains() == {}


def _pids(name: str) -> list[int]:
    processes = Path("/proc").glob("[0-9]*/comm")
    return [int(comm.parent.name) for comm in processes if comm.read_text().strip() == name]
