"""What the image's size is made of: each layer from a megabyte on, with the reason; prints JSON.

Of a large layer the largest parts are named, until less than 100 MB are left.

    podman history --format json localhost/infra-toolbox:latest |
        ./infra shell /opt/toolbox/bin/python bench/layers.py

Ends with code 1 when a layer of 100 MB or more has no reason here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

MB = 1000**2
LARGE_MB = 100
REASONS = {
    "/usr/share/infra-toolbox/guest/": "the embedded guest: compressed disk, kernel, initramfs",
    "/opt/toolbox/": "the library with Pulumi's SDKs, testinfra, mkdocs-material, linters",
    "/opt/salt/": "Salt, with its own dependencies, as no other version fits beside them",
    "/opt/esphome/": "ESPHome, the same",
    "/usr/local/share/pulumi/plugins/": "two provider plugins, each with a Terraform provider",
    "/usr/local/bin/": "pulumi, butane and Ignition's programs, static Go",
    "/image/install": "packages: QEMU, libvirt, podman, systemd, git, swtpm and what they need",
    "ADD file:": "the base: a minimal Debian, or the Fedora toolbox image",
}
PACKAGES = "/image/install"
# Reason: sizes that the package managers keep; in KiB and in bytes.
QUERIES = {
    1024: ("dpkg-query", "-W", "-f", "${Installed-Size} ${Package}\\n"),
    1: ("rpm", "-qa", "--queryformat", "%{SIZE} %{NAME}\\n"),
}


def layers(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the layers worth a line, the largest first.

    Args:
        history: What ``podman history --format json`` prints.
    """
    found = []
    for layer in history:
        if layer["size"] < MB:
            continue
        made = layer["CreatedBy"]
        reason = next((why for part, why in REASONS.items() if part in made), "")
        # Reason: the first words are the same in each layer, and a digest tells nobody anything.
        words = made.partition("/bin/sh -c ")[2] or made
        size = layer["size"] // MB
        told = {"MB": size, "reason": reason, "made by": words[:120]}
        found.append(told | {"parts": largest(parts(made) if size >= LARGE_MB else {}, size)})
    return sorted(found, key=lambda item: -item["MB"])


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    found = (Path(folder) / name for folder, _, names in os.walk(path) for name in names)
    return sum(file.lstat().st_size for file in found)


def packages() -> dict[str, int]:
    """Return the bytes of each installed package, those of the base among them."""
    for unit, query in QUERIES.items():
        try:
            told = subprocess.run(query, capture_output=True, text=True, check=True).stdout
        except (FileNotFoundError, subprocess.CalledProcessError):
            continue
        rows = (line.split() for line in told.splitlines())
        return {name: int(size) * unit for size, name in rows}
    return {}


def parts(made: str) -> dict[str, int]:
    """Return what a layer consists of, in bytes: packages, or what is in its folder.

    Args:
        made: What made the layer.
    """
    if PACKAGES in made:
        return packages()
    folder = next((Path(part) for part in REASONS if part.endswith("/") and part in made), Path())
    # Reason: of an environment the packages are of interest, and not its folders.
    inner = next(folder.glob("lib/python*/site-packages"), None)
    guest = next(folder.glob("*/manifest.json"), None)
    place = inner or (guest.parent if guest else folder)
    return {path.name: size_of(path) for path in place.glob("*")} if folder.name else {}


def largest(found: dict[str, int], total: int) -> dict[str, int]:
    """Return the largest parts in MB, until less than `LARGE_MB` of a layer are left.

    Args:
        found: Bytes of each part.
        total: MB of the layer.
    """
    named: dict[str, int] = {}
    for name, size in sorted(found.items(), key=lambda item: -item[1]):
        if total - sum(named.values()) < LARGE_MB:
            break
        named[name] = size // MB
    return named


def main() -> int:
    """Read, judge and print; return the exit code."""
    found = layers(json.load(sys.stdin))
    total = sum(layer["MB"] for layer in found)
    print(json.dumps({"MB": total, "layers": found}, indent=2, ensure_ascii=False))
    unexplained = [layer for layer in found if layer["MB"] >= LARGE_MB and not layer["reason"]]
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
