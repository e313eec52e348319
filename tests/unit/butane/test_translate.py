"""Tests of translation with the real Butane and ignition-validate."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core.errors import ProgramMissing

if TYPE_CHECKING:
    from conftest import Workbench

HEAD = "variant: fcos\nversion: 1.5.0\n"


def test_translation(bench: Workbench) -> None:
    """What comes out is JSON on one line, and its hash is that of its bytes."""
    config = bench.ignition()
    text = config.json.reveal()
    assert "\n" not in text
    assert json.loads(text)["ignition"]["version"] == "3.0.0"
    assert config.sha256 == f"sha256-{hashlib.sha256(text.encode()).hexdigest()}"
    assert config.host.name == "web"


def test_same_input_same_bytes(bench: Workbench) -> None:
    """The config depends on what was written, not on when or where it was translated."""
    bench.write({"main.bu": f"{HEAD}storage: {{trees: [{{local: t}}]}}\n", "t/a": "1", "t/b": "2"})
    assert bench.ignition() == bench.ignition()


def test_warnings_are_mistakes(bare: Workbench) -> None:
    """Butane is strict: what it warns of is refused."""
    bare.write({"main.bu": f"{HEAD}storage:\n  files:\n    - path: /a\n      moode: 0644\n"})
    assert bare.refusal() == ["hosts/web/main.bu:6:7: warning[unknown-key]: unused key moode"]


def test_no_config_at_all(bare: Workbench) -> None:
    """Nothing to translate is told in words."""
    (finding,) = bare.refusal()
    assert finding.startswith("hosts/web: error[")


def test_hash_file_in_a_tree(bare: Workbench) -> None:
    """A tree cannot bring the file that only the bootstrap config may write."""
    bare.write(
        {
            "main.bu": f"{HEAD}storage:\n  trees:\n    - local: t\n",
            "t/etc/infra-toolbox/config.sha256": "x",
        }
    )
    (finding,) = bare.refusal()
    assert finding.startswith("hosts/web/main.bu:4:3: error[reserved-path]")


def test_without_butane(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A habitat without Butane says which program is missing."""
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ProgramMissing, match="butane"):
        bench.ignition()
