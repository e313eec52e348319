"""OpenSSH with pinned host keys and a key that never touches a disk.

The provision key is given to an agent of our own over a pipe and is gone with it. Host keys are
those that Ignition put on the machine, or such as the project's authority has signed for it, so the
first connection is checked as every other.
"""

from __future__ import annotations

import socket
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolbox.lib.core.files import private_directory, sha256, write_atomic
from toolbox.lib.core.run import run, spawn
from toolbox.lib.core.scratch import scratch
from toolbox.lib.core.wait import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from toolbox.lib.core.run import Result
    from toolbox.lib.core.secret import Secret

AGENT_SECONDS = 10.0
CONNECT_SECONDS = 20
ALIVE_SECONDS = 15

PERSIST_SECONDS = 300
"""How long a held connection outlives its last use: a thought between two edits."""

UNREACHABLE = 255
"""Exit code of ssh(1) for a connection that failed."""

REFUSALS = ("Permission denied", "verification failed")
"""Words of ssh(1) where there is somebody, who does not let us in or is not who he shall be."""

PINNED = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
)
"""Kinds of keys whose name is also that of their signature."""

SOCKET_LENGTH = 12
"""Digits of a socket's name: socket names are limited to 107 bytes (unix(7))."""

BANNER = b"SSH-"
"""First bytes a server sends (RFC 4253, section 4.2)."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How a machine is reached.

    Attributes:
        name: Name of the host, the alias its key is pinned under.
        address: IP address or name to connect to.
        port: TCP port.
        host_key: Public host key, ``ssh-ed25519 AAAA…``; empty where only a certificate counts.
        user: Login name.
        authority: Public key of who signs host keys; empty where only the pinned key counts.
    """

    name: str
    address: str
    port: int
    host_key: str
    user: str = "core"
    authority: str = ""

    def known(self) -> str:
        """Return its lines of a known_hosts file."""
        pinned = f"{self.name} {self.host_key}\n" if self.host_key else ""
        return pinned + (
            f"@cert-authority {self.name} {self.authority}\n" if self.authority else ""
        )

    def socket(self, public_key: str) -> str:
        """Return the name of the socket by which a connection with a key is shared."""
        facts = (self.name, self.address, str(self.port), self.user, public_key, self.known())
        return sha256("\0".join(facts).encode()).removeprefix("sha256-")[:SOCKET_LENGTH]

    def algorithms(self) -> str:
        """Return its line of ssh_config that says which kind of key it shall show first."""
        kind = self.host_key.partition(" ")[0]
        if not self.authority or kind not in PINNED:
            return ""
        # Reason: ssh asks for a certificate first where there is an authority, and refuses one that
        # has ended, even for a key that is pinned and does not end.
        return f"  HostKeyAlgorithms {kind},{kind}-cert-v01@openssh.com\n"


@dataclass(frozen=True, slots=True)
class Client:
    """An OpenSSH configuration with an agent that holds the key.

    Attributes:
        config: File for ``ssh -F``.
    """

    config: Path

    def command(self, name: str, *words: str, fresh: bool = False) -> list[str]:
        """Return the argument list of an ssh call.

        Args:
            name: Name of the endpoint.
            words: Remote command, joined by blanks as ssh does; none for a shell.
            fresh: Make a new connection, even where one is held.
        """
        alone = ["-o", "ControlMaster=no", "-o", "ControlPath=none"] if fresh else []
        return ["ssh", "-F", str(self.config), *alone, name, *words]

    def run(
        self,
        name: str,
        command: str,
        *,
        stdin: Secret | None = None,
        timeout: float | None = None,
        check: bool = True,
    ) -> Result:
        """Run a shell command on the machine.

        Args:
            name: Name of the endpoint.
            command: Text for the login shell there.
            stdin: What it reads; nothing by default.
            timeout: Seconds, None to wait for ever.
            check: Raise when it fails.

        Raises:
            ProgramFailed: The command or the connection failed (ssh exits 255).
            DeadlineError: It took too long.
        """
        return run(self.command(name, command), stdin=stdin, timeout=timeout, check=check)

    def hang_up(self, name: str) -> None:
        """End the held connection, if there is one."""
        run(["ssh", "-F", str(self.config), "-O", "exit", name], timeout=10, check=False)


