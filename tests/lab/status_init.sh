#!/bin/sh
# The status service for service(8): it starts with the machine; `reload` returns when it has read its token.
number=/run/status/pid
case $1 in
    status) kill -0 "$(cat $number)" ;;
    reload)
        running=$(cat $number) && rm $number && kill -HUP "$running" || exit 1
        while [ ! -s $number ]; do kill -0 "$running" && sleep 0.01 || exit 1; done
        ;;
    *) echo "usage: $0 status|reload" >&2; exit 2 ;;
esac
