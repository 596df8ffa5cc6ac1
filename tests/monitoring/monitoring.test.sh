#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What Prometheus asks, reckons and shows: the part's own manifests, the real exporter, a real Prometheus. Every expression
# of a rule or a dashboard is asked, and has to have data.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/exporter/front.lib.sh
. tests/monitoring/expressions.lib.sh

inventory() { # inventory PORT INTERVAL [TLS]
	cat <<YML
k3s_cluster:
  children:
    server: {hosts: {192.0.2.1: {node_name: ho1, internal_ip: 192.0.2.1, node_power_limit: 400, disk_for_persistent_storage: /dev/disk/by-id/ata-TEST}}}
    agent: {hosts: {192.0.2.2: {node_name: ho2, internal_ip: 192.0.2.2}}}
  vars:
    ansible_user: ubuntu
    k3s_version: v1.30.2+k3s1
    token: "{{ ansible_vault.token }}"
    nfs_network: 192.0.2.0/24
    prometheus_kepler_port: $1
    prometheus_scrape_interval: $2
    exporter_interval: 1s
    exporter_tls: ${3:-no}
    energy_price: 0.31
    energy_currency: CHF
    carbon_intensity: 41.5
YML
}
objects=out/release/monitoring/objects
built() { nice -n 19 make --no-print-directory $objects; }
test_that 'the objects are rendered without a cluster' built

# ---- rules, by themselves
render() { # render DIR PORT INTERVAL [TLS]
	mkdir -p "$1" && inventory "$2" "$3" "${4:-no}" >"$1/inventory.yml" && $objects "$1/inventory.yml" >"$1/objects.yml" &&
		/usr/bin/python3 tests/monitoring/split.py "$1/objects.yml" "$1" "$2"
}
test_that 'rules, scrape configuration and dashboards are taken apart' render "$tmp/alone" 9102 10s
test_that 'promtool finds the rules well-formed' promtool check rules --lint-fatal "$tmp/alone/rules.yml"
cp tests/monitoring/energy.test.yml "$tmp/alone/"
test_that 'they reckon and tell what they should' promtool test rules "$tmp/alone/energy.test.yml"
test_that 'promtool finds the scrape configuration well-formed' promtool check config --lint-fatal "$tmp/alone/prometheus.yml"
windows() { # of a slow site: four intervals, and five before a source is stale
	render "$tmp/slow" 9102 2m && grep -qF '[480s]' "$tmp/slow/rules.yml" && grep -qF 'age_seconds{job="kepler-metrics"} > 600' "$tmp/slow/rules.yml"
}
test_that 'the windows follow the intervals of the inventory' windows

# ---- dashboards, by themselves
boards() {
	/usr/bin/python3 - "$tmp/alone" <<'PY'
import glob, json, sys
boards = [json.load(open(f)) for f in glob.glob(sys.argv[1] + "/powerstack-*.json")]
assert len(boards) == 3 and len({b["uid"] for b in boards}) == 3, boards
for b in boards:
    taken = set()
    assert len({p["id"] for p in b["panels"]}) == len(b["panels"]) > 0
    for p in b["panels"]:
        g = p["gridPos"]
        cells = {(x, y) for x in range(g["x"], g["x"] + g["w"]) for y in range(g["y"], g["y"] + g["h"])}
        assert not cells & taken and g["x"] + g["w"] <= 24, (b["title"], p["title"], g)
        taken |= cells
        assert p["targets"] and p["description"] and p["fieldConfig"]["defaults"]["unit"], p["title"]
    names = {v["name"]: v for v in b["templating"]["list"]}
    assert ("price" in names) == ("carbon" in names)
    if "price" in names:
        assert names["price"]["current"]["value"] == "0.31" and names["carbon"]["query"] == "41.5", names
units = {p["fieldConfig"]["defaults"]["unit"] for b in boards for p in b["panels"]}
assert {"watt", "kwatth", "suffix: CHF", "massg"} <= units, units
PY
}
test_that 'panels do not lie on each other; what the inventory gives is where they begin' boards

