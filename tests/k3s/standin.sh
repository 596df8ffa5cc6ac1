#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# standin.sh: proves the stand-in k3s against the real API server, on this machine. Everything runs in
# namespaces of its own: two nodes, each with its network, mounts, processes and host name.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.." || exit 1
# shellcheck source=tests/tap.sh
. tests/tap.sh

if [ "${1-}" != inside ]; then
	[ "$(id -u)" = 0 ] || { skip "needs root" "stand-in k3s"; done_testing; exit; }
	# not among the dependencies of make test: building the API server takes minutes
	tests/deps.sh tests/k3s/standin.debian || exit 1
	if ! "$here/apiserver.sh" build >/dev/null; then
		skip "the API server cannot be built here" "stand-in k3s"
		done_testing
		exit
	fi
	work=$(mktemp -d)
	# Whatever is left inside ends with the process namespace.
	unshare --net --mount --pid --fork --kill-child --mount-proc "$0" inside "$work"
	rc=$?
	rm -rf "$work"
	exit $rc
fi
work=$2
export KUBECACHEDIR=$work/kubecache
trap '[ -z "${KEEP_LOGS-}" ] || cp "$work"/*.log "$work"/api/log/* "$KEEP_LOGS"/; "$here/apiserver.sh" stop "$work/api" >&2' EXIT

# --- two machines ---
ip link set lo up
ip link add br0 type bridge && ip addr add 10.99.0.1/24 dev br0 && ip link set br0 up || exit 1
mkdir -p /run/netns && mount -t tmpfs none /run/netns || exit 1
on() { # NODE COMMAND...
	local pid
	pid=$(cat "$work/$1.pid")
	shift
	nsenter -t "$pid" -m -u -n -p -- "$@"
}
machine() { # NAME ADDRESS
	ip netns add "$1"
	ip link add "v$1" type veth peer name eth0 netns "$1"
	ip link set "v$1" master br0 up
	ip -n "$1" link set lo up
	ip -n "$1" link set eth0 up
	ip -n "$1" addr add "$2/24" dev eth0
	ip -n "$1" route add default via 10.99.0.1
	mkdir -p "$work/$1.fs"
	# shellcheck disable=SC2016 # expanded inside
	ip netns exec "$1" unshare --mount --uts --pid --fork --kill-child --mount-proc sh -euc '
		mount -t tmpfs none "$2"
		for dir in /etc /var/lib; do
			mkdir -p "$2/upper$dir" "$2/work$dir"
			mount -t overlay overlay -o "lowerdir=$dir,upperdir=$2/upper$dir,workdir=$2/work$dir" "$dir"
		done
		mount -t tmpfs none /run
		hostname "$1"
		touch "$2/../$1.up"
		exec sleep infinity' sh "$1" "$work/$1.fs" &
	local shell=$!
	for _ in $(seq 100); do
		[ ! -e "$work/$1.up" ] || break
		sleep 0.05
	done
	tr -d ' ' <"/proc/$shell/task/$shell/children" >"$work/$1.pid"
	on "$1" mkdir -p /etc/rancher/k3s
	"$here/apiserver.sh" node "$work/api" 10.99.0.1 | on "$1" sh
}
put() { on "$1" sh -c "umask 077; cat >'$2'"; }
start() { # NODE ROLE [ARG...]: its log is $work/NODE.log
	local node=$1
	shift
	: >"$work/$node.log"
	# shellcheck disable=SC2016 # expanded inside
	on "$node" env NOTIFY_SOCKET="@$node.notify" sh -c 'echo $$ >"$0"; exec "$@"' "$work/$node.inner" "$k3s" "$@" \
		>>"$work/$node.log" 2>&1 &
	echo $! >"$work/$node.k3s"
}
stop() {
	on "$1" kill -TERM "$(cat "$work/$1.inner")"
	wait "$(cat "$work/$1.k3s")"
	stopped=$?
}
log_has() { # NODE SECONDS PATTERN
	local until=$((SECONDS + $2))
	until grep -Eq -- "$3" "$work/$1.log"; do
		[ "$SECONDS" -lt "$until" ] || { tail -n 5 "$work/$1.log" | sed 's/^/# /'; return 1; }
		sleep 0.1
	done
}
logged() { if log_has "$1" "$2" "$3"; then ok "$4"; else not_ok "$4"; fi; }
until_like() { # SECONDS PATTERN DESCRIPTION COMMAND...
	local until=$((SECONDS + $1)) pattern=$2 what=$3 out
	shift 3
	while out=$("$@" 2>&1); ! grep -Eq -- "$pattern" <<<"$out"; do
		[ "$SECONDS" -lt "$until" ] || break
		sleep 0.3
	done
	like "$out" "$pattern" "$what"
}
kubectl() { on one "$k3s" kubectl "$@"; }

