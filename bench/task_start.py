"""What starting a task costs, against an interpreter that does nothing; prints JSON.

Run it inside the image:

    ./infra shell /opt/toolbox/bin/python bench/task_start.py

Modules are counted, and times are medians of runs that alternate, so that only `times_python` is to
be compared.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time

RUNS = 9
COMMANDS = {
    "python": [sys.executable, "-c", "pass"],
    "invoke --list": ["invoke", "--list"],
    "invoke sim --help": ["invoke", "sim", "--help"],
    "invoke help": ["invoke", "help"],
}
MODULES = """
import sys
from toolbox.tasks.program import main
try:
    main({words!r})
except SystemExit:
    pass
print(len(sys.modules), file=sys.stderr)
"""


def seconds(command: list[str]) -> float:
    """Run a command once; return how long it took."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def modules(words: list[str]) -> int:
    """Return how many modules a task loads."""
    script = MODULES.format(words=words)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return int(done.stderr.split()[-1])


def main() -> None:
    """Measure and print."""
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(RUNS):
        for name, command in COMMANDS.items():
            taken[name].append(seconds(command))
    median = {name: statistics.median(times) for name, times in taken.items()}
    facts = {
        name: {
            "seconds": round(median[name], 3),
            "times_python": round(median[name] / median["python"], 1),
            "modules": modules(command) if command[0] == "invoke" else None,
        }
        for name, command in COMMANDS.items()
    }
    print(json.dumps(facts, indent=2))


if __name__ == "__main__":
    main()
