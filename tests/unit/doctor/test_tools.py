"""Programs and the age of the image."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.doctor import tools
from toolbox.lib.doctor.row import State
from toolbox.lib.habitat import ensure
from toolbox.lib.habitat.ensure import ABSENT, Program

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_all_here(terms: Callable[..., Any]) -> None:
    """Nothing is missing, so one row says so."""
    (row,) = tools.needed([], terms())

    assert row.state is State.OK


def test_missing(terms: Callable[..., Any]) -> None:
    """What is packaged is installed by one command, what is compiled is built by another."""
    packaged, compiled = tools.needed(["virsh", "ssh", "ssh-add", "pulumi"], terms())

    assert packaged.found == "sim needs virsh, ssh, ssh-add"
    assert packaged.mend == "sudo apt-get install libvirt-clients openssh-client"
    assert "sim needs pulumi" in compiled.found
    assert "plugins/build /data/tools butane ignition-validate pulumi libvirt tls" in compiled.mend
    assert {packaged.state, compiled.state} == {State.LOST}


@pytest.mark.parametrize(
    ("kind", "family", "uid", "mend"),
    [
        ("native", "fedora", 1000, "sudo dnf install libvirt-client"),
        ("native", "debian", 0, "apt-get install libvirt-clients"),
        ("native", "", 1000, "install the packages of your distribution that have virsh"),
        ("launcher", "debian", 0, "on the host: ./infra --rebuild image"),
    ],
)
def test_missing_in(terms: Callable[..., Any], kind: str, family: str, uid: int, mend: str) -> None:
    """How one gets a program depends on the place."""
    (row,) = tools.needed(["virsh"], terms(kind, family=family, uid=uid))

    assert row.mend == mend


def test_built_before(terms: Callable[..., Any], tmp_path: Path) -> None:
    """What was built already needs to be named only."""
    (tmp_path / "tools/plugins").mkdir(parents=True)

    (row,) = tools.needed(["pulumi"], replace(terms(), data=tmp_path))

    assert row.mend.startswith(f'export PATH="{tmp_path}/tools/bin:$PATH" INFRA_PULUMI_PLUGINS=')


def test_needed_are_in_the_list() -> None:
    """Whatever sim needs is promised by the image."""
    promised = {words[0] for words in ensure.wanted(tools.LIST)}

    assert set(tools.NEEDED) - {"ssh-add"} <= promised


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("esphome", "invoke env.build"),
        ("ignition-apply", "plugins/build /data/tools ignition"),
        ("rsync", "invoke host.setup --install"),
        ("uv", "pip install uv"),
        ("python3.13", "pip install uv"),
    ],
)
def test_absent_tool(terms: Callable[..., Any], name: str, mend: str) -> None:
    """A program that sim does not need is no loss, and each kind has its way."""
    row = tools.tool(Program(name, problem=ABSENT), terms())

    assert (row.state, row.tool) == (State.NOTE, True)
    assert row.mend.endswith(mend)


def test_a_server_is_not_advised(terms: Callable[..., Any]) -> None:
    """A host is not told to install what would listen there."""
    row = tools.tool(Program("sshd", problem=ABSENT), terms())

    assert (row.state, row.mend) == (State.NOTE, "")


@pytest.mark.parametrize(
    ("problem", "found"),
    [
        ("crun failed with exit code 1: crun --version\nno state folder\n", "no state folder"),
        ("x failed\nTraceback (most recent call last):\n  File\nKeyError: 7", "KeyError: 7"),
        ("does not tell its version: hello", "does not tell its version: hello"),
    ],
)
def test_failing_tool(terms: Callable[..., Any], problem: str, found: str) -> None:
    """Of a program that fails the telling line is shown, and no package is advised."""
    row = tools.tool(Program("crun", problem=problem), terms())

    assert (row.found, row.mend) == (found, "")


def test_tool(terms: Callable[..., Any]) -> None:
    """A version is what was found; a program that has none is here."""
    assert tools.tool(Program("age", version="1.2.1"), terms()).found == "1.2.1"
    assert tools.tool(Program("less"), terms()).found == "is here"


@pytest.mark.parametrize(
    ("stamp", "state", "found"),
    [
        ("2026-11-23T02:00:00Z\n", State.OK, "made today (2026-11-23T02:00:00Z)"),
        ("2026-11-22T02:00:00Z\n", State.OK, "made yesterday (2026-11-22T02:00:00Z)"),
        ("2026-11-03T02:00:00Z\n", State.OK, "made 20 days ago (2026-11-03T02:00:00Z)"),
        ("2026-01-03T02:00:00Z\n", State.NOTE, "made 324 days ago (2026-01-03T02:00:00Z)"),
        (None, State.NOTE, "its age is unknown: it was made before images told it"),
    ],
)
def test_age(terms: Callable[..., Any], stamp: str | None, state: State, found: str) -> None:
    """An image tells when it was made; an old one is to be made anew."""
    row = tools.age(stamp, NOW, terms("container"))

    assert (row.state, row.found) == (state, found)
    assert bool(row.mend) is (state is State.NOTE)


def test_age_of_nothing(terms: Callable[..., Any]) -> None:
    """Where there is no image there is no age."""
    assert tools.age(None, NOW, terms()).found.startswith("none: ")


def test_stamp_is_made_by_the_build() -> None:
    """The build writes the file that is read, in the form that is read."""
    text = (tools.PACKAGE / "image/finish").read_text()

    assert f"date -u +%Y-%m-%dT%H:%M:%SZ > {tools.BUILT}\n" in text
