"""What emulation costs and which choices make it cheaper; prints JSON.

Run it inside the image, on a machine that does nothing else:

    ./infra shell /opt/toolbox/bin/python bench/acceleration.py
    ./infra shell /opt/toolbox/bin/python bench/acceleration.py --rounds 1 processor

Each variant is the embedded guest's first boot by QEMU alone, as `toolbox.lib.machine.domain` has
it, with one thing changed. Then the machine does the same work as the place around it, with the
same programs. Variants alternate in each round, and each is compared with the choice of the same
rounds; on a busy machine these seconds mean little. One more boot of each, with one processor and
a clock that ticks once an instruction, counts the `instructions` that the guest executes, which
does not depend on who else is there: `--rounds 0` does only that.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from toolbox.lib.machine.accel import QEMU, find_out
from toolbox.lib.machine.images import GuestImage, find

ROUNDS = 3
CHOSEN, HERE = "the choice", "outside"
DEADLINE_SECONDS = 300
MARK = re.compile(r"bench:(?P<name>\w+):(?P<edge>begin|end);")
# Reason: no disk and no network in any of them; whole numbers, a stream, and starts of programs.
WORK = {
    "loop": "i=0; while [ $i -lt 30000 ]; do i=$((i + 1)); done",
    "sha256": "head -c 16M /dev/zero | sha256sum >/dev/null",
    "starts": "i=0; while [ $i -lt 100 ]; do /bin/true; i=$((i + 1)); done",
}
# Reason: proc_stat(5); what is idle or waits for the disk executes nothing.
BUSY = re.compile(r"bench:cpu +(\d+) (\d+) (\d+) \d+ \d+ (\d+) (\d+)")
TICKS = 100
INIT = re.compile(r"\[ *(?P<seconds>[\d.]+)\] Run /init as init process")
COLOUR = re.compile(r"\x1b\[[\d;]*m")
PHASES = {
    "root": "Reached target initrd-switch-root.target",
    "complete": "Reached target multi-user.target",
}
REACHED = {*PHASES, "kernel"}
UNIT = """\
[Unit]
Description=Work that is measured
After=multi-user.target
[Service]
Type=oneshot
StandardOutput=tty
TTYPath=/dev/console
ExecStart=/bin/bash /etc/bench
[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True)
class Variant:
    """A way to run the guest.

    Attributes:
        machine: QEMU's machine type, with options.
        processor: QEMU's CPU model, with features.
        accelerator: QEMU's ``-accel``.
        processors: How many.
        disk: Options of the disk.
        random: Whether it has a source of random numbers.
        arguments: Kernel arguments that are added.
        without: Kernel arguments that are left out.
        options: More words for QEMU.
    """

    machine: str = "q35"
    processor: str = "qemu64"
    accelerator: str = "tcg,thread=multi,tb-size=1024"
    processors: int = 2
    disk: str = "cache=unsafe"
    random: bool = True
    arguments: str = ""
    without: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


CIPHERS = (
    "cryptomgr.notests",
    "initcall_blacklist=jent_mod_init,crypto_kdf108_init,init_encrypted,trace_eval_init",
)
CHOICE = Variant()
# Reason: libvirt puts each device of a q35 machine behind a port of its own.
PORTS = tuple(
    word
    for number in range(4)
    for word in ("-device", f"pcie-root-port,chassis={number + 1},addr=6.{number},multifunction=on")
)
VARIANTS: dict[str, dict[str, Variant]] = {
    "processor": {
        name: replace(CHOICE, processor=name)
        for name in ("max", "Nehalem", "Haswell-noTSX", "EPYC")
    },
    "machine": {
        "pc": replace(CHOICE, machine="pc"),
        "one processor": replace(CHOICE, processors=1),
        "four ports": replace(CHOICE, options=PORTS),
        "qboot": replace(CHOICE, options=("-bios", "qboot.rom")),
        "no random numbers": replace(CHOICE, random=False),
        "disk cache=none": replace(CHOICE, disk="cache=none"),
    },
    "emulation": {
        "one thread": replace(CHOICE, accelerator="tcg,thread=single,tb-size=1024"),
        "tb-size by default": replace(CHOICE, accelerator="tcg,thread=multi"),
    },
    "dropped": {
        "without mitigations=off": replace(CHOICE, without=("mitigations=off", "nopti")),
        "without checks of clocks off": replace(CHOICE, without=("no_timer_check", "tsc=reliable")),
        "without audit=0 psi=0": replace(CHOICE, without=("audit=0", "psi=0")),
        "without lsm=": replace(CHOICE, without=("lsm=landlock,yama",)),
        "without initcalls off": replace(CHOICE, without=CIPHERS),
        "loglevel=7": replace(CHOICE, without=("loglevel=4",), arguments="loglevel=7"),
    },
    "added": {
        argument: replace(CHOICE, arguments=argument)
        for argument in (
            "random.trust_cpu=on",
            "init_on_alloc=0",
            "rcupdate.rcu_expedited=1 rcupdate.rcu_normal_after_boot=0",
            "randomize_kstack_offset=off hardened_usercopy=off",
            "cgroup_disable=memory",
            "nowatchdog 8250.nr_uarts=1 i8042.noaux i8042.nokbd",
            "transparent_hugepage=always",
        )
    },
}


