#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# apiserver.sh: a real Kubernetes API server for tests, on loopback ports of its own choice.
#
#   apiserver.sh build             builds it into the cache, once; prints the folder
#   apiserver.sh start [--port PORT] DIR [SAN..]
#                                  starts etcd, kube-apiserver, kube-controller-manager and pods.py with
#                                  their state in DIR; a start of what runs already does nothing
#   apiserver.sh stop DIR [now]    ends them all; "now" without a chance to keep their state
#   apiserver.sh status DIR        one line each; fails unless all of them run and the API is ready
#   apiserver.sh reset DIR         stops them and forgets the cluster; what nodes were given stays right
#   apiserver.sh wipe DIR          stops them and removes DIR
#   apiserver.sh node DIR [HOST]   prints a shell script that gives a node what its stand-in k3s needs;
#                                  HOST is where the node reaches this machine's loopback (10.0.2.2)
#
# PODS_PROXY=URL: the proxy by which the API server reaches pods (apps.py is one); else it reaches none.
#
# In DIR, once started:
#   kubeconfig        the admin's, for kubectl and helm on this machine
#   lab/              what a node's stand-in k3s needs as /etc/powerstack-lab; the file "api" in it holds
#                     127.0.0.1:PORT, which a virtual machine reaches as 10.0.2.2:PORT
#   pki/              the CAs, and certificates of admin, front proxy, and a node (node.crt, node.key)
#   log/              one log per process
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/powerstack/k8s
umask 077
parts='etcd kube-apiserver kube-controller-manager pods'

say() { printf 'k3s: %s\n' "$*" >&2; }
die() {
	say "$@"
	exit 1
}

# The recipe's hash is the key: a changed build.sh builds anew. The source's version is in "version".
built() {
	local key
	key=$(sha256sum "$here/build.sh")
	printf '%s/%s\n' "$cache" "${key:0:16}"
}

cmd_build() {
	local out
	out=$(built)
	mkdir -p "$cache"
	if [ ! -x "$out/kube-apiserver" ]; then
		exec 9>"$cache/lock"
		flock -n 9 || say "waiting for another build"
		flock -w 3600 9 || die "another build has held '$cache/lock' for an hour"
		if [ ! -x "$out/kube-apiserver" ]; then
			# what no recipe of any checkout has asked for in a week
			find "$cache" -mindepth 1 -maxdepth 1 -type d -name '????????????????' -mtime +7 -exec rm -rf {} +
			nice -n 10 "$here/build.sh" "$out" >&2
		fi
		exec 9>&-
	fi
	touch "$out"
	printf '%s\n' "$out"
}

# ca NAME CN; cert NAME CA SUBJECT EXTENSIONS: openssl with what Kubernetes asks of certificates
ca() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=$2" \
		-keyout "$1.key" -out "$1.crt" -addext keyUsage=critical,keyCertSign,digitalSignature 2>/dev/null
}
cert() {
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$3" -keyout "$1.key" -out "$1.csr" 2>/dev/null
	printf 'keyUsage=critical,digitalSignature\n%s\n' "$4" >"$1.ext"
	openssl x509 -req -in "$1.csr" -CA "$2.crt" -CAkey "$2.key" -set_serial "0x$(openssl rand -hex 15)" -days 3650 \
		-extfile "$1.ext" -out "$1.crt" 2>/dev/null
	rm "$1.csr" "$1.ext"
}

pki() {
	local names='DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc' san
	names="$names,IP:127.0.0.1,IP:::1,IP:10.43.0.1,IP:10.0.2.2"
	for san; do
		case $san in
		*:* | *[0-9].[0-9]*.[0-9]*.[0-9]*) names="$names,IP:$san" ;;
		*) names="$names,DNS:$san" ;;
		esac
	done
	if [ ! -e client-ca.crt ]; then
		ca server-ca tests-server-ca
		ca client-ca tests-client-ca
		ca proxy-ca tests-proxy-ca
		cert admin client-ca /O=system:masters/CN=tests-admin extendedKeyUsage=clientAuth
		cert controller client-ca /O=system:masters/CN=system:kube-controller-manager extendedKeyUsage=clientAuth
		cert node client-ca /O=system:nodes/CN=system:node:node extendedKeyUsage=clientAuth
		cert proxy proxy-ca /CN=front-proxy extendedKeyUsage=clientAuth
		openssl genrsa -out accounts.key 2048 2>/dev/null
		openssl rsa -in accounts.key -pubout -out accounts.pub 2>/dev/null
	fi
	cert server server-ca /CN=kube-apiserver "$(printf 'extendedKeyUsage=serverAuth\nsubjectAltName=%s' "$names")"
}

