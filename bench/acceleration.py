"""What emulation costs, and which processor, machine and kernel arguments it is fastest with; JSON.

Run it inside the image, on a machine that does nothing else:

    ./infra shell /opt/toolbox/bin/python bench/acceleration.py [--rounds N] [VARIANT…]

`variants`: the embedded guest is booted to its login prompt with one thing changed at a time, all
of them in turn and that several times, so that what else a machine does falls on all. Compare
`ratio`, the median against that of the chosen settings. `factor`: the same work in a simulated
machine and outside of it, `work` in seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import toolbox
from toolbox.lib.machine import images

EXAMPLE = Path(toolbox.__file__).parent / "example"
CHOSEN = {"cpu": "qemu64", "machine": "q35", "smp": "2", "tcg": "thread=multi,tb-size=1024"}
VARIANTS: dict[str, dict[str, str]] = {
    "chosen": {},
    "cpu max": {"cpu": "max"},
    "cpu Nehalem": {"cpu": "Nehalem"},
    "cpu Haswell": {"cpu": "Haswell"},
    "cpu EPYC": {"cpu": "EPYC"},
    "machine pc": {"machine": "pc"},
    "one processor": {"smp": "1"},
    "one thread": {"tcg": "thread=single,tb-size=1024"},
    "default translation cache": {"tcg": "thread=multi"},
    "all mitigations": {"without": "mitigations=off nopti"},
    "address randomisation": {"without": "nokaslr"},
    "audit, psi": {"without": "audit=0 psi=0"},
    "default security modules": {"without": "lsm=landlock,yama"},
    "self tests of ciphers": {
        "without": "cryptomgr.notests initcall_blacklist=jent_mod_init,crypto_kdf108_init"
    },
    "chatty console": {"without": "loglevel=4"},
}
PROMPT = b"login:"
DEADLINE = 300.0
WORK = {
    "shell": "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done",
    "sha256": "head -c 50000000 /dev/zero | sha256sum >/dev/null",
    "fork": "i=0; while [ $i -lt 200 ]; do /bin/true; i=$((i+1)); done",
}


def boot(image: images.GuestImage, change: dict[str, str], folder: Path) -> float:
    """Boot the guest with something changed; return the seconds to its login prompt."""
    chosen = CHOSEN | change
    words = f"{image.arguments} {image.firstboot_arguments}".split()
    left_out = change.get("without", "").split()
    console = folder / "console"
    console.unlink(missing_ok=True)
    command = [
        *("qemu-system-x86_64", "-machine", chosen["machine"], "-accel", f"tcg,{chosen['tcg']}"),
        *("-cpu", chosen["cpu"], "-smp", chosen["smp"], "-m", "2048", "-nodefaults"),
        *("-display", "none", "-serial", f"file:{console}", "-device", "virtio-rng-pci"),
        *("-drive", f"file={image.disk},if=virtio,snapshot=on,cache=unsafe"),
        *("-kernel", str(image.kernel), "-initrd", str(image.initramfs)),
        *("-append", " ".join(word for word in words if word not in left_out)),
    ]
    began = time.monotonic()
    with subprocess.Popen(command) as machine:
        try:
            while time.monotonic() - began < DEADLINE and machine.poll() is None:
                if console.exists() and PROMPT in console.read_bytes():
                    return time.monotonic() - began
                time.sleep(0.05)
        finally:
            machine.kill()
    return float("nan")


def variants(names: list[str], rounds: int) -> dict[str, dict[str, object]]:
    """Boot all variants in turn, several times; return seconds and ratios."""
    image = images.find("debian")
    seconds: dict[str, list[float]] = {name: [] for name in names}
    with TemporaryDirectory() as folder:
        for _ in range(rounds):
            for name in names:
                seconds[name].append(boot(image, VARIANTS[name], Path(folder)))
    base = statistics.median(seconds["chosen"])
    return {
        name: {
            "seconds": [round(value, 1) for value in found],
            "ratio": round(statistics.median(found) / base, 2),
        }
        for name, found in seconds.items()
    }


def timed(command: list[str], root: Path) -> float:
    """Return the seconds that a program takes."""
    began = time.monotonic()
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    return time.monotonic() - began


def factor() -> dict[str, dict[str, float]]:
    """Do the same work in a machine and outside of it; return seconds and their ratio."""
    with TemporaryDirectory() as name:
        root = Path(name) / "example"
        shutil.copytree(EXAMPLE, root)
        os.environ["INFRA_STATE"] = f"{name}/state"
        ssh = ["invoke", "sim.ssh", "hello", "--"]
        try:
            subprocess.run(["invoke", "sim.up", "--accel", "tcg"], cwd=root, check=True)
            idle = min(timed([*ssh, "true"], root) for _ in range(3))
            inside = {work: timed([*ssh, text], root) - idle for work, text in WORK.items()}
            outside = {work: timed(["sh", "-c", text], root) for work, text in WORK.items()}
        finally:
            subprocess.run(["invoke", "sim.clean", "--warm"], cwd=root, check=True)
    return {
        work: {
            "inside": round(inside[work], 2),
            "outside": round(outside[work], 2),
            "factor": round(inside[work] / outside[work], 1),
        }
        for work in WORK
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("names", nargs="*", help="variants; all by default")
    given = parser.parse_args()
    names = list(dict.fromkeys(["chosen", *(given.names or VARIANTS)]))
    found = {"factor": factor(), "variants": variants(names, given.rounds)}
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
