"""Packages are those of the image's lists, in the words of the distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core.errors import HabitatError
from toolbox.lib.habitat import packages
from toolbox.lib.habitat.packages import Family, Package, command, commands, family_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

QUIET = "DEBIAN_FRONTEND=noninteractive"


@pytest.mark.parametrize(
    ("release", "family"),
    [
        ({"ID": "debian"}, Family.DEBIAN),
        ({"ID": "ubuntu", "ID_LIKE": "debian"}, Family.DEBIAN),
        ({"ID": "fedora"}, Family.FEDORA),
        ({"ID": "rocky", "ID_LIKE": "rhel centos fedora"}, Family.FEDORA),
        ({"ID": "arch"}, None),
        ({"ID": "debianish"}, None),
        ({}, None),
    ],
)
def test_family(release: dict[str, str], family: Family | None) -> None:
    """A distribution is itself, or like one that is known."""
    assert family_of(release) is family


@pytest.mark.parametrize("family", Family)
def test_owners_are_in_the_lists(family: Family) -> None:
    """Every package that advice names is one of the image's list."""
    assert set(packages.owners(packages.OWNERS, family)) <= set(packages.wanted(family))


def test_wanted(tmp_path: Path) -> None:
    """What follows a number sign is for the reader."""
    (tmp_path / "debian").write_text("# all of it\nage   # encrypts\n\npasst\n")

    assert packages.wanted(Family.DEBIAN, tmp_path) == ("age", "passt")


def test_owners() -> None:
    """A package is named once, and what nobody packages is left out."""
    assert packages.owners(["ssh", "ssh-add", "pulumi", "virsh"], Family.FEDORA) == (
        "openssh-clients",
        "libvirt-client",
    )


@pytest.mark.parametrize("family", Family)
def test_a_host_is_given_no_server(family: Family) -> None:
    """What listens on the network is for the image; all that sim needs is for a host, too."""
    given = set(packages.for_host(family))

    assert set(packages.wanted(family)) - given == {"openssh-server"}
    assert set(packages.owners(packages.OWNERS, family)) <= given


@pytest.mark.parametrize("family", Family)
def test_a_daemon_comes_with_its_drivers(family: Family) -> None:
    """libvirtd alone has no machines; who needs another program gets none of its packages."""
    drivers = [name for name in packages.owners(["libvirtd"], family) if "-driver-" in name]

    assert any("qemu" in name for name in drivers)
    assert any("storage" in name for name in drivers)
    assert not [name for name in packages.owners(["virsh"], family) if "-driver-" in name]


def test_unknown_distribution() -> None:
    """A distribution without a list cannot be set up; the error has all that is needed."""
    with pytest.raises(HabitatError) as caught:
        packages.required({"ID": "arch", "PRETTY_NAME": "Arch Linux"})

    assert caught.value.exit_code == 3
    assert "no list of packages for Arch Linux" in caught.value.message
    assert "qemu-system-x86-core" in caught.value.message


def test_look_debian(fake: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed is what dpkg has whole; the rest is there if the catalogue has it."""
    fake("dpkg-query", "echo 'ii  age'; echo 'rc  passt'; echo 'dpkg-query: no x' >&2; exit 1")
    fake("apt-cache", "echo 'Package: passt'; echo 'Description: Package: new'")
    monkeypatch.setattr(packages, "has_catalogue", lambda _family: True)

    assert packages.look(Family.DEBIAN, ["age", "passt", "new"]) == (
        Package("age", installed=True, available=True),
        Package("passt", installed=False, available=True),
        Package("new", installed=False, available=False),
    )


def test_look_debian_without_catalogue(
    fake: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where apt has read no catalogue, nothing is said to be missing in it."""
    fake("dpkg-query", "exit 1")
    monkeypatch.setattr(packages, "has_catalogue", lambda _family: False)

    (found,) = packages.look(Family.DEBIAN, ["age"])

    assert found == Package("age", installed=False, available=True)


def test_look_fedora(fake: Callable[[str, str], Path]) -> None:
    """Installed is what a package provides, under whatever name."""
    fake("rpm", "echo age-1.2-1.fc42; echo 'no package provides passt'; exit 1")

    assert [item.installed for item in packages.look(Family.FEDORA, ["age", "passt"])] == [
        True,
        False,
    ]


def test_has_catalogue(tmp_path: Path) -> None:
    """Apt has a catalogue once it has read one."""
    assert not packages.has_catalogue(Family.DEBIAN, tmp_path)
    assert packages.has_catalogue(Family.FEDORA, tmp_path)
    (tmp_path / "deb.example_dists_trixie_main_binary-amd64_Packages").touch()
    assert packages.has_catalogue(Family.DEBIAN, tmp_path)


@pytest.mark.parametrize(
    ("family", "root", "asking", "update", "expected"),
    [
        (
            Family.DEBIAN,
            True,
            False,
            True,
            [
                "apt-get update -q",
                f"env {QUIET} apt-get install --no-install-recommends -y age jq",
            ],
        ),
        (
            Family.FEDORA,
            False,
            True,
            True,
            ["sudo dnf install --setopt=install_weak_deps=False -y age jq"],
        ),
        (
            Family.FEDORA,
            False,
            False,
            False,
            ["sudo -n dnf install --setopt=install_weak_deps=False -y age jq"],
        ),
    ],
)
def test_commands(
    family: Family, *, root: bool, asking: bool, update: bool, expected: list[str]
) -> None:
    """Root needs no sudo, and sudo asks for a password only where somebody can answer."""
    steps = commands(family, ["age", "jq"], root=root, asking=asking, update=update)

    assert [" ".join(step) for step in steps] == expected


def test_command() -> None:
    """What a person pastes is short."""
    assert command(Family.DEBIAN, ["age"], root=False) == "sudo apt-get install age"
    assert command(Family.FEDORA, ["age"], root=True) == "dnf install age"
