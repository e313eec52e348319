#!/bin/sh
# Runs Salt over states that came as an archive. Set before: SALT, its folder in memory, and the
# function `salt`, which starts it. Behind common.sh, and apply.sh where something is changed.
# Reason: these set what is used here.
# shellcheck disable=SC2154

# Unpacks an archive from stdin.
salt_ready() {
    salt_gone
    mkdir -p "$SALT" && tar -C "$SALT" -xf - && mkdir "$SALT/cache" "$SALT/pki"
}

# Prints `> ` and what Salt says, as one line of JSON; leaves what failed in $SALT/failed.
salt_said() {
    # Reason: descriptor 9 is the lock, which nothing may keep that goes on by itself.
    (umask 022 && salt --told "$SALT/failed" --config-dir "$SALT/config" --local --out=json \
        --log-level=error state.apply "$@") </dev/null 9>&- 2>"$SALT/complaint" || :
    [ -f "$SALT/failed" ] || echo '*' >"$SALT/failed"
    ! grep -qx '\*' "$SALT/failed" || sed 's/^/! /' "$SALT/complaint"
}

# NUMBER NAMES…: carries states out. What fails of units and programs is left to the next change,
# by the words in which it is pending; anything else ends this one.
salt_apply() {
    step
    number=$1
    shift
    now
    began=$up
    salt_said "$@"
    now
    code=0
    while IFS= read -r name; do
        case $name in
        "start "* | "stop "* | "restart "* | "reload "* | "enable "* | "disable "* | "run "*)
            unfinished="$unfinished$name$nl"
            ;;
        *) code=1 ;;
        esac
    done <"$SALT/failed"
    printf '= %s %s %s %s\n' "$number" $code "$began" "$up"
    salt_gone
    [ $code = 0 ] || exit "$FAILED"
}

salt_gone() {
    rm -rf "$SALT"
}
