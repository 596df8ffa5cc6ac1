# SPDX-License-Identifier: BSD-2-Clause
# What the scripts share that speak to the cluster, as its administrator on the control node. They come behind own.lib.sh and wait.lib.sh.
KUBECONFIG=/etc/rancher/k3s/k3s.yaml
# what kubectl and helm remember is theirs, and of this boot
KUBECACHEDIR=/run/powerstack-kube
HELM_CACHE_HOME=$KUBECACHEDIR/helm HELM_CONFIG_HOME=$KUBECACHEDIR/helm HELM_DATA_HOME=$KUBECACHEDIR/helm
export KUBECONFIG KUBECACHEDIR HELM_CACHE_HOME HELM_CONFIG_HOME HELM_DATA_HOME
[ -d "$KUBECACHEDIR" ] || mkdir -m 0700 -- "$KUBECACHEDIR"

k() {
	timeout -k 2 60 /usr/local/bin/k3s kubectl --cache-dir "$KUBECACHEDIR" --request-timeout=30s "$@" && return 0
	set -- $?
	case $1 in 124 | 137) echo 'timeout: kubectl was not done after 60 s' >&2 ;; esac
	return "$1"
}

await_api() {
	[ -x /usr/local/bin/k3s ] && [ -f "$KUBECONFIG" ] || fail "this node has no K3s: 'powerstack deploy k3s' brings it"
	while ! why=$(k get --raw /readyz 2>&1); do
		why=$(last "$why")
		left || fail "the API server is not ready after $limit s: $why"
		tell "the API server: $why"
		sleep 2
	done
}

# may_pass TEXT: what a webhook, or an API server that starts or has much to do, is in the way of
may_pass() {
	case $1 in
	*'failed calling webhook'* | *'connection refused'* | *etcdserver* | *InternalError* | *ServiceUnavailable* | *[Tt]imeout*) ;;
	*) return 1 ;;
	esac
}

# gone RESOURCE NAMESPACE NAME: waits until there is no such object any more, and says what it waits for.
gone() {
	while :; do
		rc=0
		v=$(k get "$1" ${2:+-n "$2"} "$3" --ignore-not-found \
			-o 'jsonpath={.metadata.name}|{.metadata.finalizers}|{range .status.conditions[?(@.status=="True")]}{.message}{" "}{end}' 2>&1) || rc=$?
		if [ $rc = 0 ] && [ -z "$v" ]; then return 0; fi
		case $v in *"the server doesn't have a resource type"*) return 0 ;; esac
		if [ $rc = 0 ]; then
			v=${v#*|}
			keeps=${v#*|}
			v=${v%%|*}
			v="$1 $3 is still being deleted${v:+, finalizers $v}${keeps:+: $keeps}"
		else
			v=$(last "$v")
		fi
		left || fail "after $limit s: $v"
		tell "$v"
		sleep 1
	done
}

# remove RESOURCE NAMESPACE NAME: deletes it; no such object or no such kind is as good.
remove() {
	while ! v=$(k delete "$1" ${2:+-n "$2"} "$3" --ignore-not-found --wait=false 2>&1); do
		case $v in *"the server doesn't have a resource type"*) return 0 ;; esac
		v=$(last "$v")
		may_pass "$v" && left || fail "cannot delete $1 $3: $v"
		tell "$1 $3: $v"
		sleep 2
	done
}

# unhook PATTERN: removes the webhooks that are served from a namespace like that (a regular expression)
unhook() {
	for kind in validatingwebhookconfigurations mutatingwebhookconfigurations; do
		v=$(k get $kind -o 'jsonpath={range .items[*]}{.metadata.name}|{.webhooks[*].clientConfig.service.namespace}{"\n"}{end}' 2>&1) ||
			fail "the $kind cannot be listed: $(last "$v")"
		for hook in $(printf '%s\n' "$v" | sed -nE "s/^([^|]*)\|(.* )?$1( .*)?\$/\1/p"); do remove $kind '' "$hook"; done
	done
}

# ---- how workloads come up

pods_path='{range .items[*]}{.metadata.name}|{.metadata.deletionTimestamp}|{.status.phase}|{range .status.containerStatuses[*]}{.ready},{.state.waiting.reason},{.state.waiting.message};{end}|{.status.conditions[?(@.type=="PodScheduled")].message}{"\n"}{end}'
loads_path='{range .items[*]}{.kind}/{.metadata.name}|{.metadata.generation}|{.status.observedGeneration}|{.spec.replicas}{.status.desiredNumberScheduled}|{.status.readyReplicas}{.status.numberReady}|{.status.updatedReplicas}{.status.updatedNumberScheduled}{"\n"}{end}'

# event_of NAMESPACE NAME: the newest warning about an object, in $v
event_of() {
	v=$(k get events -n "$1" --field-selector "involvedObject.name=$2,type=Warning" \
		-o 'jsonpath={range .items[*]}{.lastTimestamp} {.reason}: {.message}{"\n"}{end}' 2>/dev/null | sort | sed -n '$p') || v=
	v=${v#* }
}

# trouble_in NAMESPACE [KIND/NAME...]: in $why, what is not up in it, "" when all is; the named ones have to be there.
trouble_in() {
	why=
	ns=$1
	shift
	if ! loads=$(k get deployments,statefulsets,daemonsets -n "$ns" -o "jsonpath=$loads_path" 2>&1); then
		why=$(last "$loads")
		return 0
	fi
	for want; do
		case $nl$loads in *"$nl$want|"*) ;; *) why="there is no $want yet" && return 0 ;; esac
	done
	pods=$(k get pods -n "$ns" -o "jsonpath=$pods_path" 2>/dev/null) || pods=
	old=$IFS
	IFS=$nl
	for l in $pods; do
		IFS='|'
		# shellcheck disable=SC2086
		set -- $l
		IFS=$nl
		case ${3-} in
		Succeeded) continue ;;
		Running) case ${4-} in '' | *false,*) ;; *) continue ;; esac ;;
		esac
		[ -z "${2-}" ] || continue
		IFS=$old
		why="pod $1: ${3-}"
		case ${4-} in
		*false,[!,]*)
			v=${4#*false,}
			v=${v%%;*}
			why="$why, ${v%%,*} ${v#*,}" ;;
		*false,*) why="$why, not ready" ;;
		*) [ -z "${5-}" ] || why="$why, $5" ;;
		esac
		event_of "$ns" "$1"
		why="$why${v:+ ($v)}"
		return 0
	done
	for l in $loads; do
		IFS='|'
		# shellcheck disable=SC2086
		set -- $l
		IFS=$nl
		if [ "${3:-0}" -lt "${2:-0}" ]; then
			why="$1 is not looked at yet by its controller"
		elif [ "${4:-1}" -gt 0 ] && { [ "${5:-0}" -lt "${4:-1}" ] || [ "${6:-0}" -lt "${4:-1}" ]; }; then
			why="$1: ${5:-0} of ${4:-1} ready, ${6:-0} up to date"
		else
			continue
		fi
		IFS=$old
		event_of "$ns" "${1#*/}"
		why="$why${v:+ ($v)}"
		return 0
	done
	IFS=$old
}
