#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Helm's parts from end to end: the command, ssh, and real helm and kubectl on a node that is a world of its own on this
# machine, against a real API server, with small charts that have the names, values and kinds of the real ones.
# Run by hand: tests/all.sh does not know it. KEEP_LOGS=DIR keeps what powerstack and the cluster logged.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
top=$PWD
# shellcheck source=tests/tap.sh
. tests/tap.sh
# shellcheck source=tests/helm/objects.lib.sh
. tests/helm/objects.lib.sh
ps=${POWERSTACK:-$top/out/release/powerstack}

if [ "${1-}" != inside ]; then
	if [ "$(id -u)" != 0 ] || ! unshare --net --mount --pid --fork true 2>/dev/null; then
		skip 'not root, or no namespaces here' 'applications against a real API server'
		done_testing
		exit
	fi
	if ! tests/k3s/apiserver.sh build >/dev/null || ! tests/k3s/clients.sh >/dev/null; then
		skip 'API server, kubectl or helm cannot be had here' 'applications against a real API server'
		done_testing
		exit
	fi
	work=$(mktemp -d)
	unshare --net --mount --pid --fork --kill-child --mount-proc "$0" inside "$work"
	rc=$?
	[ -z "${KEEP_LOGS-}" ] || cp -r "$work/logs" "$work/api/log" "$KEEP_LOGS"/
	rm -rf "$work"
	exit $rc
fi

