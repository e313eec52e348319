"""What every machine must pass after it has booted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testinfra.host import Host

    from toolbox.lib.verify.expectation import Expectation

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CONFIG = "/etc/infra-toolbox/config.sha256"


def test_boot_id(machine: Host, expected: Expectation) -> None:
    """The machine is in the boot that was waited for."""
    found = machine.check_output("cat /proc/sys/kernel/random/boot_id")

    assert UUID.fullmatch(found)
    assert expected.boot_id == found


def test_system_running(machine: Host, expected: Expectation) -> None:
    """systemd has started everything and nothing failed."""
    found = machine.run("systemctl is-system-running; systemctl --failed --no-legend --plain")

    assert found.stdout.strip() == "running", f"{expected.name}: {found.stdout}"


def test_config(machine: Host, expected: Expectation) -> None:
    """The config that the machine was made from is the rendered one."""
    assert expected.config == machine.check_output(f"cat {CONFIG}")


def test_hostname(machine: Host, expected: Expectation) -> None:
    """The machine carries its name."""
    found = machine.check_output("cat /proc/sys/kernel/hostname")

    assert found in {expected.name, expected.fqdn}


def test_host_key(machine: Host, expected: Expectation) -> None:
    """The machine has no ssh host key but the one that was made for it."""
    found = machine.check_output("echo /etc/ssh/ssh_host_*_key")

    assert found == "/etc/ssh/ssh_host_ed25519_key", f"{expected.name}: {found}"