"$here/release.sh" "$work/release" v1.30.2+k3s1 v1.30.4+k3s1 >&2 || exit 1
download=$work/release/github.com/k3s-io/k3s/releases/download
k3s=$download/v1.30.2+k3s1/k3s
"$here/apiserver.sh" start "$work/api" 10.99.0.1 >&2 || exit 1
port=$(cat "$work/api/run/port")
python3 - "$port" <<'FORWARD' >&2 &
import asyncio, sys
async def pipe(r, w):
    try:
        while data := await r.read(65536):
            w.write(data)
            await w.drain()
    except OSError:
        pass
    w.close()
async def serve(r, w):
    try:
        r2, w2 = await asyncio.open_connection("127.0.0.1", int(sys.argv[1]))
    except OSError:
        return w.close()
    await asyncio.gather(pipe(r, w2), pipe(r2, w))
async def main():
    async with await asyncio.start_server(serve, "10.99.0.1", int(sys.argv[1])) as s:
        await s.serve_forever()
asyncio.run(main())
FORWARD
machine one 10.99.0.11
machine two 10.99.0.12
cp "$download/v1.30.2+k3s1/k3s-airgap-images-amd64.tar.zst" "$work/images"

# --- the release ---
is "$("$k3s" --version)" "k3s version v1.30.2+k3s1 ($(printf v1.30.2+k3s1 | sha1sum | cut -c1-8))
go version go1.22.4" "--version is the real one's"
run_ok "the checksum files are right" sh -c "cd '$download/v1.30.2+k3s1' && sha256sum --quiet -c sha256sum-*.txt"
is "$(cmp "$download/v1.30.4%2Bk3s1/k3s" "$download/v1.30.4+k3s1/k3s" && echo same)" same "both spellings of a tag are there"
# shellcheck disable=SC2016 # expanded inside
run_ok "another architecture's binary does not run" sh -c '! "$1" --version' sh "$download/v1.30.2+k3s1/k3s-arm64"

# --- what is refused ---
put one /etc/rancher/k3s/config.yaml <<<'node-lable: [a=b]'
start one server
logged one 10 'level=fatal msg="flag provided but not defined: -node-lable"' "server refuses an unknown key of config.yaml"
wait "$(cat "$work/one.k3s")"
is $? 1 "and exits with 1"
put two /etc/rancher/k3s/config.yaml <<<'tls-san: [a]'
start two agent --server https://10.99.0.11:6443 --token x
logged two 10 'flag provided but not defined: -tls-san' "agent refuses a server's key"
put two /etc/rancher/k3s/config.yaml <<<''
put one /etc/rancher/k3s/none.yaml <<<""
start two agent --bogus
logged two 10 'flag provided but not defined: -bogus' "agent refuses an unknown flag"
start two agent --token x
logged two 10 'level=fatal msg="--server is required"' "agent needs a server"
start one server --config /etc/rancher/k3s/none.yaml --flannel-iface eth7
logged one 10 'unable to find interface eth7' "flannel-iface must exist"
start one server --config /etc/rancher/k3s/none.yaml --node-ip 10.99.0.77
logged one 10 "node IP.*not found in the host's network interfaces" "node-ip must be the host's"

