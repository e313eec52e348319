"""Tests of rendering."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.butane.render import render
from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.core.secret import Secret
from toolbox.lib.inventory.document import value
from toolbox.lib.inventory.load import load
from toolbox.lib.pki.identity import HostIdentity

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Workbench

CANARIES = ("c3NoLWhvc3Qta2V5LWNhbmFyeQ==", "dGxzLWtleS1jYW5hcnk=", "cHJvdmlzaW9uLWtleS1jYW5hcnk=")
HEAD = "variant: fcos\nversion: 1.5.0\n"
MAIN = """\
variant: fcos
version: 1.5.0
storage:
  files:
    - path: /x
      template: jinja
      contents: {local: x}
"""


def staged(runtime: Path) -> list[Path]:
    """Return what rendering has left behind."""
    return [path for path in runtime.rglob("*") if path.name != "infra-toolbox"]


def test_nothing_is_left(bench: Workbench, runtime: Path) -> None:
    """What was staged is private while it is there, and gone afterwards."""
    bench.write({"main.bu": MAIN, "x": "{{ TLS_KEY }}"})
    project = load(bench.root)
    with render(project, project.hosts[0], bench.identity) as config:
        assert config.files_dir.stat().st_mode & 0o077 == 0
        (made,) = (config.files_dir / "made").iterdir()
        assert made.stat().st_mode & 0o077 == 0
        assert CANARIES[1] in made.read_text()
    assert not staged(runtime)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_nothing_is_left_after_an_error(
    bench: Workbench, runtime: Path, error: type[BaseException]
) -> None:
    """What was staged is gone after Ctrl-C and errors as well."""
    bench.write({"main.bu": MAIN, "x": "{{ TLS_KEY }}"})
    project = load(bench.root)
    with pytest.raises(error), render(project, project.hosts[0], bench.identity):
        raise error
    bench.write({"x": "{{ missing }}"}).refusal()
    assert not staged(runtime)


def test_secrets_do_not_print(bench: Workbench) -> None:
    """A config shows no secret, and the provision key is in none."""
    project = load(bench.root)
    with render(project, project.hosts[0], bench.identity) as config:
        shown = f"{config!r} {config}"
        text = config.text.reveal()
    assert not any(canary in shown for canary in CANARIES)
    assert [canary in text for canary in CANARIES] == [True, True, False]
    ignition = bench.ignition()
    assert not any(canary in f"{ignition!r} {ignition}" for canary in CANARIES)


@pytest.mark.parametrize(
    "source",
    [
        "{{ TLS_KEY + 1 }}",
        "{{ {}[TLS_KEY] }}",
        "{{ TLS_KEY.nothing }}",
        "{{ {TLS_KEY: 1}.nothing }}",
        "variant: fcos\nversion: 1.5.0\n{{ TLS_KEY | tojson }}: 1\n",
        "variant: fcos\nversion: 1.5.0\nstorage: {files: [{path: {{ TLS_KEY | tojson }}}]}\n",
        "variant: fcos\nversion: {{ TLS_KEY | tojson }}\n",
        "a: {{ TLS_KEY }}",
        "storage: {files: [{path: /x, contents: {local: {{ TLS_KEY | tojson }}}}]}\n",
    ],
)
def test_mistakes_with_secrets_do_not_print_them(bench: Workbench, source: str) -> None:
    """However a secret gets into a mistake, its finding does not show it."""
    findings = bench.write({"main.bu": source}).refusal()
    assert findings
    assert not any(canary[:12] in line for canary in CANARIES for line in findings)


def test_c_2_4_security_layer_keys_of_others(bench: Workbench) -> None:
    """A host gets its own keys, and neither those of another host nor any that signs or logs in."""
    other = HostIdentity(Secret("other-ssh"), "other-public", Secret("other-tls"), "other-chain")
    identity = replace(bench.identity, hosts={**bench.identity.hosts, "db": other})
    (bench.root / "hosts/db.yaml").write_text("")
    bench.write({"main.bu": f"{HEAD}x-all: {{{{ [self, TLS_KEY] | string | tojson }}}}\n"})
    project = load(bench.root)
    texts = {}
    for host in project.hosts:
        with render(project, host, identity) as config:
            texts[host.name] = config.text.reveal()
            assert not {"CA_KEY", "PROVISION_KEY"} & config.environment.names.keys()
    assert "other-" not in texts["web"]
    assert "other-tls" in texts["db"]
    assert not any(canary in texts["db"] for canary in CANARIES)
    assert CANARIES[2] not in texts["web"]


@pytest.mark.parametrize("key", ["{{ HOSTNAME }}{% if", "a: [b, {c\n#d\n", "'\"\\\t\u2028"])
def test_c_2_4_security_layer_keys_are_no_text_of_a_template(bench: Workbench, key: str) -> None:
    """A key arrives as it is, though it reads like a template or like YAML."""
    own = replace(bench.identity.hosts["web"], tls_key=Secret(key))
    project = load(bench.root)
    with render(project, project.hosts[0], replace(bench.identity, hosts={"web": own})) as config:
        files = value(config.merged)["storage"]["files"]
    assert [item["contents"]["inline"] for item in files if "server.key" in item["path"]] == [key]


def test_names(bare: Workbench) -> None:
    """Templates see the host, the project, its keys and its variables."""
    (bare.root / "hosts/web.yaml").write_text("variables: {color: red}\n")
    names = "HOSTNAME FQDN DOMAIN PROJECT OS color SSH_HOST_PUBLIC_KEY AUTHORIZED_KEYS"
    values = " ".join(f"{{{{ {name} }}}}" for name in names.split())
    bare.write({"main.bu": f"variant: fcos\nversion: 1.5.0\nx: |\n  {values}\n"})
    text = bare.text()
    assert "web web.example.internal example.internal example debian red ssh-ed25519" in text


def test_r_2_1_load_butane_dir_empty_file(bare: Workbench) -> None:
    """A file that renders to nothing is an empty config."""
    bare.write({"a.bu": "{% if false %}x{% endif %}\n", "b.bu": "# {% if 0 %}\n# {% endif %}\n"})
    assert bare.text() == "{}\n"


def test_a_file_that_is_no_text(bare: Workbench) -> None:
    """A Butane file in another encoding is a finding."""
    (finding,) = bare.write({"main.bu": b"a: \xff\n"}).refusal()
    assert finding.startswith("hosts/web/main.bu: error[not-text]: byte 3 is not UTF-8")


def test_a_host_the_identity_does_not_know(bench: Workbench) -> None:
    """Without keys for the host nothing is rendered."""
    project = load(bench.root)
    identity = replace(bench.identity, hosts={})
    with (
        pytest.raises(ToolboxError, match="no keys for web"),
        render(project, project.hosts[0], identity),
    ):
        pass
