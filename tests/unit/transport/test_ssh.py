"""Machines are reached with pinned keys, whatever the person's own settings are."""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core.errors import ProgramFailed
from toolbox.lib.core.secret import Secret
from toolbox.lib.core.wait import until
from toolbox.lib.transport.ssh import (
    Client,
    Endpoint,
    _listens,
    answers,
    client,
    configuration,
    found_nobody,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WEB = Endpoint("web", "127.0.0.1", 20022, "ssh-ed25519 AAAA")
DB = Endpoint("db", "::1", 22, "ssh-ed25519 BBBB", user="root")


def _settings(folder: Path, name: str) -> dict[str, str]:
    """Return what ssh itself makes of our configuration."""
    path = folder / "config"
    path.write_text(
        configuration([WEB, DB], folder, folder / "agent", [folder / "0", folder / "1"])
    )
    shown = subprocess.run(
        ["ssh", "-G", "-F", path, name], capture_output=True, text=True, check=True
    )
    return dict(line.partition(" ")[::2] for line in shown.stdout.splitlines())


@pytest.mark.needs("ssh")
def test_checking_is_strict(tmp_path: Path) -> None:
    """Host keys come from our file only, none is learnt, and no other key or word is offered."""
    settings = _settings(tmp_path, "web")

    assert settings["stricthostkeychecking"] == "true"
    assert settings["userknownhostsfile"] == f"{tmp_path}/known_hosts"
    assert settings["globalknownhostsfile"] == "/dev/null"
    assert settings["updatehostkeys"] == "false"
    assert settings["hostkeyalias"] == "web"
    assert settings["identitiesonly"] == "yes"
    assert settings["identityagent"] == f"{tmp_path}/agent"
    assert settings["passwordauthentication"] == "no"
    assert settings["kbdinteractiveauthentication"] == "no"


@pytest.mark.needs("ssh")
def test_endpoints(tmp_path: Path) -> None:
    """Each machine has its own address, port and user."""
    web, db = _settings(tmp_path, "web"), _settings(tmp_path, "db")

    assert (web["hostname"], web["port"], web["user"]) == ("127.0.0.1", "20022", "core")
    assert (db["hostname"], db["port"], db["user"]) == ("::1", "22", "root")
    assert (web["controlpath"], db["controlpath"]) == (f"{tmp_path}/0", f"{tmp_path}/1")


def test_no_endpoints(tmp_path: Path) -> None:
    """Without machines the strict part stays."""
    text = configuration([], tmp_path, tmp_path / "agent", [])

    assert text.startswith("Host *\n")
    assert "StrictHostKeyChecking yes" in text


def test_command(tmp_path: Path) -> None:
    """A command names our configuration and nothing of the person's."""
    ssh = Client(tmp_path / "config")

    assert ssh.command("web") == ["ssh", "-F", f"{tmp_path}/config", "web"]
    assert ssh.command("web", "id", "-u")[-3:] == ["web", "id", "-u"]


def test_failure_of_a_command(tmp_path: Path, fake: Callable[[str, str], Path]) -> None:
    """A remote failure carries the exit code and what was said."""
    fake("ssh", "echo 'Host key verification failed.' >&2; exit 255")
    ssh = Client(tmp_path / "config")

    with pytest.raises(ProgramFailed, match="Host key verification failed") as caught:
        ssh.run("web", "true")
    assert caught.value.result.exit_code == 255
    assert ssh.run("web", "true", check=False).exit_code == 255


@contextmanager
def _server(greeting: bytes | None) -> Iterator[int]:
    """Listen on a port; greet whoever comes, or never."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[socket.socket] = []

        def serve() -> None:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            kept.append(connection)
            if greeting is not None:
                connection.sendall(greeting)
                connection.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        for connection in kept:
            connection.close()


def test_answers() -> None:
    """A server that greets as ssh does answers."""
    with _server(b"SSH-2.0-OpenSSH_10.0\r\n") as port:
        assert answers("127.0.0.1", port)


@pytest.mark.parametrize(
    ("exit_code", "said", "nobody"),
    [
        (255, "kex_exchange_identification: read: Connection reset by peer", True),
        (255, "ssh: connect to host 127.0.0.1 port 22: Connection refused", True),
        (255, "mux_client_request_session: read from master failed: Broken pipe", True),
        (255, "core@127.0.0.1: Permission denied (publickey).", False),
        (255, "Host key verification failed.", False),
        (1, "sudo: a password is required", False),
        (None, "", False),
    ],
)
def test_nobody(exit_code: int | None, said: str, *, nobody: bool) -> None:
    """A machine that is not there is told from one that lets nobody in."""
    assert found_nobody(exit_code, said) is nobody


def test_accepting_is_no_answer() -> None:
    """A port that accepts and never greets does not answer."""
    with _server(None) as port:
        assert not answers("127.0.0.1", port, timeout=0.2)


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400\r\n", b""], ids=["another", "hangs up"])
def test_another_server_is_no_answer(greeting: bytes) -> None:
    """A server of another kind, or one that hangs up, does not answer."""
    with _server(greeting) as port:
        assert not answers("127.0.0.1", port)


def test_bound_is_not_listening() -> None:
    """An agent's socket that is there, and not listened on yet, is waited for."""
    with TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as agent:
        path = Path(folder) / "agent"
        assert not _listens(path)
        agent.bind(str(path))
        assert not _listens(path)
        agent.listen()
        assert _listens(path)


def test_nobody_listens() -> None:
    """A closed port does not answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    assert not answers("127.0.0.1", port, timeout=0.5)


@pytest.mark.needs("ssh-agent", "ssh-add", "ssh-keygen")
def test_client_leaves_nothing(tmp_path: Path) -> None:
    """The private key is in an agent only; it and all files end with the block."""
    private, public = _key(tmp_path, "provision")
    parent = tmp_path / "run"

    with client([WEB], Secret(private), public, parent) as ssh:
        folder = ssh.config.parent
        held = [path.read_text() for path in folder.iterdir() if path.is_file()]
        listed = subprocess.run(
            ["ssh-add", "-L"],
            env={"SSH_AUTH_SOCK": f"{folder}/agent", "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=True,
        )

    assert public.split()[1] in listed.stdout
    assert (folder.parent == parent, folder.exists()) == (True, False)
    assert not any("PRIVATE KEY" in text for text in held)


def _key(folder: Path, name: str) -> tuple[str, str]:
    path = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path.read_text(), path.with_name(f"{name}.pub").read_text().strip()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Endpoint, str, str]]:
    """Start an sshd as this user; return how it is reached and who may log in."""
    program = shutil.which("sshd")
    assert program is not None
    _, host_key = _key(tmp_path, "host")
    private, public = _key(tmp_path, "provision")
    (tmp_path / "authorized").write_text(f"{public}\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {tmp_path}/host\nPidFile none\n"
        f"AuthorizedKeysFile {tmp_path}/authorized\nStrictModes no\nUsePAM no\n"
    )
    log = (tmp_path / "sshd.log").open("wb")
    process = subprocess.Popen([program, "-D", "-e", "-f", tmp_path / "sshd_config"], stderr=log)
    until(lambda _last: answers("127.0.0.1", port) or None, deadline=10, interval=0.1, what="sshd")
    yield Endpoint("web", "127.0.0.1", port, host_key, getpass.getuser()), private, public
    process.terminate()
    process.wait()
    log.close()


@pytest.mark.needs("sshd", "ssh", "ssh-agent")
def test_login(server: tuple[Endpoint, str, str], tmp_path: Path) -> None:
    """A machine with the pinned key is reached, and commands run there."""
    endpoint, private, public = server

    with client([endpoint], Secret(private), public, tmp_path / "run") as ssh:
        assert ssh.run("web", "echo here", timeout=30).text == "here\n"


@pytest.mark.needs("sshd", "ssh", "ssh-agent")
def test_held_connection(server: tuple[Endpoint, str, str]) -> None:
    """A connection that is shared goes on for the next client, and for one with that key only."""
    endpoint, private, public = server
    with TemporaryDirectory() as short:
        parent, held = Path(short), Path(short) / "held"

        def behind(held: Path | None) -> str:
            with client([endpoint], Secret(private), public, parent, held=held) as ssh:
                return ssh.run("web", "echo $PPID", timeout=30).text

        first = behind(held)
        assert held.stat().st_mode & 0o777 == 0o700
        assert behind(held) == first
        assert behind(None) != first
        assert [path.name for path in held.iterdir()] == [endpoint.socket(public)]
        assert list(parent.glob("ssh*")) == []
        with client([endpoint], Secret(private), public, parent, held=held) as ssh:
            ssh.hang_up("web")
        assert behind(held) != first
        with client([endpoint], Secret(private), public, parent, held=held) as ssh:
            ssh.hang_up("web")


def test_socket() -> None:
    """A connection is not shared with who has another key, or expects another of the machine."""
    others = [
        WEB.socket("other"),
        replace(WEB, host_key="ssh-ed25519 CCCC").socket("key"),
        replace(WEB, port=1).socket("key"),
        replace(WEB, user="root").socket("key"),
        DB.socket("key"),
    ]

    assert len({WEB.socket("key"), *others}) == len(others) + 1
    assert WEB.socket("key") == WEB.socket("key")


@pytest.mark.needs("sshd", "ssh", "ssh-agent")
def test_another_host_key(server: tuple[Endpoint, str, str], tmp_path: Path) -> None:
    """A machine with another key than the pinned one is refused."""
    endpoint, private, public = server
    other = Endpoint(endpoint.name, endpoint.address, endpoint.port, public, endpoint.user)

    with (
        client([other], Secret(private), public, tmp_path / "run") as ssh,
        pytest.raises(ProgramFailed, match=r"(?i)host key"),
    ):
        ssh.run("web", "true", timeout=30)