@dataclass
class Run:
    """What was seen of one run.

    Attributes:
        reached: Seconds from power on to each phase; those of the kernel by its own clock.
        work: Seconds that each work took.
        busy: Seconds of the guest's clock in which its processors executed something.
    """

    reached: dict[str, float] = field(default_factory=dict)
    work: dict[str, float] = field(default_factory=dict)
    busy: float = 0.0


def config(work: dict[str, str]) -> str:
    """Return an Ignition config whose machine does some work and switches itself off."""
    parts = [
        f"echo 'bench:{name}:begin;'; {words}; echo 'bench:{name}:end;'"
        for name, words in work.items()
    ]
    uptime = 'echo "bench:uptime:$(cat /proc/uptime);"; sleep 1; dmesg | grep Run'
    script = "\n".join([uptime, *parts, "echo o >/proc/sysrq-trigger"])
    file = {"path": "/etc/bench", "contents": {"source": f"data:,{quote(script)}"}}
    unit = {"name": "bench.service", "enabled": True, "contents": UNIT}
    wanted: dict[str, Any] = {"ignition": {"version": "3.4.0"}}
    return json.dumps(wanted | {"storage": {"files": [file]}, "systemd": {"units": [unit]}})


def command(variant: Variant, image: GuestImage, folder: Path) -> list[str]:
    """Return QEMU's command line, with the devices of a simulated machine."""
    given = [word for word in image.arguments.split() if word not in variant.without]
    arguments = " ".join([*given, image.firstboot_arguments, variant.arguments])
    random = ["-device", "virtio-rng-pci,rng=random"] if variant.random else []
    return [
        *(QEMU, "-machine", variant.machine, "-accel", variant.accelerator),
        *("-cpu", variant.processor, "-smp", str(variant.processors), "-m", "2048"),
        *("-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio"),
        *("-kernel", str(image.kernel), "-initrd", str(image.initramfs), "-append", arguments),
        *("-fw_cfg", f"name=opt/com.coreos/config,file={folder / 'config'}"),
        *("-drive", f"file={folder / 'disk'},if=virtio,format=qcow2,discard=unmap,{variant.disk}"),
        *("-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile="),
        *("-object", "rng-random,id=random,filename=/dev/urandom", *random),
        *variant.options,
    ]


def watch(process: subprocess.Popen[str], began: float) -> Run:
    """Read a machine's console to its end."""
    seen = Run()
    started: dict[str, float] = {}
    for coloured in process.stdout or ():
        now = time.monotonic() - began
        line = COLOUR.sub("", coloured)
        if stamp := INIT.search(line):
            seen.reached["kernel"] = float(stamp["seconds"])
        for phase, text in PHASES.items():
            if text in line:
                seen.reached.setdefault(phase, now)
        if told := BUSY.search(line):
            seen.busy = sum(map(int, told.groups())) / TICKS
        # Reason: systemd's own messages may come in between, on the same line.
        for mark in MARK.finditer(line):
            name = mark["name"]
            if mark["edge"] == "begin":
                started[name] = now
            else:
                seen.work[name] = now - started[name]
    return seen


