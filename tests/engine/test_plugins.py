"""The provider plugins that we build, against the published SDKs and a real Pulumi engine."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import re
import ssl
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.engine.conftest import ENGINE

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from pulumi.automation import OutputMap, Stack

    from tests.engine.conftest import Backend

pytestmark = ENGINE

SDKS = ["libvirt", "tls"]
NAME = "web.example.test"
# The SDK knows a newer Terraform provider than the one we can pin (4.2.1), which has no write-only
# arguments and demands the plain ones instead.
WRITE_ONLY = {
    "caPrivateKeyPemWo",
    "caPrivateKeyPemWoVersion",
    "privateKeyPemWo",
    "privateKeyPemWoVersion",
}
INSTEAD = {"caPrivateKeyPem", "privateKeyPem"}
SECRETS = {
    "libvirt:index/cloudInitDisk:CloudInitDisk": {"metaData", "networkConfig", "userData"},
    "libvirt:index/combustion:Combustion": {"content"},
    "libvirt:index/ignition:Ignition": {"content"},
    "tls:index/certRequest:CertRequest": {"privateKeyPem"},
    "tls:index/locallySignedCert:LocallySignedCert": {"caPrivateKeyPem"},
    "tls:index/privateKey:PrivateKey": {
        "privateKeyOpenssh",
        "privateKeyPem",
        "privateKeyPemPkcs8",
    },
    "tls:index/selfSignedCert:SelfSignedCert": {"privateKeyPem"},
}


# ---- the schemas


def sdk(name: str) -> ModuleType:
    """Return the published SDK of a provider."""
    return importlib.import_module(f"pulumi_{name}")


@pytest.fixture(scope="module")
def schemas(backend: Backend, plugins: Path) -> dict[str, Any]:
    """Return what our plugins say about themselves."""
    return {name: schema(backend, *plugins.glob(f"resource-{name}-v*")) for name in SDKS}


def schema(backend: Backend, folder: Path) -> dict[str, Any]:
    """Ask the plugin in a folder for its schema."""
    plugin = folder / folder.name.rpartition("-v")[0].replace("resource", "pulumi-resource")
    made = subprocess.run(
        ["pulumi", "package", "get-schema", str(plugin)],
        check=True,
        capture_output=True,
        cwd=backend.home,
        env={**os.environ, "PULUMI_HOME": str(backend.home)},
    )
    answer: dict[str, Any] = json.loads(made.stdout)
    return answer


def registered(module: ModuleType) -> dict[str, type]:
    """Return the resources of an SDK by the tokens that it sends."""
    text = Path(str(module.__file__)).read_text()
    tokens = re.findall(r'"(\w+:index/\w+:(\w+))":', text)
    return {token: getattr(module, name) for token, name in tokens}


@pytest.mark.parametrize("name", SDKS)
def test_versions(schemas: dict[str, Any], name: str) -> None:
    """A plugin has the version of its SDK, else Pulumi would look for another."""
    wanted = json.loads(Path(str(sdk(name).__file__)).with_name("pulumi-plugin.json").read_text())

    assert schemas[name]["version"] == wanted["version"]


@pytest.mark.parametrize("name", SDKS)
def test_tokens(schemas: dict[str, Any], name: str) -> None:
    """Resources and functions have the tokens that the SDK sends."""
    texts = [path.read_text() for path in Path(str(sdk(name).__file__)).parent.glob("get_*.py")]
    functions = {token for text in texts for token in re.findall(rf"'({name}:index/.*?)'", text)}

    assert set(schemas[name]["resources"]) == set(registered(sdk(name)))
    assert {token for token in schemas[name]["functions"] if ":index/" in token} == functions


@pytest.mark.parametrize("name", SDKS)
def test_properties_of_resources(schemas: dict[str, Any], name: str) -> None:
    """Every resource takes, demands and returns what the SDK knows, write-only arguments apart."""
    from pulumi import _types

    for token, resource in registered(sdk(name)).items():
        ours = schemas[name]["resources"][token]
        arguments = getattr(sdk(name), f"{resource.__name__}Args")
        names = _types.input_type_py_to_pulumi_names(arguments)
        parameters = inspect.signature(arguments).parameters.values()
        demanded = {names[p.name] for p in parameters if p.default is inspect.Parameter.empty}

        returned = set(_types.resource_pulumi_to_py_names(resource))

        assert set(ours["inputProperties"]) == set(names.values()) - WRITE_ONLY, token
        assert set(ours.get("requiredInputs", ())) - INSTEAD == demanded - INSTEAD, token
        assert set(ours["properties"]) == returned - WRITE_ONLY, token


@pytest.mark.parametrize("name", SDKS)
def test_properties_of_types(schemas: dict[str, Any], name: str) -> None:
    """Every object within a resource has the properties that the SDK knows."""
    from pulumi import _types

    for token, ours in schemas[name].get("types", {}).items():
        arguments = getattr(sdk(name), f"{token.rpartition(':')[2]}Args", None)
        if arguments is not None:
            names = _types.input_type_py_to_pulumi_names(arguments)
            assert set(ours["properties"]) >= set(names.values()), token


@pytest.mark.parametrize("name", SDKS)
def test_configuration(schemas: dict[str, Any], name: str) -> None:
    """A provider is configured with what the SDK sends, and by the same variable."""
    from pulumi import _types

    names = _types.input_type_py_to_pulumi_names(sdk(name).ProviderArgs)
    inputs = schemas[name]["provider"]["inputProperties"]

    assert set(inputs) == set(names.values())
    if name == "libvirt":
        assert inputs["uri"]["defaultInfo"]["environment"] == ["LIBVIRT_DEFAULT_URI"]


@pytest.mark.parametrize("name", SDKS)
def test_secrets_of_the_schema(schemas: dict[str, Any], name: str) -> None:
    """Private keys and what machines are configured with are secrets without being told so."""
    for token, ours in schemas[name]["resources"].items():
        inputs = {key for key, value in ours["inputProperties"].items() if value.get("secret")}
        outputs = {key for key, value in ours["properties"].items() if value.get("secret")}

        assert inputs | outputs == SECRETS.get(token, set()), token


# ---- tls


def identity() -> None:
    """Declare a CA, a key, a request and a certificate, and an ssh key."""
    import pulumi
    import pulumi_tls as tls

    ca_key = tls.PrivateKey("ca", algorithm="ECDSA", ecdsa_curve="P256")
    ca = tls.SelfSignedCert(
        "ca",
        private_key_pem=ca_key.private_key_pem,
        is_ca_certificate=True,
        set_subject_key_id=True,
        allowed_uses=["cert_signing", "crl_signing"],
        validity_period_hours=48,
        subject={"common_name": "Example CA"},
    )
    key = tls.PrivateKey("web", algorithm="ECDSA", ecdsa_curve="P256")
    request = tls.CertRequest(
        "web",
        private_key_pem=key.private_key_pem,
        dns_names=[NAME],
        subject={"common_name": NAME},
    )
    certificate = tls.LocallySignedCert(
        "web",
        cert_request_pem=request.cert_request_pem,
        ca_private_key_pem=ca_key.private_key_pem,
        ca_cert_pem=ca.cert_pem,
        allowed_uses=["digital_signature", "server_auth"],
        validity_period_hours=24,
    )
    ssh = tls.PrivateKey("ssh", algorithm="ED25519")
    pulumi.export("ca", ca.cert_pem)
    pulumi.export("ca_key", ca_key.private_key_pem)
    pulumi.export("certificate", certificate.cert_pem)
    pulumi.export("key", key.private_key_pem)
    pulumi.export("ssh_key", ssh.private_key_openssh)
    pulumi.export("ssh_public_key", ssh.public_key_openssh)


@pytest.fixture(scope="module")
def made(backend: Backend) -> tuple[Stack, OutputMap]:
    """Return the identity's stack after its first update, and its outputs."""
    stack = backend.stack("identity", identity)
    return stack, stack.up().outputs


