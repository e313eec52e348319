"""The project of the guide, put together from its titled code blocks, is a real one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Workbench

GUIDE = Path(__file__).parents[3] / "docs/guides/project.md"
BLOCK = re.compile(r'^```\w+ title="(.+?)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def test_guide(bench: Workbench) -> None:
    """The guide's project is read, rendered and translated."""
    for name, text in BLOCK.findall(GUIDE.read_text()):
        path = bench.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    config = json.loads(bench.ignition().json.reveal())
    files = {item["path"]: item for item in config["storage"]["files"]}
    assert {"/etc/ports/80", "/etc/tls/web.key", "/srv/site/index.html", "/etc/hostname"} <= set(
        files
    )
    (unit,) = config["systemd"]["units"]
    assert unit["name"] == "web.service"
    assert unit["enabled"]
    assert unit["contents"].startswith("[Service]")
    assert [dropin["name"] for dropin in unit["dropins"]] == ["restart.conf"]
