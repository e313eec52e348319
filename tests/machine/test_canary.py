"""Known secrets are put in wherever one can be, and then looked for in all that was written.

What is written: state and its history, git, words and data of all tasks, logs and consoles,
arguments of processes while tasks run, temporary folders, and what everybody can read of a real
machine's config while the secret part of it is served.
"""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from toolbox.lib.core.files import runtime_dir
from toolbox.lib.core.secret import Secret
from toolbox.lib.core.wait import until
from toolbox.lib.inventory.load import load
from toolbox.lib.simulation import ports
from toolbox.lib.stack import exposure
from toolbox.lib.vault import audit, identities, store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Sandbox

    from toolbox.lib.vault.audit import Canary

pytestmark = [
    pytest.mark.machine,
    pytest.mark.needs("age", "git", "ssh-keygen"),
    pytest.mark.timeout(900),
]

EXPORTED = "canary-of-an-export-3f9c1b"
TOKEN = "canary-of-a-token-77ab20"
KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*-----", re.DOTALL)
CALLS = (
    ("project.check", "--json"),
    ("host.render", "hello"),
    ("host.ignition", "hello", "--json"),
    ("host.why", "/etc/ssh/ssh_host_ed25519_key", "--json"),
    ("sim.preview", "--json"),
    ("sim", "--json"),
    ("sim.show",),
    ("sim.show", "--json"),
    ("sim.list", "--json"),
    ("sim.status", "--json"),
    ("sim.logs", "hello"),
    ("sim.ssh", "hello", "--", "true"),
    ("secret.show", "--json"),
    ("identity.up", "--stack", "prod", "--json"),
    ("identity.show", "--stack", "prod", "--json"),
    ("identity.export", "--stack", "prod", "--json"),
    ("identity.renew", "hello", "--keys", "--stack", "prod", "--yes", "--json"),
    ("prod.ignition", "hello", "--address", "127.0.0.1"),
    ("secret.rekey", "--rotate", "--json"),
    ("secret.audit", "--json"),
    ("doctor", "--json"),
)


@dataclass
class Written:
    """What tasks wrote and what could be seen while they ran.

    Attributes:
        secrets: The secrets that were put in, or made.
        said: What each call printed.
        arguments: Those of all processes that were seen.
        served: The config that a machine has fetched, which is secret.
    """

    secrets: dict[str, Secret] = field(default_factory=dict)
    said: dict[str, bytes] = field(default_factory=dict)
    arguments: set[bytes] = field(default_factory=set)
    served: bytes = b""

    @property
    def canaries(self) -> tuple[Canary, ...]:
        """What to look for."""
        return audit.canaries(self.secrets)[0]


def _sample(seen: set[bytes], ended: threading.Event) -> None:
    while not ended.wait(0.1):
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                seen.add(path.read_bytes())
            except OSError:
                continue


@contextmanager
def _sampled(seen: set[bytes]) -> Iterator[None]:
    """Look at the arguments of all processes for as long as the block runs."""
    ended = threading.Event()
    watcher = threading.Thread(target=_sample, args=(seen, ended))
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _own(text: str) -> Iterator[str]:
    """Yield the private keys in the outputs of a stack."""
    # Reason: outputs are JSON inside of JSON, so a line end is escaped more than once.
    yield from KEY.findall(re.sub(r"\\+n", "\n", text))


@pytest.fixture(scope="module")
def written(sandbox: Sandbox, pair: Callable[..., Any]) -> Written:
    """What the tasks of a project with secrets wrote, its machine still running."""
    key = pair("operator")
    home = sandbox.root.parent / "home"
    home.mkdir()
    made = Written()
    (sandbox.root / "authorized_keys").write_text(f"{key.line}\n")
    (sandbox.root / ".env").write_text(f"INFRA_IDENTITY={key.path}\nAPI_TOKEN={TOKEN}\n")
    (sandbox.root / ".gitignore").write_text(".env\n")
    _git(sandbox.root, "init", "-q")
    assert sandbox.invoke("secret.init").code == 0
    _export(sandbox)
    _commit(sandbox.root)
    first = sandbox.invoke("secret.show", "state/pulumi/prod.passphrase.age").out
    with _sampled(made.arguments):
        for words in CALLS:
            answer = sandbox.invoke(*words)
            assert answer.code == 0, answer.err
            made.said[" ".join(words)] = f"{answer.out}\n{answer.err}".encode()
            _commit(sandbox.root)
        _serve(sandbox, made)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INFRA_STATE", str(sandbox.state))
        patch.setenv(identities.VARIABLE, str(key.path))
        real = exposure.secrets(load(sandbox.root).name, store.vault(sandbox.root))
    long = {canary.name for canary in audit.canaries(real)[0]}
    made.secrets |= {name: secret for name, secret in real.items() if secret and name in long}
    second = sandbox.invoke("secret.show", "state/pulumi/prod.passphrase.age").out
    assert first != second
    shown = sandbox.invoke("sim.show", "--json", "--secrets").out
    own = {f"key {number} of the stacks": text for number, text in enumerate(_own(shown))}
    assert len(own) >= 3
    texts = {"first passphrase": first, "second passphrase": second, "token": TOKEN, **own}
    made.secrets |= {name: Secret(text) for name, text in texts.items()}
    made.secrets["export"] = Secret(EXPORTED)
    made.secrets["operator's key"] = Secret(key.path.read_text())
    return made


