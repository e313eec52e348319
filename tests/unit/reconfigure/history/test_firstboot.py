"""A first boot leaves a record of all that it put on a machine, and nothing secret in it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from toolbox.lib.butane.bootstrap import PlaceFile
from toolbox.lib.butane.translate import IgnitionConfig
from toolbox.lib.core.files import sha256
from toolbox.lib.core.secret import Secret
from toolbox.lib.inventory.host import Host
from toolbox.lib.reconfigure.history import firstboot, record

OWN = {
    "ignition": {"version": "3.4.0"},
    "storage": {
        "files": [
            {"path": "/etc/motd", "mode": 420, "contents": {"source": "data:,hello"}},
            {"path": "/etc/key", "mode": 384, "contents": {"source": "data:,hidden"}},
        ]
    },
}
PLACE = (
    PlaceFile("/etc/systemd/network/00-x.network", "[Match]\n"),
    PlaceFile("/etc/hosts", "\n10.0.0.1 web\n", append=True),
)


def _config() -> IgnitionConfig:
    text = json.dumps(OWN)
    host = Host("web", "web.test", "debian", Path("web"))
    return IgnitionConfig(host, Secret(text), sha256(text.encode()))


def _files(wrapped: Secret) -> dict[str, Any]:
    storage = json.loads(wrapped.reveal())["storage"]
    return {file["path"]: file for file in storage["files"]}


def _text(file: Any) -> str:
    source = file["contents"]["source"]
    return base64.b64decode(source.removeprefix("data:;base64,")).decode()


def test_record() -> None:
    """All that the config and the place bring is in the record, as what Ignition put there."""
    files = _files(firstboot.config(_config(), PLACE))
    known = record.load(_text(files[firstboot.RECORD]))

    assert (known.generation, known.engine, known.config) == (0, "ignition", _config().sha256)
    paths = {"/etc/motd", "/etc/key", "/etc/systemd/network/00-x.network", "/etc/hosts"}
    assert paths <= set(known.nodes)
    assert known.nodes["/etc/hosts"].appended == 14
    assert set(_text(files[firstboot.PATHS]).splitlines()) == set(known.nodes)
    assert not [path for path in known.nodes if path.startswith(record.FOLDER)]


def test_private() -> None:
    """Only root reads it, and no secret is in it."""
    wrapped = firstboot.config(_config())
    files = _files(wrapped)

    assert files[firstboot.RECORD]["mode"] == files[firstboot.PATHS]["mode"] == 0o600
    folders = json.loads(wrapped.reveal())["storage"]["directories"]
    assert folders == [{"path": record.FOLDER, "mode": 0o700}]
    assert "hidden" not in _text(files[firstboot.RECORD])


def test_same() -> None:
    """The same config is the same bytes."""
    assert firstboot.config(_config(), PLACE) == firstboot.config(_config(), PLACE)


def test_handed() -> None:
    """A real machine is given the same without a place, known by the hash of all of it."""
    made = firstboot.handed(_config())

    assert made.json == firstboot.config(_config())
    assert made.sha256 == sha256(made.json.reveal().encode()) != _config().sha256
    assert made.host == _config().host
