"""What a first boot leaves behind, so that later changes know what was put there by it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from toolbox.lib.butane.bootstrap import PlaceFile, wrap
from toolbox.lib.core.files import sha256
from toolbox.lib.reconfigure.desire.ignition import derive
from toolbox.lib.reconfigure.history import record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolbox.lib.butane.translate import IgnitionConfig
    from toolbox.lib.core.secret import Secret

RECORD = f"{record.FOLDER}/record.json"
PATHS = f"{record.FOLDER}/paths"


def config(own: IgnitionConfig, place: Iterable[PlaceFile] = ()) -> Secret:
    """Return the Ignition config that a machine boots with: its own, and a record of it.

    Args:
        own: The host's config.
        place: Files of the place it runs in.
    """
    place = tuple(place)
    known = record.of(derive(own, place), generation=0)
    files = (
        PlaceFile(RECORD, record.dump(known), mode=0o600),
        PlaceFile(PATHS, record.listing(known), mode=0o600),
    )
    return wrap(own, (*place, *files), [record.FOLDER])


def handed(own: IgnitionConfig) -> IgnitionConfig:
    """Return what a real machine is given: `config` without files of a place, and its hash.

    Args:
        own: The host's config.
    """
    text = config(own)
    return replace(own, json=text, sha256=sha256(text.reveal().encode()))
