"""Rehearsing a loss: what a clone of the repository and one key give back, and what they do not.

Everything is done in a scratch folder, with an environment that has nothing of the person but the
key: the vault is opened, the keys of the real machines and the configs made of them are compared
with those here, and the simulated machines boot and are checked.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from toolbox.lib.butane import pipeline
from toolbox.lib.core.errors import HabitatError, ToolboxError, UsageError, VerificationError
from toolbox.lib.core.files import state_home
from toolbox.lib.core.report import Severity
from toolbox.lib.core.scratch import scratch
from toolbox.lib.core.steps import step
from toolbox.lib.habitat.bare import bare, given
from toolbox.lib.inventory.choice import chosen
from toolbox.lib.inventory.document import Place
from toolbox.lib.inventory.load import load
from toolbox.lib.inventory.project import HOSTS_FOLDER
from toolbox.lib.machine import libvirt
from toolbox.lib.simulation import operate
from toolbox.lib.simulation.plan import Options
from toolbox.lib.simulation.prove import prove
from toolbox.lib.simulation.up import up
from toolbox.lib.stack import kept, likeness
from toolbox.lib.vault import age, clone, identities, store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from toolbox.lib.butane.translate import IgnitionConfig
    from toolbox.lib.core.report import Finding
    from toolbox.lib.inventory.host import Host
    from toolbox.lib.inventory.project import Project
    from toolbox.lib.pki.identity import Identity
    from toolbox.lib.stack.kept import Kept
    from toolbox.lib.vault.clone import Repository
    from toolbox.lib.vault.store import Vault

KIND = "rehearsal"
CLONE, ROOT = "clone", "root"
"""In the scratch folder: the clone, and the file that names the project's folder in it."""

CODE = "not-recovered"
EPOCH = "SOURCE_DATE_EPOCH"
NO_SECRETS = "there are none yet: secret.init begins with them"
NO_KEYS = "there are none yet: identity.up makes them"
HINT = "mend what stands above, commit it, and rehearse again"


class State(StrEnum):
    """What became of something."""

    RECOVERED = "recovered"
    OTHER = "other"
    LOST = "lost"
    FAILED = "failed"
    UNTRIED = "not tried"


