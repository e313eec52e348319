"""The secrets of a project from the first key to the last person, as they are called on a terminal.

The tests of this module are one story and run in the order in which they stand.
"""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import termios
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import toolbox
from toolbox.lib.stack import workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [
    pytest.mark.engine,
    pytest.mark.story,
    pytest.mark.needs("pulumi", "plugins", "age", "ssh-keygen", "git"),
    pytest.mark.timeout(900),
]

CALL = "from toolbox.tasks.program import main; import sys; main(['invoke', *sys.argv[1:]])"
QUESTION = re.compile(r"Enter (?:old )?passphrase")
WORD = "a-passphrase-of-ana"
SECURITY_KEY = (
    "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIJ27pSvqm8NYtkLO8kAI"
    "H0sWbVBoFYGD+1mvaAZxG0ydAAAABHNzaDo= token"
)
SECONDS = 300


@dataclass(frozen=True)
class Ended:
    """What a call came to: how often it asked for a passphrase, too."""

    code: int
    out: str
    shown: str

    @property
    def asked(self) -> int:
        """How often a passphrase was asked for."""
        return len(QUESTION.findall(self.shown))

    @property
    def items(self) -> list[dict[str, Any]]:
        """The items of the JSON that it printed."""
        items: list[dict[str, Any]] = json.loads(self.out)["items"]
        return items


@dataclass
class Desk:
    """A person's computer with a project on it.

    Attributes:
        folder: All of it.
        people: Key pairs, by name.
        kept: What the story remembers.
    """

    folder: Path
    people: dict[str, Any]
    kept: dict[str, str] = field(default_factory=dict)

    @property
    def project(self) -> Path:
        """The project."""
        return self.folder / "shop"

    def call(self, *words: str, person: str = "ana", place: Path | None = None) -> Ended:
        """Call a task on a terminal, and type the passphrase as often as it is asked for."""
        out = self.folder / "out"
        environment = {
            "HOME": str(self.folder),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(toolbox.__file__).parents[1]),
            "INFRA_IDENTITY": str(self.people[person].path),
            "INFRA_PULUMI_PLUGINS": os.environ.get("INFRA_PULUMI_PLUGINS", workspace.PLUGINS),
            "XDG_RUNTIME_DIR": str(self.folder / "run"),
            "TMPDIR": str(self.folder / "tmp"),
            "TERM": "dumb",
        }
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(place or self.project)
            os.dup2(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 1)
            os.execve(sys.executable, [sys.executable, "-P", "-c", CALL, *words], environment)
        shown = _typed(terminal)
        _pid, status = os.waitpid(child, 0)
        os.close(terminal)
        print(shown)  # shown by pytest when the test fails
        return Ended(os.waitstatus_to_exitcode(status), out.read_text(errors="replace"), shown)

    def git(self, *words: str) -> str:
        """Run git in the project."""
        own = ["-c", "user.name=ana", "-c", "user.email=ana@example.org"]
        done = subprocess.run(
            ["git", *own, *words], cwd=self.project, capture_output=True, text=True, check=True
        )
        return done.stdout

    def changed(self) -> list[str]:
        """Commit what changed since the last commit; return its paths."""
        self.git("add", "--all")
        paths = self.git("diff", "--cached", "--name-only").split()
        self.git("commit", "-q", "--allow-empty", "-m", "state")
        return paths


def _typed(terminal: int) -> str:
    """Type the passphrase at each question; return what the terminal showed."""
    shown, answered = "", 0
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            more = os.read(terminal, 10000)
        except OSError:
            break
        shown += more.decode(errors="replace")
        if len(QUESTION.findall(shown)) > answered:
            # Reason: the question is there a moment before the terminal hides what is typed.
            while termios.tcgetattr(terminal)[3] & termios.ECHO and time.monotonic() < deadline:
                time.sleep(0.01)
            answered += 1
            os.write(terminal, f"{WORD}\n".encode())
    return shown


