#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The applications on the lab's machines: helm, the monitoring stack and Rancher on its cluster and its share, with real
# helm and kubectl and the small charts of tests/helm, from the lab's mirror; then from a bundle, from nothing, with
# no mirror. Run by hand: helm takes its time on emulated machines. What breaks is tests/helm/helm.sh's, and so is verify of
# the applications: pods run nothing here that could answer.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/tap.sh
. tests/tap.sh
# shellcheck source=tests/lab/lib.sh
. tests/lab/lib.sh
# shellcheck source=tests/helm/objects.lib.sh
. tests/helm/objects.lib.sh
work=$(mktemp -d)
dir=out/apps
trap 'rm -rf "$work"; [ -n "${KEEP_LAB-}" ] || "$lab" down >/dev/null 2>&1' EXIT

json_options=(--timeout 60m) # helm takes its time on emulated machines
changed() { jq -r '[.steps[] | select(.changed) | "\(.host) \(.step)"] | sort | join("\n")' "$work/$1.json"; }
# verified NAME: what verify said that was not passed
verified() { jq -r '.checks[] | select(.status == "failed") | "\(.id) \(.host): \(.evidence)"' "$work/$1.json"; }
kc() { kubectl --context powerstack "$@"; }
revisions() { kc get secrets -A -l owner=helm -o jsonpath='{range .items[*]}{.metadata.name} {.metadata.labels.status}{"\n"}{end}' | sort; }
# helm's record of a release is the same thing in any revision
objects() { list_objects '|leases\..*' | sed 's/\(sh\.helm\.release\.v1\..*\)\.v[0-9]*$/\1/' | sort -u; }

step 'lab up, pristine'
if ! { "$lab" deps && "$lab" up && "$lab" reset; } >"$work/up" 2>&1; then
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
step 'verify'
to_json verify verify "${parts[@]}"
is "$rc$(verified verify)" 0 'verify passes'
jq -r '"# \(.passed) passed, \(.failed) failed, \(.skipped) skipped"' "$work/verify.json"
jq -r '.checks[] | select(.status == "skipped") | "# skipped: \(.id) \(.host): \(.evidence)"' "$work/verify.json"
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

step 'from nothing, from a bundle'
to_json bundle fetch --bundle "$work/bundle.tar" "${parts[@]}" "${apps[@]}"
is "$rc" 0 'all that is needed is in a bundle'
"$lab" reset >/dev/null 2>&1
sed -i 's,^\( *artifact_mirror:\).*,\1 http://127.0.0.1:9/nobody,' "$dir/inventory.yml" # nobody listens there
rm -rf "$dir/cache" "$dir/kubeconfig" "$dir/powerstack.lock"
to_json unpacked fetch --from "$work/bundle.tar" "${parts[@]}" "${apps[@]}"
is "$rc" 0 'there it is taken out of it'
to_json airgap deploy "${parts[@]}" "${apps[@]}"
is "$rc" 0 'all of it is deployed in one run, with nothing but the bundle and the nodes'
to_json airgap_verify verify "${parts[@]}"
is "$rc$(verified airgap_verify)" 0 'verify passes'
to_json airgap_again deploy "${parts[@]}" "${apps[@]}"
is "$rc $(changed airgap_again)" '0 ' 'a second deploy changes nothing'
step 'done'
done_testing
