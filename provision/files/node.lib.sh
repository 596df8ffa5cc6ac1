# SPDX-License-Identifier: BSD-2-Clause
# How a node stands in the cluster. Asked with its kubelet's own rights, which see it: the same on servers and agents.
# One request, for kubectl's "get node" first asks for all kinds that the API has, dozens of requests, and
# keeps the answers in root's home folder.

# Whatever curl is configured to do elsewhere has no say here, and it does not say its name: to a "curl" the API's
# answer is indented (apiserver/pkg/endpoints/handlers/responsewriters).
quiet_curl() { curl -q -g -sS -f -A powerstack --noproxy '*' --max-time 15 "$@"; }

# by_curl KUBECONFIG: true where curl can ask with it, by the files that a kubeconfig of K3s names: $url $ca $cert $key.
by_curl() {
	url='' ca='' cert='' key=''
	while IFS= read -r l; do
		case $l in
		*' server: '*) url=${l#*: } ;;
		*' certificate-authority: '*) ca=${l#*: } ;;
		*' client-certificate: '*) cert=${l#*: } ;;
		*' client-key: '*) key=${l#*: } ;;
		esac
	done <"$1"
	[ -n "$url" ] && [ -r "$ca" ] && [ -r "$cert" ] && [ -r "$key" ] && command -v curl >/dev/null
}

# k3s_get KUBECONFIG PATH: the API's answer. By curl where that can be: kubectl takes a second of a small board's processor
# to begin.
k3s_get() {
	if by_curl "$1"; then
		quiet_curl --cacert "$ca" --cert "$cert" --key "$key" "$url$2"
	else
		timeout -k 1 20 /usr/local/bin/k3s kubectl --kubeconfig "$1" --request-timeout=15s get --raw "$2"
	fi
}

admin=/etc/rancher/k3s/k3s.yaml
# $files becomes the administrator's kubeconfig: one of K3s' own that names files where there is one. The data directory
# stands in the claim. Wants own.lib.sh.
admin_files() {
	files=$admin
	[ -f "$state/k3s" ] || return 0
	while IFS= read -r l; do
		case $l in data=*) files=${l#data=}/server/cred/admin.kubeconfig ;; esac
	done <"$state/k3s"
	[ -f "$files" ] || files=$admin
}

# node_state KUBECONFIG NAME: $v becomes node_fields' lines; fails with what was said instead in $v.
node_state() {
	v=$(k3s_get "$1" "/api/v1/nodes/$2" 2>&1) || return 1
	node_fields
}

# node_fields: $v, a node as the API tells it, becomes lines ready=, why=, version= and ip=. Its objects are told apart by
# their braces; its fields stand in the order of the Go types that it is written from (core/v1 NodeCondition, NodeAddress,
# NodeSystemInfo). In the shell itself: to begin a process takes a small or emulated processor longer.
node_fields() {
	old=$IFS
	IFS='{}'
	set -f
	# shellcheck disable=SC2086
	set -- $v
	IFS=$old
	v=
	for l; do
		case $l in
		*'"type":"Ready"'*'"reason":"'*'","message":"'*)
			ready=${l#*'"status":"'} why=${l#*'"reason":"'}
			v="$v${nl}ready=${ready%%'"'*}${nl}why=${why%%'"'*}: "
			why=${why#*'","message":"'}
			v=$v${why%%'"'*} ;;
		*'"kubeletVersion":"'*) l=${l#*'"kubeletVersion":"'} v="$v${nl}version=${l%%'"'*}" ;;
		*'"type":"InternalIP"'*) l=${l#*'"address":"'} v="$v${nl}ip=${l%%'"'*}" ;;
		esac
	done
	v=${v#"$nl"}
}

# True when what K3s said last is that its servers know this node by another password than the one in
# /etc/rancher/node/password (pkg/nodepassword). An agent then asks again, for ever; a server ends.
node_refused() {
	command -v journalctl >/dev/null || return 1
	v_last=$(journalctl -q -u k3s.service -u k3s-agent.service -t k3s -n 2 -o cat --no-pager 2>/dev/null) || return 1
	case $v_last in *'ode password rejected'*) ;; *) return 1 ;; esac
}
