#!/bin/sh
# Runs Salt over states that came as an archive, and tells on stdout what it says (JSON).
# Set before: SALT (its folder in memory), ARCHIVE (the digest of what goes there), and the function
# `salt`, which starts it.

salt_ready() {
    rm -rf "$SALT" && mkdir -p "$SALT/cache" "$SALT/pki" && tar -C "$SALT" -xzf "$IN/$ARCHIVE"
}

# With the words of a state.apply.
salt_run() {
    # Reason: a folder or file whose mode nobody says gets the one that Ignition would give it.
    (umask 022 && salt --config-dir "$SALT/config" --local --out=json --log-level=error \
        --retcode-passthrough state.apply "$@") </dev/null
}

salt_end() {
    rm -rf "$SALT"
}
