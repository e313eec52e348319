"""What changing a machine that runs costs, beside a bare ssh connection; prints JSON.

Run it inside the image, on a machine that does nothing else:

    ./infra shell /opt/toolbox/bin/python bench/reconfigure.py

One machine of the shipped example is made and changed: not at all, by one file, by one unit. Each
is a whole call of `host.apply`, the start of Python included. What is `above` is the seconds beyond
those of `ssh HOST true` over a new connection, which on an emulated machine is most of it.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import toolbox
from toolbox.lib.core.run import run
from toolbox.lib.inventory.load import load
from toolbox.lib.simulation import reconfigure

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLE = Path(toolbox.__file__).parent / "example"
TURNS = 5
PLAIN = """\
    - path: /etc/plain.txt
      mode: 0644
      contents:
        inline: turn 0
"""
UNIT = """\
    - name: plain.service
      enabled: true
      contents: |
        [Unit]
        Description=Change in turn 0

        [Service]
        Type=oneshot
        RemainAfterExit=yes
        ExecStart=/usr/bin/true

        [Install]
        WantedBy=multi-user.target
"""


def invoke(root: Path, *words: str) -> tuple[str, float]:
    """Run a task to its end; return its output and its seconds."""
    began = time.monotonic()
    done = subprocess.run(["invoke", *words], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return done.stdout, time.monotonic() - began


def bare(root: Path) -> float:
    """Return the seconds of a command that does nothing over a new connection."""
    project = load(root)
    with reconfigure.reached(project, project.hosts, named=True) as (machine,):
        machine.session.run("true")
        began = time.monotonic()
        run(machine.client.command(machine.name, "true", fresh=True), timeout=120)
        return time.monotonic() - began


def apply(root: Path) -> dict[str, Any]:
    """Apply; return the seconds of the whole call and those of what was done on the machine."""
    out, seconds = invoke(root, "host.apply", "--json")
    (item,) = json.loads(out)["items"]
    there = {f"{one['action']} {one['what']}": one["seconds"] for one in item["done"]}
    return {"seconds": seconds, "there": there}


def turn(root: Path, change: Callable[[], object]) -> dict[str, Any]:
    """Measure a bare connection and a change, one right behind the other."""
    change()
    connection = bare(root)
    found = apply(root)
    return {"ssh": connection, **found, "above": found["seconds"] - connection}


def told(turns: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the medians of several turns, and what the last of them did."""
    keys = ("ssh", "seconds", "above")
    medians = {key: round(statistics.median(item[key] for item in turns), 2) for key in keys}
    return {**medians, "there": turns[-1]["there"]}


def measure(root: Path) -> dict[str, Any]:
    """Make a machine, change it in several ways, and remove it."""
    butane = root / "hosts/hello/hello.bu"
    text = butane.read_text().replace("  files:\n", f"  files:\n{PLAIN}")
    butane.write_text(text + UNIT)
    invoke(root, "sim.up")
    number = iter(range(1, 1000))

    def write(word: str) -> None:
        before = butane.read_text()
        begin = before.index(f"{word} ") + len(word) + 1
        end = before.index("\n", begin)
        butane.write_text(f"{before[:begin]}{next(number)}{before[end:]}")

    ways: dict[str, Callable[[], object]] = {
        "nothing": lambda: None,
        "one file": lambda: write("inline: turn"),
        "one unit": lambda: write("Change in turn"),
    }
    found = {name: told([turn(root, way) for _ in range(TURNS)]) for name, way in ways.items()}
    invoke(root, "sim.clean")
    return found


def main() -> None:
    """Measure and print."""
    with TemporaryDirectory(prefix="bench-") as folder:
        root = Path(folder) / "example"
        shutil.copytree(EXAMPLE, root)
        print(json.dumps(measure(root), indent=2))


if __name__ == "__main__":
    main()
