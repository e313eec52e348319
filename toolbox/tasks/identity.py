"""identity: the keys and certificates of a project and its hosts."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from invoke.collection import Collection
from invoke.tasks import task

from toolbox.tasks import consent, show

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from invoke.context import Context

    from toolbox.lib.inventory.project import Project
    from toolbox.lib.pki.expiry import Expiry
    from toolbox.lib.pki.identity import Identity
    from toolbox.lib.pki.revoke import Revocation
    from toolbox.lib.stack.kept import Kept
    from toolbox.lib.stack.workspace import Changes

SIM = "sim"
STACK = "whose keys: sim for simulated machines, or the name of a vault such as prod"
WORDS = {"create": "made", "delete": "removed"}
"""What steps of Pulumi mean to people; all others make something anew."""

HOURS = 16
"""How long a person's certificate holds by default: a working day."""


@task(help={"stack": STACK, "json": show.JSON})
def up(_context: Context, stack: str = SIM, json: bool = False) -> None:  # noqa: FBT001, FBT002
    """Make keys and certificates, and make anew what ends soon.

    Examples:
        invoke identity.up
        invoke identity.up --stack prod
    """
    project = _project()
    identity, changes = _kept(project, stack).up()
    if json:
        show.emit("identity.up", _changed(changes))
        return
    rows = _expiries(project, identity)
    show.say(f"{len(project.hosts)} hosts, {len(rows)} certificates; next to end: {_first(rows)}")
    show.next_step(f"{show.program()} identity.show tells what ends when")


@task(help={"stack": STACK, "json": show.JSON}, name="show")
def show_(_context: Context, stack: str = SIM, json: bool = False) -> None:  # noqa: FBT001, FBT002
    """Tell which certificates there are, when they end and from when on they are made anew.

    Examples:
        invoke identity.show
        invoke identity.show --stack prod --json
    """
    project = _project()
    rows = _expiries(project, _kept(project, stack).read())
    if json:
        show.emit("identity.show", [_item(row) for row in rows])
        return
    show.table(
        ("name", "kind", "state", "ends", "made anew from"),
        [
            (r.name, r.kind, r.state, f"{r.ends:%Y-%m-%d %H:%M}", f"{r.renews:%Y-%m-%d}")
            for r in rows
        ],
    )
    late = [row for row in rows if row.state != "holds" and row.kind != "extra-root"]
    if late:
        show.say(f"{len(late)} of {len(rows)} are due or have ended")
        show.next_step(f"{show.program()} identity.up{_option(stack)}")


