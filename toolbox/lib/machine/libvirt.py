"""The libvirt daemon: the one of this habitat, started when needed, reached through virsh."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from toolbox.lib.core.errors import HabitatError, ProgramFailed
from toolbox.lib.core.files import (
    launcher_home,
    private_directory,
    runtime_dir,
    state_home,
    write_atomic,
)
from toolbox.lib.core.lock import exclusive
from toolbox.lib.core.run import TAIL_LINES, detach, run, search_path, which
from toolbox.lib.core.wait import until
from toolbox.lib.machine import images

START_SECONDS = 20.0
IDLE_SECONDS = 120
"""How long our daemon stays when no machine runs and nobody is connected: libvirt's own default."""
# Reason: in a plain container nothing may be chowned, no cgroup made, no namespace entered, and no
# second daemon keeps the logs; the container itself is the boundary around the machines.
SETTINGS = """\
security_driver = "none"
cgroup_controllers = []
namespaces = []
stdio_handler = "file"
"""
ROOT_SETTINGS = """\
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
"""

CRASHED = "shutting down, reason=crashed"
"""What libvirt writes at the end of a domain's log when its QEMU ended without being told to."""
QEMU = "qemu-system-"
NO_SPACE = "no space"
"""What libvirt says of a disk whose writes found no room (virDomainDiskErrorCode)."""

DAEMONS = {"catatonit", "libvirtd"}
"""What our daemon's process may be called: what waits for it, or itself."""

VOLUME = Path("/var/lib/infra-toolbox")
"""Where the launcher mounts the state of a project."""

KEPT = (
    Path("/etc/libvirt/qemu"),
    Path("/etc/libvirt/storage"),
    Path("/var/lib/libvirt/qemu/save"),
)
# Reason: passt gives a guest the address of the habitat itself. In a container that is one of
# podman's default network, which a machine makes once more for its own containers; two of one
# network on one machine, and it is off the net. So machines get the network that QEMU's own user
# mode uses. libvirt cannot say that, but it looks passt up on its PATH.
PASST = """\
#!/bin/sh
PATH=${PATH#*:}
exec passt --address 10.0.2.15 --netmask 24 --gateway 10.0.2.2 "$@"
"""


@dataclass(frozen=True, slots=True)
class Hypervisor:
    """A libvirt connection.

    Attributes:
        uri: Connection URI (https://libvirt.org/uri.html).
    """

    uri: str

    def virsh(self, *arguments: str | Path, check: bool = True, seconds: float = 60.0) -> str:
        """Run a virsh command and return what it prints.

        Args:
            arguments: Command and its arguments.
            check: Raise when virsh fails; otherwise a failure is an empty answer.
            seconds: How long it may take.

        Raises:
            ProgramFailed: virsh refused.
            DeadlineError: It took too long.
        """
        command = ["virsh", "--quiet", "-c", self.uri, *arguments]
        result = run(command, timeout=seconds, check=check)
        return result.text.strip() if result.ok else ""

    def domains(self) -> tuple[str, ...]:
        """Return the names of all domains, running or not."""
        return tuple(self.virsh("list", "--all", "--name").split())

    def state(self, name: str) -> str:
        """Return a domain's state in libvirt's words, such as ``running``; empty without one."""
        return self.virsh("domstate", name, check=False)

    def crash(self, name: str) -> str:
        """Return the last words of a domain's QEMU when it crashed, or nothing.

        Args:
            name: The domain, which may be gone.
        """
        log = _log(name)
        said = log.read_text(errors="replace").splitlines() if log.is_file() else []
        if not said or not said[-1].endswith(CRASHED):
            return ""
        # Reason: lines with a time in front are libvirt's, the others QEMU's own.
        own = [line for line in said[:-1] if line.startswith(QEMU)]
        return own[-1] if own else CRASHED

    def starved(self, name: str) -> str:
        """Return the disk of a domain that stands still because there is no room, or nothing."""
        if self.state(name) != "paused":
            return ""
        errors = self.virsh("domblkerror", name, check=False)
        return next((line.split(":")[0] for line in errors.splitlines() if NO_SPACE in line), "")

    def sees(self, path: Path) -> bool:
        """Tell whether the daemon finds a file of ours where we find it."""
        pool = f"infra-look-{uuid.uuid4().hex[:8]}"
        try:
            self.virsh("pool-create-as", pool, "dir", "--target", path.parent)
            return path.name in self.virsh("vol-list", pool).split()
        except ProgramFailed:
            return False
        finally:
            self.virsh("pool-destroy", pool, check=False)

    def is_alive(self) -> bool:
        """Tell whether the daemon answers."""
        return run(["virsh", "--quiet", "-c", self.uri, "uri"], timeout=20, check=False).ok


