"""Tests of the project's container: what it is made of, when it is made anew, how it ends."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import FakeHost

INSIDE = "/run/infra-toolbox"
PID = "4711"


def label(host: FakeHost, name: str) -> str:
    """Return a label of the container that was made last."""
    created = [words for words in host.calls() if "run" in words and "--name" in words][-1]
    (word,) = (word for word in created if word.startswith(f"org.infra-toolbox.{name}="))
    return word.partition("=")[2]


def alive(host: FakeHost, image: str = "sha256:1") -> None:
    """Answer from now on as podman does when the last made container runs."""
    host.write(f"proc/{PID}/comm")
    flags, ports, agent = (label(host, name) for name in ("flags", "ports", "agent"))
    facts = f"{image}|{flags}|{ports}|{PID}|{agent}"
    host.answers.insert(0, ("container inspect .*Image", 0, facts))
    host.answers.insert(0, ("container inspect --format {{if", 0, PID))
    (host.folder / "calls").unlink()


def made_again(host: FakeHost) -> bool:
    """Tell whether a container was run since the record was emptied."""
    return any("run" in words and "--name" in words for words in host.calls())


def test_one_container_serves_all_tasks(host: FakeHost) -> None:
    """The second task finds the first one's container."""
    host.run("sim")
    alive(host)
    assert host.run("sim.status").returncode == 0
    assert not made_again(host)
    assert host.task()[-2:] == ["invoke", "sim.status"]


def test_state_is_in_a_volume_of_the_projects_own(host: FakeHost) -> None:
    """The volume is named like the container, and the library is told of it."""
    host.run("sim")
    created = host.created()
    name = created[created.index("--name") + 1]
    assert f"{name}:/var/lib/infra-toolbox" in created
    assert "INFRA_STATE=/var/lib/infra-toolbox" in created
    assert "--init" in created


def test_a_new_image_makes_a_new_container(host: FakeHost) -> None:
    """An image with another id replaces the container."""
    host.run("sim")
    alive(host, image="sha256:0")
    host.run("sim")
    assert made_again(host)
    assert any("rm" in words for words in host.calls())


def test_other_flags_make_a_new_container(host: FakeHost) -> None:
    """A host that now enforces SELinux needs another container."""
    host.run("sim")
    alive(host)
    host.write("sys/fs/selinux/enforce", "1")
    host.run("sim")
    assert made_again(host)


def test_a_stopped_container_is_made_anew(host: FakeHost) -> None:
    """After a restart of the host the container is there but does not run."""
    host.answers.insert(0, ("container inspect", 0, "sha256:1|x||"))
    host.run("sim")
    assert made_again(host)


def test_a_container_that_only_podman_takes_for_running_is_made_anew(host: FakeHost) -> None:
    """Killed together with its monitor it runs for podman, and its process is not there."""
    host.run("sim")
    alive(host)
    (host.root / "proc" / PID).rename(host.root / "proc" / "other")
    host.run("sim")
    assert made_again(host)


def test_running_machines_are_never_taken_away(host: FakeHost) -> None:
    """With machines in it an old container stays; the person is told what to do."""
    host.run("sim")
    alive(host, image="sha256:0")
    host.answers.insert(0, ("exec .*qemu-system", 0, ""))
    done = host.run("sim")
    assert done.returncode == 0
    assert not made_again(host)
    assert "hint: ./infra stop" in done.stderr


def test_two_at_once_share_what_the_first_made(host: FakeHost) -> None:
    """Who loses the race for the name uses the winner's container."""
    host.answers.insert(0, ("run -d", 125, "the name is in use"))
    host.write(f"proc/{PID}/comm")
    host.answers.insert(0, ("container inspect --format {{if", 0, PID))
    assert host.run("sim").returncode == 0


def test_a_container_that_does_not_start_is_an_error(host: FakeHost) -> None:
    """Podman's words stay, and the code is 3."""
    host.answers.insert(0, ("run -d", 125, "no space left on device"))
    done = host.run("sim")
    assert done.returncode == 3
    assert "no space left on device" in done.stderr


