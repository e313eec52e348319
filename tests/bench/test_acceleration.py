"""A measured boot is read from its console, whatever stands between the marks."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.machine.accel import Verdict
from toolbox.lib.machine.domain import Domain
from toolbox.lib.machine.images import GuestImage

if TYPE_CHECKING:
    from types import ModuleType

SCRIPT = Path(__file__).parents[2] / "bench" / "acceleration.py"
CONSOLE = """\
bench:cpu  128 0 239 6 233 0 1 0 0 0
[    2.912038] Run /init as init process
Reached target initrd-switch-root.target - Switch Root.
[\x1b[0;32m  OK  \x1b[0m] Reached target \x1b[0;1;39mmulti-user.target\x1b[0m - Multi-User System.
localhost login: bench:loop:begin;
[  OK  ] Startedbench:loop:end; bench.service
bench:sha256:begin;
bench:sha256:end;
bench:starts:begin;
bench:starts:end;
"""


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the script as a module."""
    spec = importlib.util.spec_from_file_location("acceleration", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "acceleration", module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def image(tmp_path: Path) -> GuestImage:
    """Return a guest that is not there."""
    files = (tmp_path / name for name in ("disk", "vmlinuz", "initramfs"))
    return GuestImage("debian", *files, "root=/dev/vda a b", "first", "sha256-0")


def watched(bench: ModuleType, text: str) -> Any:
    """Return what is seen of a machine that prints this."""
    command = ["printf", "%s", text]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        return bench.watch(process, time.monotonic())


def test_console(bench: ModuleType) -> None:
    """Phases and marks are found between colours and messages."""
    seen = watched(bench, CONSOLE)

    assert set(seen.reached) == bench.REACHED
    assert seen.reached["kernel"] == 2.912038
    assert set(seen.work) == set(bench.WORK)
    assert seen.busy == pytest.approx(3.68)


def test_cut_off(bench: ModuleType) -> None:
    """A machine that stops half way has no end of its work."""
    seen = watched(bench, CONSOLE.partition("bench:loop:end")[0])

    assert not seen.work


def test_refused(
    bench: ModuleType, image: GuestImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variant that QEMU refuses is told with QEMU's words."""
    for name, text in (("qemu-img", "exit 0"), (bench.QEMU, "echo no such model >&2; exit 1")):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    assert bench.boot(bench.CHOICE, image, bench.WORK) == "exit code 1: no such model"


def test_the_choice_is_that_of_the_library(
    bench: ModuleType, image: GuestImage, tmp_path: Path
) -> None:
    """What the others are compared with is what a simulated machine gets."""
    domain = Domain(
        name="x",
        uuid="x",
        memory=2048,
        cpus=2,
        accelerator="tcg",
        disk=tmp_path / "x",
        console=tmp_path / "x",
        mac="02:00:00:00:00:01",
        forwards=(),
        labels={},
    ).xml()
    command = bench.command(bench.CHOICE, image, tmp_path)

    assert f"<model>{command[command.index('-cpu') + 1]}</model>" in domain
    assert f'machine="{command[command.index("-machine") + 1]}"' in domain
    cache = command[command.index("-accel") + 1].partition("tb-size=")[2]
    assert f'<tb-cache unit="MiB">{cache}</tb-cache>' in domain
    assert f'cache="{bench.CHOICE.disk.removeprefix("cache=")}"' in domain


def test_arguments(bench: ModuleType, image: GuestImage, tmp_path: Path) -> None:
    """Kernel arguments are dropped and added, the others stay."""
    variant = bench.Variant(arguments="c", without=("a",))
    command = bench.command(variant, image, tmp_path)

    assert command[command.index("-append") + 1] == "root=/dev/vda b first c"


def test_config(bench: ModuleType) -> None:
    """The machine gets its work and a unit that starts it."""
    config = json.loads(bench.config(bench.WORK))

    (file,) = config["storage"]["files"]
    assert all(f"bench%3A{name}" in file["contents"]["source"] for name in bench.WORK)
    assert config["systemd"]["units"][0]["enabled"]


def test_report(bench: ModuleType, monkeypatch: pytest.MonkeyPatch, image: GuestImage) -> None:
    """Variants are compared with the choice, the choice with the place around it."""
    monkeypatch.setattr(bench, "find", lambda _name: image)
    monkeypatch.setattr(bench, "find_out", lambda _image: Verdict("tcg", "there is none"))
    rows = {
        bench.HERE: {"loop": 0.1},
        bench.CHOSEN: {"loop": 2.0, "instructions": 6.0},
        "max": {"loop": 3.0, "instructions": 9.0},
        "counted only": {"instructions": 3.0},
    }

    told = bench.report(rows, {"EPYC": "refused"})

    assert told["kvm"] == "there is none"
    assert told["times slower"] == {"loop": 20.0}
    assert told["against the choice"] == {
        "max": {"loop": 1.5, "instructions": 1.5},
        "counted only": {"instructions": 0.5},
    }
    assert told["refused"] == {"EPYC": "refused"}
