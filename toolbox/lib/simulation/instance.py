"""What makes a machine that started from the generic guest one of its own.

Two machines from one memory must share nothing by which machines are told apart or trusted. All of
it is replaced in one round trip, before the machine is known to anyone else.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING
from uuid import uuid4

from toolbox.lib.core.secret import Secret

if TYPE_CHECKING:
    from toolbox.lib.machine.domain import Domain
    from toolbox.lib.pki.identity import Identity

# Reason: what keeps a machine id in mind reads it anew only when it starts anew; the journal names
# its folder by it, and the first process fills it into units (%m). The listening sshd reads its
# host keys when it is told to (SIGHUP, sshd(8)); connections that are there go on.
SCRIPT = """\
set -eu
umask 077
set -- {words}
date --utc --set="@$7" >/dev/null
old=$(cat /etc/machine-id)
printf '%s\\n' "$2" >/etc/machine-id
printf '%s\\n' "$1" >/etc/hostname
hostname "$1"
rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub
printf '%s\\n' "$3" >/etc/ssh/ssh_host_ed25519_key
printf '%s\\n' "$4" >/etc/ssh/ssh_host_ed25519_key.pub
chmod 644 /etc/ssh/ssh_host_ed25519_key.pub
kill -HUP "$(cat /run/sshd.pid)"
printf '%s\\n' "$5" >/home/core/.ssh/authorized_keys.d/ignition
for pair in $6; do
    for address in /sys/class/net/*/address; do
        [ "$(cat "$address")" = "${{pair%=*}}" ] || continue
        device=${{address%/address}}
        ip link set dev "${{device##*/}}" address "${{pair#*=}}"
    done
done
rm -f /var/lib/systemd/random-seed
systemctl restart systemd-journald
rm -rf "/var/log/journal/$old"
systemctl daemon-reexec
"""
COMMAND = "sudo sh -s"


def script(name: str, identity: Identity, generic: Domain, domain: Domain, now: float) -> Secret:
    """Return the shell script that makes a machine the one it shall be.

    Args:
        name: Name of its host.
        identity: Keys of the project.
        generic: The generic guest that it was.
        domain: The machine.
        now: Time of day, seconds since 1970 (UTC).

    Returns:
        Text for `COMMAND`; it holds the private host key.
    """
    own = identity.hosts[name]
    macs = [f"{generic.mac}={domain.mac}"]
    if generic.link and domain.link:
        macs.append(f"{generic.link.mac}={domain.link.mac}")
    words = (
        name,
        # Reason: an id of machine-id(5) is a random UUID, and the firmware's is the generic one's.
        uuid4().hex,
        own.ssh_host_key.reveal().strip(),
        own.ssh_host_public_key,
        identity.provision_public_key,
        " ".join(macs),
        f"{now:.0f}",
    )
    return Secret(SCRIPT.format(words=shlex.join(words)))
