#!/bin/sh
# Carries out a change. common.sh, nodes.sh, accounts.sh and undo.sh stand before; behind stands the
# change itself: JOB (folder with `bundle`, the bytes), PATIENCE, WHO, SINCE, BASE (generation that
# must be there, or `none`), GENERATION, KEEP (how many of them stay), RECORD, INTENT, PATHS,
# TOUCHED and PENDING (texts that are remembered), CONFIG, RELOAD (whether units are read anew),
# `body` (what is done) and `places` (which removes what may be left beside what is written).
#
# What it says: `= NUMBER CODE BEGIN END` for each thing that was done, `! TEXT` before it.
# Reason: common.sh sets them.
# shellcheck disable=SC2154
umask 022
unfinished=
count=0

# A point at which tests interrupt; only in a folder, never on a machine.
point() {
    [ -n "$ROOT" ] || return 0
    case $INFRA_FAULT in
    "$count$1:fail") exit $FAILED ;;
    "$count$1:kill")
        kill -9 "$INNER"
        exit 1
        ;;
    "$count$1:power") kill -9 0 ;;
    list) echo "# $count$1" >>"$INFRA_FAULT_LIST" ;;
    esac
}

step() {
    count=$((count + 1))
    point ""
}

# Prints a piece of the bundle: OFFSET SIZE.
piece() {
    [ "$2" = 0 ] || dd if="$JOB/bundle" bs=65536 iflag=skip_bytes,count_bytes skip="$1" count="$2" \
        2>/dev/null
}

now() {
    # Reason: it is asked for while IFS is a line feed, too.
    IFS=' ' read -r up _ </proc/uptime
}

# Does something that has a number, and tells how it went; what must not fail ends the change.
op() {
    number=$1
    shift
    attempt "$@" || exit $FAILED
}

# The same; a failure is told and no more.
try() {
    number=$1
    shift
    attempt "$@" || :
}

# The same with a program; LINE is what stays to be done when it fails.
program() {
    number=$1
    line=$2
    shift 2
    # Reason: one that the machine does not have will not be there the next time.
    command -v "$1" >/dev/null || return 0
    attempt "$@" || unfinished="$unfinished$line$nl"
}

attempt() {
    step
    now
    began=$up
    code=0
    # Reason: descriptor 9 is the lock, which nothing may keep that goes on by itself.
    said=$("$@" 2>&1 9>&-) || code=$?
    now
    [ -z "$said" ] || printf '%s\n' "$said" | sed 's/^/! /'
    printf '= %s %s %s %s\n' "$number" $code "$began" "$up"
    return $code
}

# Does something to units in one call: VERB, then a number and a name for each.
units() {
    step
    verb=$1
    shift
    flags=
    [ -z "$RELOAD" ] || flags=--no-reload
    numbers=
    names=
    while [ $# -gt 0 ]; do
        numbers="$numbers $1"
        names="$names$nl$2"
        shift 2
    done
    IFS=$nl
    set -f
    now
    began=$up
    code=0
    case $verb in
    enable | disable) said=$(systemctl $flags "$verb" -- $names 2>&1 9>&-) || code=$? ;;
    reload) said=$(systemctl reload-or-restart -- $names 2>&1 9>&-) || code=$? ;;
    stop)
        said=$(systemctl stop -- $names 2>&1 9>&-) || code=$?
        # Reason: a container that does not mind SIGTERM is killed, and its unit has failed by that;
        # nobody could tell systemd to forget it once its file is gone.
        [ $code != 0 ] || systemctl reset-failed -- $names 2>/dev/null 9>&- || :
        ;;
    *) said=$(systemctl "$verb" -- $names 2>&1 9>&-) || code=$? ;;
    esac
    now
    set -- $names
    IFS=' '
    if [ $code = 0 ]; then
        for number in $numbers; do
            printf '= %s 0 %s %s\n' "$number" "$began" "$up"
        done
    else
        blame "$@"
    fi
    set +f
}

# Tells which of some units has failed; all of them where that cannot be known.
blame() {
    guilty=
    for name in "$@"; do
        case $said in
        *"$name"*) guilty="$guilty$nl$name$nl" ;;
        *)
            # Reason: what failed without a word about it still failed.
            ! systemctl is-failed --quiet -- "$name" || guilty="$guilty$nl$name$nl"
            ;;
        esac
    done
    printf '%s\n' "$said" | sed 's/^/! /'
    for number in $numbers; do
        code=0
        case $guilty in
        "" | *"$nl$1$nl"*)
            code=1
            unfinished="$unfinished$verb '$1'$nl"
            ;;
        esac
        printf '= %s %s %s %s\n' "$number" $code "$began" "$up"
        shift
    done
}

# Writes a file of the folder that only root sees: NAME TEXT.
remember() {
    printf '%s' "$2" >"$STATE/.infra-toolbox.tmp" && mv -f "$STATE/.infra-toolbox.tmp" "$STATE/$1"
}

generation() {
    [ ! -f "$STATE/record.json" ] || sed -n 's/.*"generation": *\([0-9]*\).*/\1/p' "$STATE/record.json"
}

