"""The pytest plugin behind `verify`: a `machine` to look at, and what is expected of it.

A check is a function ``test_*`` in a file ``check_*.py``. It asks for ``machine``, which is
testinfra's host over the connection that is already open, and for ``expected``. It runs once for
each machine; a check in the folder ``hosts/<name>/`` runs for that machine only, and one that asks
for ``peers`` where there are other machines.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.verify.expectation import load

if TYPE_CHECKING:
    from testinfra.host import Host

    from toolbox.lib.verify.expectation import Expectation

EXPECTED = pytest.StashKey[list["Expectation"]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options with which `verify.checks` calls pytest."""
    group = parser.getgroup("infra-toolbox")
    group.addoption("--expected", help="JSON file of what the machines are expected to be")
    group.addoption("--ssh-configuration", help="ssh_config file that reaches the machines")
    group.addoption("--proof", help="file that gets one line of JSON for each check")


def pytest_configure(config: pytest.Config) -> None:
    """Read what is expected."""
    config.stash[EXPECTED] = load(Path(config.getoption("--expected")))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each check once for each machine it is about."""
    if "expected" not in metafunc.fixturenames:
        return
    machines = metafunc.config.stash[EXPECTED]
    folder = metafunc.definition.path.parent
    if folder.parent.name == "hosts":
        machines = [machine for machine in machines if machine.name == folder.name]
    metafunc.parametrize("expected", machines, ids=lambda machine: machine.name, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave checks of a machine's peers out where it has none."""
    lonely = [
        item for item in items if "peers" in getattr(item, "fixturenames", ()) and _alone(item)
    ]
    config.hook.pytest_deselected(items=lonely)
    items[:] = [item for item in items if item not in lonely]


def _alone(item: pytest.Item) -> bool:
    params = getattr(item, "callspec", None)
    return params is not None and not params.params["expected"].peers


@pytest.fixture(scope="session")
def peers(expected: Expectation) -> dict[str, str]:
    """Return the names of the other machines that are up, with their addresses; never empty."""
    return expected.peers


@pytest.fixture(scope="session")
def machine(request: pytest.FixtureRequest, expected: Expectation) -> Host:
    """Return testinfra's host for the machine, on the held ssh connection."""
    import testinfra

    config = request.config.getoption("--ssh-configuration")
    return testinfra.get_host(f"ssh://{expected.name}?ssh_config={config}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:  # noqa: ANN401
    """Write one line of proof for each check: what was proven, for which machine, in what time."""
    report = yield
    told = report.when == "call" or (report.when == "setup" and not report.passed)
    if told:
        function = getattr(item, "function", None)
        title = ((function.__doc__ or "") if function else "").strip().split("\n")[0].rstrip(".")
        params = getattr(item, "callspec", None)
        expected = params.params.get("expected") if params else None
        line = {
            "machine": expected.name if expected else "",
            "check": item.name.split("[", 1)[0].removeprefix("test_"),
            "title": title or item.name,
            "outcome": report.outcome,
            "seconds": round(call.duration, 3),
            "message": "" if report.passed else report.longreprtext,
        }
        with Path(item.config.getoption("--proof")).open("a") as file:
            file.write(json.dumps(line) + "\n")
    return report
