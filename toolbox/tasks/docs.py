"""docs: the documentation of this repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.collection import Collection
from invoke.tasks import task

from toolbox.tasks import show

if TYPE_CHECKING:
    from invoke.context import Context


@task
def build(_context: Context) -> None:
    """Build the pages into the folder site; a warning is an error.

    Examples:
        invoke docs.build
    """
    from toolbox.lib.core.run import attach

    show.end(attach(["mkdocs", "build", "--strict"]))


@task(help={"address": "where to listen"})
def serve(_context: Context, address: str = "127.0.0.1:8000") -> None:
    """Show the pages in a browser and follow changes.

    Examples:
        invoke docs.serve --address 127.0.0.1:8080
    """
    from toolbox.lib.core.run import attach

    show.end(attach(["mkdocs", "serve", "--dev-addr", address]))


@task
def clean(_context: Context) -> None:
    """Remove the built pages.

    Examples:
        invoke docs.clean
    """
    import shutil

    shutil.rmtree("site", ignore_errors=True)


ns = Collection("docs", build, serve, clean)