# kubeconfig NAME PORT: with the certificate NAME, contents inline
kubeconfig() {
	printf '%s\n' 'apiVersion: v1' 'kind: Config' 'clusters:' '- name: tests' '  cluster:' \
		"    server: https://127.0.0.1:$2" "    certificate-authority-data: $(base64 -w0 pki/server-ca.crt)" \
		'users:' '- name: tests' '  user:' "    client-certificate-data: $(base64 -w0 "pki/$1.crt")" \
		"    client-key-data: $(base64 -w0 "pki/$1.key")" 'contexts:' '- name: tests' '  context:' \
		'    cluster: tests' '    user: tests' 'current-context: tests'
}

free_ports() { # COUNT: that many ports that nobody listens on now
	python3 -c 'import socket, sys
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(s.getsockname()[1] for s in held))' "$1"
}

# alive NAME: the process of that part runs, and is still ours
alive() {
	local pid
	pid=$(cat "run/$1.pid" 2>/dev/null) || return 1
	[ -r "/proc/$pid/cmdline" ] && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -Fq -- "$PWD"
}

spawn() { # NAME COMMAND...
	local name=$1
	shift
	# Every part names the state folder in its arguments: that is how alive() knows its own.
	(
		echo "$BASHPID" >"run/$name.pid" # by itself: its parent may be ended just now
		exec setsid "$@" >>"log/$name.log" 2>&1 </dev/null 8>&- 9>&-
	) &
	local tries
	for tries in $(seq 100); do
		! alive "$name" || return 0
		sleep 0.05
	done
	die "$name does not start; its last lines after $tries tries:" "$(tail -n 5 "log/$name.log")"
}

wait_for() { # SECONDS NAME WHAT COMMAND...
	local until=$((SECONDS + $1)) name=$2 what=$3
	shift 3
	until "$@" >/dev/null 2>&1; do
		alive "$name" || die "$name ended; its last lines:" "$(tail -n 5 "log/$name.log")"
		[ "$SECONDS" -lt "$until" ] || die "$what: not within its time; see '$PWD/log/$name.log'"
		sleep 0.2
	done
}

