"""Which unit a path is about."""

from __future__ import annotations

import pytest

from toolbox.lib.reconfigure.units.unitpath import Role, about, reloads, service

PATHS = {
    "/etc/systemd/system/web.service": ("web.service", Role.UNIT),
    "/usr/local/lib/systemd/system/web@.timer": ("web@.timer", Role.UNIT),
    "/etc/systemd/system/web@a.service.d/1.conf": ("web@a.service", Role.DROPIN),
    "/etc/systemd/system/multi-user.target.wants/web.service": ("web.service", Role.WANTED),
    "/etc/containers/systemd/web.container": ("web.service", Role.QUADLET),
    "/etc/containers/systemd/deep/web.network": ("web-network.service", Role.QUADLET),
    "/etc/containers/systemd/web@a.container": ("web@a.service", Role.QUADLET),
    "/etc/containers/systemd/web.volume.d/1.conf": ("web-volume.service", Role.DROPIN),
}
NO_UNITS = (
    "/etc/systemd/system/web.conf",
    "/etc/systemd/system/web.service.d/1.txt",
    "/etc/systemd/user/web.service",
    "/etc/containers/systemd/users/web.container",
    "/etc/containers/systemd/web.yaml",
    "/etc/web.service",
)


@pytest.mark.parametrize("path", PATHS)
def test_about(path: str) -> None:
    """Units, drop-ins, quadlets and what is wanted have their names in their paths."""
    found = about(path)
    assert found is not None
    assert (found.unit, found.role) == PATHS[path]
    assert reloads(path)


@pytest.mark.parametrize("path", NO_UNITS)
def test_about_none(path: str) -> None:
    """Other paths are about no unit."""
    assert about(path) is None
    assert not reloads(path)


def test_service_name() -> None:
    """A quadlet can name its service."""
    assert service("web", "pod", "[Pod]\nServiceName=other\n") == "other.service"
    assert service("web@a", "build") == "web-build@a.service"


def test_what_is_read_anew() -> None:
    """Drop-ins for a type of units and tables of mounts are read by systemd, too."""
    assert reloads("/etc/systemd/system/service.d/1.conf")
    assert reloads("/etc/fstab")
