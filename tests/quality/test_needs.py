"""What a place lacks is told at the end of a run, and is no excuse in the image."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import toolbox

CONFTEST = Path(__file__).parents[1] / "conftest.py"
PLACE = """
from toolbox.lib.habitat import place
place.here = lambda: place.Habitat(place.Kind.CONTAINER, "podman", image={image})
"""
TESTS = """
import pytest

@pytest.mark.needs("sh")
def test_there(program):
    assert program("sh").endswith("/sh")

@pytest.mark.needs("sh", "no-such-program")
def test_absent():
    assert False

@pytest.mark.engine
def test_dear():
    assert False
"""


@pytest.fixture
def told(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """Return what a run of tests tells, in the image or elsewhere."""
    (tmp_path / "conftest.py").write_text(CONFTEST.read_text() + PLACE.format(image=request.param))
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  needs: lacks\n  engine: dear\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-m", "not engine", tmp_path],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(toolbox.__file__).parents[1]), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


@pytest.mark.parametrize("told", [False], indirect=True)
def test_elsewhere_it_is_left_out_and_named(told: str) -> None:
    """Each test that was not run stands below its reason; the others ran."""
    _, _, end = told.partition(" not run here ")

    assert "1 tests: needs no-such-program: the program is not installed\n" in end
    assert "  test_it.py::test_absent\n" in end
    assert "1 tests: marked engine; run it with -m engine\n  test_it.py::test_dear\n" in end
    assert "1 passed, 1 skipped, 1 deselected" in end


@pytest.mark.parametrize("told", [True], indirect=True)
def test_in_the_image_it_fails(told: str) -> None:
    """The image promises every program, so a test that misses one fails."""
    assert "the image lacks no-such-program: the program is not installed" in told
    assert "1 passed, 1 deselected, 1 error" in told