def default_uri() -> str:
    """Return ``$LIBVIRT_DEFAULT_URI``, or root's system daemon or a person's daemon of ours."""
    given = os.environ.get("LIBVIRT_DEFAULT_URI")
    if given or os.geteuid() == 0:
        return given or "qemu:///system"
    # Reason: the provider knows the system's socket only; a person's must be named.
    return f"qemu+unix:///session?socket={runtime_dir() / 'libvirt' / 'libvirt-sock'}"


def connect() -> Hypervisor:
    """Connect to the hypervisor, starting our own daemon where none is given.

    Returns:
        A connection that answers.

    Raises:
        HabitatError: The given daemon does not answer, ours does not start, or this user has no
            name.
    """
    _require_account()
    hypervisor = Hypervisor(default_uri())
    if os.environ.get("LIBVIRT_DEFAULT_URI"):
        _require_use(hypervisor, alive=hypervisor.is_alive())
        return hypervisor
    # Reason: of two tasks at once, one starts the daemon and the other finds it.
    with exclusive(runtime_dir() / "libvirt.lock", what="libvirt daemon"):
        if not hypervisor.is_alive() or _is_astray(hypervisor):
            _start(hypervisor)
    return hypervisor


def _require_account() -> None:
    """Refuse a user without a name: neither libvirt nor ssh runs for him."""
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError as error:
        message = f"user {os.geteuid()} has no entry in /etc/passwd, as libvirt and ssh want"
        hint = "podman run --user makes one; to podman exec --user, give a user that has one"
        raise HabitatError(message, hint=hint) from error


def _require_use(hypervisor: Hypervisor, *, alive: bool) -> None:
    """Refuse a daemon that was given and is of no use: dead, or one that has other files."""
    ours = "unset LIBVIRT_DEFAULT_URI to use our own"
    if not alive:
        message = f"libvirt does not answer at {hypervisor.uri}"
        raise HabitatError(message, hint=f"start it (systemctl start libvirtd), or {ours}")
    disks = private_directory(state_home() / "simulations") / ".seen"
    disks.touch()
    for path in (disks, images.guests_folder() / "debian" / "disk.qcow2"):
        if path.exists() and not hypervisor.sees(path):
            message = f"libvirt at {hypervisor.uri} does not see {path}, which this habitat sees"
            raise HabitatError(message, hint=f"give one that shares these files, or {ours}")


def _start(hypervisor: Hypervisor) -> None:
    _keep()
    log = private_directory(runtime_dir() / "libvirt") / "libvirtd.log"
    log.unlink(missing_ok=True)
    home = _home()
    programs = private_directory(home / "bin")
    write_atomic(programs / "passt", PASST.encode(), mode=0o755)
    environment = {"LIBVIRT_LOG_OUTPUTS": "3:stderr", "PATH": f"{programs}:{search_path()}"}
    if os.geteuid() == 0:
        _configure(Path("/etc/libvirt/qemu.conf"), SETTINGS + ROOT_SETTINGS)
    else:
        environment |= _folders(home)
        _configure(home / "libvirt" / "qemu.conf", SETTINGS)
    # Reason: QEMU is an orphan by design. Where the first process of a container waits for nobody,
    # libvirt would take an ended QEMU for one that cannot be killed; catatonit waits for all.
    reaper = ["catatonit", "--"] if which("catatonit") else []
    # Reason: where a container has the processes of its host, they are not ended with it.
    daemon = ["libvirtd", "--timeout", str(IDLE_SECONDS)]
    process = detach([*reaper, *daemon], log, env=environment)
    write_atomic(_mark(), f"{process.pid} {_place()}".encode(), mode=0o600)

    def answers(last: bool) -> bool | None:  # noqa: FBT001 - the signature of a check
        if hypervisor.is_alive():
            return True
        if last or process.poll() is not None:
            process.terminate()
            raise _no_daemon(log)
        return None

    until(answers, deadline=START_SECONDS, interval=0.1, what="libvirtd to answer")


