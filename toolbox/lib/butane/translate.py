"""Translation to Ignition, by Butane itself, its complaints at the line that a person wrote."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from toolbox.lib.butane import badunit, complaint
from toolbox.lib.butane.bootstrap import HASH_FILE
from toolbox.lib.butane.local import is_local
from toolbox.lib.butane.render import names_of_sources, refusal
from toolbox.lib.core.files import sha256
from toolbox.lib.core.run import run
from toolbox.lib.core.secret import Secret
from toolbox.lib.inventory.document import Place, parse, text_at
from toolbox.lib.inventory.project import HOSTS_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

    from toolbox.lib.butane.render import ButaneConfig
    from toolbox.lib.core.errors import ToolboxError
    from toolbox.lib.core.report import Finding
    from toolbox.lib.core.run import Result
    from toolbox.lib.inventory.host import Host

BUTANE = "butane"
VALIDATE = "ignition-validate"
GO = {"GOGC": "400"}
"""Butane compresses each file with buffers of a megabyte; half its time went into tidying up."""

SECONDS = 60.0
"""Far more than a translation takes; a program that hangs must not hang us."""


@dataclass(frozen=True, slots=True)
class IgnitionConfig:
    """The Ignition config of a host.

    Attributes:
        host: The host.
        json: The config; holds private keys.
        sha256: Hash of the config's bytes, ``sha256-<hex>``.
        findings: What is to say about it, though it is accepted.
    """

    host: Host
    json: Secret
    sha256: str
    findings: tuple[Finding, ...] = field(default=(), compare=False)


def translate(config: ButaneConfig) -> IgnitionConfig:
    """Translate a rendered config with ``butane --strict`` and validate what comes out.

    A machine boots from Ignition, so a config of the variant openshift becomes that, too, and no
    MachineConfig; what would be lost by it is refused.

    Args:
        config: As `render` gives it, while its block lasts.

    Returns:
        The Ignition config.

    Raises:
        ToolboxError: Butane or Ignition refuses it; the findings tell where.
        HabitatError: Butane or ignition-validate is not installed.
    """
    result = butane(config.text, files_dir=config.files_dir, strict=True, raw=True)
    if not result.ok:
        raise _refused(config, result)
    text = Secret(result.stdout.decode().rstrip("\n"))
    findings = _findings(config, result)
    result = validate(text)
    if not result.ok:
        raise _refused(config, result)
    if _holds_hash(text):
        # Reason: a tree brings files that stand in no list before Butane has walked it.
        place = config.origins.value("storage.trees") or _whole(config)
        message = f"{HASH_FILE} is written by the toolbox"
        finding = place.finding("reserved-path", message, "remove it from the tree")
        raise refusal(config.host, [finding], config.environment)
    found = tuple(dict.fromkeys((*findings, *_findings(config, result))))
    return IgnitionConfig(config.host, text, sha256(text.reveal().encode()), found)


def butane(
    config: Secret | bytes,
    *,
    files_dir: Path | None = None,
    strict: bool = False,
    raw: bool = False,
) -> Result:
    """Run Butane on a config.

    Args:
        config: The config.
        files_dir: Folder of the local files it may name.
        strict: Refuse what Butane only warns of.
        raw: Make Ignition of the variant openshift, too.

    Returns:
        What Butane printed; it may have refused.

    Raises:
        HabitatError: Butane is not installed.
    """
    command: list[str | Path] = [BUTANE, "--raw-errors"]
    command += ["--strict"] if strict else []
    command += ["--raw"] if raw else []
    command += ["--files-dir", files_dir] if files_dir is not None else []
    return run(command, stdin=config, env=GO, timeout=SECONDS, check=False)


def validate(config: Secret | bytes) -> Result:
    """Run ignition-validate on an Ignition config.

    Raises:
        HabitatError: It is not installed.
    """
    return run([VALIDATE, "-"], stdin=config, env=GO, timeout=SECONDS, check=False)


def words(result: Result) -> str:
    """Return what a program said about a config."""
    # Reason: ignition-validate says it on stdout; what Butane has there is the config.
    said = result.stdout if result.command[0] == VALIDATE or not result.ok else b""
    return (result.stderr + said).decode(errors="replace")


def unexplained(result: Result, whole: Place) -> Finding:
    """Return a finding for a refusal whose reason has no known form."""
    program = result.command[0]
    said = [line for line in words(result).splitlines() if line.strip()]
    reason = said[-1].strip() if said else "it did not say why"
    return whole.finding(f"{program}-refusal", f"{program} refuses the config: {reason}")


def _holds_hash(config: Secret) -> bool:
    files = json.loads(config.reveal()).get("storage", {}).get("files", [])
    return any(file.get("path") == HASH_FILE for file in files)


def _refused(config: ButaneConfig, result: Result) -> ToolboxError:
    findings = _findings(config, result)
    if not findings:
        findings = [unexplained(result, Place(config.layers[-1].label))]
    return refusal(config.host, findings, config.environment)


def _whole(config: ButaneConfig) -> Place:
    return Place(f"{HOSTS_FOLDER}/{config.host.name}")


def _findings(config: ButaneConfig, result: Result) -> list[Finding]:
    said = words(result).replace(f"{config.files_dir}/", "")
    whole = _whole(config)
    clean = config.environment.redacted
    found = (_finding(config, item, whole) for item in complaint.read(said))
    return list(dict.fromkeys(replace(item, message=clean(item.message)) for item in found))


def _finding(config: ButaneConfig, item: complaint.Complaint, whole: Place) -> Finding:
    found = item.finding(config.origins, whole)
    unit = _unit(config, item.path, found) if item.message.startswith(badunit.BEGINNING) else None
    return badunit.told(found, unit) if unit else found


def _unit(config: ButaneConfig, path: str, found: Finding) -> badunit.Unit | None:
    """Return the unit at a path of a config, and the lines of the file that it was written in."""
    node, _ = parse(config.text.reveal(), "")
    text = text_at(node, path)
    if text is None:
        return None
    if is_local(path.rpartition(".")[2]):
        file = config.files_dir / text
        unit = file.read_bytes().decode(errors="replace") if file.is_file() else ""
        return badunit.Unit(unit, file=names_of_sources(config)(file))
    for layer in config.layers:
        name = (found.file or "").removeprefix(f"{layer.label}/")
        if name != found.file and (layer.folder / name).is_file():
            lines = (layer.folder / name).read_bytes().decode(errors="replace").splitlines()
            return badunit.Unit(text, lines=tuple(enumerate(lines, start=1)))
    return badunit.Unit(text)
