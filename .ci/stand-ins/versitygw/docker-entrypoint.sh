#!/bin/sh
# Understands what a generated compose file says to the official image: `posix FOLDER` and the variables of its host.
set -e
[ "${1:-}" = posix ] && [ -d "${2:-}" ] || { echo 'only `posix FOLDER` is understood here' >&2; exit 2; }
port=${VGW_PORT:-:7070}
exec s3s-fs --host 0.0.0.0 --port "${port##*:}" \
  --access-key "${ROOT_ACCESS_KEY:?}" --secret-key "${ROOT_SECRET_KEY:?}" "$2"