# ---- inside: the API server, a mirror, a node with sshd
work=$2
chmod 0755 "$work"
clients=$(tests/k3s/clients.sh)
ip link set lo up
export HOME=$work/home XDG_CACHE_HOME=$work/cache TERM=dumb KUBECACHEDIR=$work/kubecache
mkdir -p "$HOME" "$work/logs" "$work/mirror"
real_cache=$(dirname "$(dirname "$clients")")
mkdir -p "$XDG_CACHE_HOME"
ln -s "$real_cache" "$XDG_CACHE_HOME/powerstack.k8s"
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY SSH_AUTH_SOCK KUBECONFIG
XDG_CACHE_HOME=$(dirname "$real_cache") tests/k3s/apiserver.sh start "$work/api" >&2 || exit 1
trap 'tests/k3s/apiserver.sh stop "$work/api" now' EXIT
echo 0.3 >"$work/api/pods-delay"
python3 tests/helm/node.py "$work/api" ho1 192.168.0.104 >"$work/logs/node.log" 2>&1 &
tests/helm/charts.sh "$work/mirror" "$clients/helm" || exit 1
python3 tests/k3s/mirror.py "$work/mirror" >"$work/mirror.log" 2>&1 &
kc() { "$clients/kubectl" --kubeconfig "$work/api/kubeconfig" "$@"; }
kind_of() { # kind_of GROUP VERSION KIND PLURAL SCOPE: the API knows that kind of objects from now on
	kc apply -f - >/dev/null <<EOF
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: $4.$1}
spec:
  group: $1
  names: {kind: $3, listKind: $3List, plural: $4, singular: ${3,,}}
  scope: $5
  versions: [{name: $2, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
EOF
}

# The node's files are its own; its processes and network are this world's.
mount --make-rprivate /
mkdir "$work/node"
mount -t tmpfs none "$work/node"
for d in /etc /var/lib; do
	mkdir -p "$work/node/upper$d" "$work/node/work$d"
	mount -t overlay overlay -o "lowerdir=$d,upperdir=$work/node/upper$d,workdir=$work/node/work$d" $d || exit 1
done
for d in /usr/local/bin /run /mnt; do mount -t tmpfs none "$d"; done
mkdir -p /var/lib/powerstack /run/sshd /mnt/data /var/lib/rancher/k3s/server/manifests /etc/rancher/k3s
mount -t tmpfs -o size=1m none /var/lib/powerstack
cp "$work/api/kubeconfig" /etc/rancher/k3s/k3s.yaml
# Grafana's pod runs nowhere: what is executed in it is done here.
cat >/usr/local/bin/k3s <<EOF
#!/bin/bash
[ "\$1" != kubectl ] || shift
printf '%s\n' "\$*" >>$work/kubectl.args
for a; do
	if [ "\$a" = exec ]; then
		[ "\$($clients/kubectl get pods -n monitoring -l app.kubernetes.io/name=grafana -o 'jsonpath={.items[*].status.phase}')" = Running ] || {
			echo 'error: unable to upgrade connection: pod does not exist' >&2
			exit 1
		}
		cat >$work/grafana.password
		echo 'Admin password changed successfully'
		exit
	fi
done
exec $clients/kubectl "\$@"
EOF
chmod 755 /usr/local/bin/k3s
ssh-keygen -q -t ed25519 -N '' -f "$work/key"
ssh-keygen -q -t ed25519 -N '' -f "$work/host"
cp "$work/key.pub" "$work/authorized"
cat >"$work/sshd.conf" <<EOF
Port 2222
ListenAddress 127.0.0.1
HostKey $work/host
AuthorizedKeysFile $work/authorized
StrictModes no
UsePAM no
PidFile /run/sshd.pid
PermitRootLogin yes
EOF
/usr/sbin/sshd -f "$work/sshd.conf" -E "$work/logs/sshd.log" || exit 1
echo "[127.0.0.1]:2222 $(cut -d' ' -f1,2 "$work/host.pub")" >"$work/known"
for _ in $(seq 100); do
	mirror=$(sed -n 's,^http://,&,p' "$work/mirror.log")
	[ -z "$mirror" ] || break
	sleep 0.05
done

# site [VAR...]: the inventory, with more variables
site() {
	{
		printf '%s\n' 'k3s_cluster:' '  children:' '    server:' '      hosts:' \
			'        127.0.0.1: { ansible_port: 2222, node_name: ho1, internal_ip: 192.168.0.104, external_ip: 127.0.0.1, disk_for_persistent_storage: /dev/disk/by-id/x }' \
			'    agent: { hosts: {} }' '  vars:' '    ansible_user: root' "    ansible_ssh_private_key_file: $work/key" \
			"    ssh_known_hosts_file: $work/known" '    nfs_network: 192.168.0.0/24' "    artifact_mirror: $mirror" \
			"    kubeconfig: $work/kubeconfig" '    token: "{{ ansible_vault.token }}"' \
			'    grafana_admin_password: "{{ ansible_vault.grafanaAdminPassword }}"' \
			'    bootstrapPassword: "{{ ansible_vault.bootstrapPassword }}"'
		for var; do printf '    %s\n' "$var"; done
	} >"$work/inventory.yml"
}
# vault PASSWORD: of Grafana
secret='planted "pass" $x 9Qv'
vault() {
	printf 'token: planted-token-7Jw4\nbootstrapPassword: planted-first-8Lm\ngrafanaAdminPassword: %s\n' "'$1'" |
		"$ps" --vault "$work/vault.new" vault encrypt - -o "$work/vault.new" --key-cost interactive >"$work/err" 2>&1 &&
		mv "$work/vault.new" "$work/vault.yml" || cat "$work/err" >&2
}
echo vault-password >"$work/vault.password"
chmod 600 "$work/vault.password"
export POWERSTACK_VAULT_PASSWORD_FILE=$work/vault.password
run() { # run VERB ARG...: sets rc, out (JSON), err
	"$ps" -i "$work/inventory.yml" --log-dir "$work/logs" --json "$@" >"$work/out" 2>"$work/err" </dev/null
	rc=$?
	out=$(cat "$work/out")
	err=$(cat "$work/err")
}
changed() { jq -r '[.steps[] | select(.changed) | .step | sub("^[^/]*/"; "")] | join(" ")' <<<"$out"; }
trouble() { jq -r '.steps[] | select(.now != "present" and .now != "absent" or (.message | test("fail|after|cannot"))) | "\(.part)/\(.step): \(.message)"' <<<"$out"; }
revisions() { kc get secrets -n monitoring -l owner=helm,name=monitoring -o jsonpath='{range .items[*]}{.metadata.labels.version}:{.metadata.labels.status} {end}'; }

# begin VERB ARG...: a run on a terminal of its own, whose typescript shows what is waited for
typescript=$work/typescript
begin() {
	: >"$typescript"
	script -qfec "stty cols 400 rows 50; exec env TERM=xterm '$ps' -i '$work/inventory.yml' --log-dir '$work/logs' $*" "$typescript" >/dev/null 2>&1 </dev/null &
	run_pid=$!
}
# told PATTERN DESCRIPTION: the run shows that, before it ends
told() {
	while kill -0 "$run_pid" 2>/dev/null && ! grep -aEq -- "$1" "$typescript"; do sleep 0.2; done
	if grep -aEq -- "$1" "$typescript"; then ok "$2"; else
		not_ok "$2"
		tail -c 3000 "$typescript" | tr -c '[:print:]\n' ' ' | sed 's/^/# /'
	fi
}
# ended DESCRIPTION: and it ends well
ended() {
	wait "$run_pid"
	is $? 0 "$1"
}
# A script of a node's, with a limit of its own: sets out and rc.
on_node() {
	out=$("$@" 2>&1)
	rc=$?
}
stuck() { # stuck NAMESPACE: something in it does not go
	printf '%s\n' 'apiVersion: v1' 'kind: ConfigMap' \
		"metadata: {name: stuck, namespace: $1, finalizers: [tests.example.org/nobody]}" | kc apply -f - >/dev/null
}
unstuck() { kc patch configmap -n "$1" stuck --type=merge -p '{"metadata":{"finalizers":null}}' >/dev/null; }

# odd_values RELEASE NAMESPACE: what is set that its chart does not know (values.paths)
odd_values() {
	"$clients/helm" --kubeconfig "$work/api/kubeconfig" get values "$1" -n "$2" -o json |
		jq -r 'paths(type != "object" and type != "array") | map(tostring) | join(".")' |
		grep -vxE "$(sed -n "s/^$1 //p" tests/helm/values.paths | sed 's/\./\\./g; s/\*$/.*/')"
}
# what K3s brings of its own
kc apply -f - >/dev/null <<'EOF'
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: local-path, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: rancher.io/local-path
EOF
default_classes() { kc get sc -o jsonpath='{range .items[?(@.metadata.annotations.storageclass\.kubernetes\.io/is-default-class=="true")]}{.metadata.name} {end}'; }

site
vault "$secret"
settled objects.before

# ---- refused before anything is changed
echo another >"$work/other.password"
chmod 600 "$work/other.password"
POWERSTACK_VAULT_PASSWORD_FILE=$work/other.password run deploy helm monitoring
is "$rc" 3 "with another password the vault stays shut"
like "$err" password "and that is said"
mv "$work/mirror/prometheus-community.github.io" "$work/mirror/elsewhere"
run deploy helm monitoring
is "$rc" 1 "a chart that is nowhere ends the run"
like "$out$err" "the sum of .kube-prometheus-stack-88.5.3.tgz.: .index.yaml. is not at .$mirror" "which says which, and where it was looked for"
mv "$work/mirror/elsewhere" "$work/mirror/prometheus-community.github.io"

# ---- from nothing
run deploy --check helm monitoring
is "$rc" 4 "deploy --check has changes pending"
is "$(jq -r '[.steps[] | select(.part != null) | .step] | length' <<<"$out")" 16 "of sixteen rows"
run deploy helm monitoring
is "$rc" 0 "helm and the monitoring stack are deployed"
[ "$rc" = 0 ] || {
	{ trouble; echo "$err"; tail -n 30 "$work/logs"/deploy-*.log; } | sed 's/^/# /'
	done_testing
	exit 1
}
is "$(changed)" "binary default-class class keep-default claim folders namespace volumes grafana-claim admin chart release password scrape rules dashboards" "every row"
is "$(/usr/local/bin/helm version --template '{{.Version}}')" "$("$clients/helm" version --template '{{.Version}}')" "helm is on the node"
is "$(revisions)" "1:deployed " "the release has one revision"
is "$(odd_values monitoring monitoring)" "" "with values that its chart has"
is "$(kc get pvc -n monitoring -o jsonpath='{range .items[*]}{.metadata.name}:{.spec.volumeName}:{.status.phase} {end}')" \
	"nfs-pvc-alertmanager-alertmanager-monitoring-kube-prometheus-alertmanager-0:nfs-pv-alertmanager:Bound nfs-pvc-grafana:nfs-pv-grafana:Bound nfs-pvc-prometheus-prometheus-monitoring-kube-prometheus-prometheus-0:nfs-pv-prometheus:Bound " \
	"each claim is bound to its volume"
is "$(kc get svc -n monitoring -o jsonpath='{range .items[*]}{.metadata.name}:{.spec.type}:{.spec.ports[0].nodePort} {end}')" \
	"monitoring-grafana:NodePort:30003 monitoring-kube-prometheus-alertmanager:NodePort:30004 monitoring-kube-prometheus-prometheus:NodePort:30002 " \
	"the services have their ports on the nodes"
is "$(kc get prometheus -n monitoring -o jsonpath='{.items[0].spec.scrapeInterval} {.items[0].spec.retention} {.items[0].spec.retentionSize}')" "10s 10d 46080MB" \
	"Prometheus keeps what fits into its volume"
is "$(kc get scrapeconfigs,prometheusrules,configmaps -n monitoring -l app.kubernetes.io/managed-by=powerstack -o name | tr '\n' ' ')" \
	"scrapeconfig.monitoring.coreos.com/powerstack-exporter prometheusrule.monitoring.coreos.com/powerstack-energy configmap/powerstack-dashboards " \
	"what Prometheus asks and reckons, and Grafana shows, is there"
is "$(default_classes)" "local-nfs " "there is one default storage class"
is "$(kc get svc -n kube-system -o name)" "" "what K3s runs in its own process is not monitored"
is "$(stat -c '%n %u:%g %a' /mnt/data/* | tr '\n' ' ')" "/mnt/data/alertmanager 1000:2000 750 /mnt/data/grafana 472:472 750 /mnt/data/prometheus 1000:2000 750 " \
	"the folders have their owners"
is "$(cat "$work/grafana.password")" "$secret" "Grafana got the password"
is "$(kc get secret -n monitoring monitoring-grafana-admin -o jsonpath='{.data.admin-password}' | base64 -d)" "$secret" "the Secret has it"

# ---- again
run deploy helm monitoring
is "$rc $(changed)" "0 " "a second deploy changes nothing"
is "$(revisions)" "1:deployed " "and makes no revision"
run deploy --check helm monitoring
is "$rc" 0 "nothing is pending"

# ---- no secret anywhere but in its Secret
secrets_in() { grep -rlF -e 'planted "pass"' -e 'planted \\"pass' -e "$(printf %s "$secret" | base64)" "$@" 2>/dev/null; }
is "$(secrets_in /var/lib /run /etc/rancher /mnt "$work/logs" "$work/kubectl.args")" "" "no secret is in a file of the node or in a log"
kc get secrets -n monitoring -l owner=helm -o jsonpath='{range .items[*]}{.data.release}{"\n"}{end}' | base64 -d | base64 -d | gzip -dc >"$work/release.json"
is "$(secrets_in "$work/release.json")" "" "nor in helm's record"
like "$(cat "$work/release.json")" monitoring-grafana-admin "which names the Secret"

# ---- one changed value
site 'prometheus_scrape_interval: 15s'
run deploy helm monitoring
is "$rc $(changed)" "0 release scrape" "one changed value is where it belongs"
is "$(revisions)" "1:superseded 2:deployed " "and one revision"
is "$(kc get prometheus -n monitoring -o jsonpath='{.items[0].spec.scrapeInterval}')" "15s" "with the value"

# ---- another password
vault 'another one'
run deploy helm monitoring
is "$rc $(changed)" "0 admin password" "another password is no new revision"
is "$(cat "$work/grafana.password")" "another one" "and Grafana has it"
vault "$secret"
run deploy helm monitoring

# ---- what a run that was cut off leaves
kc label secret -n monitoring sh.helm.release.v1.monitoring.v2 --overwrite status=pending-upgrade >/dev/null
run deploy helm monitoring
is "$rc $(changed)" "0 release" "a pending upgrade is repaired"
like "$(revisions)" '(^| )[0-9]+:deployed $' "and deployed"
kc label secret -n monitoring "$(kc get secrets -n monitoring -l owner=helm,status=deployed -o jsonpath='{.items[-1:].metadata.name}')" --overwrite status=failed >/dev/null
run deploy helm monitoring
is "$rc $(changed)" "0 release" "a failed one, too"
kc get secrets -n monitoring -l owner=helm -o name | xargs "$clients/kubectl" --kubeconfig "$work/api/kubeconfig" delete -n monitoring >/dev/null
run deploy helm monitoring
is "$rc $(changed)" "0 release" "a release whose record is lost is taken over again"
[ "$rc" = 0 ] || { trouble; echo "$err"; } | sed 's/^/# /'
is "$(revisions)" "1:deployed " "as its first revision"

echo data >/mnt/data/grafana/grafana.db
# ---- destroyed by somebody else's hand: the volumes can be claimed again
site 'prometheus_scrape_interval: 15s'
kc delete pvc -n monitoring nfs-pvc-grafana --wait=false >/dev/null
kc delete deployment -n monitoring monitoring-grafana >/dev/null
for _ in $(seq 100); do
	[ "$(kc get pv nfs-pv-grafana -o jsonpath='{.status.phase}')" != Released ] || break
	sleep 0.1
done
is "$(kc get pv nfs-pv-grafana -o jsonpath='{.status.phase}')" Released "a volume without its claim is released"
run deploy helm monitoring
is "$rc $(changed)" "0 volumes grafana-claim" "and made available again, with a claim"
[ "$rc" = 0 ] || { trouble; echo "$err"; } | sed 's/^/# /'

# ---- a webhook that takes calls and never answers
python3 -c 'import socket, time
s = socket.create_server(("127.0.0.1", 9443))
time.sleep(86400)' &
kc apply -f - >/dev/null <<'EOF'
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: silent}
webhooks:
- name: silent.example.org
  failurePolicy: Fail
  rules: [{apiGroups: [""], apiVersions: [v1], resources: [configmaps], operations: [CREATE, UPDATE]}]
  clientConfig: {url: "https://127.0.0.1:9443/"}
  admissionReviewVersions: [v1]
  sideEffects: None
  timeoutSeconds: 1
