"""Ignition itself fetches a config by its bootstrap, or does not and says why; no machine boots."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.ignition import fetch
from toolbox.lib.butane.bootstrap import HASH_FILE
from toolbox.lib.butane.translate import IgnitionConfig
from toolbox.lib.core.files import sha256
from toolbox.lib.core.secret import Secret
from toolbox.lib.inventory.host import Host
from toolbox.lib.pki import serving, standin
from toolbox.lib.provision.handover import Desk, Handover, credentials, desk, prepare
from toolbox.lib.reconfigure.history import firstboot
from toolbox.lib.transport.credentials import Credentials
from toolbox.lib.transport.serve import Report, listen, serve

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from toolbox.lib.transport.offer import Offer

pytestmark = [pytest.mark.needs("ignition"), pytest.mark.timeout(300)]

ADDRESS = "127.0.0.1"
PATIENCE = 4
IDENTITY = standin.identity(["web"])
CONFIG = {
    "ignition": {"version": "3.3.0"},
    "storage": {"files": [{"path": "/etc/greeting", "contents": {"source": "data:,hello"}}]},
}


@dataclass(frozen=True)
class Scene:
    """A server and what a machine of its project starts from."""

    listener: socket.socket
    place: Desk
    made: Handover
    shown: Credentials
    more: tuple[Offer, ...] = ()

    def run(self, folder: Path, *, deadline: float, times: int = 1) -> tuple[list[Any], Report]:
        """Serve while Ignition fetches; return what it has got or said, and what was served."""
        reports: list[Report] = []
        offers = [self.made.offer, *self.more]

        def give() -> None:
            reports.append(serve(self.listener, offers, self.shown, deadline=deadline))

        server = threading.Thread(target=give)
        server.start()
        said = [fetch(self.made.bootstrap, folder) for _ in range(times)]
        server.join(deadline + 30)
        return said, reports[0]


@pytest.fixture
def scene() -> Scene:
    """Return a scene in which everything fits."""
    text = json.dumps(CONFIG)
    config = IgnitionConfig(
        Host("web", "web.test", "debian", Path("web")), Secret(text), sha256(text.encode())
    )
    listener = listen(ADDRESS, 0)
    place = desk(ADDRESS, port=listener.getsockname()[1], patience=PATIENCE)
    return Scene(listener, place, prepare(config, IDENTITY, place), credentials(IDENTITY, place))


def test_fetched(scene: Scene, tmp_path: Path) -> None:
    """It gets the config with the hash beside it, and keeps neither authority nor patience."""
    (got,), report = scene.run(tmp_path, deadline=60)

    assert report.problem() is None
    paths = [file["path"] for file in got["storage"]["files"]]
    assert paths == [HASH_FILE, "/etc/greeting"]
    assert got["ignition"]["timeouts"] == {}
    assert got["ignition"]["security"] == {"tls": {}}


def test_fetched_record(scene: Scene, tmp_path: Path) -> None:
    """A real machine gets its record by the same way, and knows the hash of its own config."""
    text = json.dumps(CONFIG)
    host = Host("web", "web.test", "debian", Path("web"))
    own = IgnitionConfig(host, Secret(text), sha256(text.encode()))
    whole = replace(scene, made=prepare(firstboot.handed(own), IDENTITY, scene.place))

    (got,), report = whole.run(tmp_path, deadline=60)

    assert report.problem() is None
    files = {file["path"]: file["contents"]["source"] for file in got["storage"]["files"]}
    assert set(files) == {HASH_FILE, firstboot.RECORD, firstboot.PATHS, "/etc/greeting"}
    assert files[HASH_FILE] == f"data:,{own.sha256}%0A"


def other_config(scene: Scene) -> Scene:
    """The server has another config under the same name and header."""
    offer = replace(scene.made.offer, payload=scene.made.offer.payload + b" ")
    return replace(scene, made=replace(scene.made, offer=offer))


def other_header(scene: Scene) -> Scene:
    """The machine has the bootstrap of another config."""
    offer = replace(scene.made.offer, headers={"Verification-Hash": "sha256-" + "0" * 64})
    return replace(scene, made=replace(scene.made, offer=offer))


def other_authority(scene: Scene) -> Scene:
    """The server is of another project."""
    return replace(scene, shown=Credentials(*serving.Root(Secret("00" * 32)).certificate(ADDRESS)))


def other_name(scene: Scene) -> Scene:
    """The server is of the same project, for another address."""
    return replace(scene, shown=Credentials(*serving.root(IDENTITY).certificate("192.0.2.1")))


@pytest.mark.parametrize(
    ("spoil", "words", "code"),
    [
        (other_config, "hash verification failed", None),
        (other_header, "GET result: Precondition Failed", 4),
        (other_authority, "certificate signed by unknown authority", 124),
        (other_name, "certificate is valid for 192.0.2.1, not 127.0.0.1", 124),
    ],
)
def test_unfetched(
    scene: Scene,
    tmp_path: Path,
    spoil: Callable[[Scene], Scene],
    words: str,
    code: int | None,
) -> None:
    """What does not match leaves it without a config, it says why, and so does the server."""
    (said,), report = spoil(scene).run(tmp_path, deadline=PATIENCE + 2)

    assert words in said
    problem = report.problem()
    assert (problem.exit_code if problem else None) == code


def test_replay(scene: Scene, tmp_path: Path) -> None:
    """The second time there is nothing, and the server ends with code 4."""
    waiting = replace(scene.made.offer, name="other", path="/other")
    (got, said), report = replace(scene, more=(waiting,)).run(tmp_path, deadline=6, times=2)

    assert got["storage"]["files"]
    assert "GET result: Gone" in said
    problem = report.problem()
    assert problem is not None
    assert problem.exit_code == 4
