"""Memory: what machines want together, and what their habitat has left."""

from __future__ import annotations

from pathlib import Path

MIB = 1024 * 1024
ROOT = Path("/")
# Reason: limit, use, and the statistics with the part of the use that the kernel gives back (the
# page cache), of both versions of control groups.
GROUPS = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
)


def shortage(wanted: dict[str, int], free: int) -> str | None:
    """Return what to say when machines want more memory than there is, or None.

    Args:
        wanted: MiB of each machine that is about to start, by its name.
        free: MiB that the habitat has left.
    """
    total = sum(wanted.values())
    if total <= free:
        return None
    names = " and ".join(f"{name} ({size} MiB)" for name, size in wanted.items())
    together = " together" if len(wanted) > 1 else ""
    return (
        f"memory: {names} want {total} MiB{together}, {free} MiB are free here; they may be slow or"
        " die. Give them less (sim.memory), or start some only: invoke sim --hosts NAME,…"
    )


def available(root: Path = ROOT) -> int:
    """Return the MiB that this habitat can still give: the machine's, or its control group's."""
    left = [_of_machine(root / "proc/meminfo")]
    for limit, use, cache in GROUPS:
        folder = root / "sys/fs/cgroup"
        most, used = _number(folder / limit), _number(folder / use)
        if most is not None and used is not None:
            given_back = _field((folder / limit).with_name("memory.stat"), cache)
            left.append(most - used + given_back)
    return max(min(left), 0) // MIB


def _of_machine(meminfo: Path) -> int:
    return _field(meminfo, "MemAvailable:") * 1024


def _field(path: Path, name: str) -> int:
    """Return the number behind a name; 0 where a kernel does not count it."""
    rows = (line.split() for line in path.read_text().splitlines())
    return next((int(row[1]) for row in rows if row and row[0] == name), 0)


def _number(path: Path) -> int | None:
    """Return the number in a file; None where there is no file, or no limit in it."""
    text = path.read_text().strip() if path.is_file() else ""
    return int(text) if text.isdigit() else None