EOF
kc delete configmap -n monitoring powerstack-dashboards >/dev/null
on_node sh provision/files/kube-put.sh 4 configmap monitoring powerstack-dashboards \
	<<<'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"powerstack-dashboards","namespace":"monitoring"}}'
is "$rc" 1 "a webhook that never answers is waited for no longer than the limit"
like "$out" 'failed calling webhook "silent.example.org"' "and is named"
begin deploy helm monitoring
told 'failed calling webhook "silent.example.org"' "a deploy shows that it waits for it"
kc delete validatingwebhookconfiguration silent >/dev/null
ended "and goes on once it is gone"
is "$(kc get configmap -n monitoring powerstack-dashboards -o name)" "configmap/powerstack-dashboards" "with what was missing"

# ---- destroyed, with something in its namespace that does not go at first
stuck monitoring
begin destroy --yes monitoring
told 'namespace monitoring is still being deleted: .*configmaps' "destroy shows what keeps the namespace"
unstuck monitoring
ended "the monitoring stack is destroyed once that is gone"
as_in objects.before "the API server has what it had before"
is "$(default_classes)" "local-path " "K3s' storage class is the default again"
is "$(cat /mnt/data/grafana/grafana.db)" data "the data is still there"
is "$(find /var/lib/powerstack -type f | grep -v sum | sort | tr '\n' ' ')" "/var/lib/powerstack/helm " "no record of it is left"
is "$(find /run -name 'powerstack-*' ! -name powerstack-kube ! -path '*/powerstack-kube/*')" "" "and nothing in /run"
run destroy --yes monitoring
is "$rc $(changed)" "0 " "a second destroy does nothing"

