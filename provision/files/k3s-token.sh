#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# stdin: the secret part of the token that is to be. $1 what, $2 K3s' data directory, $3 a server's address, $4 its
# port:
#	rotate	on a server: the cluster gets this token, as `k3s token rotate` gives it one, which would show it in its
#		arguments: an authenticated PUT of /v1-k3s/token. Where the token is this one already, nothing.
#	try	on another node: fails when the servers do not take it, for K3s could not start with it here.
# A node that is in no cluster yet has nothing to ask. No secret is in an argument, the environment or a file.
set -eu
. provision/files/own.lib.sh
umask 077
what=$1 data=$2 host=$3 port=$4
IFS= read -r new
at=$host
case $at in *:*) at="[$at]" ;; esac

# each of them: the answer's status in $status, or why there is none in $why; the request is $verb $path, as $user with
# $secret, with the body $body
quoted() { printf '%s' "$1" | sed 's/[\\"]/\\&/g'; }
by_curl() {
	why=$({
		printf 'user = "%s:%s"\n' "$user" "$(quoted "$secret")"
		[ -z "$body" ] || printf 'header = "Content-Type: application/json"\ndata = "%s"\n' "$(quoted "$body")"
	} | curl -q -sS -K - -X "$verb" --noproxy '*' --max-time 60 --cacert "$ca" -o /dev/null -w '%{http_code}' \
		"https://$at:$port$path" 2>&1) || return 1
	status=$why
}
request() {
	printf '%s %s HTTP/1.1\r\nHost: %s:%s\r\nAuthorization: Basic %s\r\n' "$verb" "$path" "$at" "$port" \
		"$(printf '%s:%s' "$user" "$secret" | base64 -w 0)"
	[ -z "$body" ] || printf 'Content-Type: application/json\r\nContent-Length: %s\r\n' "${#body}"
	printf 'Connection: close\r\n\r\n%s' "$body"
}
# the status of the answer on stdin
status_of() {
	IFS=' ' read -r proto status rest || :
	case ${proto-} in HTTP/1.*) ;; *) return 1 ;; esac
	: "$rest"
	echo "$status"
}
by_openssl() {
	case $host in *[!0-9.]*) case $host in *:*) name=-verify_ip ;; *) name=-verify_hostname ;; esac ;; *) name=-verify_ip ;; esac
	status=$(request | timeout -k 1 60 openssl s_client -quiet -connect "$at:$port" -CAfile "$ca" -verify_return_error \
		"$name" "$host" 2>/dev/null | status_of) || {
		why='no answer that is certified by the cluster'
		return 1
	}
}
python='import socket, ssl, sys
host, port, ca = sys.argv[1:]
tls = ssl.create_default_context(cafile=ca)
with socket.create_connection((host, int(port)), 60) as plain:
    with tls.wrap_socket(plain, server_hostname=host) as s:
        s.sendall(sys.stdin.buffer.read())
        print(s.recv(4096).decode("latin-1").split("\r\n")[0])'
by_python() {
	status=$(request | timeout -k 1 60 python3 -c "$python" "$host" "$port" "$ca" 2>/dev/null | status_of) || {
		why='no answer that is certified by the cluster'
		return 1
	}
}
ask() {
	verb=$1 path=$2 user=$3 secret=$4 body=${5-}
	status='' why=
	for tool in curl openssl python3; do
		command -v $tool >/dev/null || continue
		by_${tool%3} || fail "https://$at:$port$path: $why"
		return 0
	done
	fail 'curl, openssl or python3 is needed to speak to K3s about its token: install one of them'
}

if [ "$what" = try ]; then
	ca=$data/agent/server-ca.crt
	[ -f "$ca" ] || exit 0
	ask GET /v1-k3s/config node "$new"
	[ "$status" = 200 ] || fail "the servers do not take the vault's token (status $status), and K3s would not start with it: deploy K3s to them before, or without --limit"
	exit 0
fi

ca=$data/server/tls/server-ca.crt
[ -f "$data/server/token" ] || exit 0
IFS= read -r now <"$data/server/token" || [ -n "$now" ]
# K10HASH::USER:SECRET
case $now in K10*::*:*)
	now=${now#*::}
	now=${now#*:} ;;
esac
[ "$now" != "$new" ] || exit 0
ask PUT /v1-k3s/token server "$now" "{\"newToken\":\"$(quoted "$new")\"}"
case $status in
200) ;;
401 | 403) fail "K3s refuses its own token in '$data/server/token' (status $status): was it restarted since that changed?" ;;
404) fail "this release of K3s cannot be given another token: those from October 2023 on (v1.28.2, v1.27.7, v1.26.10) can; upgrade first" ;;
*) fail "K3s does not change the cluster's token (status $status): 'journalctl -u k3s' says why" ;;
esac
