"""env: Python environments where the image is not used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.collection import Collection
from invoke.tasks import task

from toolbox.tasks import show

if TYPE_CHECKING:
    from pathlib import Path

    from invoke.context import Context

DEST = "folder of the environments; by default envs in our folder of XDG_DATA_HOME"


@task(
    help={
        "dest": DEST,
        "names": "toolbox, salt, esphome, separated by commas; all by default",
        "json": show.JSON,
    }
)
def build(
    _context: Context,
    dest: str = "",
    names: str = "",
    json: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Make the Python environments of the image on this system.

    Examples:
        invoke env.build
        invoke env.build --names toolbox --dest ~/venvs
    """
    from toolbox.lib.core.files import shown
    from toolbox.lib.habitat import environments

    wanted = environments.chosen([name for name in names.split(",") if name])
    if _baked():
        items = [environments.Environment(name, f"/opt/{name}", "unchanged") for name in wanted]
    else:
        items = list(environments.build(_folder(dest), wanted))
    if json:
        show.emit("env.build", items)
        return
    show.table(("environment", "folder", "action"), [(i.name, i.folder, i.action) for i in items])
    if _baked():
        show.say("the environments are in this image already, nothing is made")
        return
    show.next_step(f'export PATH="{shown(_folder(dest) / environments.BIN)}:$PATH"; invoke doctor')


@task(help={"dest": DEST})
def clean(_context: Context, dest: str = "") -> None:
    """Remove the environments that `env.build` made, and nothing else.

    Examples:
        invoke env.clean
    """
    from toolbox.lib.habitat import environments

    if _baked():
        show.say("the environments are part of this image, nothing is removed")
        return
    folder = _folder(dest)
    removed = environments.clean(folder)
    for path in removed:
        show.say(f"removed {path}")
    if not removed:
        show.say(f"there was nothing to remove in {folder}")


def _baked() -> bool:
    from toolbox.lib.habitat import place

    return place.here().image


def _folder(dest: str) -> Path:
    from pathlib import Path

    from toolbox.lib.core.errors import UsageError
    from toolbox.lib.core.files import data_home

    try:
        return Path(dest).expanduser().absolute() if dest else data_home() / "envs"
    except RuntimeError as error:
        message = f"there is no home folder for {dest}"
        raise UsageError(message, hint="name the folder by its whole path") from error


ns = Collection("env", build, clean)
