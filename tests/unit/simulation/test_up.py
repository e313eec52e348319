"""What is decided before machines are touched: which are meant, and for which names."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.core.report import Severity
from toolbox.lib.pki import standin
from toolbox.lib.simulation import layout, up
from toolbox.lib.simulation.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolbox.lib.inventory.project import Project


def test_machines_that_were_not_asked_for_stay(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever their files say by now, and on which guest the others are, nothing changes."""
    where = layout.of(project)
    monkeypatch.setattr(up.images, "find", lambda name: SimpleNamespace(disk=Path(name)))
    Record("u" * 36, "tcg", {22: 20022}, "sha256-1", "fcos", "sha256-2", 7, 512, 1).save(
        where.record("web")
    )

    (machine,) = up.made(project, where)

    assert (machine.host, machine.image, machine.size) == ("web", Path("fcos"), 7)
    assert (machine.domain.memory, machine.domain.cpus) == (512, 1)


@pytest.fixture
def script(project: Project) -> Callable[[str, str], None]:
    """Return what gives a host a script of one command."""

    def write(host: str, command: str) -> None:
        folder = project.root / "hosts" / host
        folder.mkdir(parents=True, exist_ok=True)
        text = "variant: fcos\nversion: 1.6.0\nstorage:\n  files:\n    - path: /a\n"
        lines = "      contents:\n"
        lines += f"        inline: |\n          #!/bin/bash\n          {command}\n"
        (folder / "main.bu").write_text(text + lines)

    return write


@pytest.mark.needs("butane", "shellcheck")
def test_mistakes_of_all_hosts(project: Project, script: Callable[[str, str], None]) -> None:
    """Hosts whose configs have mistakes are refused together, with all their findings."""
    script("db", "fi")
    script("web", "done")

    with pytest.raises(ToolboxError, match="config of db, web is refused") as caught:
        up.translate_all(project, project.hosts, standin.identity(["db", "web"]))
    mistakes = [item for item in caught.value.findings if item.severity is Severity.ERROR]
    assert [(item.file, item.line) for item in mistakes] == [
        ("hosts/db/main.bu", 9),
        ("hosts/web/main.bu", 9),
    ]


@pytest.mark.needs("butane")
def test_warnings_are_told(
    project: Project,
    script: Callable[[str, str], None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A warning is said and keeps nobody from going on; what was not checked is not said."""
    script("db", "true")
    script("web", "{{ utc_now() }}")
    monkeypatch.setattr("toolbox.lib.butane.check.shell.SHELLCHECK", "no-such-program")

    configs = up.translate_all(project, project.hosts, standin.identity(["db", "web"]))

    assert list(configs) == ["db", "web"]
    (told,) = [line for line in capsys.readouterr().err.splitlines() if "hint" not in line]
    assert told.startswith("hosts/web/main.bu:9: warning[")