def _mark() -> Path:
    """Return the file that tells of our daemon: its process, and the place that it runs in."""
    return runtime_dir() / "daemon"


def _place() -> str:
    """Return what tells the file system of this container from that of another."""
    facts = Path("/").stat()
    return f"{facts.st_dev}:{facts.st_ino}"


def _is_astray(hypervisor: Hypervisor) -> bool:
    """End a daemon of ours that runs in another container, or in one that is gone; tell if so.

    Habitats like toolbox share the runtime folder with their host and with each other. A daemon
    starts machines from the files of its own place. One that has machines stays, as they are its.
    """
    if not _mark().is_file():
        return False
    pid, place = _mark().read_text().split()
    if place == _place() or hypervisor.virsh("list", "--name", check=False):
        return False
    # Reason: the number may mean another process where processes are not shared.
    with suppress(OSError):
        if Path(f"/proc/{pid}/comm").read_text().strip() in DAEMONS:
            os.kill(int(pid), signal.SIGTERM)
    until(
        lambda _last: True if not hypervisor.is_alive() else None,
        deadline=START_SECONDS,
        interval=0.1,
        what="the daemon of another place to end",
    )
    return True


def _no_daemon(log: Path) -> HabitatError:
    said = log.read_text(errors="replace").strip().splitlines()[-TAIL_LINES:]
    message = "\n".join(["our libvirt daemon does not start", *said])
    return HabitatError(message, hint=f"its log is {log}")


def _home() -> Path:
    """Return the folder of our daemon, which is one for all projects of a person."""
    if os.geteuid() == 0 or VOLUME.is_mount():
        return VOLUME / "libvirt"
    return launcher_home() / "libvirt"


def _folders(home: Path) -> dict[str, str]:
    """Return the folders of a person's daemon: its own, not those of a session daemon on the host.

    A habitat like toolbox shares home and runtime folder with its host, whose daemon knows none of
    our files.
    """
    # Reason: libvirt makes sockets below its configuration; their names are limited to 107 bytes.
    short = runtime_dir() / "d"
    short.unlink(missing_ok=True)
    short.symlink_to(home)
    return {
        "XDG_RUNTIME_DIR": str(runtime_dir()),
        "XDG_CONFIG_HOME": str(short),
        "XDG_CACHE_HOME": str(short / "cache"),
    }


def forget(name: str) -> None:
    """Remove what our daemon remembers of a domain that is gone: the log of its QEMU."""
    _log(name).unlink(missing_ok=True)


def _log(name: str) -> Path:
    root = os.geteuid() == 0
    logs = Path("/var/log/libvirt/qemu") if root else _home() / "cache/libvirt/qemu/log"
    return logs / f"{name}.log"


def _configure(settings: Path, wanted: str) -> None:
    """Write the QEMU driver's settings where nobody has written any."""
    # Reason: a person's own settings stay; only the packaged file, which has no active line, goes.
    if not _has_settings(settings):
        settings.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(settings, wanted.encode(), mode=0o600)


def _keep() -> None:
    """Let libvirt keep its definitions and saved machines where they outlive the container.

    The launcher mounts a volume for the project's state; domains that are defined in a container's
    own layer would be forgotten while their disks are still there.
    """
    if not VOLUME.is_mount() or os.geteuid() != 0:
        return
    for folder in KEPT:
        kept = VOLUME / "libvirt" / folder.name
        if folder.is_symlink():
            continue
        if folder.is_dir() and not kept.exists():
            shutil.copytree(folder, kept, symlinks=True)
        kept.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.symlink_to(kept)


def _has_settings(path: Path) -> bool:
    if not path.is_file():
        return False
    lines = (line.strip() for line in path.read_text().splitlines())
    return any(line and not line.startswith("#") for line in lines)
