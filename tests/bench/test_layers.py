"""The image's layers are judged by their size, and each large one has a reason."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "bench" / "layers.py"
GUEST = "/bin/sh -c #(nop) COPY dir:12 in /usr/share/infra-toolbox/guest/ "
OTHER = "|1 A=b /bin/sh -c make everything"


def _layer(made: str, megabytes: int) -> dict[str, object]:
    return {"CreatedBy": made, "size": megabytes * 1000**2}


@pytest.mark.parametrize(
    ("history", "code", "sizes"),
    [
        ([_layer(OTHER, 99), _layer(GUEST, 300), _layer("empty", 0)], 0, [300, 99]),
        ([_layer(OTHER, 100), _layer(GUEST, 300)], 1, [300, 100]),
        ([], 0, []),
    ],
    ids=["explained", "unexplained", "nothing"],
)
def test_layers(history: list[dict[str, object]], code: int, sizes: list[int]) -> None:
    """Large layers come first; one of 100 MB that nobody can explain is a failure."""
    done = subprocess.run(
        [sys.executable, SCRIPT],
        input=json.dumps(history),
        capture_output=True,
        text=True,
        check=False,
    )

    told = json.loads(done.stdout)
    assert done.returncode == code
    assert [layer["MB"] for layer in told["layers"]] == sizes
    assert told["MB"] == sum(sizes)
