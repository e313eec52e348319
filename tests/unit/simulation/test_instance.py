"""A machine that started from the generic guest gets what is its own, whatever it is called."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.unit.machine.conftest import DOMAIN
from toolbox.lib.core.secret import Secret
from toolbox.lib.pki.identity import HostIdentity, Identity
from toolbox.lib.simulation import generic, instance

if TYPE_CHECKING:
    from toolbox.lib.machine.domain import Domain

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\n'; rm -rf / #\n-----END OPENSSH PRIVATE KEY-----\n"
HOST = HostIdentity(Secret(KEY), "ssh-ed25519 HOST", Secret("tls"), "certificate")
IDENTITY = Identity("ca", Secret("provision"), "ssh-ed25519 PROVISION", {"web": HOST})


def _script(domain: Domain = DOMAIN) -> Secret:
    return instance.script("web", IDENTITY, generic.shape(domain), domain, 1_700_000_000.4)


def _words(script: Secret) -> list[str]:
    """Return what the script is about, as a shell splits it."""
    line = script.reveal().split("\nset -- ", 1)[1].split("\ndate ", 1)[0]
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
    assert len(bytes.fromhex(machine_id)) == 16
    assert now == "1700000000"
    pairs = dict(pair.split("=") for pair in macs.split())
    assert DOMAIN.link is not None
    assert list(pairs.values()) == [DOMAIN.mac, DOMAIN.link.mac]
    assert set(pairs).isdisjoint(pairs.values())


def test_each_is_another() -> None:
    """Two machines from one guest have two ids; one without a link has one address."""
    first, second = _words(_script()), _words(_script(replace(DOMAIN, link=None)))

    assert first[1] != second[1]
    assert len(second[5].split()) == 1


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
