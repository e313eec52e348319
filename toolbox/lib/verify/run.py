"""Running checks against machines and collecting what was proven."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import toolbox
from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.core.files import runtime_dir
from toolbox.lib.core.run import run
from toolbox.lib.core.scratch import scratch
from toolbox.lib.verify import expectation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolbox.lib.verify.expectation import Expectation

SHIPPED = Path(__file__).parent / "checks"
# Reason: pytest's exit codes for "all passed", "some failed", "nothing to run".
DECIDED = (0, 1, 5)
DEADLINE_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Proof:
    """What one check found.

    Attributes:
        machine: Name of the host.
        check: Short name of the check.
        title: What it proves, one sentence.
        outcome: ``passed``, ``failed`` or ``skipped``.
        seconds: How long it took.
        message: Why it failed.
    """

    machine: str
    check: str
    title: str
    outcome: str
    seconds: float
    message: str = ""

    @property
    def ok(self) -> bool:
        """Whether the machine is as it shall be."""
        return self.outcome == "passed"


def verify(
    expectations: Sequence[Expectation], ssh_config: Path, folders: Sequence[Path]
) -> tuple[Proof, ...]:
    """Run the shipped checks and those of a project.

    Args:
        expectations: The machines and what they shall be.
        ssh_config: ssh_config(5) file that reaches them.
        folders: Folders with ``check_*.py``; those without any are left out.

    Returns:
        One proof for each check and machine.

    Raises:
        ToolboxError: The checks themselves could not run.
    """
    places = [SHIPPED, *(folder for folder in folders if any(folder.glob("check_*.py")))]
    with scratch(runtime_dir(), "verify") as folder:
        expected, proof = folder / "expected.json", folder / "proof.jsonl"
        expectation.save(list(expectations), expected)
        # Reason: a process of its own, as pytest changes how modules are imported for good; and
        # isolated from the settings of whatever project is here.
        options: list[str | Path] = [
            *("-c", "/dev/null", "--rootdir", folder, "-q", "-p", "no:cacheprovider"),
            *("-p", "toolbox.lib.verify.plugin", "--import-mode=importlib"),
            *("-o", "python_files=check_*.py", "--expected", expected),
            *("--ssh-configuration", ssh_config, "--proof", proof),
        ]
        # Reason: the folders of checks are a person's; compiled files do not belong there.
        command = [sys.executable, "-B", "-m", "pytest", *options, *places]
        # Reason: the same library in the process of the checks, also from a checkout; and none of
        # the plugins that happen to be installed, of which one would shuffle the checks.
        environment = {
            "PYTHONPATH": str(Path(toolbox.__file__).parent.parent),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        }
        result = run(command, timeout=DEADLINE_SECONDS, env=environment, check=False)
        if result.exit_code not in DECIDED:
            message = f"the checks could not run:\n{result.tail('stdout', 30)}"
            message += f"\n{result.tail('stderr')}"
            raise ToolboxError(message)
        lines = proof.read_text().splitlines() if proof.exists() else []
    return tuple(Proof(**json.loads(line)) for line in lines)
