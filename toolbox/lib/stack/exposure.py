"""Whether a secret of a project stands in clear in any place that we, git or Pulumi write to."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from toolbox.lib.core.files import cache_home, launcher_home, runtime_dir, state_home
from toolbox.lib.core.secret import Secret
from toolbox.lib.stack import sealed
from toolbox.lib.vault import age, audit, env

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolbox.lib.vault.audit import Canary, Leak, Place
    from toolbox.lib.vault.store import Vault

TELLING = re.compile(r"KEY|TOKEN|SECRET|PASS|PWD|CREDENTIAL|AUTH", re.IGNORECASE)
"""Names in .env whose values are secrets; others, such as a region, stand everywhere."""

PUBLIC = re.compile(
    r"(?:\s*-----BEGIN (?P<label>CERTIFICATE|CERTIFICATE REQUEST|PUBLIC KEY|X509 CRL)-----"
    r"[A-Za-z0-9+/=\s]*-----END (?P=label)-----)+\s*|(?:ssh|ecdsa)-[a-z0-9-]+ \S+[^\n]*\n?"
)
"""What everybody may know, also where a state seals it because it was made of a secret."""

TEMPORARY_LARGEST = 1 << 20


def secrets(project: str, here: Vault) -> dict[str, Secret | None]:
    """Return the secrets of a project by their names; None for what is no text.

    Args:
        project: Name of the project.
        here: Its vault; where it has no passphrase yet, there are those of .env only.

    Raises:
        VerificationError: None of the keys here opens it.
    """
    found: dict[str, Secret | None] = {
        f"{env.FILE} {name}": value
        for name, value in env.read(here.root).items()
        if TELLING.search(name)
    }
    if not here.passphrase.exists():
        return found
    opened = sealed.workspace(project, here)
    found["the passphrase"] = opened.passphrase
    texts: set[Secret] = set()
    for stack in sealed.stacks(project, here):
        for one in sealed.values(opened, stack):
            if one.value not in texts and not PUBLIC.fullmatch(one.value.reveal()):
                texts.add(one.value)
                found[_free(str(one), found)] = one.value
    for path in here.exports():
        found[str(path.relative_to(here.root))] = _text(age.unseal(path))
    return found


def search(here: Vault, wanted: Sequence[Canary]) -> Iterator[tuple[Place, list[Leak]]]:
    """Yield each place, with the secrets that stand there in clear.

    Args:
        here: The vault of the project.
        wanted: The secrets.
    """
    yield audit.files(here.root, wanted, except_=[here.root / env.FILE], plainly=True)
    if any((folder / ".git").exists() for folder in (here.root, *here.root.parents)):
        yield audit.history(here.root, wanted)
    yield audit.processes(wanted)
    searched = [here.root]
    for folder in (state_home(), cache_home(), launcher_home(), runtime_dir()):
        if not any(folder.is_relative_to(other) for other in searched):
            yield audit.files(folder, wanted)
            searched.append(folder)
    temporary = Path(tempfile.gettempdir())
    yield audit.files(temporary, wanted, except_=searched, largest=TEMPORARY_LARGEST)


def _free(name: str, taken: dict[str, Secret | None]) -> str:
    """Return a name that nothing has yet."""
    number = 2
    free = name
    while free in taken:
        free = f"{name} {number}"
        number += 1
    return free


def _text(data: bytes) -> Secret | None:
    try:
        return Secret(data.decode())
    except UnicodeDecodeError:
        return None