def _export(sandbox: Sandbox) -> None:
    """Seal a file as a task that exports one does."""
    from toolbox.lib.vault import store

    store.export(store.vault(sandbox.root), "client", Secret(EXPORTED))
    store.publish(store.vault(sandbox.root), "note", b"for everybody")


def _serve(sandbox: Sandbox, made: Written) -> None:
    """Serve the config of a real machine, fetch it as the machine does, and keep what was said."""
    port = ports.choose(0, ())
    there = ("hello", "--address", "127.0.0.1", "--port", str(port))
    bootstrap = sandbox.invoke("prod.ignition", *there, "--json")
    assert bootstrap.code == 0, bootstrap.err
    made.said["prod.ignition --json"] = f"{bootstrap.out}\n{bootstrap.err}".encode()
    (item,) = bootstrap.json["items"]
    # Reason: people keep it in the project, as it is said to hold no secret.
    (sandbox.root / "hello.ign").write_text(json.dumps(item["ignition"]))
    serving = sandbox.start("prod.serve", *there, "--deadline", "120", "--json")
    made.served = until(
        lambda _last: _fetched(item), deadline=100, interval=0.2, what="prod.serve to answer"
    )
    said = serving.communicate(timeout=120)[0]
    assert serving.returncode == 0, said
    made.said["prod.serve --json"] = said.encode()
    _commit(sandbox.root)


def _fetched(item: dict[str, Any]) -> bytes | None:
    """Return what a machine gets that has a bootstrap config; None while nobody listens."""
    (merged,) = item["ignition"]["ignition"]["config"]["merge"]
    with urlopen(merged["source"]) as answer:
        tls = json.load(answer)["ignition"]["security"]["tls"]
    with urlopen(tls["certificateAuthorities"][0]["source"]) as answer:
        trusted = ssl.create_default_context(cadata=answer.read().decode())
    asked = Request(item["url"], headers=item["headers"])
    try:
        with urlopen(asked, context=trusted, timeout=60) as answer:
            return bytes(answer.read())
    except URLError as error:
        assert isinstance(error.reason, ConnectionRefusedError)  # noqa: PT017 - else it is wrong
        return None


def _git(root: Path, *words: str) -> None:
    own = ["-c", "user.name=me", "-c", "user.email=me@example.org"]
    subprocess.run(["git", *own, "-C", root, *words], check=True, capture_output=True)


def _commit(root: Path) -> None:
    _git(root, "add", "--all")
    _git(root, "commit", "-q", "--allow-empty", "-m", "state")


def test_canaries_sing(written: Written, tmp_path: Path) -> None:
    """What is looked for is found where it really stands."""
    text = "\n".join(secret.reveal() for secret in written.secrets.values())
    (tmp_path / "all").write_text(text)

    _place, leaks = audit.files(tmp_path, written.canaries)

    assert {leak.secret for leak in leaks} == set(written.secrets)


def test_served(written: Written) -> None:
    """The config that was handed over has the machine's keys; what everybody may read has none."""
    found = {leak.secret for leak in audit.search(written.served, written.canaries, "served")}
    said = written.said["prod.serve --json"]

    assert len({name for name in found if ".hosts" in name}) == 2, found
    assert b"infra-toolbox/prod.serve/1" in said
    assert b"PRIVATE" not in said


def test_words_and_data(written: Written) -> None:
    """No task prints a secret, neither as words nor as data."""
    leaks = [
        leak
        for call, said in written.said.items()
        for leak in audit.search(said, written.canaries, call)
    ]

    assert leaks == []
    assert b"infra-toolbox/sim/1" in written.said["sim --json"]


def test_arguments(written: Written) -> None:
    """No process has a secret among its arguments at any time."""
    joined = b"\n".join(sorted(written.arguments))

    assert b"qemu-system" in joined
    assert audit.search(joined, written.canaries, "arguments") == []


def test_git(written: Written, sandbox: Sandbox) -> None:
    """Nothing that was ever committed has a secret in clear."""
    place, leaks = audit.history(sandbox.root, written.canaries)

    assert place.searched > 10
    assert leaks == []


def test_files(written: Written, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file of project, state, sockets and temporary folders has a secret in clear."""
    monkeypatch.setattr(audit, "LARGEST", 1 << 30)
    # Reason: these are the machine, which has its own keys.
    machine = [path for path in sandbox.state.rglob("*") if path.suffix == ".qcow2"]
    machine += [path for path in sandbox.state.rglob("memory") if path.is_file()]
    places = [
        audit.files(sandbox.root, written.canaries, except_=[sandbox.root / ".env"]),
        audit.files(sandbox.state, written.canaries, except_=machine),
        audit.files(runtime_dir(), written.canaries),
    ]
    tests = list(Path(tempfile.gettempdir()).glob("pytest-*"))
    places.append(audit.files(Path(tempfile.gettempdir()), written.canaries, except_=tests))

    assert machine
    assert [leaks for _place, leaks in places] == [[]] * 4
    assert all(place.left_out == 0 for place, _leaks in places[:3])


def test_console(written: Written, sandbox: Sandbox) -> None:
    """The console tells the whole boot and no secret."""
    consoles = [path.read_bytes() for path in sandbox.state.rglob("console/*.log")]

    assert len(consoles) == 1
    assert len(consoles[0]) > 1000
    assert audit.search(consoles[0], written.canaries, "console") == []
