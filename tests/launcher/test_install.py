"""Tests of how the launcher gets podman on each distribution."""

from __future__ import annotations

import os
import pty
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import FakeHost

DEBIAN = {"runc", "crun", "uidmap", "slirp4netns", "netavark", "iptables", "catatonit", "passt"}


def without_podman(host: FakeHost, *managers: str) -> None:
    """Take podman away; the package manager brings it (the fake makes a link)."""
    (host.folder / "bin" / "podman").unlink()
    host.fake("later", *managers)
    for manager in managers:
        program = host.folder / "bin" / manager
        later = str(host.folder / "bin" / "later")
        brought = f"\nif 'install' in words or '-S' in words: os.symlink({later!r}, "
        brought += f"{str(host.folder / 'bin' / 'podman')!r})\n"
        text = program.read_text().replace("line = ", brought + "line = ")
        program.write_text(text)


@pytest.mark.parametrize(
    ("manager", "command"),
    [
        ("dnf", ["dnf", "install", "-y", "podman"]),
        ("zypper", ["zypper", "--non-interactive", "install", "podman"]),
        (
            "pacman",
            ["pacman", "-S", "--needed", "--noconfirm", "podman", "fuse-overlayfs", "slirp4netns"],
        ),
    ],
)
def test_each_distribution_is_asked_in_its_own_words(
    host: FakeHost, manager: str, command: list[str]
) -> None:
    """Under --yes the package manager of the host installs podman, and the task runs."""
    without_podman(host, manager)
    done = host.run("--yes", "sim")
    assert done.returncode == 0, done.stderr
    assert host.calls(manager) == [command]
    assert host.task()


def test_debian_gets_what_makes_podman_work(host: FakeHost) -> None:
    """Lists are fetched first when there are none, and Debian's recommendations are named."""
    without_podman(host, "apt-get", "apt-cache")
    host.environment["CI"] = "true"
    assert host.run("sim").returncode == 0
    update, install = host.calls("apt-get")
    assert update[:2] == ["apt-get", "update"]
    assert set(install) >= DEBIAN
    assert "--no-install-recommends" in install


def test_debian_packages_of_another_release_are_left_out(host: FakeHost) -> None:
    """A release without passt gets podman all the same; known lists are not fetched again."""
    without_podman(host, "apt-get", "apt-cache")
    host.write("var/lib/apt/lists/x_Packages.lz4")
    host.answers.insert(0, ("apt-cache show passt", 100, ""))
    assert host.run("--yes", "sim").returncode == 0
    (install,) = host.calls("apt-get")
    assert set(install) >= DEBIAN - {"passt"}
    assert "passt" not in install


def test_a_failed_installation_is_tried_again_with_fresh_lists(host: FakeHost) -> None:
    """Old lists name packages that are gone: update, again, and then an error with a hint."""
    without_podman(host, "apt-get", "apt-cache")
    (host.folder / "bin" / "later").unlink()
    host.write("var/lib/apt/lists/x_Packages")
    host.answers.insert(0, ("apt-get install", 100, ""))
    done = host.run("--yes", "sim")
    assert [call[1] for call in host.calls("apt-get")] == ["install", "update", "install"]
    assert done.returncode == 3
    assert "\n\nhint: " in done.stderr


def test_sudo_is_used_only_by_others_than_root(host: FakeHost) -> None:
    """A person without a terminal uses sudo without a prompt."""
    without_podman(host, "dnf")
    host.user(1000)
    host.fake("sudo")
    host.run("--yes", "sim")
    assert host.calls("sudo") == [["sudo", "-n", "dnf", "install", "-y", "podman"]]


def test_without_sudo_the_command_for_root_is_shown(host: FakeHost) -> None:
    """Where there is no way to become root, the hint is the command."""
    without_podman(host, "dnf")
    host.user(1000)
    done = host.run("--yes", "sim")
    assert done.returncode == 3
    assert "hint: as root: dnf install -y podman" in done.stderr


def test_nobody_to_ask_is_an_error_with_a_hint(host: FakeHost) -> None:
    """Without terminal and --yes nothing is installed."""
    without_podman(host, "dnf")
    done = host.run("sim")
    assert done.returncode == 3
    assert "hint: ./infra --yes" in done.stderr
    assert host.calls() == []


def test_no_package_manager_is_an_error(host: FakeHost) -> None:
    """A host that is not known gets a sentence."""
    (host.folder / "bin" / "podman").unlink()
    assert host.run("--yes", "sim").returncode == 3


def test_a_named_podman_is_never_installed(host: FakeHost) -> None:
    """INFRA_PODMAN that does not exist is a person's mistake, not a missing package."""
    host.fake("dnf")
    host.environment["INFRA_PODMAN"] = "/no/such/podman"
    done = host.run("--yes", "sim")
    assert done.returncode == 3
    assert "INFRA_PODMAN" in done.stderr
    assert host.calls() == []


def test_dry_run_prints_the_installation(host: FakeHost) -> None:
    """--dry-run shows the command and asks nobody."""
    without_podman(host, "apt-get", "apt-cache")
    done = host.run("--dry-run", "sim")
    assert "\nenv DEBIAN_FRONTEND=noninteractive apt-get install" in done.stdout
    assert host.calls() == []


@pytest.mark.parametrize(("answer", "installed"), [("y\n", True), ("\n", True), ("n\n", False)])
def test_on_a_terminal_a_person_is_asked(host: FakeHost, answer: str, installed: bool) -> None:
    """Enter and y install; n ends with code 3."""
    without_podman(host, "dnf")
    host.run("--help")  # Reason: makes the copy of the launcher and the answers
    mine, theirs = pty.openpty()
    environment = {
        "PATH": str(host.folder / "bin"),
        "HOME": str(host.folder / "home"),
        "INFRA_HOST_ROOT": str(host.root),
    }
    with subprocess.Popen(
        ["/bin/sh", str(host.folder / "infra"), "sim"],
        cwd=host.project,
        env=environment,
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    ) as process:
        time.sleep(0.5)
        os.write(mine, answer.encode())
        code = process.wait(30)
    os.close(theirs)
    os.close(mine)
    assert bool(host.calls("dnf")) is installed
    assert (code == 3) is not installed