@dataclass(frozen=True, slots=True)
class Row:
    """Something that a clone and a key should give back.

    Attributes:
        what: What it is.
        source: Where in the repository it comes from.
        state: What became of it.
        detail: What one compares by eye, or why it is lost.
    """

    what: str
    source: str
    state: State
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller may choose.

    Attributes:
        stack: Name of the vault of the real machines.
        key: File of the private key; empty for the person's usual one.
        boot: Whether the simulated machines are booted.
        options: How they are.
    """

    stack: str = store.STACK
    key: str = ""
    boot: bool = True
    options: Options = field(default_factory=Options)


@dataclass(frozen=True, slots=True)
class Here:
    """What the project's own folder says, which the clone is compared with.

    Attributes:
        repository: Its repository.
        sealed: Whether it has a passphrase for the secrets of real machines.
        identity: Keys of the real machines; None where there are none yet.
        configs: The real config of each host.
    """

    repository: Repository
    sealed: bool
    identity: Identity | None
    configs: Mapping[str, IgnitionConfig]


@dataclass(slots=True)
class Rehearsal:
    """What came of it.

    Attributes:
        rows: One for each thing.
        findings: What is to say about what a clone does not have.
        failure: What was wrong with a machine, which says nothing about the repository.
    """

    rows: list[Row] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    failure: ToolboxError | None = None

    @property
    def whole(self) -> bool:
        """Whether the repository gave back all that was looked at."""
        wrong = any(finding.severity is Severity.ERROR for finding in self.findings)
        return not wrong and all(row.state in {State.RECOVERED, State.UNTRIED} for row in self.rows)

    def problem(self) -> ToolboxError | None:
        """Return what to end with, or None where all is well."""
        if self.failure is not None:
            return self.failure
        if self.whole:
            return None
        message = "the repository and this key do not give back all that there is"
        return VerificationError(message, hint=HINT)

    def add(self, what: str, source: str, state: State, detail: str = "") -> None:
        """Take something down."""
        self.rows.append(Row(what, source, state, detail))

    @contextmanager
    def trying(self, what: str, source: str) -> Iterator[None]:
        """Take down as lost what fails in the block; what this place lacks is raised."""
        try:
            yield
        except HabitatError:
            raise
        except ToolboxError as error:
            self.add(what, source, State.LOST, error.message.splitlines()[0])
            whole = Place(source).finding(CODE, error.message, error.hint)
            self.findings += error.findings or (whole,)


def rehearse(root: Path, wish: Wish) -> Rehearsal:
    """Rebuild a project from its repository and one key, compare, and leave nothing behind.

    Args:
        root: The project's folder.
        wish: What the caller may choose.

    Raises:
        UsageError: The project is in no repository, or there is no such key or host.
        VerificationError: The key does not open the secrets here.
        HabitatError: This place cannot do it.
    """
    repository = clone.of(root)
    found = Rehearsal(findings=clone.losses(root, repository))
    if wish.boot:
        # Reason: who starts our daemon decides where it lives, and no scratch folder stays.
        libvirt.connect()
    # Reason: a template that asks for the time must be told the same in both places.
    variables = {EPOCH: os.environ.get(EPOCH) or str(int(time.time()))}
    key = key_file(store.vault(root, wish.stack), wish.key)
    if key is not None:
        variables[identities.VARIABLE] = str(key)
    with given(variables), step("Look at what is here"):
        here = _here(load(root), repository, wish)
    with (
        scratch(state_home(), KIND, ending) as folder,
        bare(folder, variables) as home,
    ):
        _rebuild(found, here, wish, folder, home)
    return found


def key_file(vault: Vault, named: str) -> Path | None:
    """Return the file of the one key that is used, or None where this person has none.

    Args:
        vault: The vault that it shall open.
        named: What the caller names; the usual keys are looked at by default.

    Raises:
        UsageError: What is named is no private key.
    """
    if named:
        path = Path(named).expanduser().absolute()
        if identities.examine(path) is None:
            message = f"{named}: there is no private key of ssh or age"
            raise UsageError(message, hint="name the file of the private key")
        return path
    known = identities.found()
    data = vault.passphrase.read_bytes() if vault.passphrase.is_file() else b""
    fitting = [one for one in known if age.may_open(one, data)]
    return next((one.path.absolute() for one in (*fitting, *known)), None)


def ending(folder: Path) -> None:
    """Remove the machines of a rehearsal, also of one that was killed.

    Args:
        folder: The scratch folder that it has worked in.
    """
    if (folder / ROOT).is_file():
        with bare(folder, {}):
            operate.clean(Path((folder / ROOT).read_text()))


def _here(project: Project, repository: Repository, wish: Wish) -> Here:
    vault = store.vault(project.root, wish.stack)
    hosts = chosen(project, wish.options.hosts)
    if not vault.passphrase.exists():
        return Here(repository, sealed=False, identity=None, configs={})
    real = kept.real(project, wish.stack)
    if real.stack not in real.workspace.stacks():
        return Here(repository, sealed=True, identity=None, configs={})
    identity = real.read()
    outcomes = _configs(project, hosts, identity)
    return Here(repository, sealed=True, identity=identity, configs=pipeline.accepted(outcomes))


def _configs(
    project: Project, hosts: Sequence[Host], identity: Identity
) -> tuple[pipeline.Outcome, ...]:
    """Render and translate the real configs of those hosts that have keys."""
    able = [host for host in hosts if host.name in identity.hosts]
    return pipeline.every(project, able, identity, checked=False)


def _rebuild(found: Rehearsal, here: Here, wish: Wish, folder: Path, home: Path) -> None:
    """Do all that is done with the clone."""
    commit = f"commit {here.repository.commit[:10]}"
    with step("Clone the last commit"):
        root = clone.copy(here.repository, folder / CLONE, home)
    (folder / ROOT).write_text(str(root))
    with found.trying("project", commit):
        project = load(root)
        hosts = chosen(project, wish.options.hosts)
        names = ", ".join(host.name for host in hosts)
        found.add("project", commit, State.RECOVERED, names)
        with step("Open what is sealed"):
            _secrets(found, here, wish, project)
        if wish.boot and found.whole:
            _machines(found, project, wish.options)
        elif wish.boot:
            found.add("machines", commit, State.UNTRIED, "as not all is there")


def _secrets(found: Rehearsal, here: Here, wish: Wish, project: Project) -> None:
    """Open the clone's vault and compare what is in it."""
    vault = store.vault(project.root, wish.stack)
    passphrase = _name(vault, vault.passphrase)
    if not vault.passphrase.exists() and not here.sealed:
        found.add("keys of real machines", passphrase, State.UNTRIED, NO_SECRETS)
        return
    with found.trying("passphrase", passphrase):
        _require(vault, vault.passphrase)
        real = kept.real(project, wish.stack)
        key = os.environ.get(identities.VARIABLE, "")
        found.add("passphrase", passphrase, State.RECOVERED, f"opened with {key}")
        _exports(found, vault)
        _identity(found, here, project, real, wish)