# --- a server ---
put one /etc/rancher/k3s/token <<<'a-secret-of-the-tests-0123456789abcdef'
put one /etc/rancher/k3s/config.yaml <<'YAML'
token-file: /etc/rancher/k3s/token
node-name: ho1
node-ip: 10.99.0.11
node-external-ip: 203.0.113.11
tls-san: [203.0.113.11]
flannel-iface: eth0
write-kubeconfig-mode: "0600"
disable: [metrics-server]
YAML
on one mkdir -p /etc/rancher/k3s/config.yaml.d /var/lib/rancher/k3s/agent/images /var/lib/rancher/k3s/server/manifests
put one /etc/rancher/k3s/config.yaml.d/10.yaml <<'YAML'
node-label+: [role=storage, zone=a]
node-taint: ["storage=only:PreferNoSchedule"]
YAML
put one /var/lib/rancher/k3s/agent/images/k3s-airgap-images-amd64.tar.zst <"$work/images"
put one /var/lib/rancher/k3s/server/manifests/own.yaml <<'YAML'
apiVersion: v1
kind: ConfigMap
metadata: {name: first, namespace: default}
data: {mode: "0600"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: second, namespace: default}
YAML
on one timeout 60 python3 -c 'import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("\0one.notify")
print(s.recv(100).decode(), end="")' >"$work/notified" &
notified=$!
sleep 0.5
start one server
wait $notified
is "$(cat "$work/notified")" READY=1 "server notifies that it is ready"
until_like 20 '^ho1 +Ready +control-plane,master .*v1.30.2\+k3s1' "k3s kubectl get nodes lists it Ready" kubectl get nodes
is "$(kubectl get --raw /readyz)" ok "/readyz through k3s kubectl"
node=$(kubectl get node ho1 -o json)
field() { python3 -c 'import json, sys; o = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1" <<<"$node"; }
is "$(field '[(a["type"], a["address"]) for a in o["status"]["addresses"]]')" \
	"[('InternalIP', '10.99.0.11'), ('ExternalIP', '203.0.113.11'), ('Hostname', 'ho1')]" "its addresses"
is "$(field '[o["metadata"]["labels"].get(k) for k in ("role", "zone")]')" "['storage', 'a']" "its labels"
like "$(field 'o["spec"]["taints"]')" "'effect': 'PreferNoSchedule', 'key': 'storage', 'value': 'only'" "its taint"
is "$(field '[o["metadata"]["annotations"][k] for k in ("k3s.io/internal-ip", "flannel.alpha.coreos.com/public-ip")]')" \
	"['10.99.0.11', '10.99.0.11']" "its annotations"
is "$(on one stat -c '%a' /etc/rancher/k3s/k3s.yaml /etc/rancher/node/password /var/lib/rancher/k3s/server/token | xargs)" \
	"600 600 600" "modes of kubeconfig, node password and token"
hash=$(on one sha256sum /var/lib/rancher/k3s/server/tls/server-ca.crt | cut -d' ' -f1)
full=$(on one cat /var/lib/rancher/k3s/server/node-token)
is "$full" "K10$hash::server:a-secret-of-the-tests-0123456789abcdef" "node-token is the full form"
logged one 5 'Imported images from /var/lib/rancher/k3s/agent/images/k3s-airgap-images-amd64.tar.zst' "images are imported"
until_like 40 'coredns +1/1' "coredns becomes available" kubectl -n kube-system get deployments
until_like 20 'helm-install-traefik +Complete +1/1|helm-install-traefik +1/1' "traefik's job completes" kubectl -n kube-system get jobs
like "$(kubectl -n kube-system get deployments 2>&1)" 'traefik' "traefik is there"
is "$(kubectl -n kube-system get deployment metrics-server --ignore-not-found)" "" "what is disabled is not"
until_like 10 '0600' "extra manifests are applied" kubectl get configmap first -o 'jsonpath={.data.mode}'
is "$(kubectl get configmap second -o name)" configmap/second "every document of them"
# The certificate has what tls-san names, and nothing else of that kind.
names=$(on one openssl x509 -noout -ext subjectAltName -in /var/lib/rancher/k3s/server/tls/serving-kube-apiserver.crt)
like "$names" '203.0.113.11' "tls-san is in the certificate"
is "$(on one curl -sk https://10.99.0.11:6443/cacerts | sha256sum | cut -d' ' -f1)" "$hash" "/cacerts is the CA that the token names"
is "$(on one curl -sk -o /dev/null -w '%{http_code}' https://10.99.0.11:6443/api/v1/nodes)" 401 "without a certificate the API refuses"
is "$(on one curl -sk -o /dev/null -w '%{http_code}' -H 'X-Remote-User: admin' -H 'X-Remote-Group: system:masters' \
	https://10.99.0.11:6443/api/v1/nodes)" 401 "and believes no header of a client"
is "$(on one pgrep -fc 'data/[^/]*/bin/containerd-shim')" 1 "a shim runs"

# --- an agent ---
put two /etc/rancher/k3s/config.yaml <<'YAML'
server: https://10.99.0.11:6443
token-file: /etc/rancher/k3s/token
node-name: ho2
node-ip: 10.99.0.12
node-label: [role=worker]
YAML
put two /etc/rancher/k3s/token <<<"${full%?}x"
start two agent
logged two 10 'Waiting to retrieve agent configuration; server is not ready: .*401 Unauthorized' "a wrong secret is refused"
stop two
put two /etc/rancher/k3s/token <<<"K10$(printf '%064d' 0)::server:a-secret-of-the-tests-0123456789abcdef"
start two agent
logged two 10 'token CA hash does not match the Cluster CA certificate hash' "another cluster's token is refused"
stop two
put two /etc/rancher/k3s/token <<<"$full"
start two agent
logged two 20 'k3s agent is up and running' "an agent joins with the full token"
until_like 20 '^ho2 +Ready +<none> ' "and is Ready" kubectl get nodes
is "$(on two stat -c %a /var/lib/rancher/k3s/agent/kubelet.kubeconfig)" 600 "its kubeconfig"
like "$(on two "$k3s" kubectl --kubeconfig /var/lib/rancher/k3s/agent/kubelet.kubeconfig get node ho2 2>&1)" '^ho2 +Ready' \
	"with it a node sees itself"
like "$(on two "$k3s" kubectl --kubeconfig /var/lib/rancher/k3s/agent/kubelet.kubeconfig get --raw /api/v1/nodes/ho2 2>&1)" '"kubeletVersion"' \
	"also as the API sends it"
like "$(on one "$k3s" kubectl --kubeconfig /var/lib/rancher/k3s/agent/kubelet.kubeconfig get node ho1 2>&1)" '^ho1 +Ready' \
	"also on the server"
like "$(kubectl -n kube-node-lease get lease ho2 -o 'jsonpath={.spec.renewTime}' 2>&1)" "^$(date -u +%Y-%m-%d)T" "and its lease is renewed"

# --- a kubelet's own port, asked as the exporter and the scripts of its part ask it ---
for node in one two; do
	on $node mount -t tmpfs none /usr/local/bin
	on $node ln -s "$k3s" /usr/local/bin/k3s
done
script() { # NODE NAME [ARG...]
	local node=$1 name=$2
	shift 2
	on "$node" sh -euc "$(cat "out/release/provision/files/$name.sh")" powerstack "$@"
}
data=/var/lib/rancher/k3s
secret=(powerstack powerstack-exporter-token 60)
file=/etc/powerstack/kubelet-token
status() { # [TOKEN]
	on two curl -s -m 20 -o "$work/body" -w '%{http_code}' --cacert $data/agent/server-ca.crt \
		${1:+-H "Authorization: Bearer $1"} https://127.0.0.1:10250/pods
}
is "$(status)" 401 "a kubelet, with a certificate of the cluster's, refuses whom it does not know"
like "$(script one account-token wait "${secret[@]}" 2>&1)" "there is no Secret 'powerstack-exporter-token'" "an account that is not there is told"
manifest() { sed 's/@config-hash@/0/' provision/files/exporter-account.yaml.tmpl | kubectl apply --server-side -f - >/dev/null; }
run_ok "the API server takes the exporter's account" manifest
is "$(kubectl auth can-i --list --as system:serviceaccount:powerstack:powerstack-exporter 2>/dev/null | awk '/nodes/ { print $1, $NF }')" \
	'nodes/proxy [get]' "which may do one thing with nodes"
run_ok "its token is awaited" script one account-token wait "${secret[@]}"
token=$(script one account-token print "${secret[@]}")
like "$token" '^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$' "and printed"
is "$(status "$token")" 200 "the kubelet takes it"
like "$(cat "$work/body")" '"kind": ?"PodList"' "and lists its pods"
is "$(status "$(kubectl create token default)")" 403 "another account's is not enough"
is "$(script two probe kubelet:$data:$file | tr '\0' '\n')" "-kubelet:$data:$file
=probe=complete" "the probe tells that there is none yet"
on two mkdir -p /etc/powerstack
put two $file <<<"$token"
run_ok "a token that is taken is not waited for" script two kubelet-wait $file $data 30
is "$(script two probe kubelet:$data:$file | tr '\0' '\n')" "=kubelet:$data:$file=yes
=probe=complete" "the probe tells that it is taken"
is "$(script one probe api:/api/v1/namespaces/powerstack/secrets/powerstack-exporter-token | grep -c "$(base64 -w 0 <<<"$token" | cut -c 1-80)")" 0 \
	"and shows no token"
on two rm /usr/local/bin/k3s
printf '#!/bin/sh\nshift\nexec %s/data/current/bin/kubectl "$@"\n' $data | on two sh -c 'cat >/usr/local/bin/k3s; chmod 755 /usr/local/bin/k3s'
is "$(script two probe kubelet:$data:$file | tr '\0' '\n' | head -1)" "=kubelet:$data:$file=yes" "the real kubectl asks a kubelet as well"
{
	printf 'web:\n  listen-address: 127.0.0.1:9102\n'
	sed "s,{{token_file|yaml}},$file,; s,{{server_ca|yaml}},$data/agent/server-ca.crt," provision/files/exporter-kubelet.yml.tmpl
} | put two /etc/powerstack/exporter.yml
on two "${POWERSTACK_EXPORTER:-$PWD/out/release/powerstack-exporter}" --config.file /etc/powerstack/exporter.yml \
	--path.sysfs "$PWD/tests/fake/sysfs/none" 2>"$work/exporter.log" &
until_like 30 '^powerstack_exporter_source_up\{source="kubelet"\} 1' "the exporter, configured as by deploy, is answered" \
	on two curl -s -m 10 http://127.0.0.1:9102/metrics
on two pkill -x powerstack-expo
kubectl delete namespace powerstack >/dev/null
asked() { script two probe kubelet:$data:$file | tr '\0' '\n'; }
until_like 30 "^=kubelet:$data:$file=.* 401" "with the account goes its token" asked
put two $file <<<"$token"
script two kubelet-wait $file $data 3 >"$work/said" 2>&1
is "$? $(tail -n 1 "$work/said" | cut -c 1-47)" '1 the kubelet does not take the token after 3 s: ' "which is waited for, but not for ever"

stop two
# A reinstalled machine has another password.
on two rm -rf /etc/rancher/node /var/lib/rancher
start two agent
logged two 10 'Node password rejected, duplicate hostname' "a reinstalled node is rejected"
kubectl -n kube-system delete secret ho2.node-password.k3s >/dev/null
logged two 20 'k3s agent is up and running' "and let in when its old password is deleted"
stop two

# --- clients from outside, by the external address ---
on one ip addr add 203.0.113.11/32 dev eth0
on one ip addr add 203.0.113.12/32 dev eth0
ip route add 203.0.113.0/24 via 10.99.0.11
clients=$("$here/clients.sh")
outside() { # ADDRESS
	on one sed "s,127.0.0.1,$1," /etc/rancher/k3s/k3s.yaml >"$work/kubeconfig"
	chmod 600 "$work/kubeconfig"
}
outside 203.0.113.12
like "$("$clients/kubectl" --kubeconfig "$work/kubeconfig" get nodes 2>&1)" 'x509: certificate is valid for .*, not 203.0.113.12' \
	"an address that tls-san does not name is refused by clients"
outside 203.0.113.11
run_ok "kubectl from outside, by an address of tls-san" "$clients/kubectl" --kubeconfig "$work/kubeconfig" get nodes
mkdir -p "$work/chart/templates"
printf '%s\n' 'apiVersion: v2' 'name: chart' 'version: 1.0.0' >"$work/chart/Chart.yaml"
cat >"$work/chart/templates/web.yaml" <<'YAML'
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web}]}
YAML
run_ok "helm installs a chart and waits for it" "$clients/helm" --kubeconfig "$work/kubeconfig" install web "$work/chart" \
	--namespace web --create-namespace --wait --timeout 60s
