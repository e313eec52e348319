"""A disk stands on its image, whatever the image's path is."""

from __future__ import annotations

import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from toolbox.lib.stack.machines import volume_stylesheet

VOLUME = "<volume><name>web</name><target><format type='qcow2'/></target></volume>"


@pytest.mark.needs("xsltproc")
@pytest.mark.parametrize("backing", ["/usr/share/guest/disk.qcow2", "/a b/<&>{x}/disk.qcow2"])
def test_backing(tmp_path: Path, backing: str) -> None:
    """The provider's volume stays as it is and gets a backing store."""
    (tmp_path / "sheet.xsl").write_text(volume_stylesheet(Path(backing)))
    (tmp_path / "volume.xml").write_text(VOLUME)

    done = subprocess.run(
        ["xsltproc", "sheet.xsl", "volume.xml"], cwd=tmp_path, capture_output=True, check=True
    )

    made = ET.fromstring(done.stdout.decode())
    assert made.findtext("backingStore/path") == backing
    assert made.find("backingStore/format[@type='qcow2']") is not None
    assert made.find("target/format[@type='qcow2']") is not None
    assert made.findtext("name") == "web"
