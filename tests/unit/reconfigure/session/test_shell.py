"""Scripts go in whole and checked, and what they say comes back as it was said."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolbox.lib.core.errors import DeadlineError, ToolboxError
from toolbox.lib.reconfigure.session import shell as sessions
from toolbox.lib.reconfigure.session.shell import NoSession, Session, SessionCut, local, remote
from toolbox.lib.transport.ssh import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def held(tmp_path: Path, habitat: Path) -> Iterator[Session]:
    """A session for an empty folder."""
    assert habitat
    with local(tmp_path) as session:
        yield session


def test_reply(held: Session) -> None:
    """Output, complaints and exit code come back apart."""
    reply = held.run("echo out; echo err >&2; exit 3")

    assert (reply.exit_code, reply.stdout, reply.stderr) == (3, b"out\n", b"err\n")
    assert reply.complaint == "err"
    assert 0 < reply.seconds < 30


def test_scripts_do_not_touch_each_other(held: Session) -> None:
    """What a script changes of its shell, and its end, is over with it."""
    assert held.run("cd /; umask 000; x=1; exit 0").exit_code == 0

    assert held.run('echo "$x"; umask').stdout == b"\n0077\n"


def test_script_knows_its_place(held: Session) -> None:
    """It knows the folder that it is about, and has nothing to read."""
    assert held.run('printf %s "$ROOT"; cat').stdout.decode() == held.root


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 300_001])
def test_files(held: Session, size: int) -> None:
    """Files of any size are there under their hashes, and are gone with the session."""
    data = os.urandom(size)

    reply = held.run('cat "$IN"/*; echo "$IN" >&2', files=[data])

    assert reply.stdout == data


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=3000))
def test_any_bytes_come_back(held: Session, data: bytes) -> None:
    """No byte and no line of an answer is taken for its end."""
    assert held.run('cat "$IN"/*', files=[data]).stdout == data


def test_large_answer(held: Session) -> None:
    """An answer of megabytes comes back whole."""
    assert held.run("head -c 3000000 /dev/zero").stdout == bytes(3_000_000)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("stream", [1, 2])
def test_who_outlives_the_script_does_not_hide_its_end(held: Session, stream: int) -> None:
    """The end of an answer is found among what somebody says who goes on."""
    reply = held.run(f"yes more | tr -d '\\n' >&{stream} & sleep 0.1; echo said; exit 7")

    assert reply.exit_code == 7
    assert b"said\n" in reply.stdout
    assert b"more" in (reply.stdout, reply.stderr)[stream - 1]


def test_nothing_stays(tmp_path: Path, habitat: Path) -> None:
    """With the session all that was sent is gone."""
    with local(tmp_path) as session:
        session.run("true", files=[b"secret"])

    assert not [path for path in habitat.rglob("*") if path.is_file()]


def test_session_that_was_killed_is_swept(held: Session) -> None:
    """What a killed session has left is removed by the next one in the same place."""
    place = held.run('mkdir "$RUN/in.999999999"; echo secret >"$RUN/in.999999999/x"; echo "$RUN"')
    run = place.stdout.decode().strip()
    words, text = sessions._opening("", run)

    with sessions._offered("again", ["sh", "-c", words], text) as again:
        listed = again.run('ls "$RUN"').stdout.decode()

    assert "in.999999999" not in listed


def test_end_of_the_shell(held: Session) -> None:
    """A connection that ends is told, with the last words."""
    with pytest.raises(SessionCut, match="ended\nlast words") as caught:
        held.run("echo last words >&2; kill -9 $$")

    assert caught.value.hint
    with pytest.raises(SessionCut):
        held.run("true")


def test_deadline(held: Session) -> None:
    """A script that takes too long is not waited for."""
    began = time.monotonic()
    with pytest.raises(DeadlineError, match="has not answered"):
        held.run("sleep 60", deadline=0.3)

    assert time.monotonic() - began < 20


def test_damaged_request(held: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not arrive whole is not run."""
    frame = sessions._frame

    def cut(kind: str, data: bytes, mark: str) -> bytes:
        return frame(kind, data, mark)[:-1]

    monkeypatch.setattr(sessions, "_frame", cut)
    process = held.begin()
    assert process.stdin is not None
    threading.Timer(0.3, process.stdin.close).start()
    with pytest.raises(ToolboxError, match="damaged"):
        held.run(f"touch {held.root}/done #")
    assert not (Path(held.root) / "done").exists()


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_text_of_many_languages(tmp_path: Path, habitat: Path, shell: str) -> None:
    """The size of a script is that of its bytes, whatever the locale takes for a letter."""
    words, text = sessions._opening(str(tmp_path), str(habitat / "run"))
    with sessions._offered("there", [shell, "-c", words], text) as session:
        reply = session.run('echo Grüße, 日本; printf %s "$LC_ALL" >&2')
    assert reply.stdout.decode() == "Grüße, 日本\n"
    assert reply.stderr == b"C.UTF-8"


