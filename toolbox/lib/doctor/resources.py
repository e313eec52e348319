"""Disk, memory, network and ssh agent: what there is of them, and whether it is enough."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import HabitatError
from toolbox.lib.core.files import cache_home, state_home
from toolbox.lib.core.run import run, which
from toolbox.lib.doctor.row import Row, State
from toolbox.lib.habitat.place import Kind
from toolbox.lib.inventory.host import DEFAULT_MEMORY
from toolbox.lib.simulation import memory as free_memory

if TYPE_CHECKING:
    from toolbox.lib.doctor.row import Terms

GB = 1000**3
DISK_GB = 6
LEAST_MEMORY = DEFAULT_MEMORY // 2
UP = 1
NO_KEYS = 1
AGENT_SECONDS = 10.0


def disk(what: str, folder: Path, free: int, terms: Terms, *, writable: bool) -> Row:
    """Judge a folder that the tasks write to.

    Args:
        what: What is kept there.
        folder: The folder; need not exist.
        free: Bytes that are free there.
        terms: Whose advice it is.
        writable: Whether this user can write there.
    """
    if not writable:
        found = f"{what} cannot be kept: user {terms.uid} cannot write to {folder}"
        return Row("disk", State.LOST, found, _home_mend(terms))
    found = f"{free / GB:.1f} GB are free for {what} in {folder}"
    if free >= DISK_GB * GB:
        return Row("disk", State.OK, found)
    mend = {
        Kind.LAUNCHER: "on the host: podman image prune",
        Kind.CONTAINER: terms.flag("--volume FOLDER:/state --env INFRA_STATE=/state"),
        Kind.GITHUB: terms.flag("--volume FOLDER:/state --env INFRA_STATE=/state"),
    }.get(terms.kind, "export INFRA_STATE=FOLDER with a folder on a larger disk")
    return Row("disk", State.LOST, f"{found}, at least {DISK_GB} GB are needed", mend)


def disks(terms: Terms) -> list[Row]:
    """Look at the file systems of state and cache, which mostly are one."""
    try:
        state, cache = state_home(), cache_home()
    except HabitatError as error:
        return [Row("disk", State.LOST, error.message, _home_mend(terms))]
    bases = {folder: _existing(folder) for folder in (state, cache)}
    ways = {folder: os.access(base, os.W_OK | os.X_OK) for folder, base in bases.items()}
    one = bases[state].stat().st_dev == bases[cache].stat().st_dev
    if one and ways[state] == ways[cache]:
        named = {"state and cache": state}
    else:
        named = {"state": state, "cache": cache}
    return [
        disk(what, folder, shutil.disk_usage(bases[folder]).free, terms, writable=ways[folder])
        for what, folder in named.items()
    ]


def memory(free: int) -> Row:
    """Judge the memory that is free.

    Args:
        free: MiB.
    """
    found = (
        f"{free} MiB are available, a machine has {DEFAULT_MEMORY} MiB unless its host says else"
    )
    mend = "sim.memory: 1GiB in hosts/NAME.yaml"
    if free < LEAST_MEMORY:
        return Row("memory", State.LOST, found, "end other programs, or give this place more")
    return Row("memory", State.NOTE, found, mend) if free < DEFAULT_MEMORY else _ok("memory", found)


def look_at_memory() -> Row:
    """Look how much memory is free."""
    return memory(free_memory.available())


@dataclass(frozen=True, slots=True)
class Network:
    """What was found of the network.

    Attributes:
        route: Interface of the default route; empty without one.
        servers: Addresses of name servers.
    """

    route: str
    servers: tuple[str, ...]


def read_network(root: Path = Path("/")) -> Network:
    """Read routes and name servers; nothing is sent.

    Args:
        root: Folder that ``proc`` and ``etc`` are in.
    """
    four = (line.split() for line in _lines(root / "proc/net/route"))
    six = (line.split() for line in _lines(root / "proc/net/ipv6_route"))
    routes = [row[0] for row in four if row[1] == "0" * 8 and int(row[3], 16) & UP]
    routes += [row[-1] for row in six if row[:2] == ["0" * 32, "00"] and row[-1] != "lo"]
    resolver = (line.split() for line in _lines(root / "etc/resolv.conf"))
    servers = tuple(row[1] for row in resolver if len(row) > 1 and row[0] == "nameserver")
    return Network(routes[0] if routes else "", servers)


def network(facts: Network, terms: Terms) -> Row:
    """Judge the network, without which everything that is in the image works, too."""
    enough = "sim, doctor and all that the image holds need none"
    if not facts.route:
        mend = "leave --network none out" if terms.kind is Kind.CONTAINER else ""
        return Row("network", State.NOTE, f"no default route; {enough}", mend)
    if not facts.servers:
        found = f"default route by {facts.route}, but no name server; {enough}"
        mend = terms.flag("--dns ADDRESS") if terms.kind is Kind.CONTAINER else ""
        return Row("network", State.NOTE, found, mend)
    servers = ", ".join(facts.servers)
    return _ok("network", f"default route by {facts.route}, name server {servers} (none was asked)")


def agent(socket: str, code: int | None, keys: int, terms: Terms) -> Row:
    """Judge a person's ssh agent, which sim does not use: it has one of its own.

    Args:
        socket: What ``$SSH_AUTH_SOCK`` names.
        code: Exit code of ``ssh-add -l``; None when it is not installed.
        keys: How many keys it listed.
        terms: Whose advice it is.
    """
    enough = "sim has one of its own"
    if not socket:
        mend = {
            Kind.CONTAINER: terms.flag(
                '--volume "$SSH_AUTH_SOCK:/agent" --env SSH_AUTH_SOCK=/agent'
            ),
            Kind.LAUNCHER: 'on the host: eval "$(ssh-agent)"; ssh-add',
            Kind.TOOLBOX: 'on the host: eval "$(ssh-agent)"; ssh-add',
            Kind.NATIVE: 'eval "$(ssh-agent)"; ssh-add',
        }.get(terms.kind, "")
        return Row("ssh agent", State.NOTE, f"none is given; {enough}", mend)
    if code is None:
        return Row("ssh agent", State.NOTE, "cannot be asked: ssh-add is not installed")
    if code not in {0, NO_KEYS}:
        mend = "./infra stop" if terms.kind is Kind.LAUNCHER else 'eval "$(ssh-agent)"; ssh-add'
        return Row("ssh agent", State.NOTE, f"none answers at {socket}; {enough}", mend)
    if not keys:
        return Row("ssh agent", State.NOTE, f"answers at {socket}, and has no key", "ssh-add")
    return _ok("ssh agent", f"answers at {socket}, with {keys} key{'s' if keys > 1 else ''}")


def look_at_agent(terms: Terms) -> Row:
    """Ask the agent for its keys."""
    socket = os.environ.get("SSH_AUTH_SOCK", "")
    if not socket or which("ssh-add") is None:
        return agent(socket, None, 0, terms)
    answer = run(["ssh-add", "-l"], timeout=AGENT_SECONDS, check=False)
    keys = len(answer.text.splitlines()) if answer.ok else 0
    return agent(socket, answer.exit_code, keys, terms)


def _home_mend(terms: Terms) -> str:
    if terms.kind in {Kind.CONTAINER, Kind.GITHUB}:
        return terms.flag("--env HOME=/var/tmp/home")
    return "export HOME=FOLDER with a folder of your own"


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.is_dir())


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.is_file() else []


def _ok(what: str, found: str) -> Row:
    return Row(what, State.OK, found)
