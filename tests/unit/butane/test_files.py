"""Butane files as people write them: Butane and we say the same of them, we say it with a line.

A case is a file of ``tests/golden/files``; what is told of it stands in a file of the same name
that ends in ``.txt``. ``UPDATE_GOLDEN=1`` fills that in.
"""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.butane.standalone import Options, translate
from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.inventory.document import Place

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

ROOT = Path(__file__).parents[3]
CASES = ROOT / "tests/golden/files"
NAMES = sorted(path.name for path in CASES.glob("*.bu"))


@pytest.fixture(scope="module")
def driver() -> ModuleType:
    """Return the script that compares a folder of files with what Butane does."""
    spec = spec_from_file_location("butane_files", ROOT / "bench/butane_files.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    # Reason: dataclasses look their module up by its name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_told(name: str, golden: Callable[[Path, str], None]) -> None:
    """What is told of a file is what it was."""
    path = CASES / name
    try:
        done = translate(path.read_bytes(), name, Options(files_dir=CASES, checked=True))
        words, findings = f"accepted: {done.kind}", done.findings
    except ToolboxError as error:
        words, findings = f"refused: {error.message}", error.findings
    told = "".join(f"{finding.render()}\n" for finding in findings)

    golden(path.with_suffix(".txt"), f"{told}{words}\n")


def test_the_same_as_butane(
    driver: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Butane accepts and refuses the same files, and makes the same bytes of them."""
    monkeypatch.setattr(sys, "argv", ["butane_files.py", str(CASES)])

    code = driver.main()

    assert capsys.readouterr().out.splitlines()[-1] == f"{len(NAMES)} files, 0 differences"
    assert code == 0


def test_differences_are_seen(
    driver: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A difference is printed and makes the driver fail."""
    (tmp_path / "a.bu").write_text("variant: fcos\nversion: 1.6.0\n")
    (tmp_path / "b.bu").write_text("variant: fcos\nversion: 9.6.0\n")

    def other(*_: object) -> object:
        return driver.translate_as_before(b"variant: fcos\nversion: 1.5.0\n", "x.bu", Options())

    monkeypatch.setattr(driver, "translate_as_before", translate, raising=False)
    monkeypatch.setattr(driver, "translate", other)
    monkeypatch.setattr(sys, "argv", ["butane_files.py", str(tmp_path)])

    code = driver.main()

    told = capsys.readouterr().out
    assert code == 1
    assert "a.bu: other bytes come out" in told
    assert "b.bu: only Butane refuses it" in told


def test_differences_of_hosts_are_seen(
    driver: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So is it when a host would get another config, or one of them none."""
    path = tmp_path / "a.bu"
    path.write_text("variant: fcos\nversion: 1.6.0\n")
    assert not list(driver.rewritten(path))

    monkeypatch.setattr(driver.origins, "write", lambda _: ("variant: fcos\n", None))
    (told,) = driver.rewritten(path)
    assert told.startswith("a host gets another config of it: ")

    mistake = Place("a.bu").finding("yaml-tag", "wrong")
    monkeypatch.setattr(driver.document, "parse", lambda *_: (None, [mistake]))
    (told,) = driver.rewritten(path)
    assert told.startswith("only for a host it is refused: ['a.bu: error[yaml-tag]")
