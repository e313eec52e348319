"""Too little memory is told before it is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolbox.lib.simulation import memory

if TYPE_CHECKING:
    from pathlib import Path

MEMINFO = "MemTotal:       8388608 kB\nMemAvailable:   4194304 kB\n"


def _habitat(root: Path, **files: str) -> Path:
    named = {"proc/meminfo": MEMINFO} | {
        f"sys/fs/cgroup/{name.replace('__', '/')}": text for name, text in files.items()
    }
    for name, text in named.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_enough() -> None:
    """Nothing is said while all of them fit."""
    assert memory.shortage({"web": 2048, "db": 2048}, 4096) is None
    assert memory.shortage({}, 0) is None


def test_shortage() -> None:
    """Who wants how much, what is there, and what to do."""
    said = memory.shortage({"web": 2048, "db": 2049}, 4096)

    assert said is not None
    assert "web (2048 MiB) and db (2049 MiB) want 4097 MiB together, 4096 MiB are free" in said
    assert "sim.memory" in said


def test_machine(tmp_path: Path) -> None:
    """Without a limit it is what the machine has left."""
    assert memory.available(_habitat(tmp_path)) == 4096


def test_limits(tmp_path: Path) -> None:
    """A control group's limit counts, less what is used and not given back, in both versions."""
    limit, used, cache = 1024**3, 512 * 1024**2, 128 * 1024**2
    second = _habitat(
        tmp_path / "2",
        **{
            "memory.max": f"{limit}\n",
            "memory.current": f"{used}\n",
            "memory.stat": f"anon 1\ninactive_file {cache}\n",
        },
    )
    first = _habitat(
        tmp_path / "1",
        **{
            "memory__memory.limit_in_bytes": f"{limit}\n",
            "memory__memory.usage_in_bytes": f"{used}\n",
            "memory__memory.stat": f"cache 1\ntotal_inactive_file {cache}\n",
        },
    )

    assert memory.available(second) == memory.available(first) == 640


def test_no_limit(tmp_path: Path) -> None:
    """A group without a limit, or one beyond the machine, limits nothing."""
    files = {"memory.max": "max\n", "memory.current": "1\n", "memory.stat": "inactive_file 0\n"}

    assert memory.available(_habitat(tmp_path, **files)) == 4096
    assert memory.available(_habitat(tmp_path, **(files | {"memory.max": f"{2**62}\n"}))) == 4096


def test_here() -> None:
    """This place has some memory."""
    assert memory.available() > 0


def test_kernel_that_counts_less(tmp_path: Path) -> None:
    """A control group whose statistics lack a number gives no error."""
    group = {
        "memory.max": f"{2 * 1024**3}",
        "memory.current": f"{1024**3}",
        "memory.stat": "anon 1\n",
    }

    assert memory.available(_habitat(tmp_path, **group)) == 1024
