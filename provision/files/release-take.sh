#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 release, $2 namespace, $3 seconds. Uninstalls it, in whatever state it is, and all record of it.
set -eu
. provision/files/own.lib.sh
. provision/files/wait.lib.sh
. provision/files/kube.lib.sh
release=$1 ns=$2
begin "$3"
helm=/usr/local/bin/helm
[ -x /usr/local/bin/k3s ] && [ -f "$KUBECONFIG" ] || exit 0
[ -x $helm ] || fail "there is no $helm to uninstall '$release' with: 'powerstack deploy helm' brings it"
await_api
work=$(mktemp -d /run/powerstack-release.XXXXXX)
trap 'rm -rf -- "$work"' EXIT
trap 'exit 1' HUP INT TERM PIPE
try() {
	left || fail "'$release' is not uninstalled after $limit s"
	"$helm" uninstall "$release" -n "$ns" --ignore-not-found --timeout "${left}s" "$@" >"$work/said" 2>&1 &
	pid=$!
	while kill -0 $pid 2>/dev/null; do
		trouble_in "$ns"
		tell "helm uninstall: ${why:-at work}"
		sleep 1
	done
	wait $pid
}
taken=no
! try || taken=yes
if [ $taken = no ] && grep -q 'failed calling webhook' "$work/said"; then
	# Who served a webhook from here may have gone just now, and what nobody answers refuses every change.
	tell "helm uninstall: $(grep 'failed calling webhook' "$work/said" | tail -n 1); once more without the webhooks of $ns"
	unhook "$ns"
	! try || taken=yes
fi
if [ $taken = no ]; then
	# a hook that cannot run any more (its image, say) is no reason to keep the rest
	tell "helm uninstall: $(tail -n 1 "$work/said"); once more without hooks"
	try --no-hooks || fail "helm uninstall: $(grep -v '^$' "$work/said" | tail -n 3 | tr '\n' ' ')"
fi
v=$(k delete secrets -n "$ns" -l "owner=helm,name=$release" --ignore-not-found 2>&1) || fail "$(last "$v")"
