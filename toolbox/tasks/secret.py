"""secret: who can open the project's secrets, and whether one stands in clear somewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.collection import Collection
from invoke.tasks import task

from toolbox.tasks import show

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from invoke.context import Context

    from toolbox.lib.stack.rotation import Known, Outcome
    from toolbox.lib.vault.recipients import Recipient
    from toolbox.lib.vault.store import Vault

STACK = "prod"
HELP = {
    "stack": "name of what the secrets are for",
    "json": show.JSON,
}
COMMIT = "git add authorized_keys state && git commit"
STAYS = "what was read once stays known, and git keeps what the old passphrase opens"


@task(help=HELP)
def init(_context: Context, stack: str = STACK, json: bool = False) -> None:  # noqa: FBT001, FBT002
    """Make the passphrase of the project's secrets and seal it to authorized_keys.

    Examples:
        invoke secret.init
    """
    from toolbox.lib.vault import age, identities, passphrase, store

    here = _vault(stack)
    members = store.members(here.root)
    known = identities.found()
    show.findings(members.refused)
    passphrase.make(here, members.recipients)
    rows = _rows(members.recipients, members.recipients)
    if json:
        show.emit("secret.init", rows, findings=members.refused)
    else:
        _table(rows)
    show.say(f"{here.passphrase.relative_to(here.root)} can be opened by these, and nobody else")
    if not age.opens(here.passphrase.read_bytes(), known):
        show.say("none of the ssh keys here is among them")
    show.next_step(COMMIT)


@task(help={"key": "line of a .pub file, or the file; - reads the line", **HELP})
def add(
    _context: Context,
    key: str = "",
    stack: str = STACK,
    json: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Add a person's key to authorized_keys and seal the secrets to it, too.

    Examples:
        invoke secret.add bob.pub
        invoke secret.add "ssh-ed25519 AAAA… bob"
    """
    from toolbox.lib.stack import rotation
    from toolbox.lib.vault import membership

    here = _vault(stack)
    changed = membership.added(_text(here.root), _line(key))
    outcome = rotation.rekey(_project(here.root), here, keys=changed)
    _report("secret.add", here, outcome, as_json=json)


