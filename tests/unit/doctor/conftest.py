"""In whose terms the doctor speaks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.doctor.row import Terms
from toolbox.lib.habitat.packages import Family
from toolbox.lib.habitat.place import Habitat, Kind

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def terms() -> Callable[..., Terms]:
    """Return a function that makes terms of a kind of place."""

    def make(kind: str = "native", *, family: str = "debian", uid: int = 1000) -> Terms:
        native = Kind(kind) is Kind.NATIVE
        habitat = Habitat(Kind(kind), "" if native else "podman", image=not native)
        return Terms(habitat, Family(family) if family else None, "invoke", uid, Path("/data"))

    return make