def test_root_works_for_the_projects_owner(host: FakeHost) -> None:
    """Root's podman runs the container as the owner of the project, with a home in the state."""
    owned = f'#!/bin/sh\nfor last; do :; done\n[ "$last" = "{host.project}" ] && '
    owned += 'echo "drwxr-xr-x 2 1234 1235 40 Jan 1 x" && exit\nexec /bin/ls "$@"\n'
    (host.folder / "bin" / "ls").unlink()
    (host.folder / "bin" / "ls").write_text(owned)
    (host.folder / "bin" / "ls").chmod(0o755)
    host.fake("chown")
    host.run("sim")
    created = host.created()
    assert created[created.index("--user") + 1] == "1234:1235"
    assert "HOME=/var/lib/infra-toolbox/home" in created
    (given,) = [
        words
        for words in host.calls()
        if words[-3:-1] == ['mkdir -p "$0/home" && chown -R "$1" "$0"', "/var/lib/infra-toolbox"]
    ]
    assert given[-1] == "1234:1235"
    assert "--user" not in host.task()


def test_a_person_is_root_in_their_own_container(host: FakeHost) -> None:
    """Rootless podman maps root to the caller, so nothing is needed."""
    host.user(1000)
    host.run("sim")
    assert "--user" not in host.created()


def test_certificates_are_lent_and_renewed_in_place(host: FakeHost) -> None:
    """Every tool is pointed at the host's bundle; a changed bundle needs no new container."""
    bundle = host.write("etc/ssl/certs/ca-certificates.crt", "old")
    host.run("sim")
    created = host.created()
    for name in (
        "SSL_CERT_FILE",
        "PIP_CERT",
        "REQUESTS_CA_BUNDLE",
        "GIT_SSL_CAINFO",
        "NODE_EXTRA_CA_CERTS",
    ):
        assert f"{name}={INSIDE}/ca/ca-certificates.crt" in created
    (mount,) = (word for word in created if word.endswith(f":{INSIDE}/ca:ro"))
    alive(host)
    bundle.write_text("new")
    host.run("sim")
    assert not made_again(host)
    lent = mount.partition(":")[0]
    assert (host.folder / lent / "ca-certificates.crt").read_text() == "new"


def test_a_bundle_of_the_callers_own_comes_first(host: FakeHost) -> None:
    """SSL_CERT_FILE of the caller is what the container trusts."""
    host.write("etc/ssl/certs/ca-certificates.crt", "system")
    host.environment["SSL_CERT_FILE"] = str(host.write("own.pem", "own"))
    host.run("sim")
    (lent,) = (host.folder / "home").rglob("ca-certificates.crt")
    assert lent.read_text() == "own"


def test_without_a_bundle_nothing_is_mounted(host: FakeHost) -> None:
    """A host without certificates leaves the container with its own."""
    host.run("sim")
    assert "SSL_CERT_FILE" not in " ".join(host.created())


