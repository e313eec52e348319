#!/bin/sh
# Tells what stands at paths, and what else a plan needs to know, with a fixed number of processes.
# common.sh stands before; MARK, PATIENCE, NAMES (users whose passwords are compared) and UNITS
# are set, and `look` is called with pairs of a path and of what its bytes shall be:
#
#   SHA256   contents are told when they differ
#   -        contents are not told
#   +        contents are told
#   ~        contents are told unless they are secret
# Reason: common.sh sets them.
# shellcheck disable=SC2154

SMALL=65536
LARGE=1048576

# Lets a section begin: what is printed until the next one.
section() {
    printf '\n== %s %s\n' "$1" "$MARK"
}

# Adds a file to those that are told together at the end, as its own section.
add() {
    [ -f "$2" ] || return 0
    added=$((added + 1))
    section "$1" >"$IN/head.$added"
    heads="$heads \"\$IN/head.$added\" $3"
}

kind() {
    if [ -L "$1" ]; then
        kind=l
    elif [ -d "$1" ]; then
        kind=d
    elif [ ! -e "$1" ]; then
        kind=-
    elif [ ! -f "$1" ]; then
        kind=o
    elif [ -r "$1" ]; then
        kind=f
    else
        kind=u
    fi
}

# Sets `chosen` to the numbers of the files whose contents are told.
choose() {
    chosen=
    number=0
    left=$kinds
    lines=$stats
    hashes=$sums
    while [ $# -gt 0 ]; do
        case $left in
        -*) ;;
        f*)
            one=${lines%%"$nl"*}
            sum=${hashes%%"$nl"*}
            sum=${sum#\\}
            hashes=${hashes#*"$nl"}
            wanted "$2" "${sum%% *}" "${one##* }" "$one" && chosen="$chosen $number"
            lines=${lines#*"$nl"}
            ;;
        *) lines=${lines#*"$nl"} ;;
        esac
        left=${left#?}
        number=$((number + 1))
        shift 2
    done
}

wanted() {
    case $1 in
    - | "$2") return 1 ;;
    +) [ "$3" -le $LARGE ] ;;
    \~)
        bits=$((0x${4%% *}))
        [ $((bits & 044)) != 0 ] && [ "$3" -le $SMALL ]
        ;;
    *) [ "$3" -le $SMALL ] ;;
    esac
}

# Adds the paths that were put there before, and the image's own versions of paths below /etc.
extras() {
    IFS=$nl
    set -f
    extra=
    for list in "$STATE/paths" "$STATE/intent.paths"; do
        # Reason: words of the pairs that are no paths do no harm among the patterns.
        [ ! -f "$list" ] || extra="$extra$nl$(printf '%s\n' "$@" | grep -vxF -f - -- "$list")"
    done
    originals=
    if [ -d "$ROOT/usr/etc" ]; then
        for path in "$@" $extra; do
            case $path in
            /etc/*) [ ! -e "$ROOT/usr$path" ] || originals="$originals$nl/usr$path" ;;
            esac
        done
    fi
}

look() {
    if [ -e "$LOCK" ]; then
        exec 9<"$LOCK"
        lock -s
        # Reason: in a folder it may have outlived a power cut; who waits for it sees that it is gone.
        [ -z "$ROOT" ] || rm -f "$LOCK"
    fi
    units
    extras "$@"
    for path in $extra $originals; do
        set -- "$@" "$path" '~'
    done
    IFS=' '
    set +f
    left=$#
    [ -n "$ROOT" ] || left=0
    while [ $left -gt 0 ]; do
        inside "$1"
        set -- "$@" "$full" "$2"
        shift 2
        left=$((left - 2))
    done
    kinds=
    every=
    files=
    links=
    number=0
    for path in "$@"; do
        number=$((number + 1))
        [ $((number % 2)) = 1 ] || continue
        kind "$path"
        kinds=$kinds$kind
        # Reason: a list of places needs no quotes, and one program gets all of it.
        [ $kind = - ] || every="$every \"\${$number}\""
        [ $kind != f ] || files="$files \"\${$number}\""
        [ $kind != l ] || links="$links \"\${$number}\""
    done
    stats=
    sums=
    [ -z "$every" ] || eval "stats=\$(stat -c '%f %u %g %d:%i %s' -- $every)"
    [ -z "$files" ] || eval "sums=\$(sha256sum -- $files)"
    choose "$@"
    section extra && printf '%s\n' "$extra"
    section originals && printf '%s\n' "$originals"
    section kinds && printf '%s\n' "$kinds"
    section stat && printf '%s\n' "$stats"
    section sums && printf '%s\n' "$sums"
    section chosen && printf '%s\n' "$chosen"
    facts
    [ -z "$links" ] || {
        section links
        eval "readlink -z -- $links"
    }
    section contents >"$IN/contents"
    heads='"$IN/contents"'
    for number in $chosen; do
        heads="$heads \"\${$((2 * number + 1))}\""
    done
    accounts
    add record "$STATE/record.json" '"$STATE/record.json"'
    add intent "$STATE/intent" '"$STATE/intent"'
    add pending "$STATE/pending" '"$STATE/pending"'
    add config "$HASH" '"$HASH"'
    # Reason: systemctl may be at it for longer than all that was before.
    wait
    [ ! -f "$IN/units" ] || heads="$heads \"\$IN/units\""
    eval "cat -- $heads"
    section end
}

accounts() {
    for base in etc usr/lib; do
        add "$base/passwd" "$ROOT/$base/passwd" "\"\$ROOT/$base/passwd\""
        add "$base/group" "$ROOT/$base/group" "\"\$ROOT/$base/group\""
        [ -f "$ROOT/$base/passwd" ] || continue
        while IFS=: read -r name _ _ _ _ home _; do
            inside "$home/.ssh/authorized_keys.d/ignition"
            [ -f "$full" ] || continue
            homes=$((homes + 1))
            eval "keys_$homes=\$full"
            add "keys $name" "$full" "\"\$keys_$homes\""
        done <"$ROOT/$base/passwd"
    done
    if [ -n "$NAMES" ] && [ -n "$ROOT" ] && [ -r "$ROOT/etc/shadow" ]; then
        add shadow "$ROOT/etc/shadow" '"$ROOT/etc/shadow"'
    elif [ -n "$NAMES" ] && [ -z "$ROOT" ]; then
        # Reason: names are words; nobody else's hash leaves the machine.
        # shellcheck disable=SC2086
        section shadow && getent shadow $NAMES
    fi
}

facts() {
    section facts
    [ ! -d "$ROOT/run/systemd/system" ] || echo systemd
    [ ! -e "$ROOT/run/ostree-booted" ] || echo ostree
    [ -n "$ROOT" ] || [ ! -e /sys/fs/selinux/enforce ] || echo selinux
    if [ -z "$ROOT" ] && read -r boot </proc/sys/kernel/random/boot_id; then
        echo "boot $boot"
    fi
}

# Asks systemd for units, which takes as long as all the rest, so it does both at once.
# shellcheck disable=SC2120
units() {
    [ -z "$ROOT" ] && [ -d /run/systemd/system ] && [ -n "$UNITS" ] || return 0
    section units >"$IN/units"
    eval "set -- $UNITS"
    systemctl show \
        -p Id,LoadState,ActiveState,UnitFileState,CanReload,NeedDaemonReload -- "$@" >>"$IN/units" &
}
