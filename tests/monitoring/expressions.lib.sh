# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# What a Prometheus is asked, for the suites that have one, at $prometheus_url. Sourced, with tests/tap.sh; the last answer
# is in $tmp/answer.

# api PATH QUERY: has the answer data?
# shellcheck disable=SC2154 # the suite's
api() {
	curl -sS -m 10 -G "$prometheus_url/api/v1/$1" --data-urlencode "$2" >"$tmp/answer" &&
		/usr/bin/python3 -c 'import json, sys
a = json.load(open(sys.argv[1]))
assert a["status"] == "success", a
d = a["data"]
sys.exit(not (d["result"] if isinstance(d, dict) else d))' "$tmp/answer"
}
answers_with() { api query "query=$1" || { cat "$tmp/answer"; return 1; }; }

# every_expression FILE [LACKS]: all that split.py has found in rules and dashboards; what names a metric that begins with
# LACKS cannot be had here
every_expression() {
	tab=$(printf '\t')
	while IFS=$tab read -r kind title expr; do
		case $expr in *"${2:-nothing}"*)
			skip 'BPF does not work on this machine' "$kind $title has data"
			continue ;;
		esac
		case $kind in
		record)
			test_that "rule $title has data" wait_for 60 answers_with "$expr"
			test_that "and is recorded" wait_for 60 answers_with "$title" ;;
		alert)
			# it tells nothing now, and would with the limit away: the metric is there
			left=${expr%% == 0} left=${left%% > *}
			case $expr in
			absent*) left=${expr#absent(} left=${left%)} ;;
			esac
			test_that "alert $title looks at what is there" wait_for 60 answers_with "$left" ;;
		choice)
			# label_values(SELECTOR, LABEL)
			of=${expr#label_values(} label=${expr##*, }
			choice() { api "label/${label%)}/values" "match[]=${of%, *}" || { cat "$tmp/answer"; return 1; }; }
			test_that "choice $title has values" wait_for 60 choice ;;
		panel)
			test_that "panel $title has data" wait_for 60 answers_with "$expr" ;;
		esac
	done <"$1"
}

# The sixteen expressions of Kepler's own dashboard, which is PowerStack's.
kepler_dashboard() {
	of='{container_namespace=~".*",pod_name=~".*"}'
	per_kwh=0.00000027777777777777776
	for component in package dram other gpu; do
		test_that "power of each pod: $component" wait_for 30 answers_with \
			"sum by (pod_name, container_namespace) (irate(kepler_container_${component}_joules_total${of}[1m]))"
		test_that "power of all: $component" wait_for 30 answers_with "sum(irate(kepler_container_${component}_joules_total${of}[1m]))"
	done
	for component in package dram other gpu; do
		test_that "kWh a day: $component" wait_for 180 answers_with \
			"sum(increase(kepler_container_${component}_joules_total${of}[24h:1m])) * $per_kwh"
	done
	for factor in 2.23 .91 2.13; do
		test_that "carbon at $factor" wait_for 180 answers_with \
			"sum(increase(kepler_container_joules_total${of}[24h:1m])) * $per_kwh * $factor"
	done
	test_that 'energy of each namespace' wait_for 180 answers_with \
		'sum by (container_namespace) (increase(kepler_container_joules_total[24h:1m]))'
}