# ---- deployed again: over a namespace that does not go, and killed together with its node in the middle of helm's work
kc create namespace monitoring >/dev/null
stuck monitoring
kc delete namespace monitoring --wait=false >/dev/null
for _ in $(seq 600); do # its controller looks at it first
	[[ "$(kc get namespace monitoring -o jsonpath='{.status.conditions[*].message}')" != *nobody* ]] || break
	sleep 0.1
done
on_node sh provision/files/kube-put.sh 3 namespace '' monitoring \
	<<<'{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"monitoring"}}'
is "$rc" 1 "a namespace that does not go is waited for no longer than the limit"
like "$out" 'after 3 s: namespace monitoring is still being deleted.*tests.example.org/nobody' "and what keeps it is named"
echo 86400 >"$work/api/pods-delay"
begin deploy helm monitoring
told 'namespace monitoring is still being deleted: .*configmaps' "a deploy shows that it waits for it"
unstuck monitoring
told 'helm upgrade: .*pod ' "and goes on; it shows which pod helm waits for"
is "$(revisions)" "1:pending-install " "whose record is pending"
# this world has processes of its own: no other is seen here
for p in $(pgrep -x powerstack) $(pgrep -x helm) $(pgrep -f -- '-euc .*powerstack'); do kill -9 "$p" 2>/dev/null; done
wait "$run_pid"
echo 0.3 >"$work/api/pods-delay"
run deploy helm monitoring
is "$rc" 0 "what was cut off there is made good by the next run"
[ "$rc" = 0 ] || { trouble; echo "$err"; } | sed 's/^/# /'
is "$(revisions)" "1:deployed " "with one revision"
is "$(kc get pvc -n monitoring nfs-pvc-grafana -o jsonpath='{.spec.volumeName} {.status.phase}') $(cat /mnt/data/grafana/grafana.db)" "nfs-pv-grafana Bound data" "it finds its data"
run destroy --yes --purge-data monitoring helm
is "$rc" 0 "destroyed with its data"
is "$(ls /mnt/data) $(ls /usr/local/bin)" " k3s" "which is gone, with helm"
is "$(ls -A /var/lib/powerstack 2>/dev/null)" "" "and no record"

