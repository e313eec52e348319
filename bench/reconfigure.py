"""What changing a machine that runs costs, beside a bare ssh connection; prints JSON.

Run it inside the image, on a machine that does nothing else:

    ./infra shell /opt/toolbox/bin/python bench/reconfigure.py [--hosts 20]

One machine of the shipped example is made and changed: not at all, by one file, by one unit, by one
quadlet. Each is a whole call of `host.apply`, the start of Python included. What is `above` is the
seconds beyond those of `ssh HOST true` over a new connection; what is `beyond` leaves out what
systemd took to read its units and to restart some as well. The connection is still held from the
call before; `connecting` is a call that changes nothing and has to make a new one.

`salt` compares a change of one file, from looking to the end, with Salt on the same machine that is
asked for the state of everything (``salt-call state.apply test=True``), over held connections.
`warm` is a new machine with a config of files and units, from a generic one that has booted, up to
checked; `example` the same with the shipped config, which starts a container as well. With
`--hosts` so many machines are made that way, and a file is changed on all of them and on one; `up`
is what making them took.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import toolbox
from toolbox.lib.core.run import run
from toolbox.lib.inventory.load import load
from toolbox.lib.reconfigure import change
from toolbox.lib.reconfigure.desire.ignition import derive
from toolbox.lib.reconfigure.engines.contract import SALT
from toolbox.lib.reconfigure.engines.direct import Direct
from toolbox.lib.reconfigure.engines.salt.engine import Salt
from toolbox.lib.reconfigure.planning.decision import decide
from toolbox.lib.simulation import reach, reconfigure

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLE = Path(toolbox.__file__).parent / "example"
TURNS = 5
PAUSE_SECONDS = 2.0
SYSTEMD = ("daemon-reload", "restart", "start", "stop", "enable")
"""What is done that systemd does."""
PLAIN = """\
    - path: /etc/plain.txt
      mode: 0644
      contents:
        inline: turn 0
"""
QUADLET = """\
    - path: /etc/containers/systemd/plain.container
      mode: 0644
      contents:
        inline: |
          # quadlet in turn 0
          [Container]
          Image=localhost/infra-toolbox-hello:latest
          Network=none
          StopTimeout=1

          [Install]
          WantedBy=multi-user.target
"""
UNIT = """\
    - name: bench.service
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


def bare(root: Path, *, held: bool = True) -> float:
    """Return the seconds of a command that does nothing over a new connection.

    Args:
        root: Folder of the project.
        held: Leave a connection behind, as a call just before does.
    """
    project = load(root)
    with reach.reached(project, project.hosts, named=True) as (machine,):
        machine.session.run("true")
        began = time.monotonic()
        run(machine.client.command(machine.name, "true", fresh=True), timeout=120)
        taken = time.monotonic() - began
        if not held:
            machine.client.hang_up(machine.name)
    # Reason: a machine is busy for a moment with the end of a login.
    time.sleep(PAUSE_SECONDS)
    return taken


def apply(root: Path) -> dict[str, Any]:
    """Apply; return the seconds of the whole call and those of what was done on the machine."""
    out, seconds = invoke(root, "host.apply", "--json")
    (item,) = json.loads(out)["items"]
    there = {f"{one['action']} {one['what']}": one["seconds"] for one in item["done"]}
    return {"seconds": seconds, "there": there}


def turn(root: Path, change: Callable[[], object], *, held: bool = True) -> dict[str, Any]:
    """Measure a bare connection and a change, one right behind the other."""
    change()
    connection = bare(root, held=held)
    found = apply(root)
    above = found["seconds"] - connection
    systemd = sum(taken for what, taken in found["there"].items() if what.startswith(SYSTEMD))
    return {"ssh": connection, **found, "above": above, "beyond": above - systemd}


