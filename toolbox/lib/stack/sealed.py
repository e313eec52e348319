"""What is secret in the stacks of a project's real machines."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolbox.lib.core.secret import Secret
from toolbox.lib.stack.workspace import Workspace
from toolbox.lib.vault import passphrase
from toolbox.lib.vault.special import is_secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolbox.lib.vault.store import Vault

PARTS = ("inputs", "outputs")


@dataclass(frozen=True, slots=True)
class Sealed:
    """A secret of a stack.

    Attributes:
        stack: Name of the stack.
        resource: Name of the resource that has it.
        name: Its name there.
        value: The secret; empty where it was not opened.
    """

    stack: str
    resource: str
    name: str
    value: Secret

    def __str__(self) -> str:
        return f"{self.stack}: {self.resource}.{self.name}"


def workspace(project: str, here: Vault) -> Workspace:
    """Return the workspace of a project's real stacks, opened with the keys of the person here.

    Args:
        project: Name of the project.
        here: Its vault.

    Raises:
        VerificationError: None of the keys here opens the passphrase.
    """
    return Workspace(project, here.pulumi, passphrase.reveal(here))


def stacks(project: str, here: Vault) -> tuple[str, ...]:
    """Return the stacks that the passphrase of a vault seals.

    Args:
        project: Name of the project.
        here: Its vault.
    """
    found = Workspace(project, here.pulumi, Secret("")).stacks()
    return tuple(stack for stack in found if here.owns(stack))


def names(project: str, here: Vault) -> tuple[Sealed, ...]:
    """Return which secrets the stacks of a vault have; none is opened.

    Args:
        project: Name of the project.
        here: Its vault.
    """
    found: dict[str, Sealed] = {}
    for stack in stacks(project, here):
        state = json.loads(here.state(project, stack).read_text())
        for one in _walk(stack, state["checkpoint"]["latest"]):
            found.setdefault(str(one), one)
    return tuple(found.values())


def values(opened: Workspace, stack: str) -> tuple[Sealed, ...]:
    """Return the secrets of a stack, opened.

    Args:
        opened: Its workspace.
        stack: Name of the stack.
    """
    answer = opened.pulumi("stack", "export", "--show-secrets", "--stack", stack)
    return tuple(_walk(stack, json.loads(answer.stdout)["deployment"]))


def _walk(stack: str, deployment: dict[str, Any]) -> Iterator[Sealed]:
    for resource in deployment.get("resources") or ():
        of = str(resource["urn"]).rsplit("::", 1)[-1]
        for part in PARTS:
            for name, value in (resource.get(part) or {}).items():
                for text in _texts(value):
                    yield Sealed(stack, of, name, Secret(text))


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Yield the texts of the secrets in a value; an empty one for a secret that is not open."""
    if is_secret(value):
        yield from _leaves(json.loads(value.get("plaintext", '""')))
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _leaves(value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, str):
        yield value
