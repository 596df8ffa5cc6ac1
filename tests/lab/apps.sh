#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The applications on the lab's machines: helm, the monitoring stack and Rancher on its cluster and its share, with real
# helm and kubectl and the small charts of tests/helm, from the lab's mirror; then from a bundle, from nothing, with
# no mirror. What runs in the pods is tests/k3s/apps.py: a real Prometheus scrapes the exporters of the machines. Run by hand:
# helm takes its time on emulated machines. What breaks is tests/helm/helm.sh's.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/tap.sh
. tests/tap.sh
# shellcheck source=tests/lab/lib.sh
. tests/lab/lib.sh
# shellcheck source=tests/helm/objects.lib.sh
. tests/helm/objects.lib.sh
# shellcheck source=tests/monitoring/expressions.lib.sh
. tests/monitoring/expressions.lib.sh
work=$(mktemp -d)
tmp=$work
# shellcheck disable=SC2034 # for test_that
tap_file=$work/out
dir=out/apps
pods=''
trap '[ -z "$pods" ] || kill "$pods"; rm -rf "$work"; [ -n "${KEEP_LAB-}" ] || "$lab" down >/dev/null 2>&1' EXIT
pods_port=$(free_port)
export PODS_PROXY=http://127.0.0.1:$pods_port

json_options=(--timeout 60m) # helm takes its time on emulated machines
changed() { jq -r '[.steps[] | select(.changed) | "\(.host) \(.step)"] | sort | join("\n")' "$work/$1.json"; }
# verified NAME: what verify said that was not passed
verified() { jq -r '.checks[] | select(.status == "failed") | "\(.id) \(.where): \(.evidence)"' "$work/$1.json"; }
kc() { kubectl --context powerstack "$@"; }
revisions() { kc get secrets -A -l owner=helm -o jsonpath='{range .items[*]}{.metadata.name} {.metadata.labels.status}{"\n"}{end}' | sort; }
# helm's record of a release is the same thing in any revision
objects() { list_objects '|leases\..*' | sed 's/\(sh\.helm\.release\.v1\..*\)\.v[0-9]*$/\1/' | sort -u; }

# The pods of a new cluster have nothing of an earlier one's.
begin_pods() {
	local n forwards=()
	[ -z "$pods" ] || kill "$pods"
	rm -rf "$work/pods"
	for n in HO1 HO2 HO3; do
		eval "forwards+=(\"\$LAB_${n}_ADDRESS:9102=127.0.0.1:\$LAB_${n}_EXPORTER_PORT\")"
	done
	/usr/bin/python3 tests/k3s/apps.py "$LAB_STATE/api" "$pods_port" "$LAB_HO1_EXTERNAL" "$LAB_API_PORT" "$work/pods" "${forwards[@]}" \
		>"$work/pods.log" 2>&1 &
	pods=$!
	if ! wait_for 30 grep -q ready "$work/pods.log"; then
		not_ok 'the pods begin'
		sed 's/^/# /' "$work/pods.log" | tail -n 5
	fi
	prometheus_url=$(cat "$work/pods/prometheus.url")
}
# A node forwards its NodePorts, as kube-proxy does; Grafana's is asked on the control node itself.
node_ports() {
	"$lab" root ho1 >/dev/null <<-SH
		systemctl stop nodeport-30003.socket nodeport-30003.service 2>/dev/null
		systemd-run -q --unit=nodeport-30003 --socket-property=ListenStream=$LAB_HO1_ADDRESS:30003 \
			/lib/systemd/systemd-socket-proxyd 10.0.2.2:30003
	SH
}

step 'lab up, pristine'
if ! { tests/deps.sh tests/monitoring/deps.debian && "$lab" deps && "$lab" reset; } >"$work/up" 2>&1; then
	sed 's/^/# /' "$work/up"
	not_ok 'the lab starts'
	done_testing
	exit 1
fi
rm -rf "$dir"
demo_config "$dir"
if [ -z "$LAB_MIRROR" ]; then
	skip 'what the cluster needs cannot be built here' 'the applications'
	done_testing
	exit
fi
tests/helm/charts.sh "$LAB_STATE/mirror/${LAB_MIRROR##*/}" || exit 1
sed -i 's/^  vars:$/&\n    rancher_hostname: rancher.example.org\n    grafana_admin_password: "{{ ansible_vault.grafanaAdminPassword }}"\n    bootstrapPassword: "{{ ansible_vault.bootstrapPassword }}"/' \
	"$dir/inventory.yml"
for s in grafanaAdminPassword bootstrapPassword; do
	(umask 077 && head -c 18 /dev/urandom | base64 | tr -d '+/=' >"$work/$s")
	run_ps "$dir" vault set "$s" <"$work/$s" >/dev/null
done
apps=(helm monitoring rancher)
begin_pods

step 'the cluster'
to_json base deploy "${parts[@]}"
is "$rc" 0 'the base and the cluster are deployed'
settled objects.base

