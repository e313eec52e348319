"""Keys as people have them, made by the programs that people make them with."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True)
class Pair:
    """A key pair: the file of the private key, and the line of the public one."""

    path: Path
    line: str


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Pair]:
    """Return a function that makes a key pair; equal wishes give the same one."""
    folder = tmp_path_factory.mktemp("keys")
    made: dict[tuple[str, ...], Pair] = {}

    def make(name: str, kind: str = "ed25519", *options: str, passphrase: str = "") -> Pair:
        wish = (name, kind, *options, passphrase)
        if wish not in made:
            path = folder / f"{name}-{kind}-{len(made)}"
            if kind == "age":
                subprocess.run(["age-keygen", "-o", path], check=True, capture_output=True)
                line = path.read_text().split("# public key: ")[1].split("\n")[0]
                made[wish] = Pair(path, f"{line} {name}")
            else:
                words = ["-q", "-t", kind, *options, "-N", passphrase, "-C", name, "-f", path]
                subprocess.run(["ssh-keygen", *words], check=True)
                made[wish] = Pair(path, path.with_suffix(".pub").read_text().strip())
        return made[wish]

    return make
