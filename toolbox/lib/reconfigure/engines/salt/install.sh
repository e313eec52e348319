#!/bin/sh
# Unpacks Salt on a machine. Set before: CACHE, where it is kept, and DIGEST, its SHA-256; IN has the
# archive by that name, checked.
set -e
umask 022
mkdir -p "$CACHE"
# Reason: two operators may ship it at once; what one left that was cut off is in the way.
exec 9>"$CACHE/lock"
flock 9
new=$CACHE/new
rm -rf "$new"
mkdir "$new"
tar -C "$new" --no-same-owner -xzf "$IN/$DIGEST"
# Reason: after a power cut the name must not stand for half of it.
sync
rm -rf "${CACHE:?}/$DIGEST"
mv "$new" "$CACHE/$DIGEST"
for old in "$CACHE"/*; do
    case ${old##*/} in "$DIGEST" | lock) ;; *) rm -rf "$old" ;; esac
done
