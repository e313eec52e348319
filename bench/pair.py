"""What a second machine costs: two that are made at once against one; prints JSON.

Run it inside the image, on a machine that does nothing else:

    ./infra shell /opt/toolbox/bin/python bench/pair.py

Projects of one and of two machines of the shipped example are brought up, checked and removed in
turn. Seconds differ between machines and runs; `two_to_one` is what to compare.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from boot import EXAMPLE, invoke

ROUNDS = 3
NAMES = ("hello", "other")


def project(root: Path, machines: int) -> Path:
    """Write a project of so many machines, each of them the example's; return its folder."""
    shutil.copytree(EXAMPLE, root)
    hosts = root / "hosts"
    for name in NAMES[1:machines]:
        shutil.copytree(hosts / "hello", hosts / name)
        shutil.copy(hosts / "hello.yaml", hosts / f"{name}.yaml")
    return root


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if sys.argv[1:] else ROUNDS
    taken: dict[int, list[float]] = {1: [], 2: []}
    with TemporaryDirectory() as name:
        os.environ["INFRA_STATE"] = f"{name}/state"
        for number in range(rounds):
            for machines, seconds in taken.items():
                root = project(Path(name) / f"example-{number}-{machines}", machines)
                try:
                    seconds.append(invoke(root, "sim", "--cold")[2])
                finally:
                    invoke(root, "sim.clean")
    one, two = (statistics.median(seconds) for seconds in taken.values())
    facts: dict[str, object] = {
        name: [round(seconds, 1) for seconds in found]
        for name, found in zip(("one", "two"), taken.values(), strict=True)
    }
    print(json.dumps({**facts, "two_to_one": round(two / one, 2)}, indent=2))


if __name__ == "__main__":
    main()