def boot(variant: Variant, image: GuestImage, work: dict[str, str]) -> Run | str:
    """Run the guest once; return what was seen, or why it did not get to its end."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config").write_text(config(work))
        create = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(image.disk)]
        subprocess.run([*create, str(folder / "disk")], check=True)
        began = time.monotonic()
        with subprocess.Popen(
            command(variant, image, folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        ) as process:
            deadline = threading.Timer(DEADLINE_SECONDS, process.kill)
            # Reason: an interrupt does not wait for it.
            deadline.daemon = True
            deadline.start()
            try:
                seen = watch(process, began)
                said = process.stderr.read() if process.stderr else ""
            finally:
                deadline.cancel()
    if process.returncode != 0 or set(seen.work) != set(work) or set(seen.reached) != REACHED:
        last = [*said.strip().splitlines(), "it did not get to its end"][0]
        return f"exit code {process.returncode}: {last}"
    return seen


def count(variant: Variant, image: GuestImage) -> float | str:
    """Return how many thousand million instructions a boot takes, or why there was none."""
    exact = replace(
        variant,
        accelerator="tcg,thread=single,tb-size=1024",
        processors=1,
        options=(*variant.options, "-icount", "shift=0,sleep=off"),
    )
    seen = boot(exact, image, {})
    # Reason: the clock ticks once a nanosecond and an instruction, and jumps where there are none.
    return seen if isinstance(seen, str) else seen.busy


def outside() -> dict[str, float]:
    """Do the work right here."""
    taken = {}
    for name, work in WORK.items():
        began = time.monotonic()
        subprocess.run(["bash", "-c", work], check=True)
        taken[name] = time.monotonic() - began
    return taken


def middle(runs: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of each number."""
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def numbers(run: Run) -> dict[str, float]:
    """Return a run as one row."""
    return {**run.reached, **run.work}


def rounded(row: dict[str, float], digits: int = 2) -> dict[str, float]:
    """Return numbers as they are printed."""
    return {name: round(number, digits) for name, number in row.items()}


def measure(
    variants: dict[str, Variant], image: GuestImage, rounds: int
) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    """Run all variants in turn, round by round, then count; return a row for each, and failures.

    The row `outside` is the same work done right here before each round.
    """
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in (HERE, *variants)}
    refused: dict[str, str] = {}
    for number in range(rounds):
        runs[HERE].append(outside())
        for name, variant in variants.items():
            seen = boot(variant, image, WORK)
            print(f"round {number + 1}: {name}: {seen}", file=sys.stderr, flush=True)
            if isinstance(seen, str):
                refused[name] = seen
            else:
                runs[name].append(numbers(seen))
    rows = {name: middle(found) for name, found in runs.items() if found}
    for name, variant in variants.items():
        counted = count(variant, image)
        print(f"count: {name}: {counted}", file=sys.stderr, flush=True)
        if isinstance(counted, str):
            refused[name] = counted
        else:
            rows.setdefault(name, {})["instructions"] = counted
    return rows, refused


def report(rows: dict[str, dict[str, float]], refused: dict[str, str]) -> dict[str, Any]:
    """Return what is printed: each row against the choice, and the choice against here."""
    choice, here = rows.get(CHOSEN, {}), rows.get(HERE, {})
    return {
        "kvm": find_out(find("debian")).reason,
        "outside": rounded(here, 3),
        "emulated": rounded(choice),
        "times slower": rounded({name: choice[name] / here[name] for name in here}, 1),
        "against the choice": {
            name: rounded({key: row[key] / choice[key] for key in row if key in choice})
            for name, row in rows.items()
            if name not in {HERE, CHOSEN}
        },
        "refused": refused,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What emulation costs here.")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("group", nargs="*", choices=[[], *VARIANTS])
    given = parser.parse_args()
    wanted = {CHOSEN: CHOICE}
    for group in given.group:
        wanted |= VARIANTS[group]
    print(json.dumps(report(*measure(wanted, find("debian"), given.rounds)), indent=2))


if __name__ == "__main__":
    main()
