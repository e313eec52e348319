"""What of an identity people and other programs get, as files: what is public, and what is not."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from toolbox.lib.pki import dnssec, ssh, tsig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolbox.lib.core.secret import Secret
    from toolbox.lib.inventory.project import Project
    from toolbox.lib.pki.identity import Identity

KNOWN_HOSTS = "known_hosts"


def public(project: Project, identity: Identity) -> dict[str, str | bytes]:
    """Return what everybody may read, by file name.

    Args:
        project: The project.
        identity: Its keys.
    """
    files: dict[str, str | bytes] = {
        "ca.crt": identity.ca_certificate,
        "ca-bundle.crt": identity.ca_bundle,
        "provision-ca.crt": identity.provision_certificate,
        KNOWN_HOSTS: known_hosts(project, identity),
        "ssh_host_ca.pub": f"{identity.ssh.host}\n",
        "ssh_user_ca.pub": f"{identity.ssh.user}\n",
        "ssh_revoked_keys": base64.b64decode(identity.revoked),
    }
    for name, client in identity.clients.items():
        files[f"clients/{name}.crt"] = client.pair.certificate
    for name, zone in identity.zones.items():
        files[f"zones/{name}.dnskey"] = f"{zone.dnskey}\n"
        files[f"zones/{name}.ds"] = f"{zone.ds}\n"
    return {name: text for name, text in files.items() if text.strip()}


def private(identity: Identity) -> dict[str, Secret | bytes]:
    """Return what is only for some, by file name.

    Args:
        identity: Keys of a project.
    """
    files: dict[str, Secret | bytes] = {}
    for name, client in identity.clients.items():
        files[f"clients/{name}.p12"] = base64.b64decode(client.pkcs12.reveal())
        files[f"clients/{name}.key"] = client.encrypted_key
        files[f"clients/{name}.password"] = client.password
    for name, zone in identity.zones.items():
        files[f"zones/{name}.private"] = dnssec.private_file(zone.key)
    for name, key in identity.tsig.items():
        files[f"tsig/{name}.conf"] = tsig.bind(name, key)
        files[f"tsig/{name}.yaml"] = tsig.knot(name, key)
    return files


def known_hosts(project: Project, identity: Identity) -> str:
    """Return the known_hosts of a project's machines.

    Args:
        project: The project.
        identity: Its keys.
    """
    hosts = [
        (
            (host.name, host.fqdn, *host.card.addresses),
            identity.hosts[host.name].ssh_host_public_key,
        )
        for host in project.hosts
        if host.name in identity.hosts
    ]
    return ssh.known_hosts(hosts, identity.ssh.host)


def ssh_config(project: Project, folder: str) -> str:
    """Return an ssh_config for a project's machines.

    Args:
        project: The project.
        folder: Where its `KNOWN_HOSTS` is.
    """
    names: Mapping[str, str] = {host.name: host.fqdn for host in project.hosts}
    return ssh.configuration(names.items(), f"{folder}/{KNOWN_HOSTS}")
