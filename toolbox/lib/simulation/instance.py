"""What makes a machine that started from the generic guest one of its own.

Two machines from one memory must share nothing by which machines are told apart or trusted. All of
it is replaced before the machine is known to anyone else, by the door through which a machine gets
its Ignition config at a first boot: QEMU's fw_cfg device. A shell in the generic guest waits there
when it is saved, so no login is needed, and none is left.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING
from uuid import uuid4

from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.core.secret import Secret

if TYPE_CHECKING:
    from toolbox.lib.machine.domain import Domain
    from toolbox.lib.pki.identity import Identity

ROOM = 64 * 1024
"""Bytes of what is handed over: the guest's kernel remembers how many it saw at its boot."""

FIRST_LINE = "# infra-toolbox instance"
"""What the waiting shell looks for; a config does not begin like that."""

UNIT = "infra-toolbox-instance"
RAW = "/sys/firmware/qemu_fw_cfg/by_name/opt/com.coreos/config/raw"
CONSOLE = "/dev/console"
MODULES = "overlay bridge veth nf_tables nft_ct nft_nat nft_masq nft_fib_inet nft_chain_nat"
"""What a first container needs of the kernel, which looks for one after the other then."""

CONTAINERS = "/usr/bin/podman /usr/bin/conmon /usr/bin/crun /usr/lib/podman/netavark /usr/sbin/nft"
"""What starts a first container; read from an emulated disk it takes longer than to be run."""

WAIT = f"""\
until [ "$(dd if={RAW} bs={len(FIRST_LINE)} count=1 2>/dev/null)" = "{FIRST_LINE}" ]; do
    sleep 0.05
done
eval "$(cat {RAW})"
"""
# Reason: the first process reads the machine id when it is first needed and keeps it in mind; one
# that has just started anew has not read it yet.
PREPARE = f"""\
modprobe -a qemu_fw_cfg {MODULES} 2>/dev/null || [ -r {RAW} ]
systemctl daemon-reexec
systemd-run --quiet --collect --unit={UNIT} sh -c {shlex.quote(WAIT)}
ldd {CONTAINERS} | grep -o '/[^ :]*' | sort -u | xargs cat >/dev/null
sync
"""
# Reason: what keeps a machine id in mind reads it anew only when it starts anew; the journal names
# its folder by it. The listening sshd reads its host keys when it is told to (SIGHUP, sshd(8)).
SCRIPT = """\
{first}
set -eu
exec >{console} 2>&1
umask 077
set -- {words}
trap 'echo "infra-toolbox: $2 failed"' EXIT
date --utc --set="@$7" >/dev/null
read -r old </etc/machine-id
printf '%s\\n' "$2" >/etc/machine-id
printf '%s\\n' "$1" >/etc/hostname
hostname "$1"
{{
    systemctl restart systemd-journald
    rm -rf "/var/log/journal/$old"
}} &
journal=$!
rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub
printf '%s\\n' "$3" >/etc/ssh/ssh_host_ed25519_key
printf '%s\\n' "$4" >/etc/ssh/ssh_host_ed25519_key.pub
chmod 644 /etc/ssh/ssh_host_ed25519_key.pub
read -r sshd </run/sshd.pid
kill -HUP "$sshd"
printf '%s\\n' "$5" >/home/core/.ssh/authorized_keys.d/ignition
for pair in $6; do
    for address in /sys/class/net/*/address; do
        read -r there <"$address"
        [ "$there" = "${{pair%=*}}" ] || continue
        device=${{address%/address}}
        ip link set dev "${{device##*/}}" address "${{pair#*=}}"
    done
done
rm -f /var/lib/systemd/random-seed
{told}
bus=org.freedesktop.systemd1
case $(busctl call $bus /org/freedesktop/systemd1 org.freedesktop.DBus.Peer GetMachineId) in
*"$2"*) ;;
*) systemctl daemon-reexec ;;
esac
wait $journal
trap - EXIT
echo "infra-toolbox: $2 done"
"""


def script(  # noqa: PLR0913 - what a machine has of its own
    machine_id: str, name: str, identity: Identity, macs: str, told: str, now: float
) -> Secret:
    """Return the shell script that makes a machine the one it shall be, as long as the room is.

    Args:
        machine_id: What the machine is told apart by, 32 hexadecimal digits (machine-id(5)).
        name: Name of its host.
        identity: Keys of the project.
        macs: Addresses that its cards have and shall have (`addresses`).
        told: Shell command that tells it of the others.
        now: Time of day, seconds since 1970 (UTC).

    Returns:
        Text to be handed over; it holds the private host key.

    Raises:
        ToolboxError: It is longer than the room for it.
    """
    own = identity.hosts[name]
    words = (
        name,
        machine_id,
        own.ssh_host_key.reveal().strip(),
        own.ssh_host_public_key,
        identity.provision_public_key,
        macs,
        f"{now:.0f}",
    )
    text = SCRIPT.format(first=FIRST_LINE, console=CONSOLE, words=shlex.join(words), told=told)
    if len(text.encode()) > ROOM:
        message = f"{name}: what a machine is told of its neighbours is too long to start it warm"
        raise ToolboxError(message, hint="without --warm")
    return padded(text)


def padded(text: str) -> Secret:
    """Return a text with as many line breaks behind it as there is room for.

    Args:
        text: JSON or shell, to both of which they mean nothing.
    """
    return Secret(text + "\n" * (ROOM - len(text.encode())))


def machine_id() -> str:
    """Return a new machine id: a random UUID (machine-id(5)), as the firmware's is another's."""
    return uuid4().hex


def addresses(generic: Domain, domain: Domain) -> str:
    """Return which MAC addresses the cards of a generic guest get, ``OLD=NEW OLD=NEW``.

    Args:
        generic: The generic guest.
        domain: The machine.
    """
    pairs = [f"{generic.mac}={domain.mac}"]
    if generic.link and domain.link:
        pairs.append(f"{generic.link.mac}={domain.link.mac}")
    return " ".join(pairs)


def outcome(console: str, machine_id: str) -> bool | None:
    """Tell from a console's text whether a machine has become its own.

    Args:
        console: The text.
        machine_id: The machine's id.

    Returns:
        None while it is not known.
    """
    for word, well in (("done", True), ("failed", False)):
        if f"infra-toolbox: {machine_id} {word}" in console:
            return well
    return None
