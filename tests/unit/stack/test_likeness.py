"""Two identities are compared part by part."""

from __future__ import annotations

from dataclasses import replace

from toolbox.lib.core.secret import Secret
from toolbox.lib.inventory.profile import Profile
from toolbox.lib.pki import standin
from toolbox.lib.pki.identity import ClientIdentity, Pair
from toolbox.lib.stack.likeness import compare, parts

IDENTITY = standin.identity(
    ["web", "db"], Profile(acme=True, zones=("shop.internal",), tsig=("transfer",))
)


def _differing(other: object) -> dict[str, tuple[bool, str]]:
    assert isinstance(other, type(IDENTITY))
    return {
        part.name: (part.there, part.fingerprint)
        for part in compare(IDENTITY, other)
        if not part.same
    }


def test_same() -> None:
    """An identity is like itself, and each of its parts has something to compare by eye."""
    client = ClientIdentity(Pair(IDENTITY.ca_certificate, Secret("k")), *[Secret("p")] * 3)
    whole = replace(IDENTITY, clients={"alice": client})
    found = compare(whole, whole)

    assert all(part.same and part.there for part in found)
    assert {part.name for part in found if not part.fingerprint} == {"TSIG key transfer"}
    assert [part.name for part in found] == [
        *("root", "provision-ca", "acme-ca", "key that logs in", "ssh-host-ca", "ssh-user-ca"),
        *("ssh key of web", "certificate of web", "ssh key of db", "certificate of db"),
        *("certificate of client alice", "key of zone shop.internal", "TSIG key transfer"),
    ]


def test_fingerprints() -> None:
    """ssh keys are shown as ssh-keygen does, certificates by the SHA-256 of their own."""
    shown = {part.name: part.fingerprint for part in parts(IDENTITY)}
    chained = replace(IDENTITY, ca_certificate=IDENTITY.ca_certificate * 2)

    assert shown["ssh key of web"].startswith("SHA256:")
    assert len(shown["root"]) == 64
    assert next(parts(chained)).fingerprint == shown["root"]


def test_other() -> None:
    """A part that is another one is told with its new fingerprint."""
    other = replace(IDENTITY, ca_certificate=IDENTITY.provision_certificate)
    ((name, (there, shown)),) = _differing(other).items()

    assert (name, there) == ("root", True)
    assert shown == next(parts(other)).fingerprint


def test_secret_half() -> None:
    """A private key that is another one is seen, though what is public of it is the same."""
    other = replace(IDENTITY, provision_key=Secret("other"))

    assert list(_differing(other)) == ["key that logs in"]


def test_lost_and_new() -> None:
    """A part that only one of the two has is told: lost, or new."""
    fewer = replace(IDENTITY, hosts={"web": IDENTITY.hosts["web"]}, acme=None)

    assert _differing(fewer) == dict.fromkeys(
        ["acme-ca", "ssh key of db", "certificate of db"], (False, "")
    )
    assert {part.name for part in compare(fewer, IDENTITY) if not part.same and part.there} == {
        "acme-ca",
        "ssh key of db",
        "certificate of db",
    }
