"""Tests of which image the launcher uses, and when it builds one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import FakeHost


def builds(host: FakeHost) -> list[list[str]]:
    """Return the build commands."""
    return [words for words in host.calls() if "build" in words]


def key_of(host: FakeHost) -> str:
    """Return the inputs' key of the last build."""
    (word,) = (word for word in builds(host)[-1] if word.startswith("org.infra-toolbox.inputs="))
    return word.partition("=")[2]


def built(host: FakeHost, launcher: Path, base: str = "fedora") -> None:
    """Build, and from now on answer as podman does when the image is there."""
    assert host.run("image", launcher=launcher).returncode == 0
    host.answers.insert(0, ("image inspect", 0, f"{key_of(host)}|{base}|sha256:1"))
    (host.folder / "calls").unlink()


def test_the_first_run_builds_from_the_checkout(host: FakeHost) -> None:
    """Label, tag and bases of the Containerfile; nothing of the build's cache is removed."""
    launcher = host.checkout()
    done = host.run("image", launcher=launcher)
    assert done.returncode == 0
    assert "next: ./infra sim" in done.stderr
    (build,) = builds(host)
    assert build[-1] == str(launcher.parent)
    assert build[build.index("-t") + 1] == "localhost/infra-toolbox:latest"
    assert len(key_of(host)) == 64
    assert not host.calls("podman image prune")
    assert not host.calls("podman rmi sha256")


def test_an_image_of_the_same_inputs_is_used(host: FakeHost) -> None:
    """Nothing changed: nothing is built, and no registry is asked."""
    launcher = host.checkout()
    built(host, launcher)
    assert host.run("sim", launcher=launcher).returncode == 0
    assert not builds(host)
    assert not host.calls("podman manifest")


def test_content_path_and_executability_are_inputs(host: FakeHost) -> None:
    """What .containerignore lets in counts; times, caches and other files do not."""
    launcher = host.checkout()
    built(host, launcher)
    checkout = launcher.parent
    (checkout / "toolbox" / "a.py").touch()
    (checkout / "toolbox" / "__pycache__").mkdir()
    (checkout / "toolbox" / "__pycache__" / "a.pyc").touch()
    (checkout / "other").write_text("not for the image")
    (checkout / "toolbox" / ".env").write_text("a secret")
    (checkout / "toolbox" / "state").mkdir()
    (checkout / "toolbox" / "state" / "prod.json").write_text("a secret")
    host.run("image", launcher=launcher)
    assert not builds(host)
    keys = set()
    source = checkout / "toolbox" / "a.py"
    for change in (
        lambda: source.write_text("2\n"),
        lambda: source.rename(checkout / "toolbox" / "b.py"),
        lambda: (checkout / "toolbox" / "b.py").chmod(0o755),
        lambda: (checkout / "Containerfile").write_text("ARG BASE=a\nARG DEBIAN_BASE=b\n"),
    ):
        change()
        host.run("image", launcher=launcher)
        keys.add(key_of(host))
    assert len(keys) == 4


def test_rebuild_builds_without_cache(host: FakeHost) -> None:
    """--rebuild builds although nothing changed."""
    launcher = host.checkout()
    built(host, launcher)
    host.run("--rebuild", "image", launcher=launcher)
    assert "--no-cache" in builds(host)[0]


def test_another_base_is_another_image(host: FakeHost) -> None:
    """An explicit base that differs builds; the next run without one keeps it."""
    launcher = host.checkout()
    built(host, launcher)
    host.run("--base", "debian", "image", launcher=launcher)
    assert "BASE=example.org/debian:1" in [
        w.replace("localhost/infra-toolbox-base:trixie", "example.org/debian:1")
        for w in builds(host)[0]
    ]
    assert "org.infra-toolbox.base=debian" in builds(host)[0]
    host.answers.insert(0, ("image inspect", 0, f"{key_of(host)}|debian|sha256:1"))
    host.run("image", launcher=launcher)
    assert len(builds(host)) == 1


def no_registry(host: FakeHost) -> None:
    """Let no image be here and no registry answer."""
    host.answers.insert(0, ("image exists|manifest inspect", 125, "no such host"))


