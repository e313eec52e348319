"""Domain XML says what a machine needs, and survives the provider's XSLT hook."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.unit.machine.conftest import DOMAIN
from toolbox.lib.machine.domain import (
    FW_CFG_IGNITION,
    QEMU,
    Domain,
    FirstBoot,
    labels_of,
    stylesheet,
)
from toolbox.lib.machine.link import SLOT

ODD = {"simulation": "a{b}c", "host": '"quoted" & <\'>', "project": "{{{", "note": "ü → {@x}"}
FIRST = FirstBoot(Path("/g/vmlinuz"), Path("/g/initramfs.img"), "console=ttyS0", Path("/run/c.ign"))


def _parsed(domain: Domain, first_boot: FirstBoot | None = None) -> ET.Element:
    return ET.fromstring(domain.xml(first_boot))


def test_size() -> None:
    """Memory, processors and names are those given."""
    root = _parsed(DOMAIN)

    assert root.findtext("memory") == "2048"
    assert root.find("memory[@unit='MiB']") is not None
    assert root.findtext("vcpu") == "2"
    assert (root.findtext("name"), root.findtext("uuid")) == (DOMAIN.name, DOMAIN.uuid)


def test_emulation() -> None:
    """Under emulation the machine is of QEMU's own kind, with a large translation cache."""
    root = _parsed(DOMAIN)

    assert root.get("type") == "qemu"
    assert root.findtext("features/tcg/tb-cache") == "1024"
    assert root.findtext("cpu/model") == "qemu64"


def test_kvm() -> None:
    """Under KVM the machine has the host's processor, and nothing of emulation."""
    root = _parsed(replace(DOMAIN, accelerator="kvm"))

    assert root.get("type") == "kvm"
    assert root.find("cpu[@mode='host-passthrough']") is not None
    assert root.find("features/tcg") is None


def test_first_boot() -> None:
    """The first boot is given the kernel, its arguments and the config."""
    root = _parsed(DOMAIN, FIRST)

    assert root.findtext("os/kernel") == "/g/vmlinuz"
    assert root.findtext("os/initrd") == "/g/initramfs.img"
    assert root.findtext("os/cmdline") == "console=ttyS0"
    entry = root.find("sysinfo[@type='fwcfg']/entry")
    assert entry is not None
    assert entry.attrib == {"name": FW_CFG_IGNITION, "file": "/run/c.ign"}


def test_later_boots() -> None:
    """A later boot comes from the disk and has no config."""
    root = _parsed(DOMAIN)

    assert root.find("os/boot[@dev='hd']") is not None
    assert root.find("os/kernel") is None
    assert root.find("sysinfo") is None


def test_forwards_are_on_the_loopback_address() -> None:
    """Ports are forwarded from the loopback address only."""
    rules = _parsed(DOMAIN).findall("devices/interface/portForward")

    assert {rule.get("address") for rule in rules} == {"127.0.0.1"}
    ranges = [rule.find("range") for rule in rules]
    assert [(item.get("start"), item.get("to")) for item in ranges if item is not None] == [
        ("20022", "22"),
        ("20080", "80"),
    ]


def test_no_forwards() -> None:
    """A machine need not forward anything."""
    assert _parsed(replace(DOMAIN, forwards=())).find("devices/interface/portForward") is None


def test_link() -> None:
    """The link to the other machines is QEMU's own, as libvirt cannot keep it in the habitat."""
    words = [arg.get("value", "") for arg in _parsed(DOMAIN).iter(f"{{{QEMU}}}arg")]
    options = dict(zip(words[::2], map(json.loads, words[1::2]), strict=True))

    assert set(options) == {"-netdev", "-device"}
    assert options["-netdev"]["local"]["host"] == "127.0.0.1"
    assert options["-device"]["netdev"] == options["-netdev"]["id"]
    assert options["-device"]["addr"] == hex(SLOT)
    assert DOMAIN.link is not None
    assert options["-device"]["mac"] == DOMAIN.link.mac


def test_alone() -> None:
    """A machine without a link has no options of QEMU's own."""
    assert _parsed(replace(DOMAIN, link=None)).find(f"{{{QEMU}}}commandline") is None


def test_console_is_kept() -> None:
    """The console is appended to a file, so that earlier boots stay readable."""
    log = _parsed(DOMAIN).find("devices/serial/log")

    assert log is not None
    assert log.attrib == {"file": "/console/web.log", "append": "on"}


@pytest.mark.parametrize("labels", [{}, {"host": "web"}, ODD], ids=["none", "plain", "odd"])
def test_labels(labels: dict[str, str]) -> None:
    """Labels are read back as they were given, whatever is in them."""
    assert labels_of(replace(DOMAIN, labels=labels).xml()) == labels


def test_labels_of_a_foreign_domain() -> None:
    """A domain that is not ours has no labels."""
    assert labels_of("<domain><metadata><x xmlns='urn:y'/></metadata></domain>") == {}
    assert labels_of("<none/>") == {}


@pytest.mark.needs("xsltproc")
@pytest.mark.parametrize("first_boot", [None, FIRST], ids=["later", "first"])
def test_stylesheet(tmp_path: Path, first_boot: FirstBoot | None) -> None:
    """The stylesheet turns whatever the provider made into our document."""
    wanted = replace(DOMAIN, labels=ODD).xml(first_boot)
    (tmp_path / "sheet.xsl").write_text(stylesheet(wanted))
    (tmp_path / "provider.xml").write_text("<domain type='kvm'><name>x</name></domain>")

    done = subprocess.run(
        ["xsltproc", "sheet.xsl", "provider.xml"], cwd=tmp_path, capture_output=True, check=True
    )

    made = done.stdout.decode()
    assert labels_of(made) == ODD
    assert ET.canonicalize(made, strip_text=True) == ET.canonicalize(wanted, strip_text=True)


def test_stylesheet_leaves_nothing_to_evaluate() -> None:
    """Every brace in an attribute is doubled (XSLT 1.0, section 7.6.2)."""
    sheet = stylesheet(replace(DOMAIN, labels={"host": "{x}"}).xml())

    assert 'host="{{x}}"' in sheet