def _require(vault: Vault, path: Path) -> None:
    """Refuse a clone that lacks a file: a hint on making it anew would lose what it is for."""
    if not path.exists():
        name = _name(vault, path)
        message = f"the clone has no {name}"
        raise VerificationError(message, hint=f"git add --force {name} && git commit")


def _exports(found: Rehearsal, vault: Vault) -> None:
    for path in vault.exports():
        name = _name(vault, path)
        with found.trying(name, name):
            data = path.read_bytes()
            if not any(age.may_open(one, data) for one in identities.found()):
                message = f"{name} is not sealed to this key"
                raise VerificationError(message, hint="secret.rekey seals it")
            age.unseal(path)
            found.add(name, name, State.RECOVERED)


def _identity(found: Rehearsal, here: Here, project: Project, real: Kept, wish: Wish) -> None:
    vault = store.vault(project.root, wish.stack)
    path = vault.state(project.name, real.stack)
    source = _name(vault, path)
    if not path.exists() and here.identity is None:
        found.add("keys of real machines", source, State.UNTRIED, NO_KEYS)
        return
    with found.trying("keys of real machines", source):
        _require(vault, path)
        identity = real.read()
        for part in likeness.compare(here.identity or identity, identity):
            state = State.RECOVERED if part.same else State.OTHER if part.there else State.LOST
            found.add(part.name, source, state, part.fingerprint)
        if wish.boot:
            # Reason: what can be read may still lack what Pulumi wants for changing it.
            found.add(f"stack {real.stack}", source, State.RECOVERED, real.preview().sentence())
        hosts = chosen(project, wish.options.hosts)
        for outcome in _configs(project, hosts, identity):
            _compare(found, here, outcome)


def _compare(found: Rehearsal, here: Here, outcome: pipeline.Outcome) -> None:
    """Take down whether a host's config is the one that it has here."""
    name = outcome.host.name
    what, source = f"config of {name}", f"{HOSTS_FOLDER}/{name}"
    found.findings += [item for item in outcome.findings if item.severity is Severity.ERROR]
    if outcome.ignition is None:
        found.add(what, source, State.LOST, "it is refused")
        return
    same = here.configs.get(name, outcome.ignition).sha256 == outcome.ignition.sha256
    state = State.RECOVERED if same else State.OTHER
    found.add(what, source, state, outcome.ignition.sha256)


def _machines(found: Rehearsal, project: Project, options: Options) -> None:
    """Boot the simulated machines of the clone and check them."""
    try:
        with step("Boot and check"), up(project, options) as simulation:
            proofs = prove(project, simulation)
    except HabitatError:
        raise
    except ToolboxError as error:
        found.failure = error
        found.add("machines", HOSTS_FOLDER, State.FAILED, error.message.splitlines()[0])
        return
    for machine in simulation.machines:
        own = [proof for proof in proofs if proof.machine == machine.host.name]
        good = sum(proof.ok for proof in own)
        state = State.RECOVERED if good == len(own) else State.FAILED
        detail = f"{machine.action}, {good} of {len(own)} checks passed"
        found.add(f"machine {machine.host.name}", HOSTS_FOLDER, state, detail)
    failed = [proof for proof in proofs if not proof.ok]
    if failed:
        lines = [f"{proof.machine}: {proof.title}\n{proof.message}" for proof in failed]
        message = "\n".join((f"{len(failed)} of {len(proofs)} checks failed", *lines))
        found.failure = ToolboxError(message, hint="invoke sim boots the machine to look at it")


def _name(vault: Vault, path: Path) -> str:
    return str(path.relative_to(vault.root))
