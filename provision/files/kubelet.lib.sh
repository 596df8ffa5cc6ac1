# SPDX-License-Identifier: BSD-2-Clause
# Whether this node's kubelet takes a token. Wants node.lib.sh.

# kubelet_takes TOKEN DATA SCRATCH: true when the kubelet, whose certificate K3s' own authority signed (DATA is K3s' data
# directory), takes the token in the file TOKEN; else $v is what was said. SCRATCH is a file to write to: no secret comes
# into it. /healthz wants the same right as /pods, and is one word.
kubelet_takes() {
	if command -v curl >/dev/null; then
		v=$({ printf 'Authorization: Bearer ' && cat -- "$1" && echo; } |
			quiet_curl --cacert "$2/agent/server-ca.crt" -H @- https://127.0.0.1:10250/healthz 2>&1) && return 0
		v=${v##*"$nl"}
		return 1
	fi
	cat >"$3" <<CONFIG
apiVersion: v1
kind: Config
current-context: kubelet
contexts: [{name: kubelet, context: {cluster: kubelet, user: kubelet}}]
clusters:
- name: kubelet
  cluster:
    server: https://127.0.0.1:10250
    certificate-authority: $2/agent/server-ca.crt
users:
- name: kubelet
  user:
    tokenFile: $1
CONFIG
	v=$(timeout -k 1 15 /usr/local/bin/k3s kubectl --kubeconfig "$3" --request-timeout=10s get --raw /healthz 2>&1) && return 0
	v=$(printf '%s\n' "${v:-it did not answer in time}" | sed -n '/./h;${g;p;}')
	return 1
}
