#!/bin/sh
# Files, folders and links. MODE and OWNER are octal digits and `user:group`; CLEAR is `clear` where
# something of another kind may be removed. What is written stands beside its place first.
# Reason: common.sh sets them.
# shellcheck disable=SC2154

NEW=.infra-toolbox.tmp

# Sets `full` and `tmp`, and makes the folders that lack.
at() {
    inside "$1"
    folder=${full%/*}
    tmp=$folder/$NEW
    [ -d "$folder/" ] || mkdir -p "$folder/" || return
    if [ -e "$tmp" ] || [ -L "$tmp" ]; then rm -rf "$tmp"; fi
}

# Gives a path an owner; an ordinary user's folder stands for a machine as far as it can.
own() {
    owner=$2
    if [ -n "$ROOT" ]; then
        [ "$(id -u)" = 0 ] || return 0
        numbers "$owner" || return
    fi
    chown -h "$owner" "$1"
}

# Turns names of owners into the numbers that they have in a folder.
numbers() {
    user=${1%%:*}
    group=${1#*:}
    number_in "$user" passwd && user=$found && number_in "$group" group && owner=$user:$found
}

number_in() {
    found=$1
    case $1 in
    *[!0-9]*) ;;
    *) return 0 ;;
    esac
    if [ -f "$ROOT/etc/$2" ]; then
        while IFS=: read -r name _ found _; do
            [ "$name" != "$1" ] || return 0
        done <"$ROOT/etc/$2"
    fi
    echo "there is no $1 in /etc/$2"
    return 1
}

# Moves what was made to its place: MODE OWNER CLEAR.
settle() {
    # Reason: what root makes is root's, unless the folder gives its group away (setgid).
    if [ "$2" != 0:0 ] || [ -g "$folder" ]; then own "$tmp" "$2" || return; fi
    [ -z "$1" ] || chmod "$1" "$tmp" || return
    point .made
    if [ -d "$full" ] && [ ! -L "$full" ]; then
        [ "$3" = clear ] || {
            echo "a folder stands there: empty it, or say overwrite: true"
            return 1
        }
        rm -rf "$full" || return
        point .cleared
    fi
    mv -fT "$tmp" "$full"
}

# PATH MODE OWNER CLEAR OFFSET SIZE
file() {
    at "$1" || return
    mode=$2
    umask 077
    if [ "$mode $3" = "644 0:0" ] && [ ! -g "$folder" ]; then
        # Reason: everybody may read it, and that saves a program.
        umask 022
        mode=
    fi
    piece "$5" "$6" >"$tmp" || {
        echo "it cannot be written; is there room?"
        return 1
    }
    settle "$mode" "$3" "$4"
}

# PATH MODE OWNER CLEAR SOURCE DIGEST: bytes that are on the machine already
copied() {
    inside "$5"
    source=$full
    at "$1" || return
    umask 077
    cp -- "$source" "$tmp" || return
    [ "$(sha256sum <"$tmp")" = "$6  -" ] || {
        rm -f "$tmp"
        echo "$5 has changed meanwhile"
        return 1
    }
    settle "$2" "$3" "$4"
}

# PATH MODE OWNER: contents stay
dress() {
    inside "$1"
    own "$full" "$3" && chmod "$2" "$full"
}

# PATH MODE OWNER CLEAR URL HASH COMPRESSION: the hash is that of the unpacked bytes
fetched() {
    at "$1" || return
    umask 077
    fetch "$5" "$6" "$7" || {
        rm -f "$tmp"
        return 1
    }
    settle "$2" "$3" "$4"
}

fetch() {
    curl -fsSL --retry 3 -o "$tmp" -- "$1" || return
    if [ "$3" = gzip ]; then
        # Reason: what is unpacked loses its name first, so it is never left behind.
        { rm "$tmp" && gzip -dc >"$tmp"; } <"$tmp" || return
    fi
    case $2 in
    sha256-*) sum=$(sha256sum <"$tmp") ;;
    sha512-*) sum=$(sha512sum <"$tmp") ;;
    *)
        echo "nothing tells that it is what was meant"
        return 1
        ;;
    esac
    [ "${sum%% *}" = "${2#*-}" ] || {
        echo "what was fetched has another hash"
        return 1
    }
}

# PATH MODE OWNER CLEAR
directory() {
    inside "$1"
    fresh=
    if [ ! -d "$full" ] || [ -L "$full" ]; then
        fresh=fresh
        at "$1" || return
        if [ -e "$full" ] || [ -L "$full" ]; then
            [ "$4" = clear ] || {
                echo "something else stands there"
                return 1
            }
            rm -f "$full" || return
            point .cleared
        fi
        mkdir "$full" || return
    fi
    if [ "$fresh $3" != "fresh 0:0" ] || [ -g "${full%/*}" ]; then own "$full" "$3" || return; fi
    [ -z "$2" ] || chmod "$2" "$full"
}

# PATH OWNER CLEAR TARGET
link() {
    at "$1" && ln -s -- "$4" "$tmp" && settle "" "$2" "$3"
}

# PATH CLEAR TARGET
hard() {
    inside "$3"
    target=$full
    at "$1" && ln -P -- "$target" "$tmp" && settle "" 0:0 "$2" || return
    # Reason: rename(2) does nothing where both are one file already.
    rm -f "$tmp"
}

# PATH CLEAR: the image's own version comes back
original() {
    at "$1" && cp -a -- "$ROOT/usr$1" "$tmp" && settle "" 0:0 "$2"
}

# PATH
gone() {
    inside "$1"
    rm -f -- "$full"
}

# PATH: a folder goes when nothing is left in it
gone_folder() {
    inside "$1"
    [ ! -d "$full" ] || rmdir -- "$full" 2>/dev/null || echo "something is left in it, so it stays"
}

# PATH DIGEST: the bytes that stand there are kept, to come back to them
keep() {
    blob=$STATE/blobs/$2
    inside "$1"
    [ -f "$blob" ] || [ ! -f "$full" ] || (
        umask 077
        cp -- "$full" "$STATE/blobs/$NEW" && mv -f "$STATE/blobs/$NEW" "$blob"
    )
}

# OFFSET SIZE DIGEST: bytes that stand nowhere by themselves are kept
keep_piece() {
    [ -f "$STATE/blobs/$3" ] || (
        umask 077
        piece "$1" "$2" >"$STATE/blobs/$NEW" && mv -f "$STATE/blobs/$NEW" "$STATE/blobs/$3"
    )
}

# PATH…
labels() {
    [ ! -e /sys/fs/selinux/enforce ] || restorecon -F -- "$@"
}