def test_certificate_is_accepted(made: tuple[Stack, OutputMap], tmp_path: Path) -> None:
    """A client that trusts the CA shakes hands with a server that has the certificate."""
    _stack, outputs = made
    pair = tmp_path / "pair.pem"
    pair.write_text(outputs["certificate"].value + outputs["key"].value)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pair)
    client = ssl.create_default_context(cadata=outputs["ca"].value)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(down, up, server_hostname=NAME),
        server.wrap_bio(up, down, server_side=True),
    ]

    while ends:
        ends = [end for end in ends if not shaken(end)]

    assert outputs["ssh_public_key"].value.startswith("ssh-ed25519 ")


def shaken(end: ssl.SSLObject) -> bool:
    """Take one end of a handshake as far as it goes; tell whether it is done."""
    try:
        end.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def test_private_keys_are_secret_outputs(made: tuple[Stack, OutputMap]) -> None:
    """What holds a private key is known to Pulumi as a secret, the rest is not."""
    _stack, outputs = made

    secret = {name for name, output in outputs.items() if output.secret}

    assert secret == {"ca_key", "key", "ssh_key"}


def test_no_private_key_in_clear(made: tuple[Stack, OutputMap], backend: Backend) -> None:
    """No file of the backend holds a private key, neither states nor history nor backups."""
    stack, outputs = made
    stack.up()
    lines = {
        line
        for name in ("ca_key", "key", "ssh_key")
        # Reason: without the frame, and without the last line, which is the key's public half.
        for line in outputs[name].value.strip().splitlines()[1:-2]
    }
    texts = dict(backend.texts())

    assert {path.parts[len(backend.folder.parts) + 1] for path in texts} >= {"stacks", "history"}
    for path, text in texts.items():
        assert "PRIVATE KEY" not in text, path
        assert not [line for line in lines if line in text], path


