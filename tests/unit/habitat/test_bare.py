"""In a bare environment there is nothing of a person, and afterwards all is as before."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from toolbox.lib.core.files import cache_home, launcher_home, state_home
from toolbox.lib.habitat.bare import bare, given


def test_bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What tells of the place stays, all that is a person's is gone, and what is given is set."""
    monkeypatch.setenv("PATH", "/usr/bin")
    for name in ("PULUMI_CONFIG_PASSPHRASE", "SSH_AUTH_SOCK", "INFRA_BUTANE", "TOKEN"):
        monkeypatch.setenv(name, "mine")
    daemon = launcher_home()

    with bare(tmp_path, {"INFRA_IDENTITY": "/key"}) as home:
        assert os.environ["PATH"] == "/usr/bin"
        assert os.environ["INFRA_IDENTITY"] == "/key"
        assert "mine" not in os.environ.values()
        assert Path.home() == home
        assert list(home.iterdir()) == []
        assert {state_home().parent, cache_home().parent, home.parent} == {tmp_path}
        assert launcher_home() == daemon


def test_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the block, and after an interrupt in it, the environment is what it was."""
    monkeypatch.setenv("TOKEN", "mine")
    before = dict(os.environ)

    with pytest.raises(KeyboardInterrupt), bare(tmp_path, {"NEW": "1"}):
        raise KeyboardInterrupt
    with given({"TOKEN": "other", "NEW": "1"}):
        assert os.environ["TOKEN"] == "other"

    assert dict(os.environ) == before
