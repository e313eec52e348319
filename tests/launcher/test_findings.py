"""Tests of what the launcher finds out about podman, and that it asks only once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import FakeHost

RLIMIT = "Error: crun: setrlimit `RLIMIT_NOFILE`: Operation not permitted: OCI permission denied"


def test_a_podman_that_works_gets_no_flags(host: FakeHost) -> None:
    """One try, and nothing is added."""
    host.run("sim")
    assert len(host.calls("podman run --rm")) == 1
    created = host.created()
    assert created[:4] == ["podman", "run", "-d", "--name"]
    for flag in ("--ulimit", "--runtime", "--security-opt", "--device", "--network=host", "--user"):
        assert flag not in created


def test_refused_crun_leads_to_runc(host: FakeHost) -> None:
    """Where only runc works, every command gets it."""
    host.fake("runc")
    host.answers.insert(
        0, (r"^podman (?!.*runtime runc).*run --rm", 126, "crun: cgroups in hybrid mode")
    )
    assert host.run("sim").returncode == 0
    assert host.created()[1:4] == ["--runtime", "runc", "run"]
    assert host.task()[1:4] == ["--runtime", "runc", "exec"]


def test_limits_that_cannot_be_raised_are_capped(host: FakeHost) -> None:
    """The caller's own limits are tried, no fixed ones."""
    host.answers.insert(0, (r"run --rm (?!.*--ulimit nofile)", 126, RLIMIT))
    assert host.run("sim").returncode == 0
    created = host.created()
    assert created.count("--ulimit") == 2
    assert "nofile=1024:1024" not in created


def test_small_limits_are_the_last_resort(host: FakeHost) -> None:
    """Where even the own limits are refused, small ones are used."""
    host.answers.insert(0, (r"run --rm (?!.*nofile=1024:1024)", 126, RLIMIT))
    assert host.run("sim").returncode == 0
    assert "nproc=1000:1000" in host.created()


def test_cgroups_without_systemd(host: FakeHost) -> None:
    """Without a systemd session, podman keeps cgroups and events itself."""
    host.answers.insert(0, (r"^podman( --runtime runc)? run --rm", 126, "cgroup"))
    assert host.run("sim").returncode == 0
    flags = ["--cgroup-manager=cgroupfs", "--events-backend=file"]
    assert host.created()[1:3] == flags


def test_a_network_that_does_not_start_is_replaced(host: FakeHost) -> None:
    """Where no container network can be made, the host's is used."""
    host.answers.insert(0, (r"run --rm (?!.*--network=host)", 126, "netavark"))
    assert host.run("sim").returncode == 0
    assert "--network=host" in host.created()


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("newuidmap: executable file not found", "--add-subuids"),
        ("cannot clone: user namespace", "unprivileged_userns_clone"),
        ("cgroup: permission denied", "systemd session"),
        ("fuse: device not found", "--privileged"),
        ("something else", "--verbose"),
    ],
)
def test_a_podman_that_cannot_work_ends_with_a_hint(host: FakeHost, said: str, hint: str) -> None:
    """Podman's own words, a sentence, a hint that fits, exit code 3, and no task."""
    host.answers.insert(0, ("run --rm|import", 125, f"Error: {said}\n"))
    done = host.run("sim")
    assert done.returncode == 3
    assert said in done.stderr
    assert hint in done.stderr.split("\n\nhint: ")[1]
    assert not host.calls("podman exec")


def test_what_was_found_out_is_kept_for_this_boot(host: FakeHost) -> None:
    """The second task tries nothing; another podman version does."""
    host.answers.insert(0, (r"run --rm (?!.*--ulimit nofile)", 126, RLIMIT))
    host.run("sim")
    tries = sum("--rm" in words for words in host.calls())
    host.run("sim")
    assert sum("--rm" in words for words in host.calls()) == tries == 5
    host.answers.insert(0, ("--version", 0, "podman version 6.0.0"))
    host.run("sim")
    assert sum("--rm" in words for words in host.calls()) == 2 * tries


def test_selinux_labels_are_left_alone(host: FakeHost) -> None:
    """Under SELinux the container runs without confinement, and nothing is relabelled."""
    host.write("sys/fs/selinux/enforce", "1")
    host.run("sim")
    assert "--security-opt label=disable" in " ".join(host.created())
    assert not any(word.endswith((":z", ":Z")) for word in host.created())


def test_permissive_selinux_needs_nothing(host: FakeHost) -> None:
    """With SELinux permissive the container stays confined."""
    host.write("sys/fs/selinux/enforce", "0")
    host.run("sim")
    assert "--security-opt" not in host.created()


@pytest.mark.parametrize(
    ("uid", "runtime", "groups"), [(1000, "crun", True), (1000, "runc", False), (0, "crun", False)]
)
def test_kvm_is_handed_on(host: FakeHost, uid: int, runtime: str, groups: bool) -> None:
    """The device goes in; the user's groups only where there are some and crun can keep them."""
    host.write("dev/kvm")
    host.user(uid)
    host.answers.insert(0, ("info", 0, runtime))
    host.run("sim")
    created = " ".join(host.created())
    assert "--device /dev/kvm" in created
    assert ("--group-add keep-groups" in created) is groups


def test_kvm_that_cannot_be_handed_on_is_left_out(host: FakeHost) -> None:
    """A refused device is no reason to fail."""
    host.write("dev/kvm")
    host.answers.insert(0, ("run --rm .*--device", 126, "no"))
    assert host.run("sim").returncode == 0
    assert "--device" not in host.created()