def listen(path: Path, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    """Open a socket as an ssh agent does; the path may be longer than a socket's may be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(path.parent)
    agent = socket.socket(socket.AF_UNIX)
    agent.bind(path.name)
    return agent


def test_the_ssh_agent_follows_from_session_to_session(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mounted link leads to the agent of the session that runs the task."""
    first = host.folder / "home" / "agent.1"
    second = host.folder / "home" / "agent.2"
    with listen(first, monkeypatch), listen(second, monkeypatch):
        host.environment["SSH_AUTH_SOCK"] = str(first)
        host.run("sim")
        assert f"SSH_AUTH_SOCK={INSIDE}/agent/socket" in host.task()
        (link,) = (host.folder / "home").rglob("socket")
        assert link.samefile(first)
        alive(host)
        host.environment["SSH_AUTH_SOCK"] = str(second)
        host.run("sim")
        assert link.samefile(second)
        assert not made_again(host)
        del host.environment["SSH_AUTH_SOCK"]
        (host.folder / "calls").unlink()
        host.run("sim")
        assert not link.exists()
        assert "SSH_AUTH_SOCK" not in " ".join(host.task())


def test_an_agent_that_cannot_be_linked_is_said(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent on another file system than the running container's link: one line, no failure."""
    host.run("sim")
    alive(host)
    with listen(host.folder / "home" / "agent", monkeypatch):
        host.environment["SSH_AUTH_SOCK"] = str(host.folder / "home" / "agent")
        (host.folder / "bin" / "ln").unlink()
        host.fake("ln")
        host.answers.insert(0, ("^ln", 1, "cross-device"))
        done = host.run("sim")
    assert done.returncode == 0
    assert "ssh agent" in done.stderr
    assert "SSH_AUTH_SOCK" not in " ".join(host.task())


def test_a_named_key_is_lent(host: FakeHost) -> None:
    """The key that INFRA_IDENTITY names is mounted read-only at its own path, and no other."""
    key = host.folder / "home" / "a key"
    key.write_text("")
    host.run("sim")
    assert "a key" not in " ".join(host.created())
    (host.folder / "calls").unlink()
    host.environment["INFRA_IDENTITY"] = str(key)
    host.run("secret.show")
    assert f"{key}:{key}:ro" in host.created()
    assert "INFRA_IDENTITY" in host.task()
    (host.folder / "calls").unlink()
    host.environment["INFRA_IDENTITY"] = str(key.parent)
    host.run("sim")
    assert str(key.parent) not in " ".join(host.created())


@pytest.mark.parametrize(
    ("given", "published"),
    [
        ("47443", "47443:47443"),
        ("8443:47443", "8443:47443"),
        ("192.0.2.10:443:47443", "192.0.2.10:443:47443"),
    ],
)
def test_a_port_is_published_when_asked_for(host: FakeHost, given: str, published: str) -> None:
    """One number is the same port on both sides, all else is as podman has it; the task is told."""
    host.run("sim")
    assert "-p" not in host.created()
    (host.folder / "calls").unlink()
    host.environment["INFRA_PUBLISH"] = given
    host.run("prod.serve")
    created = host.created()
    assert created[created.index("-p") + 1] == published
    assert "INFRA_PUBLISH" in host.task()


def test_a_port_that_is_none_is_an_error(host: FakeHost) -> None:
    """What podman would not understand, or take for more than a port, is refused."""
    host.environment["INFRA_PUBLISH"] = "47443 --privileged"
    done = host.run("prod.serve")
    assert done.returncode == 2
    assert "no port to publish" in done.stderr
    assert not made_again(host)


def test_a_published_port_stays_and_another_makes_a_new_container(host: FakeHost) -> None:
    """A task that needs no port keeps the container, where another task may be using it."""
    host.environment["INFRA_PUBLISH"] = "47443"
    host.run("prod.serve")
    alive(host)
    host.run("prod.serve")
    del host.environment["INFRA_PUBLISH"]
    host.run("sim.list")
    assert not made_again(host)
    host.environment["INFRA_PUBLISH"] = "8443:47443"
    host.run("prod.serve")
    assert made_again(host)


def test_a_port_is_not_had_by_taking_machines_away(host: FakeHost) -> None:
    """With machines in a container without the port the task is not run, and one is told why."""
    host.run("sim")
    alive(host)
    host.answers.insert(0, ("exec .*qemu-system", 0, ""))
    host.environment["INFRA_PUBLISH"] = "47443"
    done = host.run("prod.serve")
    assert done.returncode == 3
    assert "hint: ./infra stop" in done.stderr.replace("\n\n", "\n")
    assert not made_again(host)


def test_the_hosts_network_has_all_ports(host: FakeHost) -> None:
    """Where containers start on the host's network only, there is nothing to publish."""
    host.answers.insert(0, (r"run --rm --init (?!.*--network=host)", 1, "no network"))
    host.environment["INFRA_PUBLISH"] = "47443"
    assert host.run("prod.serve").returncode == 0
    assert "--network=host" in host.created()
    assert "-p" not in host.created()


def test_the_hosts_libvirt_is_used_when_named(host: FakeHost) -> None:
    """LIBVIRT_DEFAULT_URI is what asks for it."""
    host.run("sim")
    assert "/run/libvirt:/run/libvirt" not in host.created()
    (host.folder / "calls").unlink()
    host.environment["LIBVIRT_DEFAULT_URI"] = "qemu:///system"
    host.run("sim")
    assert "/run/libvirt:/run/libvirt" in host.created()
    assert "LIBVIRT_DEFAULT_URI=qemu:///system" in host.created()


def test_a_task_sees_chosen_variables_by_name_only(host: FakeHost) -> None:
    """Names are passed, values stay out of process lists; the launcher's own stay outside."""
    host.environment |= {
        "TERM": "xterm",
        "NO_COLOR": "1",
        "CI": "1",
        "GITHUB_ACTIONS": "true",
        "SOURCE_DATE_EPOCH": "0",
        "SECRET": "x",
        "INFRA_DEADLINE": "5",
        "INFRA_YES": "1",
        "INFRA_STATE": "/x",
        "https_proxy": "http://u:pw@p",
        "HTTP_PROXY": "http://p",
        "no_proxy": "a",
        "NO_PROXY": "b",
    }
    host.run("sim")
    task = host.task()
    names = {task[index + 1] for index, word in enumerate(task) if word == "-e"}
    assert names == {
        "TERM",
        "NO_COLOR",
        "CI",
        "GITHUB_ACTIONS",
        "SOURCE_DATE_EPOCH",
        "INFRA_DEADLINE",
        "https_proxy",
        "HTTP_PROXY",
        "no_proxy",
        "NO_PROXY",
    }
    assert "pw@" not in " ".join(task)


def test_without_a_terminal_there_is_none_inside(host: FakeHost) -> None:
    """Output that is captured gets no terminal, but input always arrives."""
    host.run("sim")
    task = host.task()
    assert "-t" not in task
    assert "-i" in task


@pytest.mark.parametrize("code", [0, 1, 2, 4, 77, 124, 127])
def test_the_tasks_exit_code_is_the_launchers(host: FakeHost, code: int) -> None:
    """Every code passes."""
    host.answers.insert(0, ("exec .*--detach-keys", code, ""))
    assert host.run("sim").returncode == code


def test_stop_saves_ends_and_keeps_the_state(host: FakeHost) -> None:
    """Machines are saved, the container goes, the volume stays."""
    host.write(f"proc/{PID}/comm")
    host.answers.insert(0, ("container inspect", 0, PID))
    assert host.run("stop").returncode == 0
    verbs = [re.sub(r"infra-my-project-\w+", "NAME", " ".join(words[1:])) for words in host.calls()]
    assert verbs[-3:] == [
        f"exec -w {host.project} NAME invoke sim.stop --all",
        "stop -t 10 NAME",
        "rm -f NAME",
    ]


def test_stop_goes_on_when_saving_fails(host: FakeHost) -> None:
    """A failed save is said, and the container ends all the same; --purge takes the volume."""
    host.answers.insert(0, ("exec .*sim.stop", 1, ""))
    host.write(f"proc/{PID}/comm")
    host.answers.insert(0, ("container inspect", 0, PID))
    done = host.run("stop", "--purge")
    assert done.returncode == 0
    assert "could not be saved" in done.stderr
    assert host.calls("podman volume rm")


def test_stop_without_a_container_is_no_error(host: FakeHost) -> None:
    """Twice in a row is fine."""
    assert host.run("stop").returncode == 0
    assert not host.calls("podman exec")
