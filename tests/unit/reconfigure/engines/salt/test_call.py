"""What starts Salt, and what it leaves for a shell."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.reconfigure.engines.salt import call
from toolbox.lib.reconfigure.engines.salt.sources import OURS

if TYPE_CHECKING:
    from pathlib import Path


def output(**states: dict[str, Any]) -> str:
    """Return what Salt prints."""
    return json.dumps({"local": states}, indent=4)


def test_failures_of_the_plan_are_named() -> None:
    """Of the plan's states those that failed are told, of a person's own none."""
    told = call.failures(
        output(
            a={"__id__": "/etc/a\nb", "__sls__": OURS, "result": False},
            b={"__id__": "start b.service", "__sls__": OURS, "result": True},
            e={"__id__": "restart e\\x2df.service", "__sls__": OURS, "result": False},
            c={"__id__": "mine", "__sls__": "mine", "result": False},
            **{"file_|-/etc/d_|-/etc/d_|-odd": {"result": False}},
        )
    )
    assert told == "/etc/a b\nrestart 'e\\x2df.service'\n/etc/d\n"


@pytest.mark.parametrize("said", ["", "[]", '{"local": ["wrong"]}', '{"local": {"a": 1}}', "{"])
def test_where_there_were_no_states_all_failed(said: str) -> None:
    """What is no result is told by a star."""
    assert call.failures(said) == "*\n"


def test_what_salt_says_is_one_line() -> None:
    """JSON loses its line feeds; what is none is not told."""
    assert call.compact('{\n "a": "b\\n"\n}') == '{"a": "b\\n"}'
    assert call.compact("Traceback") == ""


def test_a_file_has_one_name_until_it_is_whole(tmp_path: Path) -> None:
    """A file beside others has the name that the next change removes, even over what was left."""
    mkstemp = call.temporary(lambda *words, **options: (words, options))
    left = tmp_path / call.TEMPORARY
    left.symlink_to("/nowhere")
    assert mkstemp(prefix="x", dir=str(tmp_path)) == str(left)
    assert left.is_file()
    assert not left.is_symlink()
    assert left.stat().st_mode & 0o777 == 0o600


def test_other_temporary_files_are_salts_own(tmp_path: Path) -> None:
    """A file in the temporary folder, or one that is wanted open, is named by Salt."""
    mkstemp = call.temporary(lambda *words, **options: (words, options))
    assert mkstemp(prefix="x") == ((), {"prefix": "x"})
    wanted = {"dir": str(tmp_path), "close_fd": False}
    assert mkstemp(**wanted) == ((), wanted)
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - names are enough


def test_libraries_are_those_of_the_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shared libraries are found without a search of the machine's; what there is not is None."""
    (tmp_path / "libfoo.so.7").touch()
    monkeypatch.setattr(call, "LIBRARIES", tmp_path)
    assert call.library("foo") == "libfoo.so.7"
    assert call.library("bar") is None