api_ready() {
	[ "$(curl -sf --max-time 5 --cacert pki/server-ca.crt --cert pki/admin.crt --key pki/admin.key \
		"https://127.0.0.1:$(cat run/port)/readyz")" = ok ]
}

cmd_start() {
	local wanted='' dir bin ports
	[ "${1-}" != --port ] || { wanted=$2 && shift 2; }
	dir=${1:?usage: apiserver.sh start [--port PORT] DIR [SAN...]}
	shift
	bin=$(cmd_build)
	mkdir -p "$dir"/{pki,run,log,etcd,lab}
	cd "$dir"
	exec 8>run/lock
	flock -w 120 8 || die "another start of '$PWD' takes longer than 2 minutes"
	if cmd_status . >/dev/null 2>&1; then
		return 0
	fi
	stop_all
	(cd pki && pki "$@")
	# The API's port stays the same over restarts: nodes have it in a file.
	ports=$(free_ports 3)
	read -r port client peer <<<"$ports"
	if [ -n "$wanted" ]; then port=$wanted; elif [ -s run/port ]; then port=$(cat run/port); fi
	echo "$port" >run/port
	echo "127.0.0.1:$port" >lab/api
	cp pki/server-ca.crt lab/api-ca.crt
	cp pki/proxy.crt pki/proxy.key lab/
	kubeconfig admin "$port" >kubeconfig
	kubeconfig controller "$port" >run/controller.kubeconfig

	spawn etcd "$bin/etcd" --data-dir "$PWD/etcd" --unsafe-no-fsync --log-level warn --logger zap \
		--listen-client-urls "http://127.0.0.1:$client" --advertise-client-urls "http://127.0.0.1:$client" \
		--listen-peer-urls "http://127.0.0.1:$peer" --initial-advertise-peer-urls "http://127.0.0.1:$peer" \
		--initial-cluster "default=http://127.0.0.1:$peer"
	spawn kube-apiserver env ${PODS_PROXY:+"HTTP_PROXY=$PODS_PROXY" "HTTPS_PROXY=$PODS_PROXY" NO_PROXY=127.0.0.1,localhost} \
		"$bin/kube-apiserver" --etcd-servers "http://127.0.0.1:$client" \
		--bind-address 127.0.0.1 --advertise-address 10.0.2.2 --secure-port "$port" --allow-privileged \
		--tls-cert-file "$PWD/pki/server.crt" --tls-private-key-file "$PWD/pki/server.key" \
		--client-ca-file "$PWD/pki/client-ca.crt" --requestheader-client-ca-file "$PWD/pki/proxy-ca.crt" \
		--requestheader-allowed-names front-proxy --requestheader-username-headers X-Remote-User \
		--requestheader-group-headers X-Remote-Group --requestheader-extra-headers-prefix X-Remote-Extra- \
		--authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction \
		--service-account-issuer https://kubernetes.default.svc --service-account-key-file "$PWD/pki/accounts.pub" \
		--service-account-signing-key-file "$PWD/pki/accounts.key" --service-cluster-ip-range 10.43.0.0/16
	wait_for 400 kube-apiserver "the API server is ready" api_ready
	spawn kube-controller-manager "$bin/kube-controller-manager" --kubeconfig "$PWD/run/controller.kubeconfig" \
		--port 0 --secure-port 0 --leader-elect=false --use-service-account-credentials=false \
		--service-account-private-key-file "$PWD/pki/accounts.key" --root-ca-file "$PWD/pki/server-ca.crt" \
		--allocate-node-cidrs --cluster-cidr 10.42.0.0/16 --node-monitor-grace-period 40s
	spawn pods python3 "$here/pods.py" "$PWD"
	wait_for 60 kube-controller-manager "the default service account is there" \
		curl -sf --max-time 5 --cacert pki/server-ca.crt --cert pki/admin.crt --key pki/admin.key \
		"https://127.0.0.1:$port/api/v1/namespaces/default/serviceaccounts/default"
	alive pods || die "pods.py ended; its last lines:" "$(tail -n 5 log/pods.log)"
}

stop_all() { # [now]: in the state folder
	local part pid tries signal=TERM
	[ "${1-}" != now ] || signal=KILL
	for part in pods kube-controller-manager kube-apiserver etcd; do
		alive "$part" || continue
		pid=$(cat "run/$part.pid")
		kill -"$signal" "$pid" 2>/dev/null || true
		for tries in $(seq 100); do
			alive "$part" || break
			[ "$tries" != 50 ] || kill -9 "$pid" 2>/dev/null || true
			sleep 0.1
		done
		! alive "$part" || die "$part (process $pid) does not end"
	done
	rm -f run/*.pid
}

cmd_stop() {
	cd "${1:?usage: apiserver.sh stop DIR [now]}" 2>/dev/null || return 0
	stop_all "${2-}"
}

cmd_status() {
	local part rc=0
	cd "${1:?usage: apiserver.sh status DIR}" || exit 1
	for part in $parts; do
		if alive "$part"; then
			printf '%s: process %s\n' "$part" "$(cat "run/$part.pid")"
		else
			printf '%s: not running\n' "$part"
			rc=1
		fi
	done
	[ $rc = 0 ] || return 1
	if api_ready; then
		printf 'https://127.0.0.1:%s: ready\n' "$(cat run/port)"
	else
		printf 'https://127.0.0.1:%s: not ready\n' "$(cat run/port)"
		return 1
	fi
}

cmd_reset() {
	cd "${1:?usage: apiserver.sh reset DIR}"
	stop_all now
	rm -rf etcd log
}

cmd_wipe() {
	cmd_stop "$1" now
	cd /
	rm -rf -- "$1"
}

cmd_node() {
	local file
	cd "${1:?usage: apiserver.sh node DIR [HOST]}/lab" || exit 1
	printf 'set -eu\numask 077\nmkdir -p /etc/powerstack-lab\ncd /etc/powerstack-lab\n'
	printf 'printf "%%s\\n" %s:%s >api\n' "${2:-10.0.2.2}" "$(cat ../run/port)"
	for file in api-ca.crt proxy.crt proxy.key; do
		printf "cat >%s <<'PEM'\n%s\nPEM\n" "$file" "$(cat "$file")"
	done
}

case ${1-} in
build | start | stop | status | reset | wipe | node)
	verb=$1
	shift
	"cmd_$verb" "$@"
	;;
*)
	sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p}' "$0" >&2
	exit 2
	;;
esac
