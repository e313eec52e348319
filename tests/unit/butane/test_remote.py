"""The public bootstrap: no secret, the right hash three times, and Ignition takes it."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import pytest

from toolbox.lib.butane.bootstrap import HASH_FILE, PlaceFile
from toolbox.lib.butane.remote import HASH_HEADER, Remote, public
from toolbox.lib.core.files import sha256
from toolbox.lib.core.run import run

if TYPE_CHECKING:
    from conftest import Workbench

AUTHORITY = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def _text(resource: dict[str, Any]) -> str:
    """Return what a data URL holds, if its hash is right."""
    head, _, data = resource["source"].partition(",")
    text = base64.b64decode(data).decode() if head.endswith("base64") else unquote(data)
    assert resource["verification"]["hash"] == sha256(text.encode())
    return text


def _inner(bootstrap: str) -> dict[str, Any]:
    (merged,) = json.loads(bootstrap)["ignition"]["config"]["merge"]
    found: dict[str, Any] = json.loads(_text(merged))["ignition"]
    return found


def _remote(bench: Workbench) -> Remote:
    return Remote("https://192.0.2.1:47443/abc", AUTHORITY, bench.ignition().sha256, 60)


def test_r_5_verification_hash(bench: Workbench) -> None:
    """Header, Ignition's verification and the file that stays all have the hash of the config."""
    config = bench.ignition()
    bootstrap = public(_remote(bench))
    replaced = _inner(bootstrap)["config"]["replace"]
    (kept,) = json.loads(bootstrap)["storage"]["files"]

    assert sha256(config.json.reveal().encode()) == config.sha256
    assert replaced["httpHeaders"] == [{"name": HASH_HEADER, "value": config.sha256}]
    assert replaced["verification"] == {"hash": config.sha256}
    assert kept["path"] == HASH_FILE
    assert kept["contents"]["source"] == f"data:,{config.sha256}%0A"


def test_where(bench: Workbench) -> None:
    """It knows the URL, the authority and how long to try."""
    inner = _inner(public(_remote(bench)))
    (authority,) = inner["security"]["tls"]["certificateAuthorities"]

    assert inner["config"]["replace"]["source"] == "https://192.0.2.1:47443/abc"
    assert _text(authority) == AUTHORITY
    assert inner["timeouts"] == {"httpTotal": 60}


def test_nothing_stays(bench: Workbench) -> None:
    """Authority and patience stand in what is replaced, so the machine does not keep them."""
    outer = json.loads(public(_remote(bench)))["ignition"]

    assert set(outer) == {"version", "config"}


def test_no_secret(bench: Workbench) -> None:
    """No private key of the config is in it, in clear, quoted or packed."""
    config, bootstrap = bench.ignition().json.reveal(), public(_remote(bench))
    plain = bootstrap + json.dumps(_inner(bootstrap))
    host = next(iter(bench.identity.hosts.values()))
    keys = [host.tls_key.reveal(), host.ssh_host_key.reveal()]
    lines = [line for key in keys for line in key.splitlines() if not line.startswith("-")]

    assert any(quote(line) in config for line in lines)
    for line in lines:
        forms = [line, quote(line), base64.b64encode(line.encode()).decode().rstrip("=")[:-2]]
        assert not [form for form in forms if form in plain]


def test_valid(bench: Workbench) -> None:
    """Ignition takes both layers of it without a word."""
    bootstrap = public(_remote(bench), [PlaceFile("/etc/card", "x")])
    inner = json.dumps({"ignition": _inner(bootstrap)})

    for text in (bootstrap, inner):
        result = run(["ignition-validate", "-"], stdin=text, timeout=60)
        assert not result.stdout + result.stderr
    assert public(_remote(bench)) == public(_remote(bench))


@pytest.mark.needs("ignition-validate")
def test_files_of_the_place(bench: Workbench) -> None:
    """Files of the place stand beside the hash."""
    outer = json.loads(public(_remote(bench), [PlaceFile("/etc/card", "x")]))

    assert [file["path"] for file in outer["storage"]["files"]] == [HASH_FILE, "/etc/card"]