step 'the applications'
to_json first deploy "${parts[@]}" helm monitoring
is "$rc" 0 'helm and the monitoring stack are deployed'
settled objects.monitoring
to_json rancher deploy "${parts[@]}" "${apps[@]}"
is "$rc" 0 'cert-manager and Rancher are deployed'
revisions >"$work/revisions"
sed 's/^/# /' "$work/revisions"
node_ports
step 'verify'
to_json verify verify "${parts[@]}" monitoring rancher
is "$rc $(verified verify)" "0 " 'verify passes'
jq -r '"# \(.passed) passed, \(.failed) failed, \(.skipped) skipped"' "$work/verify.json"
jq -r '.checks[] | select(.status == "skipped") | "# skipped: \(.id) \(.where): \(.evidence)"' "$work/verify.json"
jq -r '.checks[] | select(.id | test("^(B3|B4|X[4-9]|S6|S8)")) | "# \(.status): \(.id) \(.where): \(.evidence)"' "$work/verify.json"
run_ps "$dir" status | sed 's/^/# /'
step 'what Prometheus knows of the nodes'
kepler_dashboard
make --no-print-directory out/release/monitoring/objects >/dev/null &&
	out/release/monitoring/objects "$dir/inventory.yml" >"$work/objects.yml" &&
	/usr/bin/python3 tests/monitoring/split.py "$work/objects.yml" "$work" 9102 40s
every_expression "$work/expressions"
step 'again'
to_json again deploy "${parts[@]}" "${apps[@]}"
is "$rc $(changed again)" '0 ' 'a second deploy changes nothing'
is "$(revisions)" "$(cat "$work/revisions")" 'and makes no revision'

step 'one changed value'
sed -i 's/^\( *prometheus_scrape_interval:\).*/\1 15s/' "$dir/inventory.yml"
to_json one deploy "${parts[@]}" "${apps[@]}"
is "$rc $(changed one)" '0 ho1 monitoring/release
ho1 monitoring/scrape' 'it is where it belongs'
is "$(revisions | comm -13 "$work/revisions" - | grep -c deployed)" 1 'and one release has a new revision'

step 'scraped by TLS'
sed -i 's/^  vars:$/&\n    exporter_tls: yes/' "$dir/inventory.yml"
to_json tls deploy "${parts[@]}" "${apps[@]}"
is "$rc" 0 'exporters serve by TLS, and Prometheus is told'
to_json scraped verify exporter monitoring
is "$rc $(verified scraped)" "0 " 'verify passes'
like "$(cat "$work/pods/prometheus.yml")" 'scheme: https' 'it asks by TLS'

step 'no secret but in its Secret'
kc get secrets -A -l owner=helm -o jsonpath='{range .items[*]}{.data.release}{"\n"}{end}' |
	while read -r r; do base64 -d <<<"$r" | base64 -d | gzip -dc; done >"$work/releases"
is "$(grep -cF -f "$work/grafanaAdminPassword" -f "$work/bootstrapPassword" "$work/releases")" 0 'no password is in what helm keeps'
is "$(grep -rlF -f "$work/grafanaAdminPassword" -f "$work/bootstrapPassword" "$dir/logs" "$work"/*.json)" '' 'nor in a log or an answer'
for n in "${nodes[@]}"; do
	{
		echo 'umask 077; cat >/run/planted <<P'
		cat "$work/grafanaAdminPassword" "$work/bootstrapPassword"
		echo P
		echo 'grep -rlF -f /run/planted /etc /run /var/lib/powerstack /var/lib/rancher /tmp /var/tmp /root /home 2>/dev/null | grep -vx /run/planted; rm /run/planted'
	} | "$lab" root "$n" | sed "s/^/$n /"
done >"$work/found"
is "$(cat "$work/found")" '' 'nor in a file of a node'

step 'away with them, one by one'
"$lab" root ho1 <<<'echo data >/mnt/data/grafana/grafana.db'
to_json no_rancher destroy --yes rancher
is "$rc" 0 'Rancher is destroyed'
as_in objects.monitoring 'the API server has what it had before it'
to_json no_monitoring destroy --yes monitoring
is "$rc" 0 'the monitoring stack is destroyed'
as_in objects.base 'the API server has what it had before that'
to_json back deploy helm monitoring
is "$rc" 0 'and deployed again'
is "$("$lab" root ho2 <<<'cat /mnt/data/grafana/grafana.db')" data 'its data is there, on every node'
to_json kept verify monitoring
is "$rc $(verified kept)" "0 " 'verify passes'
is "$(jq -r '.checks[] | select(.id == "B4.9") | .status' "$work/kept.json")" passed 'what Prometheus measured before is known to it'

step 'from nothing, from a bundle'
to_json bundle fetch --bundle "$work/bundle.tar" "${parts[@]}" "${apps[@]}"
is "$rc" 0 'all that is needed is in a bundle'
"$lab" reset >/dev/null 2>&1
begin_pods
sed -i 's,^\( *artifact_mirror:\).*,\1 http://127.0.0.1:9/nobody,' "$dir/inventory.yml" # nobody listens there
rm -rf "$dir/cache" "$dir/kubeconfig" "$dir/powerstack.lock"
to_json unpacked fetch --from "$work/bundle.tar" "${parts[@]}" "${apps[@]}"
is "$rc" 0 'there it is taken out of it'
to_json airgap deploy "${parts[@]}" "${apps[@]}"
is "$rc" 0 'all of it is deployed in one run, with nothing but the bundle and the nodes'
node_ports
to_json airgap_verify verify "${parts[@]}" monitoring rancher
is "$rc $(verified airgap_verify)" "0 " 'verify passes'
to_json airgap_again deploy "${parts[@]}" "${apps[@]}"
is "$rc $(changed airgap_again)" '0 ' 'a second deploy changes nothing'
step 'done'
done_testing