run_ok "kubectl applies, server-side" "$clients/kubectl" --kubeconfig "$work/kubeconfig" -n web apply --server-side \
	--force-conflicts -f "$work/chart/templates/web.yaml"
start two agent
log_has two 20 'k3s agent is up and running'
run_ok "a node is drained" kubectl drain ho2 --ignore-daemonsets --force --delete-emptydir-data --timeout=60s
run_ok "and taken back" kubectl uncordon ho2
stop two

# --- restart, upgrade, changes ---
stop one
is $stopped 0 "the server ends well on SIGTERM"
is "$(on one pgrep -fc 'data/[^/]*/bin/containerd-shim')" 1 "the shim outlives the server"
put two /etc/rancher/k3s/token <<<"$full"
start two agent
logged two 10 'failed to get CA certs: .*(refused|reset)' "an agent waits for a server that is away"
old=$k3s
k3s=$download/v1.30.4+k3s1/k3s
start one server
until_like 30 '^ho1 +Ready .*v1.30.4\+k3s1' "an upgraded server says so" kubectl get nodes
like "$(kubectl version 2>/dev/null)" 'Server Version: v1.30.4\+k3s1' "and so does its API"
logged two 20 'k3s agent is up and running' "the agent that waited joins"
is "$(on one cat /var/lib/rancher/k3s/server/node-token)" "$full" "the token stays"
stop one
put one /etc/rancher/k3s/token <<<'another-secret'
start one server
logged one 10 'level=fatal .*bootstrap data already found and encrypted with different token' "another token is refused by a server with data"
put one /etc/rancher/k3s/token <<<'a-secret-of-the-tests-0123456789abcdef'
on one timeout 30 python3 -c 'import os, socket, sys, time
s = socket.create_server(("0.0.0.0", 6443))
with open(sys.argv[1] + ".new", "w") as f:
    f.write(str(os.getpid()))
os.rename(f.name, sys.argv[1])
time.sleep(60)' "$work/taken" &
for _ in $(seq 100); do
	[ ! -e "$work/taken" ] || break
	sleep 0.1
done
start one server
logged one 10 'listen tcp :6443: bind: address already in use' "a taken port is named"
on one kill "$(cat "$work/taken")"
k3s=$old
stop two

# --- a new server on a machine that was cleaned ---
on one rm -rf /var/lib/rancher /etc/rancher/k3s/k3s.yaml
start one server
until_like 30 '^ho1 +Ready ' "a new server starts an empty cluster" kubectl get nodes
is "$(kubectl get nodes -o name | xargs)" node/ho1 "without the old one's nodes"
until_like 60 '^$' "nor its namespaces" kubectl get namespace web --ignore-not-found
like "$(on one cat /var/lib/rancher/k3s/server/node-token)" '^K10[0-9a-f]{64}::server:a-secret' "with the given token"
is "$(on one cat /var/lib/rancher/k3s/server/node-token | grep -c "$hash")" 0 "and a CA of its own"
stop one
done_testing
