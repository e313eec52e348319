"""All checks of a host together: few programs, no secrets, and what is not checked is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.butane.check import compose, quadlet, shell

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "variant: fcos\nversion: 1.6.0\n"
COMMANDS = ("butane", "ignition-validate")
EVERYTHING = f"""{HEAD}
storage:
  files:
    - path: /etc/containers/systemd/web.container
      contents: {{inline: "[Container]\\nImage=localhost/x\\n[Install]\\nWantedBy=x.target"}}
    - path: /srv/compose.yml
      contents: {{inline: "services: {{web: {{image: x}}}}"}}
{{% for name in "abcdefgh" %}}
    - path: /usr/local/bin/{{{{ name }}}}
      contents: {{inline: "#!/bin/sh\\necho\\n"}}
{{% endfor %}}
systemd:
  units:
    - name: web2.service
      enabled: true
      contents: "[Service]\\nExecStart=/x\\n[Install]\\nWantedBy=multi-user.target"
"""

everything = pytest.mark.needs("dash", "docker-compose", "podman", "shellcheck", "systemd-analyze")


def _programs(said: str) -> list[str]:
    lines = [line.split() for line in said.splitlines() if line.startswith("$ ")]
    return sorted(words[1].rpartition("/")[2] for words in lines if words[1] not in COMMANDS)


@everything
def test_programs(
    bare: Any, runtime: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each program is started once for all of its files; for a sound config not again."""
    monkeypatch.setenv("INFRA_DEBUG", "1")
    bare.write({"main.bu": EVERYTHING})

    assert bare.checks() == []
    judges = ["dash", "docker-compose", "quadlet", "shellcheck", "systemd-analyze"]
    assert _programs(capsys.readouterr().err) == judges
    assert bare.checks() == []
    assert _programs(capsys.readouterr().err) == []
    assert list(runtime.rglob("*")) == [runtime / "infra-toolbox"]


@everything
def test_the_same_units_of_another_host(
    bare: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is sound is not judged by systemd again because another file has changed; a unit is."""
    monkeypatch.setenv("INFRA_DEBUG", "1")
    bare.write({"main.bu": EVERYTHING})
    assert bare.checks() == []
    assert "systemd-analyze" in _programs(capsys.readouterr().err)

    bare.write({"main.bu": EVERYTHING.replace("echo", "true")})
    assert bare.checks() == []
    again = _programs(capsys.readouterr().err)
    assert "shellcheck" in again
    assert "systemd-analyze" not in again

    for other in ("Exec", "Type=x\\nExec"):
        bare.write({"main.bu": EVERYTHING.replace("ExecStart=/x", f"{other}Start=/y")})
        bare.checks()
        assert "systemd-analyze" in _programs(capsys.readouterr().err)
    assert "Type=x" in "".join(bare.checks())


@everything
def test_found_again(bare: Any) -> None:
    """What is wrong is told each time, though once for all that a loop has made."""
    bare.write({"main.bu": EVERYTHING.replace("echo", "fi")})

    first = bare.checks()

    (told,) = [line for line in first if "error[shell-syntax]" in line]
    assert told.startswith("hosts/web/main.bu:12: ")
    assert bare.checks() == first


def test_nothing_is_there(bare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that is missing is an info about what is not checked, each time."""
    bare.write({"main.bu": EVERYTHING})
    missing = "no-such-program"
    monkeypatch.setattr(quadlet, "GENERATORS", (missing,))
    monkeypatch.setattr(compose, "PROGRAMS", (missing,))
    monkeypatch.setattr(shell, "SHELLCHECK", missing)
    monkeypatch.setattr("toolbox.lib.butane.check.systemd.ANALYZE", missing)

    told = [line.partition("\n")[0] for line in bare.checks()]

    why = f"as the program {missing} is not installed here"
    assert sorted(told) == [
        f"hosts/web: info[not-checked]: not checked: {what}, {why}"
        for what in ("/srv/compose.yml", "quadlets", "shell scripts", "units")
    ]
    assert [line.partition("\n")[0] for line in bare.checks()] == told


def test_large_script(bare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script that is too large is told as not checked, and others are."""
    monkeypatch.setattr(shell, "LARGEST", 20)
    large = f"#!/bin/sh\nfi # {'x' * 20}\n"
    file = "    - path: /{name}\n      contents: {{local: {name}}}\n"
    files = f"{HEAD}storage:\n  files:\n{file.format(name='large')}{file.format(name='small')}"
    bare.write({"main.bu": files, "large": large, "small": "#!/bin/sh\nfi\n"})

    told = bare.checks()

    assert "hosts/web: info[not-checked]: not checked: /large, as it is too large" in told
    assert any(line.startswith("hosts/web/small:2: error[shell-syntax]") for line in told)
    assert not any("hosts/web/large" in line for line in told)


@pytest.mark.needs("podman")
def test_secrets(bare: Any) -> None:
    """What a program says of a line with a secret in it does not tell the secret."""
    quadlet_of = "[Container]\n{{ TLS_KEY }}\nImage=localhost/x\n"
    file = "    - path: /etc/containers/systemd/web.container\n      template: jinja\n"
    files = f"{HEAD}storage:\n  files:\n{file}      contents: {{local: web.container}}\n"
    bare.write({"main.bu": files, "web.container": quadlet_of})
    secret = bare.identity.hosts["web"].tls_key.reveal().splitlines()[1]

    told = "\n".join(bare.checks())

    assert "hosts/web/web.container:2: error[quadlet-syntax]" in told
    assert secret not in told
    assert secret.rstrip("=") not in told
