"""What machines of one simulation must be for each other."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testinfra.host import Host

# Reason: nothing but what each guest has, and all names at once, as each may take its time. The
# greeting of ssh is read, for a connection alone proves only that something accepts.
ASK = """\
for name; do
    {
        read -r address _ < <(getent ahostsv4 "$name")
        greeting=$(timeout 20 bash -c 'exec 3<>/dev/tcp/$0/22 && head -c 4 <&3' "$name" 2>&-)
        echo "$name ${address:-unknown} ${greeting:-silent}"
    } &
done
wait
"""


def test_peers(machine: Host, peers: dict[str, str]) -> None:
    """The machine reaches every other by name."""
    answers = machine.check_output(shlex.join(["bash", "-c", ASK, "bash", *peers]))
    found = dict(line.split(maxsplit=1) for line in answers.splitlines())
    unlike = [
        f"{name}: {found.get(name, 'no answer')}, not {address} with the greeting of ssh"
        for name, address in peers.items()
        if found.get(name) != f"{address} SSH-"
    ]

    assert not unlike, "\n".join(unlike)
