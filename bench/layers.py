"""What the image's size is made of: each layer from a megabyte on, with the reason; prints JSON.

    podman history --format json localhost/infra-toolbox:latest |
        ./infra shell /opt/toolbox/bin/python bench/layers.py

Ends with code 1 when a layer of 100 MB or more has no reason here.
"""

from __future__ import annotations

import json
import sys
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
        found.append({"MB": layer["size"] // MB, "reason": reason, "made by": words[:120]})
    return sorted(found, key=lambda item: -item["MB"])


def main() -> int:
    """Read, judge and print; return the exit code."""
    found = layers(json.load(sys.stdin))
    total = sum(layer["MB"] for layer in found)
    print(json.dumps({"MB": total, "layers": found}, indent=2, ensure_ascii=False))
    unexplained = [layer for layer in found if layer["MB"] >= LARGE_MB and not layer["reason"]]
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
