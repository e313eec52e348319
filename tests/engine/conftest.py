"""Real Pulumi engines: the CLI of the image, its provider plugins, and a backend of files."""

from __future__ import annotations

import gc
import logging
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from toolbox.lib.core.files import runtime_dir
from toolbox.lib.core.lock import exclusive
from toolbox.lib.machine import libvirt
from toolbox.lib.stack import workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pulumi.automation import Stack

ENGINE = [
    pytest.mark.engine,
    pytest.mark.needs("pulumi", "plugins"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
"""Marks of tests that start the engine with our plugins."""

SOCKET = "/var/run/libvirt/libvirt-sock"
"""What the provider dials for a URI that names no socket."""

PASSPHRASE = "correct horse battery staple"


@dataclass(frozen=True, slots=True)
class Backend:
    """Where stacks are kept, and the plugins they use.

    Attributes:
        folder: Holds the backend; made when missing.
        home: Pulumi's own folder.
    """

    folder: Path
    home: Path

    def stack(
        self, name: str, program: Callable[[], None], environment: Mapping[str, str] | None = None
    ) -> Stack:
        """Open a stack, which is made when it is missing.

        Args:
            name: Name of the stack.
            program: What it declares.
            environment: Variables for Pulumi and its providers.
        """
        from pulumi import automation

        self.folder.mkdir(exist_ok=True)
        settings = automation.ProjectSettings(
            name="engine",
            runtime="python",
            backend=automation.ProjectBackend(url=f"file://{self.folder}"),
        )
        return automation.create_or_select_stack(
            name,
            project_name="engine",
            program=program,
            opts=automation.LocalWorkspaceOptions(
                project_settings=settings,
                pulumi_home=str(self.home),
                env_vars={
                    "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
                    "PULUMI_SKIP_UPDATE_CHECK": "true",
                    "PULUMI_AUTOMATION_API_SKIP_VERSION_CHECK": "true",
                    "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
                    **(environment or {}),
                },
            ),
        )

    def texts(self) -> Iterator[tuple[Path, str]]:
        """Yield every file of the backend with what it says: states, histories, backups."""
        for path in sorted(self.folder.rglob("*")):
            if path.is_file():
                yield path, path.read_text()


@pytest.fixture(scope="module", autouse=True)
def sweep() -> Iterator[None]:
    """Collect what the Automation API leaves open: after a failed program its event loop stays."""
    # Reason: gRPC logs how the failed program ended, and the log would hold the loop.
    logging.getLogger("grpc").setLevel(logging.CRITICAL + 1)
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    logging.getLogger("grpc").setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def plugins() -> Path:
    """Return the folder of the built provider plugins."""
    return Path(os.environ.get("INFRA_PULUMI_PLUGINS", workspace.PLUGINS))


@pytest.fixture(scope="module")
def backend(plugins: Path, tmp_path_factory: pytest.TempPathFactory) -> Backend:
    """Return a backend with a Pulumi home of its own, which offers the built plugins only."""
    folder = tmp_path_factory.mktemp("pulumi")
    home = folder / "home"
    home.mkdir()
    (home / "plugins").symlink_to(plugins)
    return Backend(folder / "state", home)


@pytest.fixture
def open_stack(backend: Backend) -> Iterator[Callable[..., Stack]]:
    """Return a function that opens a stack with a program; what it made is destroyed afterwards."""
    opened: list[Stack] = []

    def open_one(name: str, program: Callable[[], None], **environment: str) -> Stack:
        opened.append(backend.stack(name, program, environment))
        return opened[-1]

    yield open_one
    for stack in opened:
        stack.destroy()


@pytest.fixture
def hypervisor_uri(monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the URI of our own daemon, which is started where none answers."""
    monkeypatch.delenv("LIBVIRT_DEFAULT_URI", raising=False)
    # Reason: not once a session, as an idle daemon ends; not two at once, as only one can start.
    with exclusive(runtime_dir() / "engine-tests.lock", what="daemon of the tests"):
        return libvirt.connect().uri


@pytest.fixture
def libvirt_uri(hypervisor_uri: str) -> str:
    """Return the URI of the daemon's simulated hypervisor, where nothing is real."""
    (socket,) = parse_qs(urlsplit(hypervisor_uri).query).get("socket", [SOCKET])
    return f"test:///default?socket={socket}"
