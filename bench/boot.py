"""Where the seconds of a first boot go, and what later runs cost; prints JSON.

Run it inside the image, on a machine that does nothing else:

    ./infra shell /opt/toolbox/bin/python bench/boot.py

One machine of the shipped example is made, looked at while it runs, lost, resumed and removed.
Seconds differ between machines and runs; compare the shares of one run, and what is `to_cold`
between runs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import toolbox

EXAMPLE = Path(toolbox.__file__).parent / "example"
STEP = re.compile(r"^✓ (?P<name>.+) \((?P<seconds>[\d.]+) s\)$", re.MULTILINE)
STARTUP = re.compile(r"([\d.]+(?:min )?[\d.]*m?s) \((\w+)\)")
INIT = "sudo dmesg | sed -n 's/^\\[ *\\([0-9.]*\\)\\] Run .init as init.*/\\1/p'"
UNITS = "systemd-analyze blame --no-pager | head -n 8"


def invoke(root: Path, *words: str) -> tuple[str, str, float]:
    """Run a task to its end; return its output, its words and its seconds."""
    began = time.monotonic()
    done = subprocess.run(["invoke", *words], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return done.stdout, done.stderr, time.monotonic() - began


def ssh(root: Path, command: str) -> str:
    """Run a command on the machine."""
    return invoke(root, "sim.ssh", "hello", "--", command)[0]


def seconds_of(text: str) -> float:
    """Return the seconds in systemd's words for a span, such as ``1min 2.5s`` or ``300ms``."""
    units = {"min": 60.0, "s": 1.0, "ms": 0.001}
    return sum(float(n) * units[unit] for n, unit in re.findall(r"([\d.]+)(min|ms|s)", text))


def stages(root: Path, phases: dict[str, float]) -> dict[str, float]:
    """Tell where the time between power on and a complete boot went, in seconds."""
    startup = {
        name: seconds_of(span) for span, name in STARTUP.findall(ssh(root, "systemd-analyze"))
    }
    init = float(ssh(root, INIT).strip())
    early = startup["kernel"] + startup.get("initrd", 0.0)
    # Reason: systemd knows when the kernel's clock began, we know when the power came on.
    return {
        "firmware and loading": round(phases["user space"] - early, 1),
        "kernel": round(init, 1),
        # Reason: where systemd is not in the initramfs, its "kernel" ends with the initramfs.
        "initramfs with Ignition": round(early - init, 1),
        "user space": round(startup["userspace"], 1),
        "user space until ssh": round(phases["ssh"] - phases["user space"], 1),
        "complete": phases["boot complete"],
    }


def run(root: Path, *options: str) -> dict[str, Any]:
    """Run the main job; return the seconds of its steps and of the machine's phases."""
    out, words, seconds = invoke(root, "sim", "--json", *options)
    (machine,) = json.loads(out)["items"]
    return {
        "action": machine["action"],
        "seconds": round(seconds, 1),
        "steps": {found["name"]: float(found["seconds"]) for found in STEP.finditer(words)},
        "phases": machine["phases"],
    }


def lose(root: Path) -> None:
    """Take the domain away, so that the next run must make a machine or resume one."""
    items = json.loads(invoke(root, "sim.show", "--json")[0])["items"]
    machines = next(json.loads(item["value"]) for item in items if item["name"] == "machines")
    name = machines["hello"]["domain"]
    for verb in ("destroy", "undefine"):
        subprocess.run(["virsh", "--quiet", verb, name], check=True)


def main() -> None:
    """Measure and print."""
    with TemporaryDirectory() as name:
        root = Path(name) / "example"
        shutil.copytree(EXAMPLE, root)
        os.environ["INFRA_STATE"] = f"{name}/state"
        try:
            cold = run(root, "--cold", *sys.argv[1:])
            found = stages(root, cold["phases"])
            slowest = ssh(root, UNITS).splitlines()
            unchanged = run(root)
            lose(root)
            warm = run(root)
        finally:
            invoke(root, "sim.clean")
    facts = {
        "cold": cold,
        "stages": found,
        "slowest units": slowest,
        "unchanged": unchanged,
        "warm": warm,
        "to_cold": {
            "unchanged": round(unchanged["seconds"] / cold["seconds"], 3),
            "warm": round(warm["seconds"] / cold["seconds"], 3),
        },
    }
    print(json.dumps(facts, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
