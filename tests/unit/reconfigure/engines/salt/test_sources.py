"""A person's own Salt states."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core.errors import UsageError
from toolbox.lib.reconfigure.engines.salt import sources
from toolbox.lib.reconfigure.engines.salt.sources import Sources

if TYPE_CHECKING:
    from pathlib import Path


def test_a_hosts_own_states_win(tmp_path: Path) -> None:
    """States of all hosts are run beside a host's own, which win where both have the same name."""
    host, every = tmp_path / "hosts/web/salt", tmp_path / "salt"
    for folder, text in ((host, "host"), (every, "all")):
        (folder / "files").mkdir(parents=True)
        (folder / "web.sls").write_text(text)
        (folder / "files/a.conf").write_text(text)
    (every / "base.sls").write_text("all")
    (every / "files/part.sls").write_text("all")
    found = sources.read([host, every])
    assert found.names == ("base", "web")
    assert found.files["web.sls"] == b"host"
    assert set(found.files) == {"base.sls", "web.sls", "files/a.conf", "files/part.sls"}


def test_without_folders_there_are_none(tmp_path: Path) -> None:
    """A project without states of its own has none to run."""
    assert sources.read([tmp_path / "salt"]) == Sources()


def test_names_that_salt_could_not_find_are_refused_together(tmp_path: Path) -> None:
    """A dot, a comma and our own name are refused, all of them at once."""
    for name in ("a.b", "a,b", sources.OURS, "good"):
        (tmp_path / f"{name}.sls").touch()
    with pytest.raises(UsageError) as caught:
        sources.read([tmp_path])
    assert len(caught.value.findings) == 3
