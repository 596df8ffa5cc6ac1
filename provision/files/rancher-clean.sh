#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 "claim": what of Rancher's kind is in the cluster before it comes is recorded, and stays for ever. "clean": all else of that
# kind goes, and the record. "forget": only the record. $2 record, $3 seconds.
#
# The order matters. Webhooks that nobody answers any more refuse every change; controllers put finalizers back; finalizers
# keep objects, and those their namespaces and kinds. Kinds that K3s itself brings (helm.cattle.io, k3s.cattle.io) are
# not Rancher's.
set -eu
. provision/files/own.lib.sh
. provision/files/wait.lib.sh
. provision/files/kube.lib.sh
what=$1 name=$2
begin "$3"
if [ "$what" = forget ] || { [ "$what" = clean ] && ! [ -f "$KUBECONFIG" ]; }; then
	forget "$name"
	exit 0
fi
await_api

# list RESOURCE JSONPATH: a line for each object, in $v
list() {
	v=$(k get "$1" ${3:+"$3"} -o "jsonpath={range .items[*]}$2{\"\\n\"}{end}" 2>&1) && return 0
	case $v in *"the server doesn't have a resource type"* | *'(NotFound)'*) v= && return 0 ;; esac
	fail "the $1 cannot be listed: $(last "$v")"
}
kinds() { # in $v, as RESOURCE.GROUP
	list customresourcedefinitions '{.metadata.name}'
	v=$(printf '%s\n' "$v" | grep -E '\.cattle\.io$' | grep -vE '\.(helm|k3s)\.cattle\.io$') || v=
}
# namespaces of its own, and of its projects, users and clusters: those by a name that it makes up, and its mark
spaces() {
	list namespaces '{.metadata.name}|{.metadata.annotations}|{.metadata.labels}'
	v=$(printf '%s\n' "$v" | sed -nE \
		-e 's/^(cattle-[^|]*|fleet-[^|]*|cluster-fleet-[^|]*)\|.*/\1/p' \
		-e 's/^(local|(p|u|c|user|project|cluster)-[a-z0-9]{5,})\|.*cattle\.io.*/\1/p')
}
if [ "$what" = claim ]; then
	if [ ! -f "$state/$name" ]; then
		kinds
		before=$v
		spaces
		# its own namespace was made for it just now
		printf '%s\n' "$before" "$v" | grep -vx cattle-system | sed '/^$/d' | record "$name"
	fi
	exit 0
fi
[ -f "$state/$name" ] || exit 0
before=$nl$(cat "$state/$name")$nl
new() { # of $v, what was not there before
	old=$v v=
	for l in $old; do
		case $before in *"$nl$l$nl"*) ;; *) v="$v$l$nl" ;; esac
	done
}

tell 'its webhooks'
unhook 'cattle-[^ ]*'
list apiservices '{.metadata.name}|{.spec.service.namespace}'
for l in $(printf '%s\n' "$v" | sed -n 's/|cattle-.*//p'); do remove apiservice '' "$l"; done

tell 'its controllers'
spaces
new
ours=$v
for ns in $ours; do
	v=$(k delete deployments,daemonsets,statefulsets,jobs --all -n "$ns" --wait=false 2>&1) || fail "$ns: $(last "$v")"
done

# unlock RESOURCE NAMESPACE NAME: nobody is left to do what its finalizers wait for
unlock() {
	v=$(k patch "$1" ${2:+-n "$2"} "$3" --type=merge -p '{"metadata":{"finalizers":null}}' 2>&1) && return 0
	case $v in *'(NotFound)'*) return 0 ;; esac
	fail "$1 $3: $(last "$v")"
}
kinds
new
crds=$v
for crd in $crds; do
	left || fail "not all of Rancher is gone after $limit s; this was left: $crd"
	tell "what it keeps as $crd"
	list "$crd" '{.metadata.namespace}|{.metadata.name}|{.metadata.finalizers}' -A
	old=$v
	[ -z "$old" ] || k delete "$crd" --all -A --wait=false >/dev/null 2>&1 || :
	for l in $old; do
		case $l in
		*'|') ;;
		*'|'*'|'*)
			ns=${l%%|*} l=${l#*|}
			unlock "$crd" "$ns" "${l%%|*}" ;;
		esac
	done
done

tell 'its roles'
for kind in clusterroles clusterrolebindings; do
	v=$(k delete $kind -l cattle.io/creator=norman --ignore-not-found --wait=false 2>&1) || fail "$kind: $(last "$v")"
	list $kind '{.metadata.name}'
	for l in $(printf '%s\n' "$v" | grep -E '^(cattle-|fleet-|gitjob|rancher|globaladmin-|grb-|crb-|git-webhook-api-service)'); do remove $kind '' "$l"; done
done
for kind in roles rolebindings; do
	list $kind '{.metadata.namespace}|{.metadata.name}|{.metadata.labels.cattle\.io/creator}' -A
	for l in $(printf '%s\n' "$v" | sed -n 's/|norman$//p'); do remove $kind "${l%%|*}" "${l#*|}"; done
done
remove configmap kube-system cattle-controllers
remove lease kube-system cattle-controllers

# It marks every namespace, those of users and of Kubernetes, too: with a finalizer (rancher issues 14715 and 36450), and
# with annotations and labels.
tell 'its marks on namespaces'
list namespaces '{.metadata.name}|{.metadata.finalizers}'
for l in $(printf '%s\n' "$v" | grep 'cattle\.io' | cut -d'|' -f1); do
	unlock namespace '' "$l"
done
list namespaces '{.metadata.name}|{.metadata.annotations}|{.metadata.labels}'
for l in $(printf '%s\n' "$v" | grep 'cattle\.io' | tr -d ' '); do
	keys=$(printf '%s\n' "${l#*|}" | grep -oE '[a-z.-]*cattle\.io/[A-Za-z0-9._-]+' | sort -u | sed 's/$/-/')
	# shellcheck disable=SC2086
	k annotate namespace "${l%%|*}" $keys >/dev/null 2>&1 || :
	# shellcheck disable=SC2086
	k label namespace "${l%%|*}" $keys >/dev/null 2>&1 || :
done

for ns in $ours; do remove namespace '' "$ns"; done
for crd in $crds; do remove customresourcedefinition '' "$crd"; done
for ns in $ours; do gone namespace '' "$ns"; done
for crd in $crds; do gone customresourcedefinition '' "$crd"; done
forget "$name"
