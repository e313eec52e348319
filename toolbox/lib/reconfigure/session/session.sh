#!/bin/sh
# Takes requests on stdin and carries them out. ROOT, RUN and GREETING are set before: the folder
# that stands for a machine's root ("" on a machine), a private folder in memory, and what is said
# once it listens.
#
#   put SIZE SHA256 MARK    the next SIZE bytes become the file $IN/SHA256
#   run SIZE SHA256 MARK    they are a script, which gets a shell of its own and an empty stdin
#
# A connection that is cut leaves half a request behind: files with another hash are not used, and
# no script of another size. The end of a script is told by MARK, with its exit code on stdout.
umask 077
IN=$RUN/in.$$
export ROOT RUN IN

take() {
    [ "$1" -lt 65536 ] || dd bs=65536 count=$(($1 / 65536)) iflag=fullblock 2>/dev/null
    [ $(($1 % 65536)) = 0 ] || dd bs=$(($1 % 65536)) count=1 iflag=fullblock 2>/dev/null
}

[ -d "$RUN" ] || mkdir -p "$RUN" || exit 1
# Reason: a session that was killed has removed nothing.
for old in "$RUN"/in.*; do
    [ ! -d "$old" ] || kill -0 "${old##*.}" 2>/dev/null || rm -rf "$old"
done
for old in "$RUN"/job.*; do
    if [ -f "$old/pid" ] && read -r pid <"$old/pid"; then
        kill -0 "$pid" 2>/dev/null || rm -rf "$old"
    fi
done
mkdir "$IN" || exit 1
trap 'rm -rf "$IN"' EXIT
trap 'exit 1' HUP INT TERM
# Reason: until it is heard, nothing has begun here, and what comes before is not ours.
printf '\n%s\n' "$GREETING"

while read -r kind size digest mark; do
    case $kind in
    put)
        take "$size" >"$IN/part"
        if [ "$(sha256sum <"$IN/part")" = "$digest  -" ]; then
            mv "$IN/part" "$IN/$digest"
        fi
        ;;
    run)
        text=$(take "$size" && echo .)
        text=${text%.}
        # Reason: in a shell of its own, as a script may exit and change everything.
        (
            locale=${LC_ALL-}
            # Reason: sizes are in bytes.
            LC_ALL=C
            [ ${#text} = "$size" ] || exit 254
            LC_ALL=$locale
            eval "$text"
        ) </dev/null
        code=$?
        printf '\n%s %s\n' "$mark" "$code"
        printf '\n%s\n' "$mark" >&2
        # Reason: nobody waits for it.
        set -- "$IN"/*
        [ ! -e "$1" ] || rm -rf "$@"
        ;;
    esac
done