def test_file_that_arrives_damaged(held: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script does not begin when one of its files did not arrive."""
    frame = sessions._frame

    def spoiled(kind: str, data: bytes, mark: str) -> bytes:
        whole = frame(kind, data, mark)
        return whole[:-1] + b"!" if kind == "put" else whole

    monkeypatch.setattr(sessions, "_frame", spoiled)
    with pytest.raises(ToolboxError, match="damaged"):
        held.run('touch "$ROOT/done"', files=[b"abc"])

    assert held.run('ls "$ROOT"').stdout == b""


def test_remote(fake: Callable[[str, str], Path], tmp_path: Path, habitat: Path) -> None:
    """On a machine it is a root shell over one connection, by sudo unless root logs in."""
    assert habitat
    fake("sudo", f'echo "$*" >>{tmp_path}/sudo\nshift\nexec "$@"')
    fake("ssh", f'echo "$*" >>{tmp_path}/ssh\nshift $(($# - 1))\nUSER=core exec sh -c "$1"')
    config = tmp_path / "config"

    with remote(Client(config), "web", fresh=True) as session:
        assert session.root == ""
        assert session.run("echo hello; exit 4").exit_code == 4

    said = (tmp_path / "ssh").read_text()
    assert said.startswith(f"-F {config} -o ControlMaster=no -o ControlPath=none web ")
    assert len((tmp_path / "sudo").read_text()) < 200


def test_remote_without_rights(
    fake: Callable[[str, str], Path], tmp_path: Path, habitat: Path
) -> None:
    """A user without sudo is told so."""
    assert habitat
    fake("sudo", "echo 'sudo: a password is required' >&2; exit 1")
    fake("ssh", 'shift $(($# - 1))\nUSER=core exec sh -c "$1"')

    with (
        remote(Client(tmp_path / "config"), "web") as session,
        pytest.raises(SessionCut, match="a password is required") as caught,
    ):
        session.run("true")

    assert "without a password" in str(caught.value.hint)


FAILING_SSH = """
echo x >>{tmp}/tried
[ $(wc -l <{tmp}/tried) -gt 2 ] || {{ echo '{words}' >&2; exit {code}; }}
shift $(($# - 1))
USER=root exec sh -c "$1"
"""


@pytest.mark.parametrize(
    ("words", "code", "patience", "tries"),
    [
        pytest.param("kex: Connection reset by peer", 255, 60.0, 3, id="boots"),
        pytest.param("kex: Connection reset by peer", 255, 0.0, 1, id="nobody is patient"),
        pytest.param("Host key verification failed.", 255, 60.0, 1, id="somebody else"),
        pytest.param("sudo: a password is required", 1, 60.0, 1, id="no rights"),
    ],
)
def test_machine_that_is_not_there_yet(
    fake: Callable[[str, str], Path],
    tmp_path: Path,
    habitat: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    words: str,
    code: int,
    patience: float,
    tries: int,
) -> None:
    """One that may be booting is looked for again, and that is said once; any other is not."""
    assert habitat
    monkeypatch.setattr(sessions, "AGAIN_SECONDS", 0.01)
    fake("ssh", FAILING_SSH.format(tmp=tmp_path, words=words, code=code))

    with remote(Client(tmp_path / "config"), "web", patience=patience) as session:
        if tries > 1:
            assert session.run('cat "$IN"/*', files=[b"data"]).stdout == b"data"
        else:
            with pytest.raises(NoSession, match=f"no session with web\n{words}") as caught:
                session.run("true")
            assert "once more" not in str(caught.value.hint)

    assert (tmp_path / "tried").read_text().count("x") == tries
    assert capsys.readouterr().err.count("web does not answer") == (tries > 1)


def test_cut_after_the_greeting(
    fake: Callable[[str, str], Path], tmp_path: Path, habitat: Path
) -> None:
    """What may have begun is not begun again by us."""
    assert habitat
    fake("ssh", f'echo x >>{tmp_path}/tried\nshift $(($# - 1))\nUSER=root sh -c "$1"; exit 255')

    with (
        remote(Client(tmp_path / "config"), "web", patience=60.0) as session,
        pytest.raises(SessionCut, match="connection to web ended") as caught,
    ):
        session.run("kill -9 $$")

    assert not isinstance(caught.value, NoSession)
    assert "once more" in str(caught.value.hint)
    assert (tmp_path / "tried").read_text() == "x\n"


def test_shell_that_greets_by_itself(
    fake: Callable[[str, str], Path], tmp_path: Path, habitat: Path
) -> None:
    """What a login shell prints before is no part of an answer."""
    assert habitat
    fake("ssh", 'shift $(($# - 1))\necho Welcome\nUSER=root exec sh -c "$1"')

    with remote(Client(tmp_path / "config"), "web") as session:
        assert session.run("echo there").stdout == b"there\n"


def test_opening_does_not_wait(
    fake: Callable[[str, str], Path], tmp_path: Path, habitat: Path
) -> None:
    """A connection that takes its time is made while the caller does something else."""
    assert habitat
    fake("ssh", 'shift $(($# - 1))\nsleep 0.5\nUSER=root exec sh -c "$1"')
    began = time.monotonic()

    with remote(Client(tmp_path / "config"), "web") as session:
        session.begin()
        assert time.monotonic() - began < 0.5
        assert session.run("echo there").stdout == b"there\n"


def test_sessions_side_by_side(tmp_path: Path, habitat: Path) -> None:
    """Twenty sessions at once do not disturb each other."""
    assert habitat
    said: dict[int, bytes] = {}

    def work(number: int) -> None:
        with local(tmp_path) as session:
            said[number] = session.run(f"sleep 0.1; echo {number}").stdout

    threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert said == {number: f"{number}\n".encode() for number in range(20)}


def test_a_session_outlives_the_thread_that_began_it(tmp_path: Path, habitat: Path) -> None:
    """Machines are looked at by one set of threads, and changed by another."""
    assert habitat
    with local(tmp_path) as session:
        thread = threading.Thread(target=session.run, args=("true",))
        thread.start()
        thread.join()
        time.sleep(0.2)
        assert session.run("echo there").stdout == b"there\n"


def test_what_was_not_begun_is_not_started(habitat: Path, tmp_path: Path) -> None:
    """A session that nobody uses is no program."""
    assert habitat
    with local(tmp_path) as session:
        assert session.process is None