# ---- Rancher
kc create namespace c-mine >/dev/null # of a user's, by a name like one of Rancher's
kind_of helm.cattle.io v1 HelmChartConfig helmchartconfigs Namespaced
settled objects.before
site 'rancher_hostname: rancher.example.org'
head -c 2M /dev/zero >/var/lib/powerstack/filler 2>/dev/null
run deploy helm rancher
is "$rc" 1 "a full disk ends the run"
like "$out" "writing '/var/lib/powerstack/[a-z-]*' failed .*No space left on device" "and is what it says"
rm /var/lib/powerstack/filler
run deploy helm rancher
is "$rc" 0 "cert-manager and Rancher are deployed"
[ "$rc" = 0 ] || { trouble; echo "$err"; tail -n 5 "$work/logs"/deploy-*.log; } | sed 's/^/# /'
is "$(kc get deployments -A -o jsonpath='{range .items[*]}{.metadata.name}:{.status.readyReplicas} {end}')" \
	"rancher:1 cert-manager:1 cert-manager-cainjector:1 cert-manager-webhook:1 " "as many as one node takes"
is "$(odd_values cert-manager cert-manager)$(odd_values rancher cattle-system)" "" "with values that the charts have"
is "$(kc get ingress -n cattle-system -o jsonpath='{.items[*].spec.rules[*].host} {.items[*].metadata.annotations.cert-manager\.io/issuer}')" \
	"rancher.example.org rancher" "its ingress has the name, and an issuer"