@pytest.fixture(scope="module")
def desk(pair: Callable[..., Any]) -> Iterator[Desk]:
    """Return a computer with a project that has one host, a client and a shared key."""
    # Reason: names of sockets are limited to 107 bytes, and pytest's folders are deep.
    folder = Path(tempfile.mkdtemp(prefix="secrets-"))
    people = {
        "ana": pair("ana", passphrase=WORD),
        "bob": pair("bob", "rsa"),
        "cleo": pair("cleo", "age"),
        "dora": pair("dora", "ecdsa"),
    }
    made = Desk(folder, people)
    for name in ("shop/hosts", "run", "tmp"):
        (folder / name).mkdir(parents=True, mode=0o700)
    settings = "name: shop\nidentity: {clients: [till], tsig: [transfer]}\n"
    (made.project / "project.yaml").write_text(settings)
    (made.project / "hosts/web.yaml").write_text("")
    lines = [people["ana"].line, people["dora"].line, SECURITY_KEY]
    (made.project / "authorized_keys").write_text("".join(f"{line}\n" for line in lines))
    made.git("init", "-q")
    yield made
    shutil.rmtree(folder)


def test_init(desk: Desk) -> None:
    """The passphrase is sealed to who can decrypt; who cannot is told why."""
    done = desk.call("secret.init")

    assert (done.code, done.asked) == (0, 0), done.shown
    assert "age has no encryption to ECDSA keys" in done.shown
    assert "a security key signs and cannot decrypt" in done.shown
    assert [line.split()[0] for line in done.out.splitlines()[2:]] == ["ana"]
    assert "state/pulumi/prod.passphrase.age" in desk.changed()


def test_identity(desk: Desk) -> None:
    """Keys are made with one question, and once they are made nothing changes in git."""
    made = desk.call("identity.up", "--stack", "prod")
    first = desk.changed()
    # Reason: another clone does not have what only this computer remembers.
    for path in desk.project.rglob("*.settled"):
        path.unlink()
    again = desk.call("identity.up", "--stack", "prod")

    assert (made.code, made.asked) == (0, 1), made.shown
    assert "state/pulumi/.pulumi/stacks/shop/prod-identity.json" in first
    assert (again.code, again.asked) == (0, 1), again.shown
    assert desk.changed() == []


def test_export(desk: Desk) -> None:
    """Exports are made with one question, and the same ones are left as they are."""
    made = desk.call("identity.export", "--stack", "prod", "--json")
    first = desk.changed()
    again = desk.call("identity.export", "--stack", "prod", "--json")

    sealed = [item["file"] for item in made.items if item["sealed"]]
    assert (made.code, made.asked) == (0, 1), made.shown
    assert len(sealed) == 5
    assert len(first) == len(made.items)
    assert (again.code, again.asked) == (0, 1), again.shown
    assert again.items == made.items
    assert desk.changed() == []


def test_people_come(desk: Desk) -> None:
    """Who is added opens passphrase, stacks and exports; others than these cannot be added."""
    for name in ("bob", "cleo"):
        added = desk.call("secret.add", desk.people[name].line)
        assert (added.code, added.asked) == (0, 1), added.shown
        assert f"can open the secrets now: {name}" in added.shown
    desk.changed()
    for name, reason in (("dora", "ECDSA"), ("token", "a security key signs")):
        line = SECURITY_KEY if name == "token" else desk.people[name].line
        refused = desk.call("secret.add", line)
        assert (refused.code, reason in refused.shown) == (4, True), refused.shown
    assert desk.changed() == []

    for name in ("bob", "cleo"):
        file = "state/pulumi/prod.passphrase.age"
        opened = desk.call("secret.show", file, person=name)
        shown = desk.call("identity.show", "--stack", "prod", person=name)
        assert (opened.code, opened.asked, len(opened.out)) == (0, 0, 43), opened.shown
        assert (shown.code, "web" in shown.out) == (0, True), shown.shown
        desk.kept["passphrase"] = opened.out
    export = "state/files/prod/tsig/transfer.conf.age"
    assert "secret" in desk.call("secret.show", export, person="bob").out