def test_without_a_registry_a_debian_base_is_made(host: FakeHost) -> None:
    """Mmdebstrap and import, one line that says why, both build arguments."""
    no_registry(host)
    host.fake("mmdebstrap")
    launcher = host.checkout()
    done = host.run("image", launcher=launcher)
    assert done.returncode == 0, done.stderr
    assert "no registry answers for example.org/fedora-toolbox:1" in done.stderr
    (made,) = host.calls("mmdebstrap")
    assert "--mode=root" in made
    (build,) = builds(host)
    assert "BASE=localhost/infra-toolbox-base:trixie" in build
    assert "DEBIAN_BASE=localhost/infra-toolbox-base:trixie" in build
    assert "org.infra-toolbox.base=debian" in build


def test_mmdebstrap_is_installed_only_when_the_base_must_be_made(host: FakeHost) -> None:
    """Without root it works in a user namespace."""
    no_registry(host)
    host.user(1000)
    host.fake("sudo", "apt-get", "apt-cache")
    done = host.run("--yes", "image", launcher=host.checkout())
    assert done.returncode == 3  # Reason: the fake installs nothing, so there is no mmdebstrap
    (install,) = host.calls("sudo -n env")
    assert install[-2:] == ["mmdebstrap", "debian-archive-keyring"]


def test_an_explicit_base_is_never_replaced(host: FakeHost) -> None:
    """Who asks for fedora gets fedora or an error."""
    no_registry(host)
    done = host.run("--base", "fedora", "image", launcher=host.checkout())
    assert done.returncode == 3
    assert "hint: ./infra --base debian" in done.stderr
    assert not builds(host)


def test_a_failed_build_shows_its_end_and_where_the_rest_is(host: FakeHost) -> None:
    """The last lines, the log's path, exit code 1, and no old image is removed."""
    host.answers.insert(0, (" build |^podman build", 1, "STEP 1/2: FROM x\nno space left\n"))
    done = host.run("image", launcher=host.checkout())
    assert done.returncode == 1
    assert "no space left" in done.stderr
    assert "build.log" in done.stderr
    assert not host.calls("podman rmi sha256")


def test_the_hosts_certificates_are_lent_to_the_build(host: FakeHost) -> None:
    """Mounted and named by build arguments, so that the image keeps nothing of them."""
    host.write("etc/pki/tls/certs/ca-bundle.crt", "CA")
    host.run("image", launcher=host.checkout())
    (build,) = builds(host)
    mount = build[build.index("-v") + 1]
    assert mount.endswith("/ca:/mnt:ro")
    assert "SSL_CERT_FILE=/mnt/ca-certificates.crt" in build
    assert "--env" not in build


def test_a_named_image_is_used_as_it_is(host: FakeHost) -> None:
    """INFRA_IMAGE is not built, and must be there."""
    host.environment["INFRA_IMAGE"] = "localhost/mine"
    assert host.run("sim", launcher=host.checkout()).returncode == 0
    assert host.created()[-3:] == ["localhost/mine", "sleep", "infinity"]
    assert not builds(host)
    host.answers.insert(0, ("image inspect", 125, ""))
    assert host.run("sim", launcher=host.checkout_path()).returncode == 3


def test_a_copied_launcher_uses_the_image_there_is(host: FakeHost) -> None:
    """Outside a checkout nothing can be built: the local image, or an error with a hint."""
    assert host.run("sim").returncode == 0
    host.answers.insert(0, ("image inspect", 125, ""))
    done = host.run("sim")
    assert done.returncode == 3
    assert "hint: ./infra --pull=IMAGE" in done.stderr


def test_a_pulled_image_stays(host: FakeHost) -> None:
    """--pull pulls and tags; later runs in a differing checkout do not build over it."""
    launcher = host.checkout()
    host.answers.insert(0, ("image inspect .*{{.Id}} ", 0, "sha256:1\n"))
    assert host.run("--pull=example.org/x:1", "sim", launcher=launcher).returncode == 0
    assert host.calls("podman pull") == [["podman", "pull", "example.org/x:1"]]
    assert host.calls("podman tag")[0][2:] == ["example.org/x:1", "localhost/infra-toolbox:latest"]
    assert host.run("sim", launcher=launcher).returncode == 0
    assert not builds(host)
