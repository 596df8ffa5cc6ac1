#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 namespace, $2 release, $3 the Secret with the password, $4 seconds. stdin: the password. Grafana reads its admin's
# password from the environment only while its database is made: later it is changed in there.
set -eu
. provision/files/own.lib.sh
. provision/files/wait.lib.sh
. provision/files/kube.lib.sh
ns=$1 release=$2 secret=$3
begin "$4"
await_api
password=$(cat)
while ! v=$(printf '%s' "$password" | k exec -i -n "$ns" "deployment/$release-grafana" -c grafana -- \
	grafana cli --homepath /usr/share/grafana admin reset-admin-password --password-from-stdin 2>&1); do
	# never what was sent
	why=$(last "$v")
	case $why in *"$password"*) why='it cannot be said' ;; esac
	left || fail "Grafana does not take its admin's password after $limit s: $why"
	tell "Grafana: $why"
	sleep 3
done
v=$(k annotate secret -n "$ns" "$secret" --overwrite powerstack/in-grafana=yes 2>&1) || fail "$(last "$v")"
