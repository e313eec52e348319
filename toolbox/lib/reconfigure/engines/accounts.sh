#!/bin/sh
# Users, groups, and the keys that may log in.
# Reason: common.sh sets them.
# shellcheck disable=SC2154

known() {
    if [ -z "$ROOT" ]; then
        getent "$1" "$2" >/dev/null
    else
        [ -f "$ROOT/etc/$1" ] && grep -q "^$2:" "$ROOT/etc/$1"
    fi
}

# Runs a program of shadow(5) for the folder, where there is one.
account() {
    tool=$1
    shift
    if [ -z "$ROOT" ]; then
        "$tool" "$@"
    else
        "$tool" --root "$ROOT" "$@"
    fi
}

# DATABASE PROGRAM NAME COUNT [ADD…] [MODIFY…]: COUNT words make a new one, the others change one that
# is there. PROGRAM is `user` or `group`. Tells by `made` whether it is new.
entry() {
    program=$2
    name=$3
    number=$4
    made=
    if known "$1" "$name"; then
        shift $((4 + number))
        [ $# = 0 ] || account "${program}mod" "$@" -- "$name"
        return
    fi
    shift 4
    left=$number
    for word in "$@"; do
        shift
        [ "$left" = 0 ] || {
            left=$((left - 1))
            set -- "$@" "$word"
        }
    done
    made=yes
    account "${program}add" "$@" -- "$name"
}

user() {
    entry passwd user "$@" || return
    # Reason: the user is on the disk at once, and a power cut must not leave it without its home.
    if [ -n "$made" ] && [ -z "$ROOT" ] && home_of "$name" && [ -d "$home" ]; then
        sync -f -- "$home"
    fi
}

group() {
    entry group group "$@"
}

# PROGRAM OFFSET SIZE: `name:hash` for chpasswd or chgpasswd
password() {
    piece "$2" "$3" | account "$1" -e
}

user_gone() {
    known passwd "$1" || return 0
    [ -n "$ROOT" ] || loginctl terminate-user "$1" 2>/dev/null
    remove=--remove
    if [ -n "$LIMIT" ] && home_of "$1" && [ -d "$home" ]; then
        # Reason: it may be taken back, and a home may be large; it goes when that is confirmed.
        remove=
        mv -T "$home" "$home.infra-toolbox.tmp" && echo "$home.infra-toolbox.tmp" >>"$ARMED/homes"
    fi
    account userdel $remove --force -- "$1" 2>/dev/null || ! known passwd "$1"
}

# NAME: its home, once it is known again
home_back() {
    if home_of "$1" && [ -d "$home.infra-toolbox.tmp" ]; then
        mv -T "$home.infra-toolbox.tmp" "$home"
    fi
}

# NAME TIME: `first`, when it may still be needed, or `last`
group_gone() {
    known group "$1" || return 0
    if [ "$2" = first ]; then
        account groupdel -- "$1" 2>/dev/null || :
    else
        account groupdel -- "$1"
    fi
}

home_of() {
    if [ -z "$ROOT" ]; then
        line=$(getent passwd "$1")
    else
        line=$(grep "^$1:" "$ROOT/etc/passwd")
    fi || {
        echo "there is no user $1"
        return 1
    }
    line=${line#*:*:}
    uid=${line%%:*}
    line=${line#*:}
    gid=${line%%:*}
    line=${line#*:*:}
    home=${line%%:*}
    inside "$home/x"
    home=${full%/x}
}

# Does something as the user, as a home belongs to them: what they link there leads us nowhere.
as_user() {
    if [ -n "$ROOT" ]; then
        "$@"
    else
        setpriv --reuid="$uid" --regid="$gid" --clear-groups "$@"
    fi
}

# Makes the home of a user that lost it.
made_home() {
    [ ! -d "$home" ] || return 0
    new=${home%/*}/$NEW
    rm -rf "$new"
    mkdir -p "${home%/*}" && mkdir -m 700 "$new" || return
    [ ! -d "$ROOT/etc/skel" ] || cp -a "$ROOT/etc/skel/." "$new" || return
    chmod 700 "$new" || return
    [ -n "$ROOT" ] && [ "$(id -u)" != 0 ] || chown -hR "$uid:$gid" "$new" || return
    mv -T "$new" "$home" || return
    [ -n "$ROOT" ] || [ ! -e /sys/fs/selinux/enforce ] || restorecon -RF -- "$home"
}

# NAME OFFSET SIZE
keys() {
    home_of "$1" && made_home || return
    # shellcheck disable=SC2016
    piece "$2" "$3" | as_user sh -c '
        umask 077
        cd "$1" && mkdir -p .ssh/authorized_keys.d && cd .ssh/authorized_keys.d &&
            cat >.infra-toolbox.tmp && mv -fT .infra-toolbox.tmp ignition' sh "$home" || return
    [ -z "$ROOT" ] || [ "$(id -u)" != 0 ] || chown -hR "$uid:$gid" "$home/.ssh"
    [ -n "$ROOT" ] || [ ! -e /sys/fs/selinux/enforce ] || restorecon -RF -- "$home/.ssh"
}

# NAME
keys_gone() {
    home_of "$1" || return
    # shellcheck disable=SC2016
    as_user sh -c '
        cd "$1/.ssh" 2>/dev/null || exit 0
        rm -f authorized_keys.d/ignition authorized_keys.d/.infra-toolbox.tmp
        rmdir authorized_keys.d && cd .. && rmdir .ssh' sh "$home" 2>/dev/null || :
}

# NAME
leftover_home() {
    if home_of "$1" >/dev/null; then
        leftover "$home/.ssh/authorized_keys.d"
        leftover "${home%/*}"
    fi
}