check_base() {
    there=$(generation)
    [ "${there:-none}" = "$BASE" ] || {
        echo "changed ${there:-none}"
        exit $CHANGED
    }
}

# Removes what a change that was cut off has left beside its files.
sweep() {
    step
    leftovers
    [ ! -f "$STATE/intent.paths" ] || while IFS= read -r path; do
        inside "$path"
        leftover "${full%/*}"
    done <"$STATE/intent.paths"
}

leftover() {
    tmp=$1/.infra-toolbox.tmp
    if [ -e "$tmp" ] || [ -L "$tmp" ]; then
        rm -rf "$tmp"
    fi
}

leftover_at() {
    inside "$1/x"
    leftover "${full%/*}"
}

leftovers() {
    leftover "$STATE"
    leftover "$STATE/blobs"
    leftover "${HASH%/*}"
}

# Remembers what is going to be done, so that it can be finished, or taken back, by the next one.
intend() {
    remember intent "$INTENT" || exit $FAILED
    step
    remember intent.paths "$TOUCHED" || exit $FAILED
    step
    remember pending "$PENDING" || exit $FAILED
    step
    flush "$STATE"
}

flush() {
    [ -n "$ROOT" ] || sync -f "$@" 2>/dev/null || sync
}

commit() {
    step
    # Reason: what is recorded must have reached the disk before.
    if [ -d "$ROOT/etc" ]; then flush "$ROOT/etc" "$STATE"; else flush "$STATE"; fi
    if [ -n "$there" ] && [ ! -f "$STATE/generations/$there.json" ]; then
        cp "$STATE/record.json" "$STATE/.infra-toolbox.tmp" || exit $FAILED
        mv -f "$STATE/.infra-toolbox.tmp" "$STATE/generations/$there.json"
    fi
    step
    remember "generations/$GENERATION.json" "$RECORD" || exit $FAILED
    step
    remember paths "$PATHS" || exit $FAILED
    step
    remember record.json "$RECORD" || exit $FAILED
    step
    (
        umask 022
        [ -d "${HASH%/*}" ] || mkdir -p "${HASH%/*}" || exit
        printf '%s\n' "$CONFIG" >"${HASH%/*}/.infra-toolbox.tmp" || exit
        mv -f "${HASH%/*}/.infra-toolbox.tmp" "$HASH"
    ) || exit $FAILED
    step
    if [ -n "$unfinished" ]; then
        printf '%s' "$unfinished" >"$STATE/.infra-toolbox.tmp"
        mv -f "$STATE/.infra-toolbox.tmp" "$STATE/pending"
        step
        rm -f "$STATE/intent.paths" "$STATE/intent"
    else
        rm -f "$STATE/pending" "$STATE/intent.paths" "$STATE/intent"
    fi
    step
    prune
}

# Removes old generations, and bytes that none of the others names.
prune() {
    pruned=
    for old in "$STATE"/generations/*.json; do
        number=${old##*/}
        number=${number%.json}
        if [ "$number" -le $((GENERATION - KEEP)) ]; then
            rm -f "$old"
            pruned=yes
        fi
    done
    [ -n "$pruned" ] || return 0
    named=$(cat "$STATE"/generations/*.json | grep -oE '[0-9a-f]{64}' | sort -u)
    for blob in "$STATE"/blobs/*; do
        case $named in
        *"${blob##*/}"*) ;;
        *) [ ! -f "$blob" ] || rm -f "$blob" ;;
        esac
    done
}

inner() {
    # Reason: only tests kill it.
    [ -z "$ROOT" ] || INNER=$(exec sh -c 'echo $PPID')
    check_base
    step
    sweep
    umask 077
    arm
    intend
    umask 022
    body
    umask 077
    commit
}

# Takes the lock to change; one that another has removed meanwhile is no lock.
hold() {
    if [ ! -d "$STATE/blobs" ] || [ ! -d "$STATE/generations" ]; then
        mkdir -p "${STATE%/*}" && umask 077 && mkdir -p "$STATE/generations" "$STATE/blobs" ||
            exit $FAILED
        umask 022
    fi
    while :; do
        exec 9>>"$LOCK"
        lock -x
        [ ! /proc/self/fd/9 -ef "$LOCK" ] || break
    done
    printf '%s since %s\n' "$WHO" "$SINCE" >"$LOCK"
}

# Runs the change in a shell of its own; whatever ends that, nothing of it is left behind.
outer() {
    # Reason: it goes on when the connection is cut, also when nobody reads what it says.
    trap '' HUP PIPE
    trap 'rm -rf "$JOB"' EXIT
    hold
    (inner)
    code=$?
    places
    leftovers
    [ $code -lt 128 ] || code=$KILLED
    if [ -d "$ARMED" ]; then
        echo "$ID $code" >"$ARMED/.finished" && mv "$ARMED/.finished" "$ARMED/finished"
    elif [ -n "$ROOT" ]; then
        rm -f "$LOCK"
    else
        : >"$LOCK"
    fi
    exit $code
}
