"""The Pulumi provider of our own resource, served by this process while an engine runs.

The engine is told its port (``PULUMI_DEBUG_PROVIDERS``) and asks it as it asks every provider. It
keeps nothing, so whoever else may call it learns nothing.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from toolbox.lib.vault.special import SECRET, SIGNATURE, is_secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from toolbox.lib.pki import material

NAME = "infra"
VERSION = "1.0.0"
TOKEN = f"{NAME}:pki:Material"
KIND = "kind"
VARIABLE = "PULUMI_DEBUG_PROVIDERS"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What stands for a value that is not known before an update."""

WORKERS = 4
STOP_SECONDS = 2.0


@contextmanager
def served() -> Iterator[dict[str, str]]:
    """Serve the provider for the block.

    Yields:
        Variables for the engine's environment.
    """
    import grpc

    from toolbox.lib.stack import protocol

    with ThreadPoolExecutor(WORKERS, thread_name_prefix="provider") as workers:
        server = grpc.server(workers, options=[("grpc.so_reuseport", 0)])
        server.add_generic_rpc_handlers((protocol.handler(),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield {VARIABLE: f"{NAME}:{port}"}
        finally:
            server.stop(STOP_SECONDS).wait()


def plain(value: Any) -> Any:  # noqa: ANN401 - whatever may stand in a message
    """Return a value of Pulumi's protocol without the marks of secrets."""
    if is_secret(value):
        return plain(value["value"])
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def outputs(kind: material.Kind, made: Mapping[str, str]) -> dict[str, object]:
    """Return what was made as Pulumi's protocol says it, its secrets marked.

    Args:
        kind: The kind of what was made.
        made: What was made; what is missing is not known yet.
    """
    return {
        name: {SIGNATURE: SECRET, "value": made.get(name, UNKNOWN)}
        if name in kind.secret
        else made.get(name, UNKNOWN)
        for name in kind.outputs
    }


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return the names of inputs that differ."""
    return sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
