"""Sealing and opening by the real program, with keys as people have them."""

from __future__ import annotations

import base64
import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import toolbox
from toolbox.lib.core.errors import HabitatError, UsageError, VerificationError
from toolbox.lib.core.secret import Secret
from toolbox.lib.vault import age, identities, unlock
from toolbox.lib.vault.recipients import read

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.needs("age", "ssh-keygen")
TEXT = "correct horse battery staple"
QUESTION = re.compile(rb"Enter (?:old )?passphrase")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the home of a person who has no key yet and no agent."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.delenv(identities.VARIABLE, raising=False)
    (tmp_path / ".ssh").mkdir()
    return tmp_path


@pytest.fixture
def sealed(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that seals the text to some key pairs."""

    def seal(*pairs: Any) -> Path:
        path = tmp_path / "text.age"
        lines = "\n".join(pair.line for pair in pairs)
        path.write_bytes(age.seal(Secret(TEXT), read(lines, "keys").recipients))
        return path

    return seal


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "age"])
def test_r_2_3_encrypted_local_export_every_recipient(
    pair: Callable[..., Any],
    sealed: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    """Not only the first key opens what is sealed to several."""
    pairs = {name: pair(f"person-{name}", name) for name in ("ed25519", "rsa", "age")}
    path = sealed(*pairs.values())
    monkeypatch.setenv(identities.VARIABLE, str(pairs[kind].path))

    assert age.unseal(path) == TEXT.encode()
    assert TEXT.encode() not in path.read_bytes()


def test_usual_keys(home: Path, pair: Callable[..., Any], sealed: Callable[..., Path]) -> None:
    """The usual files of ssh are tried, each; a key that is not meant does no harm."""
    mine, other = pair("ana", "rsa"), pair("ana-too")
    (home / ".ssh/id_rsa").write_bytes(mine.path.read_bytes())
    (home / ".ssh/id_ed25519").write_bytes(other.path.read_bytes())

    assert age.unseal(sealed(mine)) == TEXT.encode()


def test_binary(pair: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sealed comes back byte for byte."""
    someone = pair("ana")
    data = bytes(range(256)) * 1000
    path = tmp_path / "x.age"
    path.write_bytes(age.seal(data, read(someone.line, "keys").recipients))
    monkeypatch.setenv(identities.VARIABLE, str(someone.path))

    assert age.unseal(path) == data


def test_nobody() -> None:
    """Nothing is sealed to nobody."""
    with pytest.raises(VerificationError, match="to nobody"):
        age.seal(Secret(TEXT), ())


def test_stranger(
    pair: Callable[..., Any], sealed: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that it is not sealed to opens nothing; which one was tried is said."""
    stranger = pair("eve")
    monkeypatch.setenv(identities.VARIABLE, str(stranger.path))

    with pytest.raises(VerificationError, match="none of the keys here opens") as caught:
        age.unseal(sealed(pair("ana")))
    assert str(stranger.path) in caught.value.message
    assert "secret.add" in str(caught.value.hint)
    assert caught.value.exit_code == 4


@pytest.mark.usefixtures("home")
def test_no_key(pair: Callable[..., Any], sealed: Callable[..., Path]) -> None:
    """A person without a key is told which ones are looked for."""
    with pytest.raises(VerificationError, match="there is no key here") as caught:
        age.unseal(sealed(pair("ana")))
    assert "id_ed25519" in str(caught.value.hint)
    assert "agent" not in str(caught.value.hint)


@pytest.mark.usefixtures("home")
def test_agent_only(
    pair: Callable[..., Any],
    sealed: Callable[..., Path],
    fake: Callable[[str, str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whose key is in an agent only is told why that does not do, and what does."""
    someone = pair("ana")
    path = sealed(someone)
    fake("ssh-add", f"echo '{someone.line}'")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")

    with pytest.raises(VerificationError) as caught:
        age.unseal(path)
    assert "an ssh agent signs and cannot decrypt" in str(caught.value.hint)
    assert "age-keygen" in str(caught.value.hint)


def test_spoiled(
    pair: Callable[..., Any], sealed: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was changed is refused, and what is no sealed file at all, too."""
    someone = pair("ana")
    path = sealed(someone)
    monkeypatch.setenv(identities.VARIABLE, str(someone.path))
    lines = path.read_text().splitlines()
    data = bytearray(base64.b64decode("".join(lines[1:-1])))
    data[-1] ^= 1
    path.write_bytes(data)

    with pytest.raises(VerificationError, match="was not opened"):
        age.unseal(path)
    path.write_text("hello")
    with pytest.raises(VerificationError, match="not sealed"):
        age.unseal(path)


def test_may_open(pair: Callable[..., Any], sealed: Callable[..., Path]) -> None:
    """The clear part of a sealed file tells for which ssh keys it is."""
    ana, eve, native = pair("ana"), pair("eve"), pair("cleo", "age")
    data = sealed(ana).read_bytes()
    mine, hers, any_ = (identities.examine(one.path) for one in (ana, eve, native))
    assert mine is not None
    assert hers is not None
    assert any_ is not None

    assert age.may_open(mine, data)
    assert not age.may_open(hers, data)
    assert age.may_open(any_, data)
    assert age.opens(data, [hers, mine])
    assert not age.opens(data, [hers, any_])
    assert not age.is_sealed(data[:-5])


ASK = """
import sys
from pathlib import Path
from toolbox.lib.vault import age
for _ in range(3):
    print("opened", age.unseal(Path(sys.argv[1])) == sys.argv[2].encode())
"""


def _on_terminal(home: Path, path: Path, typed: str) -> str:
    """Open a file on a terminal, type a passphrase once asked; return what the terminal showed."""
    environment = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(toolbox.__file__).parents[1]),
        "TERM": "dumb",
    }
    child, terminal = pty.fork()
    if child == 0:
        words = [sys.executable, "-c", ASK, str(path), TEXT]
        os.execve(sys.executable, words, environment)
    shown, asked = b"", False
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            more = os.read(terminal, 1000)
        except OSError:
            break
        if not more:
            break
        shown += more
        if QUESTION.search(shown) and not asked:
            # Reason: the question is there a moment before the terminal hides what is typed.
            while termios.tcgetattr(terminal)[3] & termios.ECHO and time.monotonic() < deadline:
                time.sleep(0.01)
            asked = True
            os.write(terminal, f"{typed}\n".encode())
    os.waitpid(child, 0)
    os.close(terminal)
    return shown.decode()


@pytest.mark.parametrize("typed", ["hunter2", "wrong"])
@pytest.mark.parametrize("wish", [("ed25519",), ("rsa", "-m", "PEM"), ("rsa",)])
def test_passphrase_on_terminal(
    home: Path,
    pair: Callable[..., Any],
    sealed: Callable[..., Path],
    wish: tuple[str, ...],
    typed: str,
) -> None:
    """The passphrase of a protected key is asked for once for several files, and not shown."""
    someone = pair("ana", *wish, passphrase="hunter2")
    own = home / ".ssh/id_ed25519"
    own.write_bytes(someone.path.read_bytes())

    shown = _on_terminal(home, sealed(someone), typed)

    assert shown.count("opened True") == (3 if typed == "hunter2" else 0), shown
    assert ("VerificationError" in shown) == (typed == "wrong"), shown
    assert len(QUESTION.findall(shown.encode())) == 1
    assert str(own) in shown
    assert typed not in shown
    assert TEXT not in shown
    assert own.read_bytes() == someone.path.read_bytes()
    assert sorted((home / ".ssh").iterdir()) == [own]


def test_protected_key_of_age(
    home: Path, pair: Callable[..., Any], sealed: Callable[..., Path]
) -> None:
    """A key of age in a file that a passphrase seals is opened once, too."""
    someone = pair("cleo", "age")
    own = home / ".ssh/id_ed25519"
    words = ["age", "--encrypt", "--passphrase", "-o", str(own), str(someone.path)]
    child, terminal = pty.fork()
    if child == 0:
        os.execvp("age", words)
    with os.fdopen(terminal, "r+b", buffering=0) as typist:
        for _ in range(2):
            _await_question(terminal)
            typist.write(b"hunter2\n")
        os.waitpid(child, 0)

    shown = _on_terminal(home, sealed(someone), "hunter2")

    assert shown.count("opened True") == 3, shown
    assert len(QUESTION.findall(shown.encode())) == 1


def _await_question(terminal: int) -> None:
    """Wait until a program on a terminal asks for a passphrase and hides what is typed."""
    shown = b""
    while not shown.rstrip().endswith(b":"):
        assert select.select([terminal], [], [], 60)[0]
        shown += os.read(terminal, 1000)
    while termios.tcgetattr(terminal)[3] & termios.ECHO:
        time.sleep(0.01)


@pytest.mark.parametrize("kinds", [("ed25519",), ("ed25519", "rsa", "age"), ("age", "age2")])
def test_may_be_for(pair: Callable[..., Any], kinds: tuple[str, ...]) -> None:
    """For whom a file is sealed is seen by its beginning: ssh keys by name, others by number."""
    lines = [pair(f"person-{kind}", kind.rstrip("2")).line for kind in kinds]
    people = read("\n".join(lines), "keys").recipients
    stranger = read(pair("eve").line, "keys").recipients
    data = age.seal(Secret(TEXT), people)

    assert age.may_be_for(data, people)
    assert age.may_be_for(data, people[::-1])
    assert not age.may_be_for(data, people[1:])
    assert not age.may_be_for(data, (*people, *stranger))
    assert not age.may_be_for(data, (*stranger, *people[1:]))
    assert not age.may_be_for(b"hello", people)


def test_passphrase_without_terminal(
    home: Path,
    pair: Callable[..., Any],
    sealed: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where nobody can be asked it is said, and nothing waits."""
    someone = pair("ana", passphrase="hunter2")
    (home / ".ssh/id_ed25519").write_bytes(someone.path.read_bytes())
    monkeypatch.setattr(unlock, "TERMINAL", "/no/terminal")

    with pytest.raises(HabitatError, match="has a passphrase") as caught:
        age.unseal(sealed(someone))
    assert identities.VARIABLE in str(caught.value.hint)


def test_protected_stranger(
    home: Path, pair: Callable[..., Any], sealed: Callable[..., Path]
) -> None:
    """Nobody is asked for the passphrase of a key that does not open it anyway."""
    someone = pair("eve", passphrase="hunter2")
    (home / ".ssh/id_ed25519").write_bytes(someone.path.read_bytes())

    with pytest.raises(VerificationError, match="none of the keys here"):
        age.unseal(sealed(pair("ana")))


def test_secret_is_in_no_argument(
    pair: Callable[..., Any], fake: Callable[[str, str], Path], tmp_path: Path
) -> None:
    """What is sealed is in no argument and no environment of age."""
    seen = tmp_path / "seen"
    fake("age", f'{{ echo "$@"; env; }} >{seen}; cat >/dev/null; echo sealed')

    age.seal(Secret(TEXT), read(pair("ana").line, "keys").recipients)

    assert "--recipient" in seen.read_text()
    assert TEXT not in seen.read_text()


def test_identity_of_the_variable(
    home: Path, pair: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable names one file, from the home if one likes, which has to be a key."""
    someone = pair("ana")
    (home / "mine").write_bytes(someone.path.read_bytes())
    monkeypatch.setenv(identities.VARIABLE, "~/mine")

    (identity,) = identities.found()

    assert identity.path == home / "mine"
    assert identity.public == someone.line.split()[1]
    for wrong in ("~/none", "~", "~/.ssh"):
        monkeypatch.setenv(identities.VARIABLE, wrong)
        with pytest.raises(UsageError, match="no private key"):
            identities.found()


def test_formats(tmp_path: Path, pair: Callable[..., Any]) -> None:
    """Of each format it is known whether it is protected."""
    clear = pair("a", "rsa", "-m", "PEM")
    closed = pair("b", "rsa", "-m", "PEM", passphrase="hunter2")
    native = pair("c", "age")
    public = read(clear.line, "keys").recipients
    locked = tmp_path / "locked.age"
    locked.write_bytes(age.seal(native.path.read_bytes(), public))
    found = {
        path.name: identities.examine(path)
        for path in (clear.path, closed.path, native.path, locked, clear.path.with_suffix(".pub"))
    }

    protected = [one.protected if one else None for one in found.values()]
    assert protected == [False, True, False, True, None]
    assert found[closed.path.name] == identities.Identity(
        closed.path, protected=True, public=closed.line.split()[1]
    )


def test_spoiled_public_key(tmp_path: Path, pair: Callable[..., Any]) -> None:
    """A file beside a key that is no public key tells nothing, and does no harm."""
    path = tmp_path / "key"
    path.write_bytes(pair("a", "rsa", "-m", "PEM").path.read_bytes())
    for text in ("ssh-rsa !!! me", "hello", ""):
        (tmp_path / "key.pub").write_text(text)
        assert identities.examine(path) == identities.Identity(path, protected=False)


@pytest.mark.parametrize("body", ["!!!!", "AAAA", "", "é"])
def test_broken_openssh(tmp_path: Path, body: str) -> None:
    """What only looks like a key is none."""
    path = tmp_path / "key"
    path.write_text(
        f"-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----\n"
    )

    assert identities.examine(path) is None
    assert subprocess.run(["ssh-keygen", "-y", "-f", path], capture_output=True).returncode  # noqa: PLW1510
