"""Our provider answers an engine: what is made, what differs, and which of it is secret."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolbox.lib.core.secret import Secret
from toolbox.lib.pki import material
from toolbox.lib.stack import provider
from toolbox.lib.stack.provider import KIND, SECRET, SIGNATURE, UNKNOWN
from toolbox.lib.stack.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

JSON = st.recursive(
    st.none() | st.booleans() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def marked(value: Any) -> dict[str, Any]:
    """Return a value as Pulumi says that it is a secret."""
    return {SIGNATURE: SECRET, "value": value}


def test_plain() -> None:
    """Marks of secrets are taken off, wherever they are."""
    assert provider.plain({"a": marked("x"), "b": [marked({"c": marked(1)})], "d": 2}) == {
        "a": "x",
        "b": [{"c": 1}],
        "d": 2,
    }


@given(JSON)
def test_plain_stays(value: object) -> None:
    """What has no marks is what it was, and a mark around it makes no difference."""
    assert provider.plain(value) == value
    assert provider.plain(marked(value)) == value


def test_outputs() -> None:
    """Secrets are marked, and what is not known is said to be unknown."""
    bundle, authority = material.KINDS["bundle"], material.KINDS["authority"]

    assert provider.outputs(authority, {"certificate": "x"}) == {
        "certificate": "x",
        "expires": UNKNOWN,
    }
    assert provider.outputs(bundle, {"password": "x"})["password"] == marked("x")
    assert provider.outputs(bundle, {})["pkcs12"] == marked(UNKNOWN)


def test_changed() -> None:
    """Inputs that came, went or differ are named."""
    assert provider.changed({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 3, "d": 4}) == ["b", "c", "d"]
    assert provider.changed({"a": 1}, {"a": 1}) == []


class Engine:
    """What an engine calls."""

    def __init__(self, port: str) -> None:
        import grpc
        from google.protobuf import json_format, struct_pb2
        from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.stub = provider_pb2_grpc.ResourceProviderStub(self.channel)
        self.messages = provider_pb2
        self.read = json_format.MessageToDict
        self.new = struct_pb2.Struct

    def struct(self, values: dict[str, Any]) -> Any:
        """Return values as a message has them."""
        struct = self.new()
        struct.update(values)
        return struct

    def create(self, values: dict[str, Any], *, preview: bool = False) -> Any:
        """Ask for something to be made."""
        request = self.messages.CreateRequest(properties=self.struct(values), preview=preview)
        return self.stub.Create(request)

    def differs(self, old: dict[str, Any], new: dict[str, Any], made: dict[str, Any]) -> list[str]:
        """Ask what differs."""
        request = self.messages.DiffRequest(
            old_inputs=self.struct(old), news=self.struct(new), olds=self.struct(made)
        )
        answer = self.stub.Diff(request)
        assert (answer.changes == answer.DIFF_SOME) == bool(answer.diffs)
        return list(answer.diffs)


@pytest.fixture
def engine() -> Iterator[Engine]:
    """Return an engine that is attached to the provider."""
    with provider.served() as told:
        name, _, port = told["PULUMI_DEBUG_PROVIDERS"].partition(":")
        assert name == "infra"
        attached = Engine(port)
        yield attached
        attached.channel.close()


def test_create(engine: Engine) -> None:
    """What is made is a secret where it is one; a preview makes nothing."""
    made = engine.create({KIND: "shared-secret"})
    planned = engine.create({KIND: "shared-secret"}, preview=True)

    assert made.id
    assert len(provider.plain(engine.read(made.properties))["secret"]) == 44
    assert engine.read(made.properties)["secret"][SIGNATURE] == SECRET
    assert engine.read(planned.properties)["secret"] == marked(UNKNOWN)


def test_diff(engine: Engine) -> None:
    """Inputs and the time decide; a mark of a secret does not."""
    soon = (datetime.now(UTC) + timedelta(hours=5)).isoformat()
    inputs = {KIND: "authority", "key": marked("x"), "renew": 4}

    assert engine.differs(inputs, inputs | {"key": "x"}, {"expires": soon}) == []
    assert engine.differs(inputs, inputs | {"key": "y"}, {"expires": soon}) == ["key"]
    due = inputs | {"renew": 6}
    assert engine.differs(due, due, {"expires": soon}) == ["renew"]


def test_what_cannot_be_made(engine: Engine) -> None:
    """An engine is told why, and nothing of the secret."""
    import grpc

    inputs = {
        KIND: "ssh-certificate",
        "identifier": "x",
        "principals": ["x"],
        "hours": 1,
        "host": True,
        "authority": marked("c2VjcmV0"),
        "public_key": "ssh-ed25519 AAAA",
    }
    with pytest.raises(grpc.RpcError) as caught:
        engine.create(inputs)

    assert "no ssh public key" in str(caught.value)
    assert "c2VjcmV0" not in str(caught.value)


def test_commands_of_pulumi(tmp_path: Path, habitat: Path) -> None:
    """Commands that ask providers find ours; others do not wait for it."""
    del habitat
    workspace = Workspace("shop", tmp_path, Secret("x"))

    with workspace.told(["stack", "ls"]) as looking, workspace.told(["destroy"]) as destroying:
        assert "PULUMI_DEBUG_PROVIDERS" not in looking
        assert destroying["PULUMI_DEBUG_PROVIDERS"].startswith("infra:")
        assert looking.items() <= destroying.items()
