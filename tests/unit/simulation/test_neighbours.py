"""A machine learns its address and all names, and keeps what is not ours."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.machine import link
from toolbox.lib.simulation import layout, neighbours, network

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toolbox.lib.inventory.project import Project
    from toolbox.lib.simulation.neighbours import Neighbours


@pytest.fixture
def told(project: Project) -> Neighbours:
    """Return what the machines of the project are told."""
    return _told(project)


def _told(project: Project) -> Neighbours:
    where = layout.of(project)
    where.folder.mkdir(parents=True, exist_ok=True)
    return neighbours.of(project, network.ensure(project, where))


@pytest.fixture
def mend(tmp_path: Path, fake: Callable[[str, str], Path]) -> Callable[[str], str]:
    """Return a function that runs a command of ours with its files in a folder."""
    fake("sudo", f'echo sudo >>{tmp_path}/calls; exec "$@"')
    fake("systemctl", f'echo "$*" >>{tmp_path}/calls')

    def run(command: str) -> str:
        command = command.replace(neighbours.HOSTS, f"{tmp_path}/hosts")
        command = command.replace(neighbours.UNIT, f"{tmp_path}/unit")
        done = subprocess.run(
            ["bash", "-c", command], capture_output=True, text=True, check=True, timeout=20
        )
        assert done.stderr == ""
        return done.stdout

    return run


def test_names(project: Project, told: Neighbours) -> None:
    """Each machine has its full and its short name, in lines that are marked as ours."""
    lines = told.hosts.splitlines()

    assert len(lines) == len(project.hosts)
    assert all(line.endswith(neighbours.MARK) for line in lines)
    assert lines[1].split()[1:3] == ["web.example.org", "web"]


def test_interface(told: Neighbours) -> None:
    """networkd knows the interface by its place, gives the address, and no boot waits for it."""
    address = told.hosts.splitlines()[1].split()[0]

    assert f"Path={link.PATH}" in told.units["web"]
    assert f"Address={address}/24" in told.units["web"]
    assert "RequiredForOnline=no" in told.units["web"]
    assert told.units["db"] != told.units["web"]


def test_begins_with(told: Neighbours) -> None:
    """The first boot brings the interface's file, and adds lines to the hosts file."""
    unit, hosts = told.files("web")

    assert (unit.path, unit.append) == (neighbours.UNIT, False)
    assert (hosts.path, hosts.append) == (neighbours.HOSTS, True)
    assert hosts.text.startswith("\n")
    assert hosts.text.endswith("\n")


def test_mended(told: Neighbours, mend: Callable[[str], str], tmp_path: Path) -> None:
    """A machine that knows nothing is told, networkd reads it, and other lines stay."""
    (tmp_path / "hosts").write_text(
        "192.0.2.7 mine # infra-toolbox lab\n\n10.77.0.9 gone # infra-toolbox\n# end"
    )

    answer = mend(told.command("web"))

    assert len(answer.strip()) == 36  # the boot id
    assert (
        tmp_path / "hosts"
    ).read_text() == f"192.0.2.7 mine # infra-toolbox lab\n\n# end\n{told.hosts}\n"
    assert (tmp_path / "unit").read_text() == f"{told.units['web']}\n"
    assert "systemd-networkd" in (tmp_path / "calls").read_text()


def test_no_hosts_file(told: Neighbours, mend: Callable[[str], str], tmp_path: Path) -> None:
    """Where there is no hosts file there is one then."""
    mend(told.command("web"))

    assert (tmp_path / "hosts").read_text() == f"{told.hosts}\n"


def test_known_already(told: Neighbours, mend: Callable[[str], str], tmp_path: Path) -> None:
    """A machine that knows all of it is only read: no sudo, no change."""
    unit, hosts = told.files("web")
    (tmp_path / "hosts").write_text(f"192.0.2.7 mine{hosts.text}")
    (tmp_path / "unit").write_text(unit.text)

    assert len(mend(told.command("web")).strip()) == 36

    assert not (tmp_path / "calls").exists()
    assert (tmp_path / "hosts").read_text() == f"192.0.2.7 mine{hosts.text}"


def test_new_name(project: Project, mend: Callable[[str], str], tmp_path: Path) -> None:
    """A machine learns the name of a new one, and networkd is not bothered."""
    mend(_told(project).command("web"))
    (tmp_path / "calls").unlink()
    new = replace(project.hosts[0], name="mx", fqdn="mx.example.org")
    told = _told(replace(project, hosts=(*project.hosts, new)))

    mend(told.command("web"))

    assert "mx.example.org mx" in (tmp_path / "hosts").read_text()
    assert (tmp_path / "hosts").read_text().count("web.example.org") == 1
    assert (tmp_path / "calls").read_text() == "sudo\n"
