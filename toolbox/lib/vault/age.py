"""The one place that runs age, which seals texts to keys and opens them.

What is secret goes through pipes; never through an argument, an environment or a file.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from collections import Counter
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import ToolboxError, VerificationError
from toolbox.lib.core.run import run
from toolbox.lib.vault import identities, unlock
from toolbox.lib.vault.recipients import AGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from toolbox.lib.core.secret import Secret
    from toolbox.lib.vault.identities import Identity
    from toolbox.lib.vault.recipients import Recipient

HEADER = b"age-encryption.org/v1\n"
ARMOR = b"-----BEGIN AGE ENCRYPTED FILE-----"
ARMOR_END = b"-----END AGE ENCRYPTED FILE-----"
STANZA = re.compile(rb"^-> (?P<kind>\S+) (?P<tag>\S+)", re.MULTILINE)
NATIVE = b"X25519"
NOT_MINE = "no identity matched any of the recipients"
SECONDS = 60
AGENT_HINT = (
    "an ssh agent signs and cannot decrypt, so age needs the file of the key: set "
    f"{identities.VARIABLE} to it. Where there is none (a key on a token), make one with "
    "age-keygen, let somebody who can open the secrets add its public line by secret.add, and set "
    f"{identities.VARIABLE} to its file"
)


def seal(data: bytes | Secret, recipients: Sequence[Recipient]) -> bytes:
    """Seal a text so that each of some people can open it.

    Args:
        data: The text.
        recipients: At least one.

    Returns:
        The sealed text, in ASCII armor.

    Raises:
        VerificationError: Nobody could open it.
    """
    if not recipients:
        message = "a secret that is sealed to nobody is lost"
        hint = "add a line with an ssh-ed25519, ssh-rsa or age key to authorized_keys"
        raise VerificationError(message, hint=hint)
    # Reason: each key has an option of its own, as age reads only the first line of one.
    to = [word for one in recipients for word in ("--recipient", one.text)]
    return run(["age", "--encrypt", "--armor", *to], stdin=data, timeout=SECONDS).stdout


def unseal(path: Path) -> bytes:
    """Open a sealed file with the keys of the person here.

    Keys without a passphrase are tried first; for a protected one it is asked for, once in a task.

    Args:
        path: The sealed file.

    Raises:
        VerificationError: None of the keys here opens it, or it is no sealed file.
        HabitatError: A passphrase is needed, and there is no terminal to ask on.
    """
    data = path.read_bytes()
    if not is_sealed(data):
        message = f"{path} is not sealed by age"
        raise VerificationError(message, hint="git log tells who changed it")
    known = identities.found()
    for identity in known:
        if not identity.protected:
            opened = _opened(identity, path)
            if opened is not None:
                return opened
    for identity in known:
        if identity.protected and may_open(identity, data):
            opened = _opened(identity, path, unlock.clear(identity))
            if opened is not None:
                return opened
    raise _refusal(path, known)


def is_sealed(data: bytes) -> bool:
    """Tell whether a file is one of age, whole as far as its ends tell."""
    if data.startswith(HEADER):
        return True
    text = data.strip()
    return text.startswith(ARMOR) and text.endswith(ARMOR_END) and bool(_header(data))


def may_open(identity: Identity, data: bytes) -> bool:
    """Tell whether a key may open a sealed file, by what is written in clear in both.

    Args:
        identity: The key.
        data: Content of the sealed file.
    """
    if identity.public is None:
        return True
    tags = {found["tag"] for found in STANZA.finditer(_header(data)) if found["kind"] != NATIVE}
    return _tag(identity.public) in tags


def may_be_for(data: bytes, recipients: Sequence[Recipient]) -> bool:
    """Tell whether a file may be sealed to some people and nobody else, by its clear beginning.

    ssh keys are named there; of native ones there is no more than their number.

    Args:
        data: Content of the sealed file.
        recipients: The people.
    """
    stanzas = STANZA.finditer(_header(data))
    found = Counter(NATIVE if one["kind"] == NATIVE else one["tag"] for one in stanzas)
    return found == Counter(
        NATIVE if one.kind == AGE else _tag(one.text.split()[1]) for one in recipients
    )


def opens(data: bytes, known: Iterable[Identity]) -> bool:
    """Tell whether one of the keys is known to open a sealed file; nobody is asked.

    Args:
        data: Content of the sealed file.
        known: The keys.
    """
    return any(one.public is not None and may_open(one, data) for one in known)


def _header(data: bytes) -> bytes:
    """Return the clear beginning of a sealed file; empty when it has none."""
    text = data.strip()
    if text.startswith(ARMOR):
        body = text.removeprefix(ARMOR).removesuffix(ARMOR_END)
        try:
            data = base64.b64decode(b"".join(body.split()), validate=True)
        except binascii.Error:
            return b""
    header, end, _payload = data.partition(b"\n--- ")
    return header if end and data.startswith(HEADER) else b""


def _tag(blob: str) -> bytes:
    """Return how a sealed file names an ssh key.

    Args:
        blob: Data of the public key, Base64.
    """
    digest = hashlib.sha256(base64.b64decode(blob)).digest()
    return base64.b64encode(digest[:4]).rstrip(b"=")


def _opened(identity: Identity, path: Path, key: Secret | None = None) -> bytes | None:
    """Open a file with a key; None when it is not for that key.

    Args:
        identity: The key.
        path: The sealed file.
        key: What the key is without its passphrase, where it has one.
    """
    # Reason: age reads a key from its stdin, so what was protected is never in a file.
    own = str(identity.path) if key is None else "-"
    words = ["age", "--decrypt", "--identity", own, str(path)]
    result = run(words, stdin=key, timeout=SECONDS, check=False)
    if result.ok:
        return result.stdout
    if NOT_MINE in result.tail():
        return None
    message = f"{path} was not opened with {identity.path}:\n{result.tail()}"
    raise VerificationError(message, hint="git log tells who changed it")


def _refusal(path: Path, known: Sequence[Identity]) -> ToolboxError:
    looked = ", ".join(str(one.path) for one in known)
    if known:
        message = f"none of the keys here opens {path}: {looked}"
        hint = (
            f"set {identities.VARIABLE} to the right key, or ask somebody who can open it to run "
            "secret.add with the line of your .pub file"
        )
        return VerificationError(message, hint=_with_agent(hint))
    message = f"there is no key here to open {path}"
    hint = f"age takes ~/.ssh/id_ed25519, ~/.ssh/id_rsa or what {identities.VARIABLE} names"
    return VerificationError(message, hint=_with_agent(hint))


def _with_agent(hint: str) -> str:
    """Add what to do where the key is in an agent only."""
    if not os.environ.get("SSH_AUTH_SOCK"):
        return hint
    held = run(["ssh-add", "-L"], timeout=SECONDS, check=False)
    return f"{hint}; {AGENT_HINT}" if held.ok else hint
