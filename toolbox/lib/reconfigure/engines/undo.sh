#!/bin/sh
# Taking a change back that nobody confirms over a new connection. What is needed for that is in
# memory only. LIMIT (seconds; "" where nothing is taken back), ID and BACK (what is begun still when
# it is taken back, "" for nothing) are set, and the functions `save` and `undo` of the change itself.
# Reason: the other scripts set them.
# shellcheck disable=SC2154

# Reason: a folder has no memory of its own.
UNDO=$RUN/undo
[ -z "$ROOT" ] || UNDO=$STATE/undo
ARMED=$UNDO/armed
UNDONE=20
LONGEST=1800

# Saves what a change is going to touch, and starts who takes it back.
arm() {
    [ -n "$LIMIT" ] || return 0
    step
    rm -rf "$UNDO"
    mkdir -p "$ARMED/state" && cp "$JOB/job.sh" "$ARMED/job.sh" || exit $FAILED
    for item in "$STATE/record.json" "$STATE/paths" "$STATE/pending" "$HASH"; do
        [ ! -f "$item" ] || cp -a "$item" "$ARMED/state/" || exit $FAILED
    done
    save || exit $FAILED
    scope=
    if [ -z "$ROOT" ] && [ -d /run/systemd/system ]; then
        # Reason: who logs out may take along what was started in the session.
        scope="systemd-run --scope --quiet --collect --unit=infra-toolbox-undo-$ID"
    fi
    echo "$$" >"$ARMED/job"
    # Reason: it keeps the lock, so that nobody builds on what may be taken back.
    # shellcheck disable=SC2086
    setsid $scope sh "$ARMED/job.sh" watch </dev/null >/dev/null 2>&1 &
    echo $! >"$ARMED/pid"
    printf '%s since %s, to be confirmed\n' "$WHO" "$SINCE" >"$LOCK"
}

# Is the change still going on?
goes_on() {
    [ -d "$ARMED" ] && [ ! -f "$ARMED/finished" ] && kill -0 "-$(cat "$ARMED/job")" 2>/dev/null
}

# Waits for the end of the change, and then for its confirmation; takes it back without one.
watch() {
    left=$LONGEST
    while goes_on && [ $left -gt 0 ]; do
        sleep 1 9>&-
        left=$((left - 1))
    done
    left=$LIMIT
    # Reason: what was killed before its end is confirmed by nobody.
    [ -f "$ARMED/finished" ] || left=0
    while [ -d "$ARMED" ] && [ ! -f "$ARMED/now" ] && [ "$left" -gt 0 ]; do
        sleep 1 9>&-
        left=$((left - 1))
    done
    # Reason: who moves the folder first decides what becomes of the change.
    mv "$ARMED" "$UNDO/undoing" 2>/dev/null || exit 0
    ARMED=$UNDO/undoing
    if [ ! -f "$ARMED/finished" ]; then
        kill -9 "-$(cat "$ARMED/job")" 2>/dev/null
        places
        leftovers
        rm -rf "$JOB"
    fi
    # Reason: nobody takes this back, so the home of a user that goes by it is not put aside.
    LIMIT=
    undo
    for item in record.json paths pending; do
        again "$item" "$STATE/$item"
    done
    again "${HASH##*/}" "$HASH"
    rmdir "${HASH%/*}" 2>/dev/null
    rm -f "$STATE/generations/$GENERATION.json"
    if [ -n "$BACK" ]; then
        umask 077
        remember intent.paths "$TOUCHED"
        remember intent "$BACK"
    else
        rm -f "$STATE/intent" "$STATE/intent.paths"
    fi
    flush "$STATE"
    command -v logger >/dev/null && logger -t infra-toolbox "generation $GENERATION was not confirmed: undone"
    rm -rf "$UNDO"
    if [ -n "$ROOT" ]; then rm -f "$LOCK"; else : >"$LOCK"; fi
}

again() {
    if [ -f "$ARMED/state/$1" ]; then
        cp -a "$ARMED/state/$1" "$2.tmp" && mv -f "$2.tmp" "$2"
    else
        rm -f "$2"
    fi
}

# Tells that the change stays; only its own, and only when it ended well.
confirm() {
    while goes_on; do sleep 0.2; done
    [ "$(cat "$ARMED/finished" 2>/dev/null)" = "$1 0" ] && mv "$ARMED" "$UNDO/confirmed" || exit $UNDONE
    kill -9 "$(cat "$UNDO/confirmed/pid")" 2>/dev/null
    while read -r home; do rm -rf "$home"; done 2>/dev/null <"$UNDO/confirmed/homes"
    rm -rf "$UNDO"
    if [ -n "$ROOT" ]; then rm -f "$LOCK"; else : >"$LOCK"; fi
}

# Takes a change back at once, and waits for that.
take_back() {
    : >"$ARMED/now"
    while [ -d "$UNDO" ]; do sleep 0.2; done
}

# NUMBER PATH DEPTH: `deep` where a folder may go with all that is in it
save_path() {
    inside "$2"
    if [ -d "$full" ] && [ ! -L "$full" ] && [ "$3" != deep ]; then
        mkdir "$ARMED/$1" && chown --reference="$full" "$ARMED/$1" &&
            chmod --reference="$full" "$ARMED/$1"
    elif [ -e "$full" ] || [ -L "$full" ]; then
        cp -a -- "$full" "$ARMED/$1"
    fi
}

restore_path() {
    inside "$2"
    saved=$ARMED/$1
    if [ ! -e "$saved" ] && [ ! -L "$saved" ]; then
        if [ -d "$full" ] && [ ! -L "$full" ]; then rmdir "$full"; else rm -f "$full"; fi
    elif [ -d "$saved" ] && [ ! -L "$saved" ] && [ "$3" != deep ]; then
        [ -d "$full" ] || { rm -f "$full" && mkdir -p "$full"; }
        chown --reference="$saved" "$full"
        chmod --reference="$saved" "$full"
    else
        at "$2" && cp -a -- "$saved" "$tmp" || return
        # Reason: rename(2) puts no folder over something else.
        if [ -d "$full" ] || [ -d "$saved" ]; then rm -rf "$full"; fi
        mv -fT "$tmp" "$full"
    fi
}

# NUMBER PATH TARGET: whether both are one file
save_link() {
    inside "$2"
    link=$full
    inside "$3"
    [ ! "$link" -ef "$full" ] || : >"$ARMED/$1"
}

restore_link() {
    [ ! -f "$ARMED/$1" ] || hard "$2" - "$3"
}

# NUMBER NAME: the keys of a user
save_keys() {
    home_of "$2" >/dev/null || return 0
    [ ! -f "$home/.ssh/authorized_keys.d/ignition" ] ||
        cat "$home/.ssh/authorized_keys.d/ignition" >"$ARMED/$1"
}

restore_keys() {
    if [ -f "$ARMED/$1" ]; then
        JOB=$ARMED/keys
        mkdir -p "$JOB" && cp "$ARMED/$1" "$JOB/bundle"
        keys "$2" 0 "$(wc -c <"$JOB/bundle")"
    else
        keys_gone "$2"
    fi
}
