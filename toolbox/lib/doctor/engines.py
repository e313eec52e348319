"""What runs containers and machines: podman, libvirt, the guest, Pulumi's plugins."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolbox.lib.core.errors import HabitatError
from toolbox.lib.core.files import launcher_home, shown
from toolbox.lib.core.run import run, which
from toolbox.lib.doctor.row import Row, State
from toolbox.lib.doctor.tools import build_mend
from toolbox.lib.habitat import packages
from toolbox.lib.habitat.place import Kind
from toolbox.lib.machine import images, libvirt
from toolbox.lib.stack import workspace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolbox.lib.doctor.row import Terms

SECONDS = 30.0
IMAGE = "localhost/infra-toolbox:latest"
PLUGINS = ("libvirt", "tls")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def podman(facts: Mapping[str, Any] | None, problem: str, needs: Sequence[str], boot: str) -> Row:
    """Judge podman where it is not in our image.

    Args:
        facts: What ``podman info`` tells; None when it tells nothing.
        problem: What it says instead.
        needs: Lines of the file in which the launcher remembers what podman needs here.
        boot: Id of this boot; the launcher's findings are of one boot.
    """
    if facts is None:
        return Row("podman", State.NOTE, f"does not answer: {problem}", "podman info")
    whose = "rootless" if facts["host"]["security"]["rootless"] else "as root"
    found = f"{facts['version']['Version']}, {whose}, {facts['host']['ociRuntime']['name']}"
    if not needs or boot not in needs[0]:
        found += "; whether containers start was not tried since the last boot"
        return Row("podman", State.NOTE, found, "./infra image")
    flags = " ".join(line for line in needs[1:3] if line.strip()) or "no flags"
    return Row("podman", State.OK, f"{found}; ./infra has started containers with {flags}")


def look_at_podman(terms: Terms) -> Row:
    """Look at podman: whether it starts containers, as far as that is known."""
    if which("podman") is None:
        mend = packages.command(terms.family, ["podman"], root=terms.root) if terms.family else ""
        return Row("podman", State.NOTE, "is not installed; only ./infra needs it", mend)
    if terms.habitat.image:
        version = run(["podman", "--version"], timeout=SECONDS).text.split()[-1]
        found = f"{version} is packaged here; containers in this container were not tried"
        return Row("podman", State.OK, f"{found}, and no task needs them")
    # Reason: a container of another image may be a whole system, whose podman starts containers.
    answer = run(["podman", "info", "--format", "json"], timeout=SECONDS, check=False)
    remembered = launcher_home() / "podman-needs"
    needs = remembered.read_text().splitlines() if remembered.is_file() else []
    facts = json.loads(answer.stdout) if answer.ok else None
    return podman(facts, answer.tail(lines=1), needs, BOOT_ID.read_text().strip())


def look_at_libvirt(terms: Terms) -> Row:
    """Look whose libvirt it is and whether it answers; none is started."""
    given = os.environ.get("LIBVIRT_DEFAULT_URI")
    if which("virsh") is None:
        return Row("libvirt", State.NOTE, "cannot be asked: virsh is not installed")
    hypervisor = libvirt.Hypervisor(libvirt.default_uri())
    if given:
        try:
            libvirt.connect()
        except HabitatError as error:
            return Row("libvirt", State.LOST, error.message, "unset LIBVIRT_DEFAULT_URI")
        return Row("libvirt", State.OK, f"given by LIBVIRT_DEFAULT_URI: {given} answers")
    if hypervisor.is_alive():
        system = terms.kind is Kind.NATIVE and terms.root
        whose = "the system's own daemon" if system else "our own daemon"
        return Row("libvirt", State.OK, f"{whose} answers at {hypervisor.uri}")
    if which("libvirtd") is None:
        return Row("libvirt", State.NOTE, "none answers, and libvirtd is not installed")
    return Row("libvirt", State.OK, "our own daemon, not running now; sim starts it")


def look_at_guest(terms: Terms) -> Row:
    """Look for the guest that machines boot."""
    try:
        image = images.find("debian")
    except HabitatError as error:
        return Row("guest", State.LOST, error.message, guest_mend(terms))
    return Row("guest", State.OK, f"debian, {image.disk.stat().st_size / 1000**2:.0f} MB on disk")


def guest_mend(terms: Terms) -> str:
    """Return what brings a guest here."""
    if terms.habitat.image:
        return terms.renewal
    folder = terms.data / "guest"
    if (folder / "debian" / "manifest.json").is_file():
        return f"export INFRA_GUESTS={shown(folder)}"
    pack = f"podman run --rm {IMAGE} tar -C /usr/share/infra-toolbox -c guest"
    data, export = shown(terms.data), f"export INFRA_GUESTS={shown(folder)}"
    return f"mkdir -p {data}; {pack} | tar -C {data} -x; {export}"


def look_at_plugins(terms: Terms) -> Row:
    """Look for Pulumi's plugins."""
    folder = Path(os.environ.get("INFRA_PULUMI_PLUGINS", workspace.PLUGINS))
    found = {name: sorted(folder.glob(f"resource-{name}-v*")) for name in PLUGINS}
    missing = [name for name, paths in found.items() if not paths]
    if not missing:
        names = ", ".join(paths[-1].name.removeprefix("resource-") for paths in found.values())
        return Row("plugins", State.OK, f"of Pulumi: {names}")
    problem = f"of Pulumi are not in {folder}: {', '.join(missing)}"
    if terms.habitat.image:
        return Row("plugins", State.LOST, problem, terms.renewal)
    return Row("plugins", State.LOST, problem, build_mend(terms.data))