def told(turns: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the medians of several turns, and what the last of them did."""
    keys = ("ssh", "seconds", "above", "beyond")
    medians = {key: round(statistics.median(item[key] for item in turns), 2) for key in keys}
    return {**medians, "there": turns[-1]["there"]}


def salt(root: Path, write: Callable[[], object]) -> dict[str, Any]:
    """Compare a change of one file with Salt that looks at everything, over a held connection."""
    project = load(root)
    found: dict[str, list[float]] = {"direct": [], "salt": []}
    with reach.reached(project, project.hosts, named=True) as (machine,):
        for _ in range(3):
            write()
            began = time.monotonic()
            config = reconfigure.rendered(project, [machine]).configs[machine.name]
            desired = derive(config, machine.target.place)
            seen = change.prospect(machine.session, desired)
            change.carry_out(seen, Direct(machine.session, seen.survey.record))
            found["direct"].append(time.monotonic() - began)
            empty = replace(seen.survey, nodes={}, units={}, record=None)
            everything = decide(
                seen.desired, empty, now=change.now(), who=change.who(), engine=SALT
            )
            engine = Salt(Direct(machine.session))
            engine.preview(everything)  # Reason: the first run of all sends Salt there.
            began = time.monotonic()
            states = len(engine.preview(everything))
            found["salt"].append(time.monotonic() - began)
    seconds = {name: round(statistics.median(turns), 2) for name, turns in found.items()}
    return {**seconds, "states": states, "salt_to_direct": seconds["salt"] / seconds["direct"]}


def prepared(root: Path) -> Callable[[str], None]:
    """Give the example's host what is changed; return what changes the number behind a word."""
    butane = root / "hosts/hello/hello.bu"
    text = butane.read_text().replace("  files:\n", f"  files:\n{PLAIN}{QUADLET}")
    butane.write_text(text + UNIT)
    return writer(root)


def writer(root: Path) -> Callable[[str], None]:
    """Return what changes the number behind a word of the example's config."""
    butane = root / "hosts/hello/hello.bu"
    numbers = iter(range(1, 1000))

    def write(word: str) -> None:
        before = butane.read_text()
        begin = before.index(f"{word} ") + len(word) + 1
        end = before.index("\n", begin)
        butane.write_text(f"{before[:begin]}{next(numbers)}{before[end:]}")

    return write


def measure(root: Path) -> dict[str, Any]:
    """Make a machine, change it in several ways, and remove it."""
    write = prepared(root)
    invoke(root, "sim.up")
    ways: dict[str, Callable[[], object]] = {
        "nothing": lambda: None,
        "one file": lambda: write("inline: turn"),
        "one unit": lambda: write("Change in turn"),
        "one quadlet": lambda: write("quadlet in turn"),
    }
    found = {name: told([turn(root, way) for _ in range(TURNS)]) for name, way in ways.items()}
    connecting = [turn(root, ways["nothing"], held=False) for _ in range(TURNS)]
    found["connecting"] = told(connecting)
    found["salt"] = salt(root, ways["one file"])
    invoke(root, "sim.clean")
    return found


def made(root: Path) -> dict[str, float]:
    """Measure new machines from the generic guest, up to checked, and remove them."""
    found = {"example": fresh(root)}
    drop_container(root)
    found["warm"] = fresh(root)
    invoke(root, "sim.clean")
    return found


def drop_container(root: Path) -> None:
    """Leave files and units in the config of the example's host, and nothing to unpack."""
    butane = root / "hosts/hello/hello.bu"
    text = butane.read_text()
    begin, end = text.index("    - path: /etc/containers"), text.index("systemd:\n")
    butane.write_text(f"{text[:begin]}{PLAIN}{text[end:]}")
    (root / "hosts/hello/check_hello.py").unlink()


def fresh(root: Path) -> float:
    """Return the seconds of a new machine with a config that no machine had before."""
    butane = root / "hosts/hello/hello.bu"
    seconds = []
    for _ in range(TURNS):
        butane.write_text(butane.read_text().replace("Leave a", "Leave a new a"))
        seconds.append(invoke(root, "sim", "--warm", "--fresh")[1])
    # Reason: the first one may have made the keys of the project and the generic guest.
    return round(statistics.median(seconds[1:]), 2)


def many(root: Path, hosts: int) -> dict[str, Any]:
    """Make several machines and change one file on one of them, and on all."""
    drop_container(root)
    write = writer(root)
    names = ["hello", *(f"host{number}" for number in range(1, hosts))]
    description = (root / "hosts/hello.yaml").read_text()
    small = description.replace("memory: 2GiB", "memory: 640MiB").replace("cpus: 2", "cpus: 1")
    (root / "hosts/hello.yaml").write_text(small)
    invoke(root, "sim.up", "--warm")
    for name in names[1:]:
        shutil.copy(root / "hosts/hello.yaml", root / f"hosts/{name}.yaml")
        shutil.copytree(root / "hosts/hello", root / "hosts" / name)
    found: dict[str, list[float]] = {"up": [invoke(root, "sim.up", "--warm")[1]]}
    found |= {"one": [], "all": []}
    for _ in range(3):
        write("inline: turn")
        for name in names[1:]:
            shutil.copy(root / "hosts/hello/hello.bu", root / "hosts" / name / "hello.bu")
        found["one"].append(invoke(root, "host.apply", "hello")[1])
        found["all"].append(invoke(root, "host.apply", *names[1:])[1])
    invoke(root, "sim.clean")
    seconds = {name: round(statistics.median(turns), 2) for name, turns in found.items()}
    return {**seconds, "hosts": len(names) - 1, "all_to_one": seconds["all"] / seconds["one"]}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition(";")[0])
    parser.add_argument("--hosts", type=int, help="measure with so many machines")
    wanted = parser.parse_args()
    with TemporaryDirectory(prefix="bench-") as folder:
        first, second = Path(folder) / "first", Path(folder) / "second"
        for root in (first, second):
            shutil.copytree(EXAMPLE, root)
        if wanted.hosts:
            found = many(first, wanted.hosts + 1)
        else:
            found = {**made(first), **measure(second)}
        print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
