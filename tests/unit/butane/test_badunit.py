"""The line of a unit that is wrong is found, wherever the unit stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolbox.lib.butane import badunit
from toolbox.lib.butane.badunit import Unit, line_of
from toolbox.lib.core.report import Finding, Severity

if TYPE_CHECKING:
    from conftest import Workbench

HEAD = "variant: fcos\nversion: 1.6.0\n"
UNITS = f"{HEAD}systemd:\n  units:\n    - name: a.service\n"
FOUND = Finding("x.bu", 3, 5, Severity.ERROR, "butane", "invalid")


@pytest.mark.parametrize(
    ("unit", "line"),
    [
        ("[Service]\nExecStart=/x\n", None),
        ("", None),
        ("hello\n[Service]\n", None),
        ("[Service]\n# a comment\n; another\n\nhello\n", 5),
        ("[Service]\nExecStart=/x \\\n  --more\nhello\n", 4),
        ("[Service]\nExecStart=/x \\\n\n[Install]\n", None),
    ],
)
def test_line_of(unit: str, line: int | None) -> None:
    """The line of a unit that is neither section, option, comment nor continued."""
    assert line_of(unit) == line


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        (Unit("fine=1\n"), "x.bu:3:5: error[butane]: invalid"),
        (Unit("[A]\noops\n"), "x.bu:3:5: error[butane]: invalid, on line 2 of the unit"),
        (
            Unit("[A]\noops\n", lines=((1, "oops"), (5, "  oops"), (9, "oops"))),
            "x.bu:5: error[butane]: invalid, on line 2 of the unit: oops",
        ),
        (Unit("[A]\noops\n", file="a.service"), "a.service:2: error[butane]: invalid: oops"),
    ],
)
def test_told(unit: Unit, expected: str) -> None:
    """The finding is at the line of the unit, where that is known."""
    assert badunit.told(FOUND, unit).render() == expected


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (
            {"a.bu": f"{UNITS}      contents: |\n        [Service]\n        oops\n"},
            "hosts/web/a.bu:8: error[butane]: invalid unit content: ",
        ),
        (
            {"a.bu": f"{UNITS}      contents_local: u\n", "u": "[Service]\noops\n"},
            "hosts/web/u:2: error[butane]: invalid unit content: ",
        ),
        (
            {
                "a.bu": f"{UNITS}      template: jinja\n      contents_local: u\n",
                "u": "[Service]\n{{ HOSTNAME }}\n",
            },
            "hosts/web/a.bu:7:23: error[butane]: invalid unit content: ",
        ),
    ],
    ids=["inline", "local", "rendered"],
)
def test_of_a_host(bare: Workbench, files: dict[str, str], told: str) -> None:
    """In a project, too, the line is that of the file that holds the unit."""
    (refused,) = bare.write(files).refusal()

    assert refused.startswith(told)


@pytest.mark.parametrize("expression", ["TLS_KEY", "TLS_KEY.splitlines()[1].rstrip('=')"])
def test_secrets_are_not_told(bare: Workbench, expression: str) -> None:
    """What a template has made is not told, as it may hold a secret in any form."""
    unit = f"('[Service]\\n' ~ {expression} ~ '\\n\\noops')"
    files = {"a.bu": f"{UNITS}      contents: {{{{ {unit} | tojson }}}}\n"}

    (refused,) = bare.write(files).refusal()

    assert "of the unit" in refused
    assert "oops" not in refused
    assert "dGxzLWtleS1jYW5hcnk" not in refused
