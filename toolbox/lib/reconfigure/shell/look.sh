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

section() {
    printf '\n== %s %s\n' "$1" "$MARK"
}

tell() {
    [ ! -f "$2" ] || {
        section "$1"
        cat -- "$2"
    }
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

# Prints the paths whose kind is among some, each with a NUL.
paths() {
    among=$1
    shift
    left=$kinds
    while [ $# -gt 0 ]; do
        case ${left%"${left#?}"} in
        [$among])
            inside "$1"
            printf '%s\0' "$full"
            ;;
        esac
        left=${left#?}
        shift 2
    done
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

contents() {
    for number in $chosen; do
        eval "inside \"\${$((2 * number + 1))}\""
        printf '%s\0' "$full"
    done
}

look() {
    if [ -e "$LOCK" ]; then
        exec 9<"$LOCK"
        lock -s
        # Reason: in a folder it may have outlived a power cut; who waits for it sees that it is gone.
        [ -z "$ROOT" ] || rm -f "$LOCK"
    fi
    IFS=$nl
    set -f
    extra=
    for list in "$STATE/paths" "$STATE/intent.paths"; do
        # Reason: contents of the pairs are no paths, and do no harm among the patterns.
        [ ! -f "$list" ] || extra="$extra$nl$(printf '%s\n' "$@" | grep -vxF -f - -- "$list")"
    done
    for path in $extra; do
        set -- "$@" "$path" '~'
    done
    originals=
    if [ -d "$ROOT/usr/etc" ]; then
        for path in "$@"; do
            case $path in
            /etc/*) [ ! -e "$ROOT/usr$path" ] || originals="$originals$nl/usr$path" ;;
            esac
        done
        for path in $originals; do
            set -- "$@" "$path" '~'
        done
    fi
    kinds=
    word=path
    for path in "$@"; do
        if [ $word = path ]; then
            inside "$path"
            kind "$full"
            kinds=$kinds$kind
            word=bytes
        else
            word=path
        fi
    done
    IFS=' '
    set +f
    stats=$(paths fuldo "$@" | xargs -0r stat -c '%f %u %g %d:%i %s' --)
    sums=$(paths f "$@" | xargs -0r sha256sum --)
    choose "$@"
    section extra && printf '%s\n' "$extra"
    section originals && printf '%s\n' "$originals"
    section kinds && printf '%s\n' "$kinds"
    section stat && printf '%s\n' "$stats"
    section sums && printf '%s\n' "$sums"
    section links && paths l "$@" | xargs -0r readlink -z --
    section chosen && printf '%s\n' "$chosen"
    section contents && contents "$@" | xargs -0r cat --
    accounts
    facts
}

accounts() {
    if [ -n "$ROOT" ]; then
        passwd=$([ ! -f "$ROOT/etc/passwd" ] || cat "$ROOT/etc/passwd")
        group=$([ ! -f "$ROOT/etc/group" ] || cat "$ROOT/etc/group")
        shadow=$([ ! -r "$ROOT/etc/shadow" ] || [ -z "$NAMES" ] || cat "$ROOT/etc/shadow")
    else
        passwd=$(getent passwd)
        group=$(getent group)
        # Reason: names are words.
        # shellcheck disable=SC2086
        shadow=$([ -z "$NAMES" ] || getent shadow $NAMES)
    fi
    section passwd && printf '%s\n' "$passwd"
    section group && printf '%s\n' "$group"
    section shadow && printf '%s\n' "$shadow"
    while IFS=: read -r name _ _ _ _ home _; do
        inside "$home/.ssh/authorized_keys.d/ignition"
        tell "keys $name" "$full"
    done <<END
$passwd
END
}

facts() {
    tell record "$STATE/record.json"
    tell intent "$STATE/intent"
    tell pending "$STATE/pending"
    tell config "$HASH"
    section facts
    [ ! -d "$ROOT/run/systemd/system" ] || echo systemd
    [ ! -e "$ROOT/run/ostree-booted" ] || echo ostree
    [ -n "$ROOT" ] || [ ! -e /sys/fs/selinux/enforce ] || echo selinux
    [ -n "$ROOT" ] || echo "boot $(cat /proc/sys/kernel/random/boot_id)"
    units
}

# shellcheck disable=SC2120
units() {
    if [ -z "$ROOT" ] && [ -d /run/systemd/system ] && [ -n "$UNITS" ]; then
        section units
        eval "set -- $UNITS"
        systemctl show \
            -p Id,LoadState,ActiveState,UnitFileState,CanReload,NeedDaemonReload -- "$@"
    fi
    section end
}
