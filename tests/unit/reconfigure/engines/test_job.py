"""A job is one script and one bundle, and what it says is told as one thing each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.core.run import run
from toolbox.lib.reconfigure.engines import job as jobs
from toolbox.lib.reconfigure.engines.contract import Done
from toolbox.lib.reconfigure.history.record import Record
from toolbox.lib.reconfigure.planning.plan import Plan

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Site

TOLD = [("/etc/a", "added"), ("a.service", "restart")]


def test_bundle_holds_equal_bytes_once() -> None:
    """Equal bytes stand in a bundle once."""
    bundle = jobs.Bundle()

    assert [bundle.add(data) for data in (b"one", b"", b"two", b"one")] == [
        "0 3",
        "3 0",
        "3 3",
        "0 3",
    ]
    assert bytes(bundle.data) == b"onetwo"


def test_read() -> None:
    """Parts of one thing are told together, with what was said before them."""
    said = b"= 0 0 1.0 1.5\nnoise\n! went wrong\n! badly\n= 1 1 2.0 2.25\n= 0 0 3.0 3.5\n"

    assert list(jobs.read(said, TOLD)) == [
        Done("/etc/a", "added", seconds=1.0),
        Done("a.service", "restart", ok=False, message="went wrong\nbadly", seconds=0.25),
    ]


@pytest.mark.parametrize("line", ["= ", "= x 0 1 2", "= 7 0 1 2", "= -1 0 1 2", "= 0.5 0 1 2"])
def test_read_nonsense(line: str) -> None:
    """Lines that are about nothing are left out."""
    assert list(jobs.read(f"{line}\n".encode(), TOLD)) == []


def test_script_is_shell(tmp_path: Path) -> None:
    """Whatever the words are, the script is one that a shell can read."""
    job = jobs.Job()
    for word in ("a b", "'", '"', "$(reboot)", "\n", "`x`", "\\"):
        job.do(job.number(word, "x"), "file", word)
    record = Record(1, "sha256-x", who="o'brien@host")
    path = tmp_path / "job.sh"
    path.write_text(jobs.script(Plan(record=record), job, 60))

    assert run(["sh", "-n", str(path)]).ok


def test_script_that_was_ended(site: Site) -> None:
    """A script that ends in an unforeseen way is told, with what to do."""
    job = jobs.Job()
    job.lines.append("exit 99")
    with site.session() as session, pytest.raises(ToolboxError, match="ended there") as caught:
        jobs.carry_out(session, Plan(record=Record(1, "sha256-x")), job)

    assert caught.value.hint == "once more finishes it"


def test_units_that_fail(site: Site) -> None:
    """Which of several units failed is told, and it stays to be done."""
    job = jobs.Job()
    numbers = [job.number(f"{name}.service", "restart") for name in "abc"]
    words = " ".join(
        f"{number} {name}.service" for number, name in zip(numbers, "abc", strict=True)
    )
    systemctl = (
        'systemctl() { case "$1" in restart) echo "Job for b.service failed."; return 1 ;;'
        ' is-failed) case "$*" in *c.service) ;; *) return 1 ;; esac ;; esac; }'
    )
    job.lines += [systemctl, f"units restart {words}"]
    with site.session() as session:
        outcome = jobs.carry_out(session, Plan(record=Record(1, "sha256-x")), job)

    assert [item.ok for item in outcome.done] == [True, False, False]
    # Reason: the clock was once read while words end with lines, and told the machine's idle time.
    assert all(0 <= item.seconds <= outcome.seconds for item in outcome.done)
    assert "b.service failed" in outcome.done[0].message + outcome.done[1].message
    pending = (site.root / "var/lib/infra-toolbox/pending").read_text()
    assert pending == "restart 'b.service'\nrestart 'c.service'\n"


@pytest.mark.parametrize("stops", [True, False])
def test_units_that_stop_have_not_failed(site: Site, stops: bool) -> None:
    """What was stopped on purpose does not count as failed; what did not stop is told as before."""
    job = jobs.Job()
    said = site.root / "said"
    job.lines += [
        f'systemctl() {{ echo "$@" >>{said}; [ "$1" != stop ] || {str(stops).lower()}; }}',
        f"units stop {job.number('a.service', 'stop')} a.service",
    ]
    with site.session() as session:
        outcome = jobs.carry_out(session, Plan(record=Record(1, "sha256-x")), job)

    assert [item.ok for item in outcome.done] == [stops]
    forgotten = "reset-failed -- a.service" in said.read_text().splitlines()
    assert forgotten is stops


def test_program_that_fails_stays_to_be_run(site: Site) -> None:
    """A program that fails is run by the next change; one that is not there is left alone."""
    job = jobs.Job()
    job.lines += [
        f"program {job.number('false', 'run')} 'run false' false",
        f"program {job.number('none', 'run')} 'run no-such-program' no-such-program",
    ]
    with site.session() as session:
        outcome = jobs.carry_out(session, Plan(record=Record(1, "sha256-x")), job)

    assert [(item.what, item.ok) for item in outcome.done] == [("false", False)]
    assert (site.root / "var/lib/infra-toolbox/pending").read_text() == "run false\n"
