"""A machine that started from the generic guest gets what is its own, whatever it is called."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.unit.machine.conftest import DOMAIN
from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.core.secret import Secret
from toolbox.lib.pki.identity import HostIdentity, Identity
from toolbox.lib.simulation import generic, instance

if TYPE_CHECKING:
    from pathlib import Path

    from toolbox.lib.machine.domain import Domain

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\n'; rm -rf / #\n-----END OPENSSH PRIVATE KEY-----\n"
HOST = HostIdentity(Secret(KEY), "ssh-ed25519 HOST", Secret("tls"), "certificate")
IDENTITY = Identity("ca", Secret("provision"), "ssh-ed25519 PROVISION", {"web": HOST})


ID = "0123456789abcdef0123456789abcdef"


def _script(told: str = "true") -> Secret:
    return instance.script(ID, "web", IDENTITY, "02:00=02:01", told, 1_700_000_000.4)


def _words(script: Secret) -> list[str]:
    """Return what the script is about, as a shell splits it."""
    line = script.reveal().split("\nset -- ", 1)[1].split("\ntrap ", 1)[0]
    shell = f"set -- {line}\nprintf '%s\\0' \"$@\""
    done = subprocess.run(["sh", "-c", shell], capture_output=True, check=True, text=True)
    return done.stdout.split("\0")[:-1]


def test_words() -> None:
    """Each fact reaches the script whole; a key with quotes in it stays text."""
    name, machine_id, key, public, login, macs, now = _words(_script())

    assert (name, key, public, login) == (
        "web",
        KEY.strip(),
        "ssh-ed25519 HOST",
        IDENTITY.provision_public_key,
    )
    assert (machine_id, macs, now) == (ID, "02:00=02:01", "1700000000")


def test_machine_id() -> None:
    """Two machines from one guest have two ids (machine-id(5))."""
    first, second = instance.machine_id(), instance.machine_id()

    assert first != second
    assert len(bytes.fromhex(first)) == 16


@pytest.mark.parametrize("link", [True, False])
def test_addresses(link: bool) -> None:
    """Each card gets the address that is the machine's own; one without a link has one."""
    domain = DOMAIN if link else replace(DOMAIN, link=None)
    assert DOMAIN.link is not None

    pairs = dict(pair.split("=") for pair in _addresses(domain).split())

    assert list(pairs.values()) == [DOMAIN.mac, DOMAIN.link.mac][: 1 + link]
    assert set(pairs).isdisjoint(pairs.values())


def _addresses(domain: Domain) -> str:
    return instance.addresses(generic.shape(domain), domain)


def test_room() -> None:
    """Whatever is handed over is as long as the guest's kernel believes; more is refused."""
    assert len(_script().reveal().encode()) == instance.ROOM
    assert len(instance.padded("{}").reveal()) == instance.ROOM
    assert json.loads(instance.padded("{}").reveal()) == {}
    with pytest.raises(ToolboxError, match="web: what a machine is told") as caught:
        _script("#" * instance.ROOM)
    assert caught.value.hint == "without --warm"


@pytest.mark.parametrize(
    ("console", "well"),
    [
        (f"x\ninfra-toolbox: {ID} done\n", True),
        (f"infra-toolbox: {ID} failed\n", False),
        ("infra-toolbox: ffff done\n", None),
        ("", None),
    ],
)
def test_outcome(console: str, well: bool | None) -> None:
    """Its own words on the console tell whether a machine is its own by now."""
    assert instance.outcome(console, ID) is well


def test_waits_and_tells(tmp_path: Path) -> None:
    """The shell in the generic guest waits for a script, runs it, and says when that fails."""
    raw, console = tmp_path / "raw", tmp_path / "console"
    raw.write_text(instance.padded('{"ignition": {}}').reveal())
    wait = instance.WAIT.replace(instance.RAW, str(raw))
    with subprocess.Popen(["sh", "-c", wait]) as shell:
        with pytest.raises(subprocess.TimeoutExpired):
            shell.wait(0.3)
        # Reason: up to where it would change this place.
        begin = _script().reveal().split("\ndate ")[0].replace(instance.CONSOLE, str(console))
        (tmp_path / "new").write_text(instance.padded(f"{begin}\nfalse\n").reveal())
        (tmp_path / "new").rename(raw)
        assert shell.wait(10) == 1

    assert instance.outcome(console.read_text(), ID) is False


def test_secret() -> None:
    """The private key does not print with the script."""
    assert "OPENSSH" not in f"{_script()!r}{_script()}"


@pytest.mark.parametrize(
    "judge",
    [
        pytest.param(["sh", "-n"], id="sh"),
        pytest.param(
            ["shellcheck", "-s", "sh", "-"], marks=pytest.mark.needs("shellcheck"), id="shellcheck"
        ),
    ],
)
def test_script_is_sound(judge: list[str]) -> None:
    """It is a POSIX script without the mistakes that a linter knows."""
    text = f"#!/bin/sh\n{_script().reveal()}"
    done = subprocess.run(judge, input=text, text=True, capture_output=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
