"""Packages of the system: what each distribution calls them, which are missing, how one installs.

The lists are those that the image is made from, so that both have the same.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import HabitatError
from toolbox.lib.core.run import run

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FOLDER = Path(__file__).resolve().parents[2] / "image" / "packages"
APT_LISTS = Path("/var/lib/apt/lists")
SECONDS = 60.0


class Family(StrEnum):
    """Distributions that have one package manager and one set of names."""

    DEBIAN = "debian"
    FEDORA = "fedora"


# Reason: package managers know which package has a file only after a download of their own.
OWNERS = {
    "catatonit": ("catatonit", "catatonit"),
    "libvirtd": ("libvirt-daemon", "libvirt-daemon"),
    "passt": ("passt", "passt"),
    "qemu-img": ("qemu-utils", "qemu-img"),
    "qemu-system-x86_64": ("qemu-system-x86", "qemu-system-x86-core"),
    "ssh": ("openssh-client", "openssh-clients"),
    "ssh-add": ("openssh-client", "openssh-clients"),
    "ssh-agent": ("openssh-client", "openssh-clients"),
    "virsh": ("libvirt-clients", "libvirt-client"),
    "xsltproc": ("xsltproc", "libxslt"),
}
"""Packages of the programs that a simulation needs: Debian's name, Fedora's name."""

# Reason: in the image nothing starts it; a host would be open to the network from then on.
ONLY_IN_IMAGE = {"openssh-server": "sshd"}
"""Packages that a person's system is not given, each with its program; no task needs them."""

DAEMON = "libvirtd"
DRIVERS = "libvirt-daemon-driver-"

UPDATE = {Family.DEBIAN: ("apt-get", "update", "-q")}
INSTALL = {
    Family.DEBIAN: ("apt-get", "install", "--no-install-recommends"),
    Family.FEDORA: ("dnf", "install", "--setopt=install_weak_deps=False"),
}
COMPILER = {
    Family.DEBIAN: ("gcc", "libc6-dev", "python3-dev"),
    Family.FEDORA: ("gcc", "python3.13-devel"),
}
"""What it takes to build Python packages that are published as source only."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package that was looked for.

    Attributes:
        name: Its name in this distribution.
        installed: Whether it is installed.
        available: Whether this release of the distribution has it.
    """

    name: str
    installed: bool
    available: bool


def family_of(release: Mapping[str, str]) -> Family | None:
    """Return the family of a distribution, None for one that has no list.

    Args:
        release: Its os-release (os-release(5)).
    """
    names = f"{release.get('ID', '')} {release.get('ID_LIKE', '')}".split()
    return next((family for family in (Family.FEDORA, Family.DEBIAN) if family in names), None)


def release_here() -> dict[str, str]:
    """Return the os-release of this system; empty where there is none."""
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def family_here() -> Family | None:
    """Return the family of this system, None for one that has no list."""
    return family_of(release_here())


def wanted(family: Family, folder: Path = FOLDER) -> tuple[str, ...]:
    """Read the list of a family: names, and what follows a number sign is for the reader."""
    lines = (folder / family).read_text().splitlines()
    return tuple(name for line in lines for name in line.split("#")[0].split())


def for_host(family: Family) -> tuple[str, ...]:
    """Return the packages of a family's list that a person's system is given."""
    return tuple(name for name in wanted(family) if name not in ONLY_IN_IMAGE)


def look(family: Family, names: Sequence[str]) -> tuple[Package, ...]:
    """Look which packages are installed, and which this release does not have.

    Raises:
        HabitatError: The package manager is not there.
    """
    installed = _dpkg(names) if family is Family.DEBIAN else _rpm(names)
    missing = [name for name in names if name not in installed]
    known = _apt(missing) if family is Family.DEBIAN and missing else frozenset(missing)
    return tuple(
        Package(name, name in installed, name not in missing or name in known) for name in names
    )


def owners(programs: Iterable[str], family: Family) -> tuple[str, ...]:
    """Return the packages that have some programs; those that nobody packages are left out."""
    column = list(Family).index(family)
    found = [OWNERS[program][column] for program in programs if program in OWNERS]
    if OWNERS[DAEMON][column] in found:
        # Reason: the daemon starts without its drivers, and then has no machines, disks, networks.
        found += (name for name in wanted(family) if name.startswith(DRIVERS))
    return tuple(dict.fromkeys(found))


def commands(
    family: Family, names: Sequence[str], *, root: bool, asking: bool, update: bool
) -> tuple[tuple[str, ...], ...]:
    """Return the commands that install packages.

    Args:
        family: Whose packages they are.
        names: The packages.
        root: Whether we are root already.
        asking: Whether sudo may ask for a password.
        update: Whether the manager must read its catalogue before.
    """
    sudo = () if root else (("sudo",) if asking else ("sudo", "-n"))
    install = INSTALL[family]
    quiet = ("env", "DEBIAN_FRONTEND=noninteractive") if family is Family.DEBIAN else ()
    steps = [(*sudo, *UPDATE[family])] if update and family in UPDATE else []
    return (*steps, (*sudo, *quiet, *install, "-y", *names))


def command(family: Family, names: Sequence[str], *, root: bool) -> str:
    """Return the command with which a person installs packages."""
    words = INSTALL[family][:2]
    return " ".join([*(() if root else ("sudo",)), *words, *names])


def has_catalogue(family: Family, lists: Path = APT_LISTS) -> bool:
    """Tell whether the package manager knows what there is; dnf finds that out by itself."""
    return family is not Family.DEBIAN or any(lists.glob("*_Packages*"))


def required(release: Mapping[str, str]) -> Family:
    """Return the family of a distribution.

    Raises:
        HabitatError: There is no list for it; the message has what is needed.
    """
    family = family_of(release)
    if family is not None:
        return family
    name = release.get("PRETTY_NAME") or release.get("ID") or "this system"
    names = ", ".join(for_host(Family.FEDORA))
    message = (
        f"there is no list of packages for {name}\n"
        f"what is needed, by the names that Fedora has for it: {names}"
    )
    raise HabitatError(message, hint="install these by hand, or use the image: ./infra sim")


def _dpkg(names: Sequence[str]) -> frozenset[str]:
    # Reason: it fails when a single one is unknown, and tells of the others all the same.
    form = "${db:Status-Abbrev} ${Package}\\n"
    answer = run(["dpkg-query", "-W", "-f", form, *names], timeout=SECONDS, check=False)
    rows = (line.split() for line in answer.text.splitlines())
    return frozenset(row[-1] for row in rows if row and row[0] == "ii")


def _rpm(names: Sequence[str]) -> frozenset[str]:
    answer = run(["rpm", "-q", "--whatprovides", *names], timeout=SECONDS, check=False)
    lines = answer.text.splitlines()
    return frozenset(name for name in names if f"no package provides {name}" not in lines)


def _apt(names: Sequence[str]) -> frozenset[str]:
    if not has_catalogue(Family.DEBIAN):
        return frozenset(names)
    answer = run(["apt-cache", "show", *names], timeout=SECONDS, check=False)
    lines = answer.text.splitlines()
    return frozenset(line.split()[1] for line in lines if line.startswith("Package: "))