@task(
    help={
        "to": "folder to write to; by default state/files/STACK of the project",
        "stack": STACK,
        "json": show.JSON,
    }
)
def export(
    _context: Context,
    to: str = "",
    stack: str = SIM,
    json: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Write authorities, known_hosts and anchors as files; secrets only sealed for operators.

    Examples:
        invoke identity.export --to /tmp/shop
        invoke identity.export --stack prod
    """
    from pathlib import Path

    project = _project()
    identity = _kept(project, stack).read()
    if to:
        written = list(_plain(project, identity, Path(to).expanduser().absolute()))
    else:
        written = list(_sealed(project, identity, stack))
    if json:
        show.emit("identity.export", [{"file": str(path), "sealed": s} for path, s in written])
        return
    for path, sealed in written:
        show.data(f"{path}{' (sealed)' if sealed else ''}")
    if to:
        show.say("secrets are not among them: without --to they are written, sealed for operators")
        show.next_step(f"put 'Include {Path(to).absolute()}/ssh_config' into ~/.ssh/config")


@task(
    iterable=["name"],
    help={
        "name": "hosts, clients, or authorities such as provision-ca; one or more",
        "keys": "make their keys anew, too, not only their certificates",
        "plan": "tell what would change and change nothing",
        "yes": consent.YES,
        "stack": STACK,
        "json": show.JSON,
    },
)
def renew(  # noqa: PLR0913 - a task's parameters are its options
    _context: Context,
    name: Sequence[str] | None = None,
    keys: bool = False,  # noqa: FBT001, FBT002
    plan: bool = False,  # noqa: FBT001, FBT002
    yes: bool = False,  # noqa: FBT001, FBT002
    stack: str = SIM,
    json: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Make certificates anew before their time, after showing what that changes.

    Examples:
        invoke identity.renew web
        invoke identity.renew web --keys --yes
        invoke identity.renew provision-ca --plan
    """
    from toolbox.lib.inventory.choice import parted

    wanted = parted(name or ())
    if not wanted:
        from toolbox.lib.core.errors import UsageError

        message = "what is to be made anew?"
        raise UsageError(message, hint="name hosts, clients or authorities; identity.show has them")
    project = _project()
    kept = _kept(project, stack)
    changes = kept.planned(wanted, with_keys=keys)
    if not json:
        show.table(("what", "change"), [tuple(item.values()) for item in _changed(changes)])
    if plan or not _agreed(yes=yes, json=json):
        if json:
            show.emit("identity.renew", _changed(changes))
        show.say("nothing was changed")
        show.next_step("the same with --yes does it")
        return
    changes = kept.renew(wanted, with_keys=keys)
    if json:
        show.emit("identity.renew", _changed(changes))
    touched = _touched(project, changes)
    if touched:
        words = f"{show.program()} host.apply {' '.join(touched)}"
        show.next_step(f"{words} brings them to the machines")


@task(
    help={
        "file": "ssh public key",
        "principals": "users that may be logged in as, separated by commas",
        "hours": "how long it holds",
        "stack": STACK,
        "json": show.JSON,
    },
)
def sign(
    _context: Context,
    file: str = "",
    principals: str = "core",
    hours: int = HOURS,
    stack: str = SIM,
    json: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Sign somebody's ssh key for some hours, and print the certificate.

    Examples:
        invoke identity.sign ~/.ssh/id_ed25519.pub >~/.ssh/id_ed25519-cert.pub
        invoke identity.sign guest.pub --principals core,guest --hours 2
    """
    from toolbox.lib.inventory.choice import parted
    from toolbox.lib.pki import material, ssh

    project = _project()
    line = _public_key(file)
    name = " ".join(line.split()[2:]) or file
    _refuse_revoked(project, line, name)
    identity = _kept(project, stack).read()
    users = tuple(parted([principals]))
    said = ssh.Statement(name, users, hours)
    certificate = ssh.certificate(identity.ssh.user_key, line, said, material.now())
    ends, serial = ssh.ends(certificate), ssh.read(certificate).serial
    if json:
        item = {
            "certificate": certificate,
            "principals": users,
            "ends": ends.isoformat(),
            # Reason: as a number, programs that have 53 bits for one would read another one.
            "serial": str(serial),
        }
        show.emit("identity.sign", [item])
        return
    show.data(certificate)
    show.say(f"{name} may log in as {', '.join(users)} until {ends:%Y-%m-%d %H:%M} UTC")
    show.say(f"before that, {show.program()} identity.revoke {serial} takes it back")


@task(
    help={
        "what": "serial number or name of a certificate, or the file of a key or certificate",
        "json": show.JSON,
    }
)
def revoke(_context: Context, what: str = "", json: bool = False) -> None:  # noqa: FBT001, FBT002
    """Revoke an ssh key or certificate: no machine lets it in that has its next config.

    Examples:
        invoke identity.revoke bob@example.org
        invoke identity.revoke lost-laptop.pub
        invoke identity.revoke 5577006791947779410
    """
    from toolbox.lib.core.files import write_atomic
    from toolbox.lib.inventory.project import KEYS_FILE, REVOKED_FILE
    from toolbox.lib.pki import revoke as revoking

    project = _project()
    done = revoking.plan(what, *revoking.files(project.root))
    # Reason: the order in which a cut off change leaves a key revoked rather than forgotten.
    if done.lines:
        write_atomic(project.root / REVOKED_FILE, done.revoked.encode())
    if done.went:
        write_atomic(project.root / KEYS_FILE, done.authorized.encode())
    if json:
        item = {"lines": done.lines, "from_authorized_keys": done.went}
        show.emit("identity.revoke", [item])
    _tell_revoked(project, done)


def _project() -> Project:
    from toolbox.tasks.project import current

    return current()


def _kept(project: Project, stack: str) -> Kept:
    from toolbox.lib.pki import plan
    from toolbox.lib.simulation import layout
    from toolbox.lib.stack import kept

    if stack != SIM:
        return kept.real(project, stack)
    where = layout.of(project)
    return kept.Kept(where.workspace, layout.IDENTITY, plan.of(project))


def _expiries(project: Project, identity: Identity) -> tuple[Expiry, ...]:
    from toolbox.lib.pki import expiry, material

    return expiry.of(identity, project.profile.terms, material.now())


def _first(rows: Sequence[Expiry]) -> str:
    first = next(row for row in rows if row.kind != "extra-root")
    return f"{first.kind} of {first.name} on {first.ends:%Y-%m-%d}"


def _item(row: Expiry) -> dict[str, object]:
    times = {"ends": row.ends.isoformat(), "renews": row.renews.isoformat()}
    return asdict(row) | times | {"state": str(row.state)}


def _changed(changes: Changes) -> list[dict[str, str]]:
    """Return what changes, each thing once; Pulumi names the steps in which it is done."""
    told: dict[str, str] = {}
    for name, operation in changes.resources:
        told.setdefault(name, WORDS.get(operation, "made anew"))
    return [{"what": name, "change": told[name]} for name in sorted(told)]


def _option(stack: str) -> str:
    return "" if stack == SIM else f" --stack {stack}"


def _agreed(*, yes: bool, json: bool) -> bool:
    if consent.given(yes=yes):
        return True
    return not json and consent.person() and show.ask("do that? [Y/n] ")


def _touched(project: Project, changes: Changes) -> list[str]:
    """Return the hosts whose configs have what was made anew."""
    names = [name for name, _ in changes.resources]
    return [
        host.name
        for host in project.hosts
        if any(name.startswith((f"{host.name}-tls", f"{host.name}-ssh")) for name in names)
    ]


def _plain(project: Project, identity: Identity, folder: Path) -> Iterator[tuple[Path, bool]]:
    from toolbox.lib.core.files import write_atomic
    from toolbox.lib.pki import export as files

    texts = files.public(project, identity)
    texts["ssh_config"] = files.ssh_config(project, str(folder))
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, _bytes(text))
        yield path, False


def _sealed(project: Project, identity: Identity, stack: str) -> Iterator[tuple[Path, bool]]:
    from toolbox.lib.pki import export as files
    from toolbox.lib.vault import store

    here = store.vault(project.root, stack)
    for name, text in files.public(project, identity).items():
        yield store.publish(here, name, _bytes(text)), False
    secrets = files.private(identity)
    if secrets:
        members = store.members(project.root).recipients
        for name, secret in secrets.items():
            yield store.export(here, name, secret, members), True


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _public_key(file: str) -> str:
    from pathlib import Path

    from toolbox.lib.core.errors import UsageError

    try:
        text = Path(file).expanduser().read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        message = f"{file} cannot be read" if file else "which key is to be signed?"
        raise UsageError(message, hint="name the file of a public key, id_ed25519.pub") from error
    if "PRIVATE KEY" in text:
        message = f"{file} is a private key"
        raise UsageError(message, hint=f"name its public half: {file}.pub")
    return text


def _refuse_revoked(project: Project, line: str, name: str) -> None:
    from toolbox.lib.core.errors import VerificationError
    from toolbox.lib.inventory import revocations
    from toolbox.lib.inventory.operators import bare
    from toolbox.lib.inventory.project import REVOKED_FILE

    gone = revocations.of(project.profile.revoked)
    if bare(line) in gone.keys:
        message = "this key is revoked"
        raise VerificationError(message, hint=f"{REVOKED_FILE} lists it; sign another one")
    if name in gone.names:
        message = f"all certificates of {name} are revoked"
        hint = f"{REVOKED_FILE} lists that name; the comment of the key is what it would say"
        raise VerificationError(message, hint=hint)


def _tell_revoked(project: Project, done: Revocation) -> None:
    from toolbox.lib.vault import store

    for line in done.lines:
        show.say(f"revoked: {line}")
    for line in done.went:
        show.say(f"not in authorized_keys any more: {line}")
    if not done.lines:
        show.say("that was revoked already")
    if store.differences(project.root):
        show.next_step(f"{show.program()} secret.rekey takes the secrets away, too")
    show.next_step(f"{show.program()} host.apply brings it to the machines")


ns = Collection("identity", up, show_, export, renew, sign, revoke)
