#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Who draws the joules, from end to end: the real exporter with its programs in this kernel, control groups named
# as containerd names those of a pod, an energy counter that moves, and a real Prometheus with the dashboard's
# expressions. Skipped, and loudly, only where BPF is not permitted.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/exporter/front.lib.sh
. tests/exporter/groups.lib.sh
. tests/monitoring/expressions.lib.sh

if ! "$exporter" --check --path.sysfs tests/fake/sysfs/none | grep -q '^bpf *works'; then
	skip 'BPF does not work on this machine' 'workloads from end to end'
	done_testing
	exit 0
fi

# ---- a node: its energy, its control groups, the names that its kubelet leaves behind
tree intel-2s
mkdir -p "$tmp/sys/fs"
ln -s /sys/fs/cgroup "$tmp/sys/fs/cgroup"
if ! make_groups; then
	skip 'no control group can be made on this machine' 'workloads from end to end'
	done_testing
	exit 0
fi
pod() { echo "kepler_container_$2joules_total{container_id=\"$(id_of "$1")\""; }
label() { # label DIGIT: labels of the container's first series
	curl -sS -m 5 "$url/metrics" | grep -F "$(pod "$1" package_)" | head -1
}

container 1 web-0 shop app
container 2 '' '' ''
move &
pids="$pids $!"
# ---- a real Prometheus, from here on beside the rest: its subqueries of minutes need two of them
start "$tmp/scraped.log" --path.sysfs "$tmp/sys" --path.rootfs "$tmp/root"
scraped_by_prometheus

# ---- one more, which nobody scrapes but this
start "$tmp/log" --path.sysfs "$tmp/sys" --path.rootfs "$tmp/root" --metrics.processes
burn 1
test_that 'a container draws joules under its pod'\''s name' wait_for 20 at_least "$(pod 1 package_)" 0.5
named() {
	label 1 | tee -a "$tmp/seen" | grep -qF "{container_id=\"$(id_of 1)\",pod_name=\"web-0\",container_name=\"app\",container_namespace=\"shop\",mode=\""
}
test_that 'with Kepler'\''s labels in its order' named
test_that 'and by all that is measured together' at_least "$(pod 1 '')" 0.5
test_that 'its time on the processors is told, in the units of both names' \
	at_least "kepler_container_bpf_cpu_time_ms_total{container_id=\"$(id_of 1)\"" 100
test_that 'of which the older is microseconds' \
	at_least "kepler_container_bpf_cpu_time_us_total{container_id=\"$(id_of 1)\"" 100000
for who in system_processes kernel_processes unattributed; do
	test_that "there is $who" at_least "kepler_container_package_joules_total{container_id=\"$who\"" 0
done
test_that 'its process has joules of its own' wait_for 10 at_least "kepler_process_package_joules_total{pid=\"$burner\",container_id=\"$(id_of 1)\",vm_id=\"\",command=\"" 0.1
grows() {
	a=$(value "$(pod 1 package_)") && wait_for 10 at_least "$(pod 1 package_)" "$(awk -v a="$a" 'BEGIN { print a + 1 }')"
}
test_that 'and both grow while it works' grows
test_that 'what nothing measures is 0, and its source none' \
	reads "kepler_container_gpu_joules_total{container_id=\"$(id_of 1)\",pod_name=\"web-0\",container_name=\"app\",container_namespace=\"shop\",mode=\"dynamic\",source=\"none\"}" 0
# whoever has no name is shown by the id alone, once it is clear that there is none
burn 2
test_that 'a container without any name is shown by its id' wait_for 30 at_least "$(pod 2 package_)" 0.5
unnamed() { label 2 | grep -qF "{container_id=\"$(id_of 2)\",pod_name=\"\",container_name=\"\",container_namespace=\"\",mode=\""; }
test_that 'and nothing is made up' unnamed

# ---- conservation, on the page
adds_up() { # every component and mode: the node's joules are the containers' and the processes' and what is unlisted
	curl -sS -m 5 "$url/metrics" >"$tmp/page" && /usr/bin/python3 $here/adds_up.py <"$tmp/page"
}
test_that 'containers and processes add up to the node, to the microjoule' adds_up
clean() { promtool_likes "$tmp/page"; }
test_that 'promtool finds the page clean' clean
openmetrics() {
	curl -sS -m 5 -H 'Accept: application/openmetrics-text' "$url/metrics" >"$tmp/om" &&
		/usr/bin/python3 -c 'import sys; from prometheus_client.openmetrics.parser import text_string_to_metric_families as p
n = sum(len(f.samples) for f in p(sys.stdin.read())); print(n); sys.exit(n < 100)' <"$tmp/om"
}
test_that 'OpenMetrics of it is well-formed' openmetrics

