"""Tests of the times that templates see: the same ones in every checkout and at every rendering."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.butane import times
from toolbox.lib.butane.render import render
from toolbox.lib.butane.wants import FilterError
from toolbox.lib.core.report import Severity
from toolbox.lib.inventory.load import load

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Workbench

    from toolbox.lib.core.report import Finding

HEAD = "variant: fcos\nversion: 1.5.0\n"
COMMITTED = 1700000000


@pytest.fixture(autouse=True)
def no_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin without a given time."""
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)


def git(folder: Path, *words: str) -> None:
    """Run git as somebody, at a fixed time."""
    who = {
        f"GIT_{role}_{what}": "x@example.org"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    when = {"GIT_AUTHOR_DATE": "@0 +0000", "GIT_COMMITTER_DATE": f"@{COMMITTED} +0200"}
    environment = {**os.environ, **who, **when, "GIT_CONFIG_GLOBAL": "/dev/null"}
    subprocess.run(["git", *words], cwd=folder, env=environment, check=True, capture_output=True)


def file(expression: str) -> str:
    """Return a Butane file whose line 6 has what an expression gives."""
    return f"{HEAD}storage:\n  files:\n    - path: /x\n      contents: {{inline: '{expression}'}}\n"


def warnings(bench: Workbench) -> tuple[Finding, ...]:
    """Return what is said about a config that is right."""
    project = load(bench.root)
    with render(project, project.hosts[0], bench.identity) as config:
        return config.warnings


@pytest.mark.needs("git")
def test_c_2_1_created_at_is_that_of_the_commit(bare: Workbench) -> None:
    """It is the last commit that touched the file which counts, not the checkout or the link."""
    bare.write({"main.bu": file('{{ ("x.txt" | created_at).isoformat() }}'), "x.txt": "1"})
    git(bare.root, "init")
    git(bare.root, "add", ".")
    git(bare.root, "commit", "-m", "first")
    os.utime(bare.root / "hosts/web/x.txt", (1, 1))
    assert "2023-11-14T22:13:20+00:00" in bare.text()
    (bare.root / "hosts/web/x.txt").rename(bare.root / "elsewhere")
    (bare.root / "hosts/web/x.txt").symlink_to("../../elsewhere")
    assert "1970-01-01T00:00:00+00:00" in bare.text()


def test_created_at_without_a_repository(bare: Workbench) -> None:
    """A file that is in no commit has the first of all times."""
    bare.write({"main.bu": file('{{ ("main.bu" | created_at).year }}')})
    assert "'1970'" in bare.text().replace('"', "'")
    assert not warnings(bare)


def test_created_at_of_a_rendered_file(bare: Workbench) -> None:
    """Local files that are rendered have the filter, too."""
    source = file("").replace(
        "contents: {inline: ''}", "template: jinja\n      contents: {local: t}"
    )
    bare.write({"main.bu": source, "t": "{{ ('t' | created_at).timestamp() | int }}"})
    assert '"data:,0"' in bare.ignition().json.reveal()


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ('{{ "y.txt" | created_at }}', "there is no hosts/web/y.txt\n  hint: did you mean x.txt?"),
        ('{{ "../../project.yaml" | created_at }}', "../../project.yaml leads out of hosts/web"),
        ("{{ 5 | created_at }}", "there is no hosts/web/5"),
        ("{{ none | created_at }}", "created_at wants a text, not none"),
    ],
)
def test_created_at_of_no_file(bare: Workbench, expression: str, said: str) -> None:
    """A name that means no file of the folder is told at its line."""
    (finding,) = bare.write({"main.bu": file(expression), "x.txt": ""}).refusal()
    assert finding.startswith(f"hosts/web/main.bu:6: error[template-error]: {said}")


def test_created_at_of_an_undefined_name(bare: Workbench) -> None:
    """An undefined name is what is told, and nothing that comes of it."""
    (finding,) = bare.write({"main.bu": file("{{ missing | created_at }}")}).refusal()
    assert "missing is not defined" in finding


def test_epoch_goes_before_all(bare: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a given time all times are that one, and nothing is to be warned of."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    source = file('{{ utc_now() }} {{ local_now() }} {{ "main.bu" | created_at }}')
    bare.write({"main.bu": source})
    text = bare.text()
    assert text.count("2026-01-01 00:00:00+00:00") == 3
    assert text == bare.text()
    assert not warnings(bare)


def test_local_now_is_the_time_at_the_machine(
    bare: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The zone is that of the host's locale, not of where it is rendered."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    (bare.root / "project.yaml").write_text(
        "name: example\nvariables: {LOCALE: {TIMEZONE: America/New_York}}\n"
    )
    bare.write({"main.bu": file("{{ local_now() }}")})
    assert "2025-12-31 19:00:00-05:00" in bare.text()


@pytest.mark.parametrize("epoch", ["", None])
def test_c_2_1_now_is_warned_of(
    bare: Workbench, monkeypatch: pytest.MonkeyPatch, epoch: str | None
) -> None:
    """The time of now makes another config each time, which is a warning and no refusal."""
    if epoch is not None:
        monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    source = file("{{ utc_now() }} {{ utc_now() }}")
    bare.write({"main.bu": source, "second.bu": file("{{ local_now() }}")})
    found = warnings(bare)
    assert [(finding.file, finding.line) for finding in found] == [
        ("hosts/web/main.bu", 6),
        ("hosts/web/second.bu", 6),
    ]
    assert {finding.severity for finding in found} == {Severity.WARNING}
    assert {finding.code for finding in found} == {"changing-config"}
    assert bare.ignition()


def test_warnings_come_with_errors(bare: Workbench) -> None:
    """Where something is wrong, warnings are told with it, and not counted as mistakes."""
    bare.write({"main.bu": file("{{ utc_now() }}{{ missing }}")})
    assert [finding.split(": ")[1] for finding in bare.refusal()] == [
        "warning[changing-config]",
        "error[undefined-name]",
    ]


@pytest.mark.parametrize("epoch", ["soon", "1.5", "9" * 30])
def test_wrong_epoch(bare: Workbench, monkeypatch: pytest.MonkeyPatch, epoch: str) -> None:
    """A given time that is none is refused, not ignored."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    (finding,) = bare.write({"main.bu": file("{{ utc_now() }}")}).refusal()
    assert f"SOURCE_DATE_EPOCH is '{epoch}', which is no number" in finding


def test_unknown_zone() -> None:
    """A zone that is none is refused."""
    with pytest.raises(FilterError, match="no time zone 'Europe/Wien'"):
        times.zone("Europe/Wien")
