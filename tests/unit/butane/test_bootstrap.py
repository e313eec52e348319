"""Tests of the outer config, with Ignition itself as the judge."""

from __future__ import annotations

import base64
import gzip
import json
import re
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.butane.bootstrap import HASH_FILE, PlaceFile, wrap
from toolbox.lib.core.files import sha256
from toolbox.lib.core.run import run

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Workbench

    from toolbox.lib.core.run import Result

FILES = """\
variant: fcos
version: 1.6.0
storage:
  files:
    - path: /etc/greeting
      contents:
        inline: hello
"""

NAMES = """\
variant: fcos
version: 1.6.0
storage:
  files:
    - path: /etc/hosts
      overwrite: true
      contents:
        inline: 192.0.2.7 mine
    - path: /etc/card
      contents:
        inline: mine
"""
LINK = """\
variant: fcos
version: 1.6.0
storage:
  links:
    - path: /etc/hosts
      target: /srv/hosts
"""
OF_THE_PLACE = (PlaceFile("/etc/card", "given"), PlaceFile("/etc/hosts", "\nours\n", append=True))


def apply(config: str, root: Path) -> Result:
    """Write a config into a folder with Ignition's own program."""
    root.mkdir()
    command: list[str | Path] = ["ignition-apply", "--root", root, "--offline", "-"]
    return run(command, stdin=config, timeout=60, check=False)


def test_wrap(bench: Workbench) -> None:
    """The inner config comes back byte for byte, and the hash is of its uncompressed bytes."""
    config = bench.ignition()
    outer = json.loads(wrap(config).reveal())
    (merged,) = outer["ignition"]["config"]["merge"]
    packed = base64.b64decode(merged["source"].removeprefix("data:;base64,"))
    inner = gzip.decompress(packed)
    assert inner.decode() == config.json.reveal()
    assert merged["verification"]["hash"] == config.sha256 == sha256(inner)
    assert wrap(config) == wrap(config)


def test_wrap_is_valid(bench: Workbench) -> None:
    """Ignition takes the outer config without a word."""
    result = run(["ignition-validate", "-"], stdin=wrap(bench.ignition()), timeout=60)
    assert not result.stdout + result.stderr


def test_private(bench: Workbench) -> None:
    """Files of the place have the mode that they ask for, and folders only root's."""
    files = [PlaceFile("/var/lib/x/record", "{}", mode=0o600), PlaceFile("/etc/a", "a")]
    wrapped = wrap(bench.ignition(), files, ["/var/lib/x"])
    storage = json.loads(wrapped.reveal())["storage"]

    assert [file["mode"] for file in storage["files"]] == [0o644, 0o600, 0o644]
    assert storage["directories"] == [{"path": "/var/lib/x", "mode": 0o700}]


def test_wrap_does_not_print(bench: Workbench) -> None:
    """The outer config holds the same secrets, so it is not shown."""
    assert "data:" not in f"{wrap(bench.ignition())!r}"


@pytest.mark.needs("ignition-apply")
def test_the_machine_knows_its_hash(bare: Workbench, tmp_path: Path) -> None:
    """Applied by Ignition, the inner files are there, and the hash beside them."""
    config = bare.write({"main.bu": FILES}).ignition()
    root = tmp_path / "machine"
    result = apply(wrap(config).reveal(), root)
    assert result.ok, result.tail()
    assert (root / "etc/greeting").read_text() == "hello"
    assert (root / HASH_FILE.lstrip("/")).read_text() == f"{config.sha256}\n"
    assert (root / HASH_FILE.lstrip("/")).stat().st_mode & 0o777 == 0o644


@pytest.mark.needs("ignition-apply")
def test_another_config_is_refused(bare: Workbench, tmp_path: Path) -> None:
    """A config whose hash is another one is not applied."""
    wrapped = wrap(bare.write({"main.bu": FILES}).ignition()).reveal()
    root = tmp_path / "machine"
    assert not apply(re.sub("sha256-[0-9a-f]{8}", "sha256-00000000", wrapped), root).ok
    assert not (root / "etc/greeting").exists()


def _placed(bench: Workbench, butane: str, root: Path) -> str:
    """Apply a config with files of the place; return the outer config."""
    outer = wrap(bench.write({"main.bu": butane}).ignition(), OF_THE_PLACE).reveal()
    result = apply(outer, root)
    assert result.ok, result.tail()
    return outer


@pytest.mark.needs("ignition-apply")
def test_files_of_the_place(bare: Workbench, tmp_path: Path) -> None:
    """Files of the place are there, and what is appended to no file begins one."""
    _placed(bare, FILES, tmp_path / "machine")
    assert (tmp_path / "machine/etc/card").read_text() == "given"
    assert (tmp_path / "machine/etc/hosts").read_text() == "\nours\n"


@pytest.mark.needs("ignition-apply")
def test_the_config_wins(bare: Workbench, tmp_path: Path) -> None:
    """A file of the config stays the config's, and is appended to where the place says so."""
    _placed(bare, NAMES, tmp_path / "machine")
    assert (tmp_path / "machine/etc/card").read_text() == "mine"
    assert (tmp_path / "machine/etc/hosts").read_text() == "192.0.2.7 mine\nours\n"


@pytest.mark.needs("ignition-apply")
def test_a_link_wins(bare: Workbench, tmp_path: Path) -> None:
    """Where the config has a link, there is a link."""
    _placed(bare, LINK, tmp_path / "machine")
    assert (tmp_path / "machine/etc/hosts").readlink().as_posix() == "/srv/hosts"


def test_the_hash_is_the_config_s(bare: Workbench, tmp_path: Path) -> None:
    """Files of the place do not change the hash that the machine keeps."""
    config = bare.write({"main.bu": FILES}).ignition()
    _placed(bare, FILES, tmp_path / "machine")
    assert (tmp_path / f"machine{HASH_FILE}").read_text() == f"{config.sha256}\n"