is "$(kc get secret -n cattle-system bootstrap-secret -o jsonpath='{.data.bootstrapPassword}' | base64 -d)" "planted-first-8Lm" "the first password is the vault's"
kc get secrets -A -l owner=helm -o jsonpath='{range .items[*]}{.data.release}{"\n"}{end}' | while read -r r; do base64 -d <<<"$r" | base64 -d | gzip -dc; done >"$work/release.json"
is "$(grep -c planted-first "$work/release.json")" 0 "and in no values of helm's"
is "$(grep -rlF -e planted-first-8Lm -e "$(printf planted-first-8Lm | base64)" /var/lib /run /etc/rancher "$work/logs" "$work/kubectl.args" 2>/dev/null)" "" \
	"nor in a file of the node, an argument or a log"
run deploy helm rancher
is "$rc $(changed)" "0 " "a second deploy changes nothing"
site 'rancher_hostname: rancher.example.org' 'rancher_tls: external'
run deploy helm rancher
is "$rc $(changed)" "0 traefik release" "with TLS ended in front, Traefik is told, and the release changes"
like "$(kc get helmchartconfigs -n kube-system traefik -o jsonpath='{.spec.valuesContent}')" 'trustedIPs: \["192.168.0.0/24"\]' "whom it may trust"

# what Rancher makes by itself once it runs
kind_of management.cattle.io v3 Cluster clusters Cluster
kind_of fleet.cattle.io v1alpha1 Bundle bundles Namespaced
# its login, behind the API server's proxy: every pod's address is this machine's
ip route add local 10.42.0.0/16 dev lo
kind_of management.cattle.io v3 Token tokens Cluster
kc wait --for=condition=Established crd/tokens.management.cattle.io --timeout=60s >/dev/null
login_tells() { # login_tells KNOWN: what verify says of Rancher's login where the password is that
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=rancher -keyout "$work/rancher.key" \
		-out "$work/rancher.crt" 2>/dev/null
	python3 tests/helm/login.py "$work/rancher" "$1" 0.0.0.0 443 >"$work/logs/login.log" 2>&1 &
	local server=$!
	for _ in $(seq 100); do [ ! -s "$work/logs/login.log" ] || break; sleep 0.1; done
	printf '%s\n' 'apiVersion: management.cattle.io/v3' 'kind: Token' 'metadata: {name: token-abcde}' | kc apply -f - >/dev/null
	run verify --strict B3.7
	kill $server
	jq -r '.checks[0] | "\(.status): \(.evidence)"' <<<"$out"
}
like "$(login_tells planted-first-8Lm)" "^passed: admin logs in" "verify logs in to Rancher by the API server's proxy"
is "$(kc get tokens.management.cattle.io -o name)" "" "and takes the session back"
like "$(login_tells another)" "^failed: Rancher does not take its first password: it is another one .status 401" "and tells when the password is not taken"
kc delete crd tokens.management.cattle.io >/dev/null
for ns in cattle-fleet-system fleet-local cluster-fleet-local-local-1a2b3c local p-4abcd; do kc create namespace "$ns" >/dev/null; done
kc annotate namespace local p-4abcd default kube-system c-mine lifecycle.cattle.io/create.namespace-auth=true management.cattle.io/no-default-sa-token=true >/dev/null
for ns in default kube-system c-mine; do
	kc patch namespace $ns --type=merge -p '{"metadata":{"finalizers":["controller.cattle.io/namespace-auth"]}}' >/dev/null
