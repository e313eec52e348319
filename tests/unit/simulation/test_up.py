"""What is decided before machines are touched: which, whether anew, on which ports."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core.errors import UsageError
from toolbox.lib.simulation import layout, up
from toolbox.lib.simulation.record import Record

if TYPE_CHECKING:
    from toolbox.lib.inventory.project import Project

KNOWN = Record("uuid", "tcg", {22: 20022}, "sha256-config", "sha256-image", ignited=True)


@pytest.mark.parametrize(
    ("known", "present", "reason"),
    [
        (KNOWN, True, ""),
        (None, False, "new"),
        (None, True, "new"),
        (KNOWN, False, "its domain is gone"),
        (replace(KNOWN, ignited=False), True, "its first boot did not come to an end"),
        (replace(KNOWN, image="sha256-old"), True, "the guest image changed"),
        (replace(KNOWN, config="sha256-old"), True, "its config changed"),
    ],
)
def test_why_fresh(known: Record | None, reason: str, *, present: bool) -> None:
    """A machine is made anew only for a reason that can be told."""
    image = SimpleNamespace(digest="sha256-image")
    config = SimpleNamespace(sha256="sha256-config")

    assert up._why_fresh(known, image, config, present=present) == reason


def test_chosen(project: Project) -> None:
    """Hosts are taken by name and in that order, or all."""
    assert [host.name for host in up.chosen(project, ())] == ["db", "web"]
    assert [host.name for host in up.chosen(project, ["web"])] == ["web"]


def test_chosen_unknown(project: Project) -> None:
    """A name that is no host tells which there are."""
    with pytest.raises(UsageError, match="has no host mail") as caught:
        up.chosen(project, ["web", "mail"])
    assert caught.value.hint == "its hosts are db, web"


def test_ports(project: Project) -> None:
    """Ports that are asked for are given, the others stay what they were or are chosen."""
    where, web = layout.of(project), project.hosts[1]

    new = up._ports(where, web, None, set())
    again = up._ports(where, web, replace(KNOWN, ports={22: 20022}), set())

    assert set(new) == {22, 80, 443}
    assert new[443] == 21443
    assert len(set(new.values())) == 3
    assert again == {22: 20022, 80: new[80], 443: 21443}


def test_ports_differ_between_hosts(project: Project) -> None:
    """No port is given to two machines."""
    where, taken = layout.of(project), set[int]()

    given = [up._ports(where, host, None, taken) for host in project.hosts]

    numbers = [port for ports in given for port in ports.values()]
    assert len(numbers) == len(set(numbers))


def test_certificates_carry_both_names(project: Project) -> None:
    """A host's certificate is for its full name and its short one."""
    assert up.subjects(project)[1].names == ("web.example.org", "web")
