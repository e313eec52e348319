# Steps shared by the short way (init) and the long way (stage). Sourced; needs /run, /sys, /proc.
# shellcheck shell=sh

ROOT=/sysroot
BOOT=/run/guest/boot
LOGS=/run/ignition

# Say a line on the console and in the journal of the running system.
say() {
    echo "$1"
    echo "<14>ignition: $1" >/dev/kmsg
}

# Print the device that holds the partition with this label; fail unless there is exactly one.
# Reason: the kernel tells labels of GPT partitions itself, so nothing has to be probed.
partition() {
    found=
    for event in /sys/class/block/*/uevent; do
        device='' label=''
        while IFS='=' read -r key value; do
            case $key in
                DEVNAME) device=$value ;;
                PARTNAME) label=$value ;;
            esac
        done <"$event"
        [ "$label" = "$1" ] || continue
        [ -z "$found" ] || return 1
        found=/dev/$device
    done
    [ -n "$found" ] && echo "$found"
}

# Run one stage of Ignition. Its log goes to the journal (without its debug lines, which quote whole
# commands, hashes of passwords included); of a failure the console shows the errors.
# Reason: on a failure Ignition prints the whole config, keys and all, to its error stream.
ignition_stage() {
    if ignition --root="$ROOT" --platform="$PLATFORM" --stage="$1" --log-to-stdout \
        >"$LOGS/$1.log" 2>/dev/null; then
        sed -n '/^DEBUG/d; s/^[A-Z]* *: /<14>ignition: /p' "$LOGS/$1.log" >/run/guest/kmsg
        while IFS= read -r line; do echo "$line" >/dev/kmsg; done </run/guest/kmsg
        return 0
    fi
    # Reason: an offline fetch that finds it needs the network is no failure.
    [ "$1" = fetch-offline ] && [ -e "$LOGS/neednet" ] && return 0
    say "Ignition failed in stage $1:"
    sed -n 's/"--password" "[^"]*"/"--password" "***"/g; s/^\(CRITICAL\|ERROR\) *: /  /p' "$LOGS/$1.log"
    # Reason: what a server said last is why nothing came, and Ignition takes it for information only.
    sed -n '/^INFO *: [A-Z]* \(error\|result\): /h; ${x; s/^INFO *: /  /p}' "$LOGS/$1.log"
    return 1
}

# Does the fetched config hold one of these non-empty lists?
# Reason: inside a JSON string the quote of a key would be escaped, so this cannot be fooled by contents.
config_has() {
    grep -Eq "\"($1)\":\[" /run/ignition.json
}

# Grow the root partition into free space behind it.
grow_partition() {
    node=/sys/class/block/${1#/dev/}
    disk=$(readlink -f "$node/..")
    read -r start <"$node/start"
    read -r length <"$node/size"
    read -r whole <"$disk/size"
    # Reason: less than 16 MiB is the end of the partition table and rounding.
    [ $((whole - start - length)) -gt 32768 ] || return 0
    read -r number <"$node/partition"
    echo ', +' | sfdisk --quiet --no-reread --no-tell-kernel -N "$number" "/dev/${disk##*/}" >/dev/null 2>&1
    partx --update --nr "$number" "/dev/${disk##*/}"
}

# Enable and disable the units of the config, by the presets that Ignition has written.
# Reason: systemd of Fedora does both at a first boot, that of Debian enables only.
presets() ( # a shell of its own, so that no variable gets into the machine
    # Reason: in an initramfs systemctl would look for presets of one, find none, and enable all.
    export SYSTEMD_IN_INITRD=0
    for preset in "$ROOT"/etc/systemd/system-preset/*; do
        case ${preset##*/} in
            '*') exit 0 ;;
            20-ignition.preset) ;;
            *)
                # Reason: a preset of the config's own can be about any unit of the image.
                systemctl --quiet --root="$ROOT" preset-all 2>/dev/null
                exit 0
                ;;
        esac
    done
    # Reason: names of units are words, and one that does not exist must not stop the others.
    # shellcheck disable=SC2046
    set -- $(sed -n 's/^enable //p; s/^disable //p' "$ROOT/etc/systemd/system-preset/20-ignition.preset")
    systemctl --quiet --root="$ROOT" preset "$@" 2>/dev/null ||
        for unit; do systemctl --quiet --root="$ROOT" preset "$unit" 2>/dev/null; done
)

# Ignition has succeeded: never again on this disk.
forget_firstboot() {
    mount -o remount,rw "$BOOT" && rm -f "$BOOT/ignition.firstboot" && mount -o remount,ro "$BOOT"
}
