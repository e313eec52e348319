"""What our provider answers to a Pulumi engine, one function for each of the protocol's calls.

Imports gRPC and Pulumi's messages, so it is imported only where the provider is served.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import plugin_pb2
from pulumi.runtime.proto import provider_pb2 as messages

from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.pki import material
from toolbox.lib.stack.provider import KIND, VERSION, changed, outputs, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SERVICE = "pulumirpc.ResourceProvider"


def handler() -> Any:  # noqa: ANN401 - gRPC carries no types
    """Return what a gRPC server answers with."""
    return grpc.method_handlers_generic_handler(
        SERVICE, {name: _method(kind, answer) for name, (kind, answer) in CALLS.items()}
    )


def _method(kind: Any, answer: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - gRPC carries no types
    def answered(request: Any, context: Any) -> Any:  # noqa: ANN401 - the same
        try:
            return answer(request)
        except ToolboxError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, error.message)

    return grpc.unary_unary_rpc_method_handler(
        answered,
        request_deserializer=kind.FromString,
        response_serializer=lambda reply: reply.SerializeToString(),
    )


def _handshake(_request: messages.ProviderHandshakeRequest) -> messages.ProviderHandshakeResponse:
    return messages.ProviderHandshakeResponse(accept_secrets=True)


def _configure(_request: messages.ConfigureRequest) -> messages.ConfigureResponse:
    return messages.ConfigureResponse(acceptSecrets=True, supportsPreview=True)


def _info(_request: object) -> plugin_pb2.PluginInfo:
    return plugin_pb2.PluginInfo(version=VERSION)


def _nothing(_request: object) -> empty_pb2.Empty:
    return empty_pb2.Empty()


def _check(request: messages.CheckRequest) -> messages.CheckResponse:
    return messages.CheckResponse(inputs=request.news)


def _settings_differ(_request: messages.DiffRequest) -> messages.DiffResponse:
    return messages.DiffResponse(changes=messages.DiffResponse.DIFF_NONE)


def _differ(request: messages.DiffRequest) -> messages.DiffResponse:
    old, new = _read(request.old_inputs), _read(request.news)
    names = changed(old, new)
    if not names and material.due(new, _read(request.olds), material.now()):
        names = [material.RENEW]
    some, none = messages.DiffResponse.DIFF_SOME, messages.DiffResponse.DIFF_NONE
    return messages.DiffResponse(changes=some if names else none, diffs=names)


def _create(request: messages.CreateRequest) -> messages.CreateResponse:
    name = "" if request.preview else uuid.uuid4().hex
    made = _made(request.properties, preview=request.preview)
    return messages.CreateResponse(id=name, properties=made)


def _update(request: messages.UpdateRequest) -> messages.UpdateResponse:
    return messages.UpdateResponse(properties=_made(request.news, preview=request.preview))


def _same(request: messages.ReadRequest) -> messages.ReadResponse:
    return messages.ReadResponse(
        id=request.id, properties=request.properties, inputs=request.inputs
    )


def _made(properties: struct_pb2.Struct, *, preview: bool) -> struct_pb2.Struct:
    inputs = _read(properties)
    kind = material.KINDS[inputs[KIND]]
    made: Mapping[str, str] = {} if preview else kind.make(inputs, material.now())
    struct = struct_pb2.Struct()
    struct.update(outputs(kind, made))
    return struct


def _read(struct: struct_pb2.Struct) -> dict[str, Any]:
    found: dict[str, Any] = plain(json_format.MessageToDict(struct))
    return found


CALLS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "Handshake": (messages.ProviderHandshakeRequest, _handshake),
    "GetPluginInfo": (empty_pb2.Empty, _info),
    "Attach": (plugin_pb2.PluginAttach, _nothing),
    "CheckConfig": (messages.CheckRequest, _check),
    "DiffConfig": (messages.DiffRequest, _settings_differ),
    "Configure": (messages.ConfigureRequest, _configure),
    "Check": (messages.CheckRequest, _check),
    "Diff": (messages.DiffRequest, _differ),
    "Create": (messages.CreateRequest, _create),
    "Read": (messages.ReadRequest, _same),
    "Update": (messages.UpdateRequest, _update),
    "Delete": (messages.DeleteRequest, _nothing),
    "Cancel": (empty_pb2.Empty, _nothing),
}
"""The protocol's calls: what comes with each, and who answers."""
