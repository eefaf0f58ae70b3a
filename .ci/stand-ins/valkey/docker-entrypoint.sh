#!/bin/sh
# Does what the official image's entry point does: options alone go to the server, which does not run as root.
set -e
case "${1:-}" in
  -* | *.conf) set -- valkey-server "$@" ;;
esac
if [ "$1" = valkey-server ]; then
  if [ "$(id -u)" = 0 ]; then
    chown -R valkey:valkey /data
    exec setpriv --reuid=valkey --regid=valkey --clear-groups "$0" "$@"
  fi
  # The official build listens on every address.
  case " $* " in
    *' --bind '*) ;;
    *) set -- "$@" --bind '* -::*' ;;
  esac
  set -- "$@" --protected-mode no
fi
exec "$@"
