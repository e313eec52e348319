"""The environment of a computer that has nothing of a person: no home, no state, no settings."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from toolbox.lib.core.files import launcher_home, private_directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PLACE = frozenset(
    (
        *("PATH", "LANG", "TERM", "TMPDIR", "NO_COLOR", "PYTHONPATH", "XDG_RUNTIME_DIR"),
        *("LIBVIRT_DEFAULT_URI", "SSL_CERT_FILE", "container", "KUBERNETES_SERVICE_HOST"),
        *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
        *("INFRA_GUESTS", "INFRA_PULUMI_PLUGINS", "INFRA_SALT_BUNDLE"),
        *("INFRA_QUIET", "INFRA_DEBUG", "CI", "GITHUB_ACTIONS", "SOURCE_DATE_EPOCH"),
    )
)
"""Variables that tell of the place, and of how tasks speak; all others are a person's."""


@contextmanager
def given(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for the block.

    Args:
        variables: The variables.
    """
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        _replace(before)


@contextmanager
def bare(folder: Path, wanted: Mapping[str, str]) -> Iterator[Path]:
    """Work in the block as on a computer that has nothing of a person.

    Args:
        folder: Home, state and cache are made in it.
        wanted: Variables that are set all the same.

    Yields:
        The home.
    """
    before = dict(os.environ)
    home = private_directory(folder / "home")
    own = {
        "HOME": str(home),
        "INFRA_STATE": str(private_directory(folder / "state")),
        "INFRA_CACHE": str(private_directory(folder / "cache")),
        # Reason: our libvirt daemon is one for all of a person's projects, and it lives there.
        "XDG_STATE_HOME": str(launcher_home().parent),
    }
    kept = {name: value for name, value in before.items() if name in PLACE}
    try:
        _replace({**kept, **own, **wanted})
        yield home
    finally:
        _replace(before)


def _replace(variables: Mapping[str, str]) -> None:
    # Reason: not emptied before, as another thread may be looking.
    for name in os.environ.keys() - variables.keys():
        del os.environ[name]
    os.environ.update(variables)