@task(help={"who": "comment, fingerprint or key of the person", **HELP})
def remove(
    _context: Context,
    who: str = "",
    stack: str = STACK,
    json: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Remove a person's keys, seal the secrets anew, and list what may still be known.

    Examples:
        invoke secret.remove bob@example.org
        invoke secret.remove SHA256:…
    """
    from toolbox.lib.core.errors import UsageError
    from toolbox.lib.stack import rotation
    from toolbox.lib.vault import membership

    if not who:
        message = "who is to be removed?"
        raise UsageError(message, hint="a comment, fingerprint or key; secret.show lists them")
    here = _vault(stack)
    project = _project(here.root)
    changed, gone = membership.removed(_text(here.root), who)
    logged_in = any(line.logs_in for line in gone)
    known = rotation.known(project, here, logged_in=logged_in)
    outcome = rotation.rekey(project, here, keys=changed)
    # Reason: whose key could only log in has opened nothing.
    told = [one for one in known if outcome.went or one.kind == "login"]
    _report("secret.remove", here, outcome, known=told, as_json=json)


@task(help={"rotate": "make a new passphrase, too", **HELP})
def rekey(
    _context: Context,
    rotate: bool = False,  # noqa: FBT001, FBT002
    stack: str = STACK,
    json: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Seal the secrets to those who are in authorized_keys now.

    The passphrase is made anew when somebody is gone from there, or when it is asked for.

    Examples:
        invoke secret.rekey
        invoke secret.rekey --rotate
    """
    from toolbox.lib.stack import rotation

    here = _vault(stack)
    project = _project(here.root)
    known = rotation.known(project, here, logged_in=True)
    outcome = rotation.rekey(project, here, rotate=rotate)
    _report("secret.rekey", here, outcome, known=known if outcome.went else (), as_json=json)


@task(name="show", help={"file": "print what is sealed in this file, in clear", **HELP})
def show_(
    _context: Context,
    file: str = "",
    stack: str = STACK,
    json: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Tell who can open the secrets, or print one sealed file in clear.

    Examples:
        invoke secret.show
        invoke secret.show state/files/prod/client.p12.age >client.p12
    """
    from toolbox.lib.vault import recipients, store

    here = _vault(stack)
    if file:
        show.data_bytes(_opened(file))
        return
    members = store.members(here.root)
    sealed = store.recorded(here)
    came, went = recipients.changes(sealed, members.recipients)
    rows = _rows(members.recipients, sealed) + _rows(went, sealed, member=False)
    if json:
        show.emit("secret.show", rows, findings=members.refused)
    else:
        _table(rows)
    show.findings(members.refused)
    for path in (here.passphrase, *here.exports()):
        if path.exists():
            show.say(f"sealed: {path.relative_to(here.root)}")
    if not here.passphrase.exists():
        show.next_step(f"{show.program()} secret.init makes the passphrase")
    elif came or went:
        show.next_step(f"{show.program()} secret.rekey seals to those in authorized_keys")


@task(help=HELP)
def audit(_context: Context, stack: str = STACK, json: bool = False) -> None:  # noqa: FBT001, FBT002
    """Look for the project's secrets in clear, packed or not: files, git, logs, processes.

    Examples:
        invoke secret.audit
    """
    from toolbox.lib.core.errors import VerificationError
    from toolbox.lib.stack import exposure
    from toolbox.lib.vault.audit import HINT, canaries

    here = _vault(stack)
    wanted, left_out = canaries(exposure.secrets(_project(here.root), here))
    for name in left_out:
        show.say(f"not looked for, as it is too short or no text: {name}")
    found = [(place, leaks) for place, leaks in exposure.search(here, wanted) if place.searched]
    places = [place for place, _leaks in found]
    findings = [leak.finding() for _place, leaks in found for leak in leaks]
    if json:
        show.emit("secret.audit", places, findings=findings, ok=not findings)
    else:
        rows = [(place.name, place.searched, place.left_out) for place in places]
        show.table(("place", "searched", "left out"), rows)
    if findings:
        message = f"secrets that stand in clear: {len(findings)}"
        raise VerificationError(message, hint=HINT, findings=findings)
    if wanted:
        show.say(f"none of {len(wanted)} secrets stands in clear")
    else:
        show.say("the project has no secrets that could stand in clear")


@task(help={"index": "file of what is staged; by default what git tells its hooks"})
def hook(_context: Context, index: str = "") -> None:
    """Refuse a commit with a plain secret in state/; git's pre-commit hook calls it.

    Examples:
        invoke secret.hook
        invoke secret.hook --index "$GIT_INDEX_FILE"
    """
    import os

    from toolbox.lib.core.errors import VerificationError
    from toolbox.lib.vault import plain

    found = plain.staged(_root(), index or os.environ.get(plain.INDEX, ""))
    if found:
        message = "this commit would have a secret in clear"
        raise VerificationError(message, hint=plain.TAKE_BACK, findings=found)
    show.say("no secret in clear is staged")


def _root() -> Path:
    from pathlib import Path

    from toolbox.lib.core.errors import UsageError
    from toolbox.lib.inventory.project import find_root

    root = find_root(Path.cwd())
    if root is None:
        message = "there is no project.yaml here or above"
        raise UsageError(message, hint="go to the folder of a project")
    return root


def _vault(stack: str) -> Vault:
    from toolbox.lib.vault import store

    return store.vault(_root(), stack)


def _project(root: Path) -> str:
    from toolbox.lib.inventory.load import load

    return load(root).name


def _text(root: Path) -> str:
    """Return the content of authorized_keys, which need not be there yet."""
    from toolbox.lib.inventory.project import KEYS_FILE

    path = root / KEYS_FILE
    return path.read_bytes().decode() if path.exists() else ""


def _line(given: str) -> str:
    """Return the key that is given as a line, as a file, or on stdin."""
    import sys
    from pathlib import Path

    if given == "-":
        return sys.stdin.read()
    named = bool(given) and " " not in given and Path(given).is_file()
    return Path(given).read_text() if named else given


def _opened(file: str) -> bytes:
    from pathlib import Path

    from toolbox.lib.core.errors import UsageError
    from toolbox.lib.vault import age

    if not Path(file).is_file():
        message = f"there is no file {file}"
        raise UsageError(message, hint="secret.show without a file lists those that are sealed")
    return age.unseal(Path(file))


def _rows(
    members: Sequence[Recipient], sealed: Sequence[Recipient], *, member: bool = True
) -> list[dict[str, object]]:
    texts = {one.text for one in sealed}
    return [
        {
            "name": one.name,
            "kind": one.kind,
            "fingerprint": one.fingerprint,
            "opens": one.text in texts,
            "member": member,
        }
        for one in members
    ]


def _table(rows: Sequence[dict[str, object]]) -> None:
    words = {True: "yes", False: "no", None: ""}
    show.table(
        ("name", "kind", "fingerprint", "can open", "in authorized_keys"),
        [[words.get(cell, cell) for cell in row.values()] for row in rows],  # type: ignore[call-overload]
    )


def _report(
    name: str, here: Vault, outcome: Outcome, *, known: Sequence[Known] = (), as_json: bool
) -> None:
    """Tell what was done, what may still be known, and what keys open nothing."""
    from toolbox.lib.vault import store

    refused = store.members(here.root).refused
    if as_json:
        item = {
            "came": [one.name for one in outcome.came],
            "went": [one.name for one in outcome.went],
            "rotated": outcome.rotated,
            "stacks": outcome.stacks,
            "files": [str(path.relative_to(here.root)) for path in outcome.files],
            "known": [{"kind": one.kind, "name": one.name, "advice": one.advice} for one in known],
        }
        show.emit(name, [item], findings=refused)
    elif known:
        rows = [(one.kind, one.name, one.advice) for one in known]
        show.table(("known", "which", "what to do"), rows)
    show.findings(refused)
    for one in outcome.came:
        show.say(f"can open the secrets now: {one.name}")
    for one in outcome.went:
        show.say(f"cannot open them any more: {one.name}")
    if outcome.rotated:
        show.say(f"there is a new passphrase; stacks sealed with it: {len(outcome.stacks)}")
    show.say(f"files sealed anew: {len(outcome.files)}")
    if outcome.went:
        show.say(STAYS)
    show.next_step(COMMIT)


ns = Collection("secret", init, add, remove, rekey, show_, audit, hook)