def test_renewal(desk: Desk) -> None:
    """What is made anew is another one, and of the exports only what has it."""
    done = desk.call("identity.renew", "transfer", "--keys", "--yes", "--stack", "prod", "--json")
    exported = desk.call("identity.export", "--stack", "prod")

    assert (done.code, done.asked) == (0, 1), done.shown
    assert exported.asked == 1
    files = [path for path in desk.changed() if "/files/" in path]
    assert files == [f"state/files/prod/tsig/transfer.{form}.age" for form in ("conf", "yaml")]


def test_audit(desk: Desk) -> None:
    """None of all that stands in clear anywhere; the audit asks once."""
    done = desk.call("secret.audit", "--json")

    assert (done.code, done.asked) == (0, 1), done.shown
    names = {item["name"] for item in done.items}
    assert f"git history of {desk.project}" in names
    number = re.search(r"none of (\d+) secrets stands in clear", done.shown)
    assert number
    assert int(number[1]) > 10


def test_somebody_goes(desk: Desk) -> None:
    """Who is removed opens nothing of the new commit, neither by key nor by the old passphrase."""
    before = desk.git("rev-parse", "HEAD").strip()
    done = desk.call("secret.remove", "bob", "--json")
    desk.changed()

    assert (done.code, done.asked) == (0, 1), done.shown
    (item,) = done.items
    assert (item["went"], item["rotated"], item["stacks"]) == (["bob"], True, ["prod-identity"])
    known = {(one["kind"], one["name"]) for one in item["known"]}
    assert ("login", "core on all machines") in known
    assert ("file", "state/files/prod/clients/till.p12.age") in known
    assert any(kind == "secret" and "provision" in name for kind, name in known)
    clone = desk.folder / "clone"
    desk.git("clone", "-q", str(desk.project), str(clone))
    sealed = sorted(clone.rglob("*.age"))
    assert len(sealed) == 6
    for path in sealed:
        refused = desk.call("secret.show", str(path), person="bob", place=clone)
        assert (refused.code, refused.out) == (4, ""), refused.shown
    assert _state_opens(desk, clone, desk.kept["passphrase"]) is False
    subprocess.run(["git", "-C", clone, "checkout", "-q", before], check=True)
    assert _state_opens(desk, clone, desk.kept["passphrase"]) is True
    shutil.rmtree(clone)


def _state_opens(desk: Desk, root: Path, passphrase: str) -> bool:
    """Tell whether a passphrase opens the state of a project; what it shows stays here."""
    del desk
    from toolbox.lib.core.errors import ToolboxError
    from toolbox.lib.core.secret import Secret
    from toolbox.lib.stack import sealed
    from toolbox.lib.stack.workspace import Workspace

    opened = Workspace("shop", root / "state/pulumi", Secret(passphrase))
    try:
        return bool(sealed.values(opened, "prod-identity"))
    except ToolboxError as error:
        assert "incorrect passphrase" in error.message  # noqa: PT017 - else it says nothing
        return False


def test_rekey(desk: Desk) -> None:
    """A new passphrase on request, with one question, and those who stay open all of it."""
    done = desk.call("secret.rekey", "--rotate", "--json")
    desk.changed()

    assert (done.code, done.asked) == (0, 1), done.shown
    assert done.items[0]["rotated"] is True
    assert desk.call("identity.show", "--stack", "prod", person="cleo").code == 0
    assert desk.call("identity.up", "--stack", "prod").code == 0
    assert desk.changed() == []
    clean = desk.call("secret.audit")
    assert (clean.code, clean.asked) == (0, 1), clean.shown
    assert WORD not in clean.shown