done
for kind in clusters.management.cattle.io bundles.fleet.cattle.io; do kc wait --for=condition=Established crd/$kind --timeout=60s >/dev/null; done
kc apply -f - >/dev/null <<'EOF'
apiVersion: management.cattle.io/v3
kind: Cluster
metadata: {name: local, finalizers: [controller.cattle.io/cluster-agent]}
---
apiVersion: fleet.cattle.io/v1alpha1
kind: Bundle
metadata: {name: agent, namespace: fleet-local, finalizers: [fleet.cattle.io/bundle]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: cluster-owner-x, labels: {cattle.io/creator: norman}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: rb-x, namespace: c-mine, labels: {cattle.io/creator: norman}}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: cattle-controllers, namespace: kube-system}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: rancher.cattle.io}
webhooks:
- name: rancher.cattle.io
  failurePolicy: Fail
  rules: [{apiGroups: ["*"], apiVersions: ["*"], resources: [namespaces, secrets, bundles], operations: ["*"]}]
  clientConfig: {service: {namespace: cattle-system, name: rancher-webhook}}
  admissionReviewVersions: [v1]
  sideEffects: None
  timeoutSeconds: 1
EOF
run destroy --yes rancher
is "$rc" 0 "Rancher and cert-manager are destroyed, though a webhook answers no more"
[ "$rc" = 0 ] || { trouble; echo "$err"; tail -n 5 "$work/logs"/destroy-*.log; } | sed 's/^/# /'
as_in objects.before "the API server has what it had before"
is "$(kc get namespaces default kube-system c-mine -o jsonpath='{.items[*].metadata.finalizers}{.items[*].metadata.annotations}' | grep -o cattle)" "" "no namespace is marked any more"
run destroy --yes rancher
is "$rc $(changed)" "0 " "a second destroy does nothing"
run deploy helm rancher
is "$rc" 0 "Rancher is deployed again"
[ "$rc" = 0 ] || { trouble; echo "$err"; } | sed 's/^/# /'
run destroy --yes rancher helm
as_in objects.before "and destroyed"
done_testing
