"""Secrets that lie in and around a checkout are not in the image that is built from it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core.secret import Secret
from toolbox.lib.vault import audit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from toolbox.lib.vault.audit import Leak

pytestmark = [pytest.mark.image, pytest.mark.needs("podman", "git")]

IMAGE = "localhost/infra-launcher-canary"
LEGIBLE = "canary-of-what-is-copied-5d20"
PLACES = (
    ".env",
    "id_ed25519",
    "authorized_keys",
    "state/pulumi/prod.passphrase",
    "state/files/prod/web.key",
    "hosts/web/secret.bu",
    "toolbox/example/.env",
    "toolbox/example/state/pulumi/.pulumi/stacks/hello/prod-identity.json",
    "toolbox/example/state/files/prod/web.key",
    "butane/base/.env",
    "plugins/.env",
)
# Reason: what is copied is all that is sent to the build, so no step can take more than this. The
# base, which has none of ours and takes minutes to be searched, is left behind.
CONTAINERFILE = """ARG BASE=localhost/none
ARG DEBIAN_BASE=localhost/none
FROM ${BASE} AS all
ARG SSL_CERT_FILE
COPY . /context
RUN env >/context/environment && test -s "$SSL_CERT_FILE"
FROM scratch
COPY --from=all /context /context
"""


@pytest.fixture(scope="module")
def secrets() -> dict[str, Secret]:
    """What is put in, by where."""
    names = (*PLACES, "a variable", "its own variable", "the key", "the bundle")
    return {name: Secret(f"canary-{number:02d}-of-the-image") for number, name in enumerate(names)}


@pytest.fixture(scope="module")
def checkout(
    tmp_path_factory: pytest.TempPathFactory, launcher_path: Path, secrets: dict[str, Secret]
) -> Path:
    """Return a checkout that is a project, too, and has secrets wherever people have them."""
    place = tmp_path_factory.mktemp("canary") / "checkout"
    listed = ["git", "-C", launcher_path.parent, "ls-files", "-z"]
    for name in subprocess.run(listed, capture_output=True, check=True).stdout.split(b"\0"):
        source, target = launcher_path.parent / os.fsdecode(name), place / os.fsdecode(name)
        if name and source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    (place / "Containerfile").write_text(CONTAINERFILE)
    (place / "project.yaml").write_text("name: shop\n")
    for name in PLACES:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(f"{secrets[name].reveal()}\n")
    (place / "toolbox/example/hosts/seen.yaml").write_text(f"# {LEGIBLE}\n")
    return place


@pytest.fixture(scope="module")
def image(
    checkout: Path, secrets: dict[str, Secret], renaming: Callable[[Path, str], Path]
) -> Iterator[str]:
    """Return an image that the launcher has built, with secrets in its caller's environment."""
    outside = checkout.parent
    (outside / "key").write_text(secrets["the key"].reveal())
    (outside / "ca.crt").write_text(f"# {secrets['the bundle'].reveal()}\n")
    environment = {
        **os.environ,
        "XDG_STATE_HOME": str(outside / "state"),
        "INFRA_PODMAN": str(renaming(outside, IMAGE)),
        "INFRA_IDENTITY": str(outside / "key"),
        "INFRA_TOKEN": secrets["its own variable"].reveal(),
        "API_TOKEN": secrets["a variable"].reveal(),
        "SSL_CERT_FILE": str(outside / "ca.crt"),
        "CI": "1",
    }
    done = subprocess.run(
        [checkout / "infra", "image"],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    yield IMAGE
    subprocess.run(["podman", "rmi", "-f", IMAGE], capture_output=True, check=False)


def _leaks(image: str, wanted: dict[str, Secret]) -> list[Leak]:
    """Return what stands in the layers of an image, and in what is said of it."""
    canaries, short = audit.canaries(wanted)
    assert not short
    found: list[Leak] = []
    saving = subprocess.Popen(["podman", "save", image], stdout=subprocess.PIPE)
    with saving, tarfile.open(fileobj=saving.stdout, mode="r|") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None:
                found += audit.search(content.read(), canaries, member.name)
    assert saving.returncode == 0
    told = subprocess.run(["podman", "inspect", image], capture_output=True, check=True).stdout
    return found + audit.search(told, canaries, "what is said of it")


def test_layers(image: str, secrets: dict[str, Secret]) -> None:
    """No secret of checkout, project and environment is in a layer, or in the image's history."""
    assert _leaks(image, secrets) == []


def test_canaries_sing(image: str) -> None:
    """What the build does copy is found in the same layers by the same search."""
    assert [leak.how for leak in _leaks(image, {"copied": Secret(LEGIBLE)})] == [""]
