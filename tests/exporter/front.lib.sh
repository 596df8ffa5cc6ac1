# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# For the exporter's suites, sourced from the top folder: TAP, exporters on free ports, their pages.
# shellcheck source=tests/tap.sh
. tests/tap.sh
exporter=${POWERSTACK_EXPORTER:-$PWD/out/release/powerstack-exporter}
here=tests/exporter # used by the suites
tmp=$(mktemp -d)
chmod 0755 "$tmp"
# shellcheck disable=SC2034 # for test_that
tap_file=$tmp/out
pids=
cleanup() {
	for p in $pids; do kill "$p" 2>/dev/null; done
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 129' INT TERM HUP

# start LOG ARGS...: an exporter on a free port; sets pid, port, url
start() {
	log=$1
	shift
	: >"$log" # what an earlier one said there is not to be taken for this one's
	"$exporter" --web.listen-address 127.0.0.1:0 --interval 100ms "$@" 2>"$log" &
	pid=$!
	pids="$pids $pid"
	wait_for 60 grep -q 'msg="energy meters read"\|no energy meter answers' "$log" || cat "$log" >&2
	port=$(sed -n 's/.*msg=listening.*address=127.0.0.1:\([0-9]*\).*/\1/p' "$log")
	url=http://127.0.0.1:$port
}
# stop: ends it and keeps its status
stop() {
	kill -TERM "$pid"
	wait "$pid"
	status=$?
}
# tree NAME: a copy of a fake sysfs to change
tree() {
	rm -rf "$tmp/sys"
	cp -r "tests/fake/sysfs/$1" "$tmp/sys"
}
# add ENTRY UJ: moves an energy counter
add() {
	f=$tmp/sys/class/powercap/$1/energy_uj
	v=$(($(cat "$f") + $2))
	echo "$v" >"$f.new" && mv "$f.new" "$f"
}
# move: of the tree intel-2s, both sockets draw, the second less, and the first one's memory; 10 steps a second, for ever
move() {
	while :; do
		add intel-rapl:0 3000000
		add intel-rapl:1 1000000
		add intel-rapl:0:0 500000
		sleep 0.1
	done
}
# prometheus_on CONFIG: a real Prometheus; sets web, its port, and prometheus, its process
prometheus_on() {
	web=$(free_port)
	# shellcheck disable=SC2034 # for the suites
	prometheus_url=http://127.0.0.1:$web
	prometheus --config.file "$1" --storage.tsdb.path "$tmp/tsdb" --web.listen-address "127.0.0.1:$web" \
		--log.level error >"$tmp/prometheus.log" 2>&1 &
	# shellcheck disable=SC2034 # for the suites
	prometheus=$!
	pids="$pids $prometheus"
}
# scraped_by_prometheus: the exporter that was started last, each second; $scraped is that exporter
scraped_by_prometheus() {
	cat >"$tmp/prometheus.yml" <<YML
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
  - job_name: kepler-metrics
    static_configs: [{targets: ["127.0.0.1:$port"]}]
YML
	prometheus_on "$tmp/prometheus.yml"
	# shellcheck disable=SC2034 # for the suites
	scraped=$pid
}
# value SERIES: of a fixed name with labels, from a fresh scrape; the sum if it is the beginning of several
value() {
	curl -sS -m 5 "$url/metrics" | grep -v '^#' | grep -F "$1" |
		awk '{ s += $NF } END { if (NR) printf "%.12g\n", s }'
}
# reads SERIES VALUE: that is its value
reads() { [ "$(value "$1")" = "$2" ]; }
at_least() { value "$1" | tee -a "$tmp/seen" | awk -v least="$2" 'BEGIN { r = 1 } { r = !($1 + 0 >= least) } END { exit r }'; }
# becomes SERIES VALUE: within ten intervals and some
becomes() { wait_for 5 reads "$1" "$2" || { value "$1"; return 1; }; }
code() { curl -sS -m 5 -o "$tmp/body" -w '%{http_code} %{content_type}' "$@"; }
answers() {
	want=$1
	shift
	got=$(code "$@")
	[ "$got" = "$want" ] || { echo "want $want, got $got"; return 1; }
}
# promtool_likes FILE: but for Kepler's names of the CPU time, which have a unit in them that they should not have
promtool_likes() {
	promtool check metrics <"$1" >"$tmp/promtool" 2>&1
	said=$(grep -v '^kepler_[a-z]*_bpf_cpu_time_[mu]s_total metric names should not contain abbreviated units$' "$tmp/promtool")
	[ -z "$said" ] || { echo "$said"; return 1; }
}