# ---- with the real exporter
tree intel-2s
move &
pids="$pids $!"
start "$tmp/log" --path.sysfs "$tmp/sys" --path.rootfs "$tmp"
test_that 'and for the port of this exporter' render "$tmp/live" "$port" 1s
prometheus_on "$tmp/live/prometheus.yml"
ready() { curl -sS -m 5 "http://127.0.0.1:$web/-/ready" | grep -qi ready; }
wait_for 60 ready || {
	test_that 'Prometheus starts' false
	sed 's/^/# /' "$tmp/prometheus.log"
	done_testing
	exit 1
}
test_that 'Prometheus finds the node and asks its exporter, under the job and the node'\''s name' \
	wait_for 60 answers_with 'up{job="kepler-metrics",instance="ho1"} == 1'
test_that 'whose own name for it is not kept beside' \
	wait_for 60 answers_with 'kepler_node_package_joules_total{instance="ho1",exported_instance=""}'

# ---- every expression
if "$exporter" --check --path.sysfs tests/fake/sysfs/none | grep -q '^bpf *works'; then bpf=yes; else bpf=no; fi
lacks=
[ $bpf = yes ] || lacks=kepler_container_
every_expression "$tmp/live/expressions" "$lacks"
quiet() { ! answers_with 'ALERTS' >/dev/null; }
test_that 'no alert is told of' quiet
conserved() { answers_with 'abs(sum(instance:kepler_node_watts:rate) / sum(namespace:kepler_container_watts:rate) - 1) < 0.05'; }
if [ $bpf = yes ]; then test_that 'the namespaces draw what the nodes draw' wait_for 100 conserved; fi
stop
told() { answers_with 'ALERTS{alertname="EnergyExporterDown",alertstate=~"pending|firing"}'; }
test_that 'an exporter that is gone is told of' wait_for 60 told
kill "$prometheus" && wait "$prometheus"

# ---- by TLS, with the certificate that K3s lays down for a node, as deploy has the exporter serve it
mkdir -p "$tmp/k3s/agent"
authority() { # authority NAME
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" -keyout "$tmp/$1.key" -out "$tmp/$1.crt" 2>/dev/null
}
issue() { # issue AUTHORITY: a new certificate of this node, the key first
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=ho1 -keyout "$tmp/new.key" -out "$tmp/new.csr" 2>/dev/null &&
		echo 'subjectAltName=DNS:ho1,DNS:localhost,IP:127.0.0.1' >"$tmp/ext" &&
		openssl x509 -req -in "$tmp/new.csr" -days 2 -CA "$tmp/$1.crt" -CAkey "$tmp/$1.key" -CAcreateserial -extfile "$tmp/ext" \
			-out "$tmp/new.crt" 2>/dev/null && cat "$tmp/$1.crt" >>"$tmp/new.crt" &&
		mv "$tmp/new.key" "$tmp/k3s/agent/serving-kubelet.key" && mv "$tmp/new.crt" "$tmp/k3s/agent/serving-kubelet.crt"
}
authority cluster && authority other && issue other
sed "s,{{ k3s_server_location }},$tmp/k3s," provision/files/exporter-web.yml.tmpl >"$tmp/exporter-web.yml"
start "$tmp/log" --path.sysfs "$tmp/sys" --path.rootfs "$tmp" --web.config.file "$tmp/exporter-web.yml"
test_that 'with exporter_tls the scrape configuration is another one' render "$tmp/tls" "$port" 1s yes
cp "$tmp/cluster.crt" "$tmp/tls/ca.crt"
test_that 'which promtool finds well-formed, too' promtool check config --lint-fatal "$tmp/tls/prometheus.yml"
prometheus_on "$tmp/tls/prometheus.yml"
wait_for 60 ready
refused() { curl -sS -m 10 "http://127.0.0.1:$web/api/v1/targets" | grep -q 'x509: certificate signed by unknown authority'; }
test_that 'Prometheus takes no certificate that is not of the cluster' wait_for 60 refused
test_that 'and has nothing from there' wait_for 60 answers_with 'up{job="kepler-metrics",instance="ho1"} == 0'
test_that 'K3s lays down one that is' issue cluster
test_that 'the same exporter shows it, and is scraped' wait_for 60 answers_with 'up{job="kepler-metrics",instance="ho1"} == 1'
one_start() { [ "$(grep -c 'msg=starting' "$tmp/log")" = 1 ] && grep -q 'certificate read again' "$tmp/log"; }
test_that 'which was not started again' one_start
done_testing