def test_second_update_changes_nothing(made: tuple[Stack, OutputMap]) -> None:
    """An identity that is there stays as it is: same keys, same certificates."""
    stack, outputs = made

    again = stack.up()

    assert set(again.summary.resource_changes or {}) == {"same"}
    assert {n: o.value for n, o in again.outputs.items()} == {
        n: o.value for n, o in outputs.items()
    }


def test_wrong_algorithm_is_refused(backend: Backend) -> None:
    """An error of the provider names the property and what it may be."""
    from pulumi.automation import CommandError

    def program() -> None:
        import pulumi_tls as tls

        tls.PrivateKey("odd", algorithm="ROT13")

    with pytest.raises(CommandError, match=r"(?s)algorithm.*ECDSA"):
        backend.stack("refused", program).preview()


# ---- libvirt


def storage(uri: str | None) -> Callable[[], None]:
    """Return a program that declares a pool, a volume and an Ignition config without names."""

    def program() -> None:
        import pulumi
        import pulumi_libvirt as libvirt

        options = None
        if uri is not None:
            options = pulumi.ResourceOptions(provider=libvirt.Provider("there", uri=uri))
        pool = libvirt.Pool("pool", type="dir", target={"path": "/engine-test"}, opts=options)
        volume = libvirt.Volume("disk", pool=pool.name, size=1024**2, opts=options)
        pulumi.export("pool", pool.name)
        pulumi.export("volume", volume.name)

    return program


def test_uri_is_taken_from_the_environment(backend: Backend, tmp_path: Path) -> None:
    """Without a configured URI the environment's is dialled, and a dead daemon is told."""
    from pulumi.automation import CommandError

    socket = tmp_path / "nobody"
    uri = f"test:///default?socket={socket}"
    stack = backend.stack("environment", storage(None), {"LIBVIRT_DEFAULT_URI": uri})

    with pytest.raises(CommandError, match=f"failed to connect.*{socket}"):
        stack.up()


def test_uri_of_a_provider_is_preferred(backend: Backend, tmp_path: Path) -> None:
    """A provider's own URI wins over the environment's."""
    from pulumi.automation import CommandError

    wrong = {"LIBVIRT_DEFAULT_URI": f"test:///default?socket={tmp_path}/wrong"}
    program = storage(f"test:///default?socket={tmp_path}/right")

    with pytest.raises(CommandError, match=f"failed to connect.*{tmp_path}/right"):
        backend.stack("explicit", program, wrong).up()


@pytest.mark.needs("libvirtd", "virsh")
def test_names_are_made_up(open_stack: Callable[..., Stack], libvirt_uri: str) -> None:
    """Nameless resources get a name with a random end, and keep it."""
    stack = open_stack("names", storage(libvirt_uri))

    outputs = stack.up().outputs
    again = stack.up()

    assert re.fullmatch(r"pool-[0-9a-f]{7}", outputs["pool"].value)
    assert re.fullmatch(r"disk-[0-9a-f]{7}", outputs["volume"].value)
    assert set(again.summary.resource_changes or {}) == {"same"}
    assert again.outputs["volume"].value == outputs["volume"].value


@pytest.mark.needs("libvirtd", "virsh")
def test_configs_are_secret(backend: Backend, hypervisor_uri: str, tmp_path: Path) -> None:
    """What a machine is configured with is encrypted, though nobody marked it."""
    canary = "9d1c2f6e-canary"

    def program() -> None:
        import pulumi
        import pulumi_libvirt as libvirt

        options = pulumi.ResourceOptions(provider=libvirt.Provider("there", uri=hypervisor_uri))
        target = {"path": str(tmp_path / "pool")}
        pool = libvirt.Pool("configs", type="dir", target=target, opts=options)
        content = json.dumps({"ignition": {"version": "3.5.0"}, "passwd": canary})
        libvirt.Ignition("config", pool=pool.name, content=content, opts=options)

    stack = backend.stack("canary", program)
    try:
        stack.up()
    finally:
        stack.destroy()

    assert not [path for path, text in backend.texts() if canary in text]
