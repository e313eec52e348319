"""Asking a machine what it holds where something is desired or was put before."""

from __future__ import annotations

import re
import secrets
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.reconfigure.desire import ignition
from toolbox.lib.reconfigure.desire.state import Kind
from toolbox.lib.reconfigure.history import pending
from toolbox.lib.reconfigure.history import record as records
from toolbox.lib.reconfigure.look import answer
from toolbox.lib.reconfigure.session import lock
from toolbox.lib.reconfigure.session.shell import COMMON
from toolbox.lib.reconfigure.units import concern, unitpath

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from toolbox.lib.reconfigure.desire.state import DesiredState, Node
    from toolbox.lib.reconfigure.look.survey import Survey
    from toolbox.lib.reconfigure.session.shell import Session

LOOK = Path(__file__).with_name("look.sh")
PATIENCE_SECONDS = 300
DEADLINE_SECONDS = 600.0
NEVER, ALWAYS = "-", "+"
"""Whether contents are told, where no digest decides."""

UNIT = re.compile(
    r"[A-Za-z0-9:_.\\@-]+"
    r"\.(?:service|socket|device|mount|automount|swap|target|path|timer|slice|scope)"
)


def survey(session: Session, desired: DesiredState, *, patience: int = PATIENCE_SECONDS) -> Survey:
    """Return what a machine holds where something is desired or was put before.

    Units that only read what is there are not asked for; `readers` does that.

    Args:
        session: The machine, or the folder that stands for one.
        desired: What it shall hold.
        patience: Seconds to wait for a change that goes on.

    Raises:
        BusyError: Somebody else is changing it for longer than that.
        ToolboxError: It cannot be reached, or what it says makes no sense.
    """
    names = _askable(concern.own(desired), (node.path for node in desired.nodes))
    passwords = [user.name for user in desired.users if user.password is not None]
    found = _look(session, wanted(desired), passwords, names, patience)
    record = found.record
    known = [action.unit for action in pending.read(found.pending).actions]
    known += [*(record.units if record else ())]
    paths = tuple(record.nodes) if record else ()
    # Reason: what was recorded and is no more desired is known only now; that is seldom.
    more = _askable([*concern.own(desired, paths), *known], paths)
    return _with(found, session, [name for name in more if name not in names], patience)


def readers(session: Session, desired: DesiredState, known: Survey, paths: Iterable[str]) -> Survey:
    """Return a survey that knows the units, too, that read some files.

    Asking systemd for a unit takes longer than for a file, and most files do not change.

    Args:
        session: The machine.
        desired: What it shall hold.
        known: What is known of it.
        paths: Files that change.
    """
    names = _askable(concern.readers(desired, paths), ())
    return _with(known, session, [name for name in names if name not in known.units])


def _with(
    found: Survey, session: Session, units: list[str], patience: int = PATIENCE_SECONDS
) -> Survey:
    if not units or not found.systemd:
        return found
    again = _look(session, {}, (), units, patience)
    return replace(found, units={**found.units, **again.units})


def _look(
    session: Session,
    asked: Mapping[str, str],
    passwords: Iterable[str],
    units: list[str],
    patience: int,
) -> Survey:
    mark = secrets.token_hex(16)
    text = script(asked, passwords, units, mark=mark, patience=patience)
    reply = session.run(text, deadline=DEADLINE_SECONDS)
    if reply.exit_code == lock.BUSY:
        raise lock.busy(session.name, reply.stdout)
    found = answer.read(reply.stdout, mark, asked, units)
    if found is None:
        message = f"{session.name} cannot be looked at: {reply.complaint or 'it says nonsense'}"
        raise ToolboxError(message, hint="once more; its files may just have changed")
    return found


def script(
    asked: Mapping[str, str],
    passwords: Iterable[str],
    units: Iterable[str],
    *,
    mark: str,
    patience: int = PATIENCE_SECONDS,
) -> str:
    """Return the script that looks.

    Args:
        asked: What bytes each path shall have: a digest, `NEVER` or `ALWAYS`.
        passwords: Users whose passwords are compared.
        units: Units to ask for.
        mark: What its sections are told by.
        patience: Seconds to wait for a change that goes on.
    """
    pairs = " ".join(f"{shlex.quote(path)} {shlex.quote(word)}" for path, word in asked.items())
    return "\n".join(
        (
            COMMON.read_text(),
            LOOK.read_text(),
            f"MARK={mark} PATIENCE={patience}",
            f"NAMES={shlex.quote(' '.join(name for name in passwords if _is_word(name)))}",
            f"UNITS={shlex.quote(shlex.join(units))}",
            f"look {pairs}",
        )
    )


def wanted(desired: DesiredState) -> dict[str, str]:
    """Return what bytes each path shall have, where that decides whether they are told."""
    nodes = {node.path: node for node in desired.nodes}
    return {
        path: _bytes_of(nodes[path]) if path in nodes else NEVER for path in ignition.paths(desired)
    }


def _bytes_of(node: Node) -> str:
    if node.kind is not Kind.FILE or node.remote is not None:
        return NEVER
    if node.contents is None:
        # Reason: only with them is it known whether something was appended already.
        return ALWAYS if node.appended else NEVER
    return NEVER if node.secret else records.whole(node).digest


def _askable(names: Iterable[str], paths: Iterable[str]) -> list[str]:
    """Return what systemd is asked for: names that it takes, and behind them instances.

    Args:
        names: Units; one that is no name would end its answer.
        paths: Paths, those of templates among them, of which all instances matter.
    """
    sound = (name for name in names if UNIT.fullmatch(name) and not unitpath.is_template(name))
    units = (unitpath.about(path) for path in paths)
    templates = (unit.unit for unit in units if unit and unitpath.is_template(unit.unit))
    patterns = (name.replace("@.", "@*.") for name in templates if UNIT.fullmatch(name))
    return [*dict.fromkeys(sound), *dict.fromkeys(patterns)]


def _is_word(name: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*", name))