def configuration(
    endpoints: Sequence[Endpoint],
    folder: Path,
    agent: Path,
    sockets: Sequence[Path],
    *,
    certified: bool = False,
) -> str:
    """Return the ssh_config(5) text for some endpoints.

    Args:
        endpoints: The machines.
        folder: Holds ``known_hosts`` and the public key.
        agent: Socket of the agent.
        sockets: The control socket of each machine.
        certified: Whether there is a certificate for the key in the folder, too.
    """
    own = f"  CertificateFile {folder}/provision-cert.pub\n" if certified else ""
    hosts = [
        f"Host {endpoint.name}\n"
        f"  HostName {endpoint.address}\n"
        f"  Port {endpoint.port}\n"
        f"  User {endpoint.user}\n"
        f"  HostKeyAlias {endpoint.name}\n"
        f"{endpoint.algorithms()}"
        # Reason: ssh's own %C, a hash, and what it adds while it binds are too long for a socket.
        f"  ControlPath {path}\n"
        for endpoint, path in zip(endpoints, sockets, strict=True)
    ]
    # Reason: one key and one known_hosts file, both ours, whatever the person's own files say; a
    # held connection because under emulation a new one costs seconds.
    return "".join(hosts) + (
        "Host *\n"
        f"  UserKnownHostsFile {folder}/known_hosts\n"
        "  GlobalKnownHostsFile /dev/null\n"
        "  StrictHostKeyChecking yes\n"
        "  UpdateHostKeys no\n"
        f"  IdentityAgent {agent}\n"
        f"  IdentityFile {folder}/provision.pub\n"
        f"{own}"
        "  IdentitiesOnly yes\n"
        "  PasswordAuthentication no\n"
        "  KbdInteractiveAuthentication no\n"
        "  ControlMaster auto\n"
        f"  ControlPersist {PERSIST_SECONDS}\n"
        f"  ConnectTimeout {CONNECT_SECONDS}\n"
        f"  ServerAliveInterval {ALIVE_SECONDS}\n"
        "  LogLevel ERROR\n"
    )


@contextmanager
def client(  # noqa: PLR0913 - what a connection is made of
    endpoints: Sequence[Endpoint],
    key: Secret,
    public_key: str,
    parent: Path,
    certificate: str = "",
    *,
    held: Path | None = None,
) -> Iterator[Client]:
    """Open a client for some endpoints; its agent and its connections end with the block.

    Args:
        endpoints: Machines it can reach.
        key: Private key, OpenSSH or PEM.
        public_key: The same key's public half.
        parent: Private folder; short, as socket names are limited to 107 bytes (unix(7)).
        certificate: Certificate for the key, one line, where machines ask for one.
        held: Private folder, as short, of connections that are shared with other tasks and stay
            open for a while (`PERSIST_SECONDS`) after the block.
    """
    # Reason: each client has a folder of its own, so that two tasks at once do not take each
    # other's agent away.
    with scratch(parent, "ssh") as folder:
        shared = private_directory(held) if held else None
        sockets = [
            shared / endpoint.socket(public_key) if shared else folder / str(number)
            for number, endpoint in enumerate(endpoints)
        ]
        _write(endpoints, public_key, certificate, folder, sockets)
        with _opened(key, folder) as opened:
            try:
                yield opened
            finally:
                for endpoint in () if held else endpoints:
                    opened.hang_up(endpoint.name)


def _write(
    endpoints: Sequence[Endpoint],
    public_key: str,
    certificate: str,
    folder: Path,
    sockets: Sequence[Path],
) -> None:
    agent, certified = folder / "agent", bool(certificate)
    files = {
        "known_hosts": "".join(endpoint.known() for endpoint in endpoints),
        "provision.pub": f"{public_key.strip()}\n",
        "config": configuration(endpoints, folder, agent, sockets, certified=certified),
    }
    if certificate:
        files["provision-cert.pub"] = f"{certificate.strip()}\n"
    for name, text in files.items():
        write_atomic(folder / name, text.encode(), mode=0o600)


@contextmanager
def _opened(key: Secret, folder: Path) -> Iterator[Client]:
    agent = folder / "agent"
    # Reason: Debian's has a group of its own (setgid) and would outlive us when we are killed.
    with spawn(["ssh-agent", "-D", "-a", str(agent)], confined=True):
        until(
            lambda _last: _listens(agent) or None,
            deadline=AGENT_SECONDS,
            interval=0.002,
            what="ssh-agent to listen",
        )
        run(["ssh-add", "-q", "-"], stdin=key, env={"SSH_AUTH_SOCK": str(agent)}, timeout=10)
        yield Client(folder / "config")


def _listens(path: Path) -> bool:
    """Tell whether somebody listens on a socket; its file is there a moment earlier."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def found_nobody(exit_code: int | None, said: str) -> bool:
    """Tell whether ssh(1) has found nobody to talk to, as while a machine boots.

    Args:
        exit_code: Its exit code.
        said: What it complained about.
    """
    return exit_code == UNREACHABLE and not any(words in said for words in REFUSALS)


def answers(address: str, port: int, *, timeout: float = 3.0) -> bool:
    """Tell whether an ssh server greets at an address.

    A port that merely accepts proves nothing: user-mode networking accepts before the machine does.

    Args:
        address: IP address or name.
        port: TCP port.
        timeout: Seconds for connection and greeting each.
    """
    try:
        with socket.create_connection((address, port), timeout=timeout) as connection:
            return connection.recv(len(BANNER)) == BANNER
    except OSError:
        return False
