"""Making parts of an identity anew before their time: which resources those are.

What is due is made anew by every update; this is for what somebody else may have seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolbox.lib.core.errors import UsageError
from toolbox.lib.inventory.names import closest
from toolbox.lib.pki.plan import ACME, PROVISION, ROOT
from toolbox.lib.stack.identity import PROVISION_KEY, SSH_HOST_CA, SSH_USER_CA

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from toolbox.lib.pki.plan import Plan

KEY, CERTIFICATE, OURS = "PrivateKey", "LocallySignedCert", "Material"
"""Types of resources, as the ends of their names in Pulumi."""

Part = tuple[str, str]
"""Type and name of a resource."""


def certificates(plan: Plan) -> dict[str, tuple[Part, ...]]:
    """Return what of an identity is signed and ends, by the name that people call it."""
    found: dict[str, tuple[Part, ...]] = {ROOT: ((OURS, ROOT),), PROVISION: ((OURS, PROVISION),)}
    if plan.profile.acme:
        found[ACME] = ((OURS, ACME),)
    for host in plan.hosts:
        _add(
            found,
            host.name,
            (CERTIFICATE, f"{host.name}-tls"),
            (OURS, f"{host.name}-ssh-certificate"),
        )
    for client in plan.clients:
        _add(found, client.name, (CERTIFICATE, f"{client.name}-client"))
    return found


def keys(plan: Plan) -> dict[str, tuple[Part, ...]]:
    """Return what of an identity is a key, by the name that people call it."""
    found: dict[str, tuple[Part, ...]] = {
        ROOT: ((KEY, f"{ROOT}-key"),),
        PROVISION: ((KEY, f"{PROVISION}-key"),),
        **{name: ((KEY, name),) for name in (PROVISION_KEY, SSH_HOST_CA, SSH_USER_CA)},
    }
    if plan.profile.acme:
        found[ACME] = ((KEY, f"{ACME}-key"),)
    for host in plan.hosts:
        _add(found, host.name, (KEY, f"{host.name}-tls"), (KEY, f"{host.name}-ssh"))
    for client in plan.clients:
        _add(found, client.name, (KEY, f"{client.name}-client"))
    for zone in plan.profile.zones:
        _add(found, zone, (KEY, f"{zone}-zone"))
    for name in plan.profile.tsig:
        _add(found, name, (OURS, f"{name}-tsig"))
    return found


def chosen(plan: Plan, names: Sequence[str], urns: Iterable[str], *, with_keys: bool) -> list[str]:
    """Return the resources that are to be made anew, as Pulumi calls them.

    Args:
        plan: What the identity has to hold.
        names: What people call what is meant: hosts, clients, authorities, zones, keys.
        urns: The resources that there are.
        with_keys: Whether keys are meant, too, and not only what was signed for them.

    Raises:
        UsageError: There is nothing of that name.
    """
    offered = certificates(plan)
    if with_keys:
        for name, parts in keys(plan).items():
            _add(offered, name, *parts)
    unknown = [name for name in names if name not in offered]
    if unknown:
        raise _unknown(unknown[0], offered, keys(plan))
    wanted = {part for name in names for part in offered[name]}
    return [urn for urn in urns if _part(urn) in wanted]


def _unknown(name: str, offered: Iterable[str], every: Iterable[str]) -> UsageError:
    close = closest(name, offered)
    hint = f"did you mean {close}?" if close else f"there are {', '.join(offered)}"
    if name in every:
        hint = "it is a key: add --keys"
    return UsageError(f"the identity has nothing called {name} to make anew", hint=hint)


def _part(urn: str) -> Part:
    *_, kind, name = urn.split("::")
    return kind.rpartition(":")[2], name


def _add(found: dict[str, tuple[Part, ...]], name: str, *parts: Part) -> None:
    found[name] = (*found.get(name, ()), *parts)
