"""The libvirt daemon: the one of this habitat, started when needed, reached through virsh."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from toolbox.lib.core.errors import HabitatError, ProgramFailed
from toolbox.lib.core.files import private_directory, runtime_dir, state_home, write_atomic
from toolbox.lib.core.run import run
from toolbox.lib.core.wait import until

START_SECONDS = 20.0
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

    def virsh(self, *arguments: str | Path, check: bool = True) -> str:
        """Run a virsh command and return what it prints.

        Args:
            arguments: Command and its arguments.
            check: Raise when virsh fails; otherwise a failure is an empty answer.

        Raises:
            ProgramFailed: virsh refused.
        """
        result = run(["virsh", "--quiet", "-c", self.uri, *arguments], timeout=60, check=check)
        return result.text.strip() if result.ok else ""

    def domains(self) -> tuple[str, ...]:
        """Return the names of all domains, running or not."""
        return tuple(self.virsh("list", "--all", "--name").split())

    def state(self, name: str) -> str:
        """Return a domain's state in libvirt's words, such as ``running``; empty without one."""
        return self.virsh("domstate", name, check=False)

    def is_alive(self) -> bool:
        """Tell whether the daemon answers."""
        return run(["virsh", "--quiet", "-c", self.uri, "uri"], timeout=20, check=False).ok


def default_uri() -> str:
    """Return ``$LIBVIRT_DEFAULT_URI``, or root's system daemon or a person's session daemon."""
    given = os.environ.get("LIBVIRT_DEFAULT_URI")
    if given or os.geteuid() == 0:
        return given or "qemu:///system"
    # Reason: the provider knows the system's socket only; a person's must be named.
    socket = Path(os.environ.get("XDG_RUNTIME_DIR", runtime_dir())) / "libvirt" / "libvirt-sock"
    return f"qemu+unix:///session?socket={socket}"


def connect() -> Hypervisor:
    """Connect to the hypervisor, starting our own daemon where none is given.

    Returns:
        A connection that answers.

    Raises:
        HabitatError: The given daemon does not answer, or ours does not start.
    """
    if os.geteuid() != 0 and not os.environ.get("XDG_RUNTIME_DIR"):
        # Reason: daemon, virsh and the provider each have another fallback; they must meet.
        os.environ["XDG_RUNTIME_DIR"] = str(runtime_dir())
    hypervisor = Hypervisor(default_uri())
    if hypervisor.is_alive():
        return hypervisor
    if os.environ.get("LIBVIRT_DEFAULT_URI"):
        message = f"libvirt does not answer at {hypervisor.uri}"
        hint = "start it (systemctl start libvirtd), or unset LIBVIRT_DEFAULT_URI to use our own"
        raise HabitatError(message, hint=hint)
    _start()
    return hypervisor


def _start() -> None:
    _keep()
    log = private_directory(runtime_dir() / "libvirt") / "libvirtd.log"
    programs = private_directory(state_home() / "libvirt" / "bin")
    write_atomic(programs / "passt", PASST.encode(), mode=0o755)
    environment = {
        "LIBVIRT_LOG_OUTPUTS": f"3:file:{log}",
        "PATH": f"{programs}:{os.environ['PATH']}",
    }
    _configure()
    try:
        run(["libvirtd", "--daemon"], timeout=START_SECONDS, env=environment)
        until(
            lambda _last: Hypervisor(default_uri()).is_alive() or None,
            deadline=START_SECONDS,
            interval=0.1,
            what="libvirtd to answer",
        )
    except (ProgramFailed, TimeoutError) as error:
        message = f"our libvirt daemon does not start: {error}"
        raise HabitatError(message, hint=f"its log is {log}") from error


def _configure() -> None:
    """Write the QEMU driver's settings where nobody has written any."""
    root = os.geteuid() == 0
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    driver = Path("/etc/libvirt/qemu.conf") if root else home / "libvirt" / "qemu.conf"
    # Reason: a person's own settings stay; only the packaged file, which has no active line, goes.
    if not _has_settings(driver):
        driver.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(driver, (SETTINGS + ROOT_SETTINGS * root).encode(), mode=0o600)


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
