#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 release, $2 namespace, $3 chart's file, $4 hash of its configuration, $5 seconds, $6 a manifest that is taken, in a dry run,
# when it is up, or "", then what has to be there before it is up beside what the chart itself makes, as Kind/name. stdin: its
# values.
#
# The newest revision has the labels powerstack-config-hash and powerstack-ready: no revision is made for a configuration that
# is there already. What a run that was cut off left is put right: of a revision that is pending its record goes, so that the
# one before it counts again; one that was being uninstalled is uninstalled.
set -eu
. provision/files/own.lib.sh
. provision/files/wait.lib.sh
. provision/files/kube.lib.sh
release=$1 ns=$2 chart=$3 hash=$4
begin "$5"
trial=$6
shift 6
helm=/usr/local/bin/helm
values=$(cat)
[ -x $helm ] || fail "there is no $helm: 'powerstack deploy helm' brings it"
[ -f "$chart" ] || fail "the chart '$chart' is not on this node"
await_api
work=$(mktemp -d /run/powerstack-release.XXXXXX)
trap 'rm -rf -- "$work"' EXIT
trap 'exit 1' HUP INT TERM PIPE

# The newest revision: revision (0: none), status, is (its hash), ready.
newest() {
	v=$(k get secrets -n "$ns" -l "owner=helm,name=$release" \
		-o 'jsonpath={range .items[*]}{.metadata.labels.version}|{.metadata.labels.status}|{.metadata.labels.powerstack-config-hash}|{.metadata.labels.powerstack-ready}{"\n"}{end}' \
		2>&1) || fail "the revisions of '$release' cannot be told: $(last "$v")"
	v=$(printf '%s\n' "$v" | sort -n | sed -n '$p')
	old=$IFS
	IFS='|'
	# shellcheck disable=SC2086
	set -- $v
	IFS=$old
	revision=${1:-0} status=${2-} is=${3-} ready=${4-}
}

# run_helm WORD ARG...: with the values as stdin; while it works what it waits for is told. False, and $why, when it failed of
# what may pass.
run_helm() {
	left || fail "no time is left for helm after $limit s${said:+: $said}"
	printf '%s\n' "$values" | "$helm" "$@" -n "$ns" --timeout "${left}s" >"$work/said" 2>&1 &
	pid=$!
	why=
	while kill -0 $pid 2>/dev/null; do
		trouble_in "$ns"
		tell "helm $1: ${why:-at work}"
		sleep 1
	done
	rc=0
	wait $pid || rc=$?
	[ $rc != 0 ] || return 0
	said="helm $1: $(grep -v '^$' "$work/said" | tail -n 3 | tr '\n' ' ')${why:+(waiting for $why)}"
	case $said in
	*'unable to return a response in the time'* | *'request timed out'* | *'connection refused'* | *'TLS handshake timeout'* | *'i/o timeout'* | \
		*'failed calling webhook'* | *'ServiceUnavailable'* | *'currently unable to handle the request'* | *'no endpoints available'*) ;;
	*) fail "$said" ;;
	esac
	tell "$said"
	sleep 3
	return 1
}
said=

# Another one's helm is not to be disturbed; powerstack's own holds the node's lock.
for p in /proc/[0-9]*/comm; do
	if IFS= read -r v 2>/dev/null <"$p" && [ "$v" = helm ]; then
		p=${p#/proc/}
		fail "a helm of somebody else is at work on this node (process ${p%%/*}): wait for its end, and run this again"
	fi
done

# mend: what a run, or a try, that was cut off left
mend() {
	newest
	case $status in
	pending-*)
		tell "revision $revision of '$release' is $status since a run that was cut off: its record is removed"
		remove secret "$ns" "sh.helm.release.v1.$release.v$revision"
		newest ;;
	uninstalling | uninstalled)
		tell "'$release' was being uninstalled by a run that was cut off"
		run_helm uninstall "$release" --ignore-not-found || return 0
		newest ;;
	esac
}
# helm installs the definitions of a chart's own kinds once, and never changes them
new_kinds() {
	"$helm" show crds "$chart" >"$work/crds" 2>"$work/said" || fail "helm show crds: $(tail -n 1 "$work/said")"
	grep -q '^kind:' "$work/crds" || return 0
	v=$(k apply --server-side --force-conflicts --field-manager=helm -f "$work/crds" 2>&1) ||
		fail "the chart's own kinds cannot be changed: $(last "$v")"
}
mend
while [ "$status" != deployed ] || [ "$is" != "$hash" ]; do
	[ "$status" != deployed ] || new_kinds
	if run_helm upgrade "$release" "$chart" --install -f - --reset-values --history-max 10 \
		--labels "powerstack-config-hash=$hash,powerstack-ready=no"; then
		newest
		[ "$status" = deployed ] && [ "$is" = "$hash" ] ||
			fail "helm says that it is done, but revision $revision of '$release' is '$status'"
	fi
	mend
done
while [ "$ready" != yes ]; do
	trouble_in "$ns" "$@"
	if [ -z "$why" ] && [ -n "$trial" ]; then
		why=$(printf '%s\n' "$trial" | k apply --dry-run=server -f - 2>&1 >/dev/null) && why=
		why=$(last "$why")
	fi
	if [ -z "$why" ]; then
		v=$(k label secret -n "$ns" "sh.helm.release.v1.$release.v$revision" --overwrite powerstack-ready=yes 2>&1) ||
			fail "revision $revision of '$release' cannot be marked: $(last "$v")"
		ready=yes
	else
		left || fail "'$release' is installed, but not up after $limit s: $why"
		tell "$why"
		sleep 2
	fi
done
