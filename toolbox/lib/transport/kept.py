"""A client that stays open from one task to the next, as a new connection costs seconds."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from toolbox.lib.transport.ssh import client

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    from toolbox.lib.core.secret import Secret
    from toolbox.lib.transport.ssh import Client, Endpoint

    Facts = tuple[tuple[Endpoint, ...], str, Path]


@dataclass(slots=True)
class Kept:
    """Opens a client when it is first asked for one, and again only for other machines.

    The client ends with the block.
    """

    _stack: ExitStack = field(default_factory=ExitStack)
    _opened: Client | None = None
    _facts: Facts | None = None

    def client(
        self, endpoints: Sequence[Endpoint], key: Secret, public_key: str, parent: Path
    ) -> Client:
        """Return a client for some endpoints, as `ssh.client` opens it.

        Args:
            endpoints: Machines it can reach.
            key: Private key, OpenSSH or PEM.
            public_key: The same key's public half.
            parent: Private folder.
        """
        facts = tuple(endpoints), public_key, parent
        if self._opened is None or self._facts != facts:
            self.close()
            self._opened = self._stack.enter_context(client(endpoints, key, public_key, parent))
            self._facts = facts
        return self._opened

    def close(self) -> None:
        """End the client, if there is one."""
        self._opened = None
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
