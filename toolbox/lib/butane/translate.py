"""Translation to Ignition, by Butane itself, its complaints at the line that a person wrote."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolbox.lib.butane.bootstrap import HASH_FILE
from toolbox.lib.butane.render import refusal
from toolbox.lib.core.files import sha256
from toolbox.lib.core.report import Severity
from toolbox.lib.core.run import run
from toolbox.lib.core.secret import Secret
from toolbox.lib.inventory.document import Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from toolbox.lib.butane.render import ButaneConfig
    from toolbox.lib.core.errors import ToolboxError
    from toolbox.lib.core.report import Finding
    from toolbox.lib.core.run import Result
    from toolbox.lib.inventory.host import Host

BUTANE = "butane"
VALIDATE = "ignition-validate"
SECONDS = 60.0
"""Far more than a translation takes; a program that hangs must not hang us."""

ENTRY = re.compile(
    r"(?P<severity>error|warning|info)(?: at \$(?P<path>[^,:\s]*))?"
    r"(?:, line (?P<line>[0-9]+) col [0-9]+)?: (?P<message>.*)"
)
YAML_ENTRY = re.compile(r"\s*(?:Error translating config: )?(?:yaml: )?line ([0-9]+): (.*)")
NO_TRANSLATOR = re.compile(r".*No translator exists for variant (\S*) with version (\S*)")
HINTS = (
    ("incorrectly specified in decimal", "write it with a leading zero, such as 0644"),
    ("remember to add a leading zero", "write it with a leading zero, such as 0644"),
    ("path not absolute", "begin it with /"),
    ("has no install section", "add an [Install] section, or leave enabled out"),
)


@dataclass(frozen=True, slots=True)
class IgnitionConfig:
    """The Ignition config of a host.

    Attributes:
        host: The host.
        json: The config; holds private keys.
        sha256: Hash of the config's bytes, ``sha256-<hex>``.
    """

    host: Host
    json: Secret
    sha256: str


def translate(config: ButaneConfig) -> IgnitionConfig:
    """Translate a rendered config with ``butane --strict`` and validate what comes out.

    Args:
        config: As `render` gives it, while its block lasts.

    Returns:
        The Ignition config.

    Raises:
        ToolboxError: Butane or Ignition refuses it; the findings tell where.
        HabitatError: Butane or ignition-validate is not installed.
    """
    command: list[str | Path] = [
        BUTANE,
        "--strict",
        "--raw-errors",
        "--files-dir",
        config.files_dir,
    ]
    result = run(command, stdin=config.text, timeout=SECONDS, check=False)
    if not result.ok:
        raise _refused(config, result)
    text = Secret(result.stdout.decode().rstrip("\n"))
    result = run([VALIDATE, "-"], stdin=text, timeout=SECONDS, check=False)
    if not result.ok:
        raise _refused(config, result)
    if _holds_hash(text):
        # Reason: a tree brings files that stand in no list before Butane has walked it.
        place = config.origins.value("storage.trees") or Place(config.layers[-1].label)
        message = f"{HASH_FILE} is written by the toolbox"
        finding = place.finding("reserved-path", message, "remove it from the tree")
        raise refusal(config.host, [finding], config.environment)
    return IgnitionConfig(config.host, text, sha256(text.reveal().encode()))


def _holds_hash(config: Secret) -> bool:
    files = json.loads(config.reveal()).get("storage", {}).get("files", [])
    return any(file.get("path") == HASH_FILE for file in files)


def _refused(config: ButaneConfig, result: Result) -> ToolboxError:
    lines = (result.stderr + result.stdout).decode(errors="replace").splitlines()
    findings = list(dict.fromkeys(_findings(config, lines)))
    if not findings:
        program = result.command[0]
        said = [line for line in lines if line.strip()] or ["it did not say why"]
        place = Place(config.layers[-1].label)
        message = f"{program} refuses the config: {said[-1].strip()}"
        findings = [place.finding(f"{program}-refusal", message)]
    return refusal(config.host, findings, config.environment)


def _findings(config: ButaneConfig, lines: Sequence[str]) -> Iterator[Finding]:
    origins = config.origins
    unknown = Place(config.layers[-1].label)
    for line in lines:
        entry = ENTRY.fullmatch(line)
        yaml = YAML_ENTRY.fullmatch(line)
        translator = NO_TRANSLATOR.fullmatch(line)
        if translator:
            message = f"Butane knows no variant {translator[1]} of version {translator[2]}"
            hint = "such as variant: fcos and version: 1.6.0"
            place = origins.value("version") or unknown
            yield place.finding("unknown-version", message, hint)
        elif yaml:
            place = origins.line(int(yaml[1])) or unknown
            yield place.finding("butane", yaml[2])
        elif entry:
            message = entry["message"].replace(f"{config.files_dir}/", "")
            path = _snake(entry["path"] or "").strip(".")
            unused = message.startswith("unused key")
            place = (origins.key(path) if unused else origins.value(path)) or unknown
            advice = next((hint for said, hint in HINTS if said in message), None)
            code = "unknown-key" if unused else "butane"
            yield place.finding(code, message, advice, Severity(entry["severity"]))


def _snake(path: str) -> str:
    """Return a path of Ignition's JSON with its names as Butane writes them."""
    return re.sub(r"(?<=[a-z])([A-Z]+)", lambda match: f"_{match[1].lower()}", path)
