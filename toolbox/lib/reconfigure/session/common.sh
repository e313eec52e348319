#!/bin/sh
# What every script of a change knows. ROOT and RUN come from the session.
# Reason: some are for the scripts that this stands before.
# shellcheck disable=SC2034
nl='
'
STATE=$ROOT/var/lib/infra-toolbox
HASH=$ROOT/etc/infra-toolbox/config.sha256
# Reason: a lock in memory is gone after a power cut; a folder has no memory of its own.
LOCK=$RUN/lock
[ -z "$ROOT" ] || LOCK=$STATE/lock
BUSY=10
CHANGED=11
FAILED=12
KILLED=13

# Sets `full` to where a path is, links of its parents followed inside of ROOT.
inside() {
    full=$1
    [ -n "$ROOT" ] || return 0
    full=$ROOT
    rest=${1#/}
    hops=0
    while [ "$rest" != "${rest#*/}" ]; do
        part=${rest%%/*}
        rest=${rest#*/}
        if [ -L "$full/$part" ] && [ $hops -lt 40 ]; then
            hops=$((hops + 1))
            target=$(readlink "$full/$part")
            [ "$target" = "${target#/}" ] || full=$ROOT
            rest=${target#/}/$rest
        elif [ "$part" = .. ]; then
            [ "$full" = "$ROOT" ] || full=${full%/*}
        elif [ -n "$part" ] && [ "$part" != . ]; then
            full=$full/$part
        fi
    done
    full=$full/$rest
}

# Takes the lock on descriptor 9, `-s` to look or `-x` to change; tells who has it otherwise.
lock() {
    flock "$1" -w "$PATIENCE" 9 && return 0
    printf 'busy '
    cat "$LOCK"
    exit $BUSY
}