# ---- a pod is deleted
last=$(value "$(pod 1 package_)")
node=$(value 'kepler_node_package_joules_total{')
kill -9 "$burner" 2>/dev/null # the one in container 2
first=$(echo "$burners" | awk '{ print $1 }')
kill -9 "$first"
wait "$first" 2>/dev/null
test_that 'its container is taken away' delete 1
sleep 1 # ten intervals in which nobody scrapes
kept() {
	now=$(value "$(pod 1 package_)")
	echo "$last before, $now after"
	awk -v a="$last" -v b="$now" 'BEGIN { exit !(b != "" && b >= a) }'
}
test_that 'the deleted pod keeps its last joules until they are scraped' kept
gone() { [ -z "$(value "$(pod 1 package_)")" ]; }
test_that 'and then it goes' wait_for 5 gone
test_that 'its process too' sh -c "! curl -sS -m 5 '$url/metrics' | grep -q 'pid=\"$first\"'"
test_that 'the node did not step back' at_least 'kepler_node_package_joules_total{' "$node"
test_that 'and all still adds up' adds_up
told() { at_least 'powerstack_exporter_unlisted_joules{level="container",component="package"' "$last"; }
test_that 'what the deleted pod drew is told to be unlisted' told
container 1 '' '' ''
burn 1
test_that 'a container that comes again under its name counts on' wait_for 30 at_least "$(pod 1 package_)" 0.5
stop
test_that 'SIGTERM ends it with status 0' test "$status" = 0

# ---- what is shown
page_with() { # page_with ENVIRONMENT...: the families of the page that --once prints
	env "$@" "$exporter" --path.sysfs "$tmp/sys" --path.rootfs "$tmp/root" --interval 200ms --once >"$tmp/page" &&
		grep '^# TYPE' "$tmp/page" | cut -d' ' -f3 >"$tmp/families"
}
has() { cat "$tmp/families" && grep -qE "$1" "$tmp/families"; }
lacks() { cat "$tmp/families" && [ -s "$tmp/families" ] && ! grep -qE "$1" "$tmp/families"; }
test_that 'a page is printed once' page_with A=
test_that 'processes are not shown unless asked for' lacks '^kepler_process_'
test_that 'containers are, by component and in sum' has '^kepler_container_package_joules_total'
test_that 'Kepler'\''s switches are read' page_with ENABLE_PROCESS_METRICS=true EXPOSE_COMPONENT_POWER=false \
	EXPOSE_BPF_METRICS=false EXPOSE_IRQ_COUNTER_METRICS=false
test_that 'ENABLE_PROCESS_METRICS asks for processes' has '^kepler_process_joules_total'
test_that 'EXPOSE_COMPONENT_POWER=false hides the components' lacks '^kepler_(container|process)_.+_joules_total'
test_that 'and not the sum' has '^kepler_container_joules_total'
test_that 'EXPOSE_BPF_METRICS=false hides the CPU time' lacks 'bpf_cpu_time'
test_that 'EXPOSE_IRQ_COUNTER_METRICS=false hides the softirqs' lacks '_irq_total'
test_that 'and EXPOSE_CONTAINER_METRICS' page_with EXPOSE_CONTAINER_METRICS=false
test_that 'hides the containers' lacks '^kepler_container_'

# ---- Kepler's dashboard
test_that 'Prometheus scrapes it' wait_for 60 answers_with 'up{job="kepler-metrics"} == 1'
kepler_dashboard
variables() {
	curl -sS -m 10 -G "http://127.0.0.1:$web/api/v1/label/container_namespace/values" \
		--data-urlencode 'match[]=kepler_container_package_joules_total' | tee -a "$tmp/seen" | grep -q '"system"'
}
test_that 'the dashboard finds its namespaces' variables
# the whole node's power is the sum of the pods'
whole() {
	answers_with 'abs(sum(rate(kepler_container_package_joules_total[30s])) / sum(rate(kepler_node_package_joules_total[30s])) - 1) < 0.02'
}
test_that 'the containers draw what the node draws' wait_for 40 whole
for name in kepler_exporter_build_info kepler_node_info kepler_node_package_joules_total kepler_node_dram_joules_total \
	kepler_container_core_joules_total kepler_container_uncore_joules_total kepler_container_joules_total; do
	test_that "there is $name" answers_with "$name"
done
pid=$scraped
stop
done_testing
