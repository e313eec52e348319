"""The key identity of project.yaml and of host files, and the files that it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolbox.lib.core.errors import UsageError
from toolbox.lib.inventory.load import load
from toolbox.lib.inventory.profile import DAY, YEAR, Profile

if TYPE_CHECKING:
    from pathlib import Path

    from toolbox.lib.inventory.project import Project

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ27pSvqm8NYtkLO8kAIH0sWbVBoFYGD+1mvaAZxG0yd"


def loaded(folder: Path, identity: str = "{}", card: str = "{}") -> Project:
    """Return a project with one host."""
    (folder / "hosts").mkdir(exist_ok=True)
    (folder / "project.yaml").write_text(f"name: shop\nidentity: {identity}\n")
    (folder / "hosts/web.yaml").write_text(f"os: debian\nidentity: {card}\n")
    return load(folder)


def findings(folder: Path, identity: str = "{}", card: str = "{}") -> list[str]:
    """Return what is wrong with a project."""
    with pytest.raises(UsageError) as caught:
        loaded(folder, identity, card)
    return [finding.render() for finding in caught.value.findings]


def test_defaults(tmp_path: Path) -> None:
    """A project that says nothing has what needs no saying."""
    project = loaded(tmp_path)

    assert project.profile == Profile()
    assert project.hosts[0].card.roles == ()


def test_all_keys(tmp_path: Path) -> None:
    """What is written is what the rest of the library sees."""
    (tmp_path / "old.pem").write_text("a bundle")
    (tmp_path / "revoked_keys").write_text(f"{KEY} gone\n")
    identity = (
        "{organization: Shop Ltd, domains: [shop.example], networks: [10.0.0.0/8], acme: true,"
        " constraints: true, root: {lifetime: 10y, renew: 4y}, authority: {lifetime: 2y},"
        " certificate: {lifetime: 90d, renew: 20d}, ssh: {lifetime: 30d}, protect_root: false,"
        " extra_bundle: old.pem, clients: [alice, alice], zones: [shop.internal], tsig: [a]}"
    )
    card = "{names: [www.shop.example], addresses: [10.0.0.5], roles: [acme, tsig, acme]}"

    project = loaded(tmp_path, identity, card)

    profile = project.profile
    assert (profile.organization, profile.domains) == ("Shop Ltd", ("shop.example",))
    assert profile.terms.root.lifetime == 10 * YEAR
    assert profile.terms.authority.lifetime == 2 * YEAR
    assert profile.terms.certificate.renew == 20 * DAY
    assert profile.terms.ssh.renew == 10 * DAY
    assert [client.name for client in profile.clients] == ["alice"]
    assert (profile.extra_bundle, profile.protect_root) == ("a bundle", False)
    assert profile.revoked == (f"{KEY} gone",)
    assert project.hosts[0].card.roles == ("acme", "tsig")


def test_mistakes_of_the_project(tmp_path: Path) -> None:
    """All that is wrong is told at its place, with what to do."""
    identity = "{domainz: [a], certificate: {lifetime: soon}, clients: [A B], networks: [x]}"

    told = "\n".join(findings(tmp_path, identity))

    assert "project.yaml:2:" in told
    assert "unknown key domainz\n  hint: did you mean domains?" in told
    assert "'soon' is no duration\n  hint: such as 12h, 90d or 8y" in told
    assert "'A B' is no name" in told
    assert "identity.networks.0: 'x' does not appear to be an IPv4 or IPv6 network" in told


@pytest.mark.parametrize(
    ("identity", "words"),
    [
        ("{ssh: {lifetime: 10d, renew: 10d}}", "ssh would be renewed as soon as it is made"),
        ("{ssh: {lifetime: 10d, renew: 12h}}", "ssh is renewed 12 hours before its end"),
        (
            "{certificate: {lifetime: 2y}}",
            "certificate may outlive authority, which is renewed 400",
        ),
        ("{root: {lifetime: 4y, renew: 1y}}", "authority may outlive root"),
        ("{root: {lifetime: 99y}}", "'99y' is too long"),
    ],
)
def test_terms_that_do_not_fit(tmp_path: Path, identity: str, words: str) -> None:
    """Nothing outlives what it stands on, and nothing is renewed at once or too late."""
    (told,) = findings(tmp_path, identity)

    assert words in told
    assert "hint: " in told


def test_out_of_bounds(tmp_path: Path) -> None:
    """A name that no client would take from the project's authorities is told at its line."""
    card = "{names: [web.shop.internal, www.example.com], addresses: [192.0.2.1]}"

    name, address = findings(tmp_path, "{}", card)

    assert name.startswith("hosts/web.yaml:2:")
    assert "error[out-of-bounds]: www.example.com is outside" in name
    assert "add it to identity.domains in project.yaml" in name
    assert "192.0.2.1 is outside" in address
    assert loaded(tmp_path, "{constraints: false}", card)
    assert loaded(tmp_path, "{domains: [example.com], networks: [192.0.2.0/24]}", card)


def test_unknown_role(tmp_path: Path) -> None:
    """A role that there is none of is told."""
    (told,) = findings(tmp_path, "{}", "{roles: [dns]}")

    assert "hosts/web.yaml:2:" in told
    assert "'dnssec'" in told


@pytest.mark.parametrize("file", ["missing.pem", "../outside.pem", "hosts"])
def test_no_bundle(tmp_path: Path, file: str) -> None:
    """A bundle is a file of the project."""
    (tmp_path / "outside.pem").write_text("x")
    project = tmp_path / "project"
    project.mkdir()

    (told,) = findings(project, f"{{extra_bundle: {file}}}")

    assert f"there is no file {file} in the project" in told


def test_revoked_and_authorized(tmp_path: Path) -> None:
    """A key that may log in and may not is told, and so is a line that is none."""
    (tmp_path / "authorized_keys").write_text(f"# people\n\n{KEY} alice\n")
    (tmp_path / "revoked_keys").write_text(f"{KEY} her old laptop\nnonsense\n")

    both, no_key = findings(tmp_path)

    assert no_key.startswith("revoked_keys:2:1: error[bad-key]")
    assert both.startswith("authorized_keys:3:1: error[revoked]")


NAMES = st.lists(st.from_regex(r"[a-z]{1,5}", fullmatch=True), min_size=1, max_size=4)


@given(NAMES, NAMES)
def test_what_is_below_is_inside(domain: list[str], name: list[str]) -> None:
    """A name is inside of the domains that it ends with, label by label, and of no other one."""
    profile, zone = Profile(), ".".join(domain)

    assert profile.outside(zone, [zone, f"{'.'.join(name)}.{zone}"], []) == []
    assert profile.outside(zone, [f"x{zone}"], []) == [f"x{zone}"]
