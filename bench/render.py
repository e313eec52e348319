"""How long it takes to render, merge and translate hosts with many Butane files; prints JSON.

    ./infra shell /opt/toolbox/bin/python bench/render.py [--peer FOLDER]

Each measurement has a process of its own with nothing kept from others, its imports done. Seconds
differ between machines, so compare ratios. `growth` is what twice the files cost, 2.0 when it is
linear; `hosts_to_one` what 20 hosts cost to one, by the clock and, for a machine that others use,
by processor seconds spread over its processors. `task` is the same for `project.check` as people
call it, from its start to its end. Processor seconds tell Python's and those of the processes
that it starts, which are Butane and ignition-validate and, for several hosts, Python as well.

FOLDER is a checkout of https://github.com/wuxxin/infra-shared, whose `load_butane_dir` then reads
the same files; its dependencies have to be installed. `peer_to_ours` is per item of a config.

All is measured in turns, and the least of several runs counts: of seconds and of processor seconds
each its own.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]

if __name__ == "__main__":
    # Reason: the library of this checkout is meant, wherever another one is installed.
    sys.path.insert(0, str(ROOT))

FILES, HOSTS = 200, 20
ITEMS = 3
"""Two files and a unit in each Butane file."""

PEERS = ("ours", "peer")

BUTANE = """\
variant: fcos
version: 1.6.0
storage:
  files:
    - path: /etc/bench/{number}.conf
      mode: 0644
      contents:
        inline: |
          host = {{{{ HOSTNAME }}}}
          number = {number}
    - path: /etc/bench/{number}.data
      contents:
        local: data/{number}
systemd:
  units:
    - name: bench-{number}.service
      enabled: true
      contents: |
        [Service]
        ExecStart=/bin/true
        [Install]
        WantedBy=multi-user.target
"""


def make(root: Path, hosts: int, files: int) -> None:
    """Write a project whose hosts have files of their own."""
    (root / "hosts").mkdir(parents=True)
    (root / "project.yaml").write_text("name: bench\n")
    for host in range(hosts):
        folder = root / f"hosts/host{host}"
        (folder / "data").mkdir(parents=True)
        folder.with_suffix(".yaml").write_text("")
        for number in range(files):
            (folder / f"{number:04}.bu").write_text(BUTANE.format(number=number))
            (folder / f"data/{number}").write_text(f"data {number}\n")


def processor(who: int) -> float:
    """Return the processor seconds of us, or of the programs that we have started."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def timed(work: Callable[[], object]) -> dict[str, float]:
    """Do something and return what it took."""
    whose = {"python": resource.RUSAGE_SELF, "programs": resource.RUSAGE_CHILDREN}
    before, began = {name: processor(who) for name, who in whose.items()}, time.perf_counter()
    work()
    seconds = time.perf_counter() - began
    used = {name: processor(who) - before[name] for name, who in whose.items()}
    return {"seconds": seconds, **used}


def measure(hosts: int, files: int) -> dict[str, dict[str, float]]:
    """Return what hosts take, and what reading and merging the first one took."""
    from toolbox.lib.butane import pipeline
    from toolbox.lib.butane.render import render
    from toolbox.lib.inventory.load import load
    from toolbox.lib.pki import standin

    with TemporaryDirectory() as name:
        make(Path(name) / "small", 1, 1)
        make(Path(name) / "large", hosts, files)
        small, large = load(Path(name) / "small"), load(Path(name) / "large")
        identity = standin.identity(host.name for host in large.hosts)
        assert all(outcome.ok for outcome in pipeline.every(small, small.hosts, identity))

        def whole() -> None:
            assert all(outcome.ok for outcome in pipeline.every(large, large.hosts, identity))

        def merged() -> None:
            with render(large, large.hosts[0], identity):
                pass

        return {"all": timed(whole), "merged": timed(merged), "again": timed(whole)}


def measure_task(hosts: int, files: int) -> dict[str, dict[str, float]]:
    """Return what it takes to check a project, with the start of the program."""
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r})"
    program = f"{start}; from toolbox.tasks.program import main; main()"
    with TemporaryDirectory() as name:
        make(Path(name) / "project", hosts, files)
        folders = {"XDG_CACHE_HOME": f"{name}/cache", "XDG_RUNTIME_DIR": name}

        def checked() -> None:
            subprocess.run(
                [sys.executable, "-c", program, "project.check"],
                check=True,
                cwd=Path(name) / "project",
                env=os.environ | folders,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

        return {"all": timed(checked)}


def measure_merged(files: int) -> dict[str, float]:
    """Return what reading and merging a host takes, with nothing kept."""
    from toolbox.lib.butane.render import render
    from toolbox.lib.inventory.load import load
    from toolbox.lib.pki import standin

    with TemporaryDirectory() as name:
        make(Path(name) / "small", 1, 1)
        make(Path(name) / "large", 1, files)
        identity = standin.identity(["host0"])

        def merged(folder: str) -> None:
            project = load(Path(name) / folder)
            with render(project, project.hosts[0], identity):
                pass

        merged("small")
        return timed(lambda: merged("large"))


def measure_peer(folder: str, files: int) -> dict[str, float]:
    """Return what reading and merging the same files takes elsewhere."""
    sys.path.insert(0, folder)
    import template  # type: ignore[import-not-found]

    with TemporaryDirectory() as name:
        make(Path(name) / "large", 1, files)
        host = Path(name) / "large/hosts/host0"
        with contextlib.redirect_stdout(sys.stderr):
            return timed(lambda: template.load_butane_dir(str(host), {"HOSTNAME": "host0"}))


def apart(*words: object) -> dict[str, Any]:
    """Return what a measurement in a process of its own tells."""
    command = [sys.executable, __file__, *map(str, words)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=os.environ)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def rounds(runs: int, wanted: dict[str, tuple[object, ...]]) -> dict[str, list[dict[str, Any]]]:
    """Return measurements, taken in turns so that what else runs disturbs all of them alike."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in wanted}
    for _ in range(runs):
        for name, words in wanted.items():
            found[name].append(apart(*words))
    return found


def used(item: dict[str, Any]) -> float:
    """Return all processor seconds of a measurement."""
    seconds: dict[str, float] = item.get("all", item)
    return seconds["python"] + seconds["programs"]


def clock(item: dict[str, Any]) -> float:
    """Return what a measurement took by the clock."""
    seconds: dict[str, float] = item.get("all", item)
    return seconds["seconds"]


def best(items: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the measurement that was disturbed least, with the least that any has used."""
    return min(items, key=clock) | {"least processor": min(map(used, items))}


def ratios(one: list[dict[str, Any]], many: list[dict[str, Any]]) -> dict[str, float]:
    """Return what many hosts take to one, whose work is done one after the other."""
    processors = min(HOSTS, len(os.sched_getaffinity(0)))
    spread = min(map(used, many)) / processors
    return {
        "clock": min(map(clock, many)) / min(map(clock, one)),
        "processor": spread / min(map(used, one)),
    }


def report(peer: str | None, runs: int) -> dict[str, Any]:
    """Measure all and return it."""
    wanted: dict[str, tuple[object, ...]] = {
        f"{files}": ("--measure", 1, files) for files in (100, 200, 400)
    }
    wanted["many"] = ("--measure", HOSTS, FILES)
    wanted |= {f"task {hosts}": ("--task", hosts, FILES) for hosts in (1, HOSTS)}
    if peer:
        wanted["ours"] = ("--merged", FILES)
        wanted["peer"] = ("--peer", peer, "--merged", FILES)
    found = rounds(runs, wanted)
    least = {name: min(map(used, items)) for name, items in found.items()}
    one, many = found["task 1"], found[f"task {HOSTS}"]
    told: dict[str, Any] = {
        "one host": best(found[f"{FILES}"]),
        f"{HOSTS} hosts": best(found["many"]),
        "hosts_to_one": ratios(found[f"{FILES}"], found["many"]),
        # Reason: of all that is counted here, processor seconds depend least on what else runs.
        "growth": {f"{n} to {2 * n}": least[f"{2 * n}"] / least[f"{n}"] for n in (100, 200)},
        "task": {"one host": best(one), f"{HOSTS} hosts": best(many)},
    }
    told["task"]["hosts_to_one"] = ratios(one, many)
    if peer:
        items = FILES * ITEMS
        told["merged, per item"] = {name: clock(best(found[name])) / items for name in PEERS}
        told["peer_to_ours"] = {
            "clock": clock(best(found["peer"])) / clock(best(found["ours"])),
            "processor": least["peer"] / least["ours"],
        }
    return told


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return float(f"{value:.3g}") if isinstance(value, float) else value


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--peer", help="a checkout of infra-shared")
    parser.add_argument("--runs", type=int, default=3, help="of each measurement; the best counts")
    parser.add_argument("--measure", nargs=2, type=int, help=argparse.SUPPRESS)
    parser.add_argument("--task", nargs=2, type=int, help=argparse.SUPPRESS)
    parser.add_argument("--merged", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        told: object = measure(*given.measure)
    elif given.task:
        told = measure_task(*given.task)
    elif given.merged and given.peer:
        told = measure_peer(given.peer, given.merged)
    elif given.merged:
        told = measure_merged(given.merged)
    else:
        told = _rounded(report(given.peer, given.runs))
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
