#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The real static exporter, from outside: fake sysfs trees, real scrapes, bad clients, a BMC.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/exporter/front.lib.sh

# ---- the binary
static() {
	file -b "$exporter" | grep -q static-pie && ! readelf -d "$exporter" | grep NEEDED &&
		! readelf -lW "$exporter" | grep INTERP
}
test_that 'the binary is one static position-independent file' static
libs() {
	nm "$exporter" >"$tmp/nm" && for s in curl_multi_perform bpf_object__load event_base_dispatch \
		json_tokener_parse_ex; do
		grep -q " [TtWw] $s\$" "$tmp/nm" || grep -q " [TtWw] ${s%_perform}_socket_action\$" "$tmp/nm" ||
			{ echo "$s is not in it"; return 1; }
	done
}
test_that 'libcurl, libbpf, libevent and json-c are in it' libs
hardened() {
	readelf -dW "$exporter" | grep -q 'FLAGS.*NOW' && readelf -lW "$exporter" | grep -q GNU_RELRO &&
		readelf -lW "$exporter" | awk '/GNU_STACK/ { exit /RWE/ }'
}
test_that 'it is linked with relro, bind-now and no executable stack' hardened
small() { [ "$(stat -c %s out/release/embed/powerstack-exporter."$(dpkg --print-architecture)")" -lt 8000000 ]; }
test_that 'what is embedded is below 8 MB' small
test_that '--version says what it is' sh -c "'$exporter' --version | grep -q '^powerstack-exporter [0-9]'"
usage() { "$exporter" --no-such; [ $? = 2 ]; }
test_that 'an unknown option ends with status 2' usage
documented() {
	"$exporter" --metrics >"$tmp/doc" && for m in kepler_node_info kepler_node_package_joules_total; do
		grep -q "^$m (" "$tmp/doc" || return 1
	done
}
test_that '--metrics lists the metrics' documented

# ---- one page
for t in intel-2s intel-client multi-die amd acpi xgene unreadable none; do
	clean() {
		"$exporter" --path.sysfs "tests/fake/sysfs/$t" --interval 50ms --once >"$tmp/page" &&
			promtool_likes "$tmp/page"
	}
	test_that "--once on $t prints a page that promtool finds clean" clean
done
none() {
	"$exporter" --path.sysfs tests/fake/sysfs/none --interval 50ms --meters.components '' --meters.platform '' \
		--once >"$tmp/page"
	! grep -q joules "$tmp/page" && grep -q '^powerstack_exporter_energy_meters 0$' "$tmp/page" &&
		grep -q 'kepler_node_info{.*components_power_source="none",platform_power_source="none"' "$tmp/page"
}
test_that 'without meters and without estimates no joules are shown, and the page says so' none
estimated() {
	"$exporter" --path.sysfs tests/fake/sysfs/none --interval 200ms --once >"$tmp/page" || return 1
	for c in package dram other platform; do
		grep -q "^kepler_node_${c}_joules_total{.*source=\"trained_power_model\"} 0*[.0-9]*[1-9]" "$tmp/page" ||
			{ echo "no $c"; return 1; }
	done
	# a workload's rows of all components, and of those that nothing measures or estimates, name no meter
	! grep joules_total "$tmp/page" | grep -v '^#' | grep -v -e trained_power_model -e 'source=""' -e 'source="none"} 0$' &&
		grep -q '^powerstack_exporter_energy_meters 0$' "$tmp/page" &&
		grep -q 'kepler_node_info{.*components_power_source="estimator",platform_power_source="estimator"' "$tmp/page"
}
test_that 'without meters the joules are estimates, and every series says so' estimated
model() {
	printf '{"package":{"All_Weights":{"Bias_Weight":1000}},"platform":{"All_Weights":{"Bias_Weight":2000}}}' \
		>"$tmp/model.json"
	"$exporter" --path.sysfs tests/fake/sysfs/none --interval 1s --estimator.model "$tmp/model.json" \
		--once >"$tmp/page" || return 1
	v=$(sed -n 's/^kepler_node_package_joules_total{.*mode="idle".*} //p' "$tmp/page") && echo "$v J" &&
		! grep -q '^kepler_node_dram_joules_total' "$tmp/page" &&
		awk -v v="$v" 'BEGIN { exit !(v > 900 && v < 30000) }'
}
test_that "one's own model is used instead of the table" model
no_model() {
	"$exporter" --path.sysfs tests/fake/sysfs/none --estimator.model https://192.0.2.1/m.json --check >"$tmp/check" &&
		grep -q '^trained_power_model missing .*is no file' "$tmp/check"
}
test_that 'a model that cannot be read is missing, and the exporter runs' no_model
check() {
	"$exporter" --path.sysfs tests/fake/sysfs/none --check >"$tmp/check" &&
		grep -q '^rapl-sysfs *missing .*no RAPL' "$tmp/check" &&
		grep -q '^trained_power_model *works' "$tmp/check" &&
		grep -q 'no energy meter answers: the joules exported would be estimates' "$tmp/check"
}
test_that '--check says what is missing and why' check

of_power() { # TREE SERIES JOULES: within one interval of 2 s; a reading may come late
	"$exporter" --path.sysfs "tests/fake/sysfs/$1" --interval 2s --once >"$tmp/page" &&
		v=$(grep -F "$2" "$tmp/page" | sed 's/.* //') && echo "$v J" &&
		awk -v v="$v" -v most="$3" 'BEGIN { exit !(v > most / 4 && v < most * 1.5) }'
}
test_that 'an ACPI meter measures the platform' of_power acpi 'kepler_node_platform_joules_total{package="energy1"' 374
test_that 'an X-Gene sensor measures the package' of_power xgene 'kepler_node_package_joules_total{package="0"' 67
info() {
	grep -q 'kepler_node_info{.*components_power_source="ampere-xgene-hwmon",platform_power_source="none"' "$tmp/page"
}
test_that 'and the page says what measures' info

# ---- a life
tree intel-2s
python3 $here/clients.py notify "$tmp/notify" >"$tmp/notified" &
listener=$!
pids="$pids $listener"
wait_for 10 test -S "$tmp/notify"
NOTIFY_SOCKET=$tmp/notify NODE_NAME=node-7 start "$tmp/log" --path.sysfs "$tmp/sys"
p0='kepler_node_package_joules_total{package="0",instance="node-7",'
p1='kepler_node_package_joules_total{package="1",instance="node-7",'
d1='kepler_node_dram_joules_total{package="1",instance="node-7",'
test_that 'counters begin at 0' becomes "$p0" 0
add intel-rapl:0 5000000
add intel-rapl:1:0 1250001
test_that 'five joules more on one socket are five joules more' becomes "$p0" 5
test_that 'and to the microjoule on the other memory' becomes "$d1" 1.250001
test_that 'what did not move did not move' reads "$p1" 0
echo 262143328800 >"$tmp/sys/class/powercap/intel-rapl:1/energy_uj"
sleep 0.4
before=$(value "$p1")
echo 950 >"$tmp/sys/class/powercap/intel-rapl:1/energy_uj"
test_that 'a step that nothing can draw is not counted' test "$before" = 0
test_that 'a counter that passes its end goes on' becomes "$p1" 0.001
test_that 'which source counts is told' reads 'source_used{source="rapl-sysfs",component="package"}' 1
test_that 'the wrap is told' becomes 'meter_wraps_total{zone="package-1",source="rapl-sysfs"}' 1
mv "$tmp/sys/class/powercap/intel-rapl:0" "$tmp/gone"
test_that 'a meter that vanishes is told' becomes 'source_up{source="rapl-sysfs"}' 0
test_that 'its joules stay' reads "$p0" 5
mv "$tmp/gone" "$tmp/sys/class/powercap/intel-rapl:0"
add intel-rapl:0 1000000
test_that 'and go on when it is back' becomes "$p0" 6

# ---- pages
test_that 'the metrics page has its content type' answers '200 text/plain; version=0.0.4; charset=utf-8' "$url/metrics"
test_that '/healthz' answers '200 text/plain; charset=utf-8' "$url/healthz"
test_that '/readyz' answers '200 text/plain; charset=utf-8' "$url/readyz"
test_that 'the landing page' answers '200 text/html; charset=utf-8' "$url/"
test_that 'it links to the metrics' grep -q 'href="/metrics"' "$tmp/body"
test_that 'HEAD has no body' sh -c "[ \$(curl -sSI -m 5 '$url/metrics' | grep -c '^Content-Length: [1-9]') = 1 ]"
test_that 'any other page is 404' answers '404 text/plain; charset=utf-8' "$url/metricsx"
test_that 'POST is 405' answers '405 text/plain; charset=utf-8' -d x "$url/metrics"
test_that 'a head that is too long is 431' answers '431 text/plain; charset=utf-8' \
	-H "X: $(head -c 9000 /dev/zero | tr '\0' x)" "$url/metrics"
pipeline() { python3 $here/clients.py pipeline "$port" | tee -a "$tmp/seen" | grep -qx '200 200 404'; }
test_that 'requests may come in one packet' pipeline
half_open() {
	slowest=$(python3 $here/clients.py half-open "$port" 1000) && echo "slowest scrape $slowest s" &&
		awk -v s="$slowest" 'BEGIN { exit !(s < 5) }'
}
test_that '1000 half-open clients do not slow a scrape' half_open
bounded() {
	wait_for 5 at_least powerstack_exporter_http_evicted_total 900 && fds=$(find "/proc/$pid/fd" -type l | wc -l) &&
		echo "$fds descriptors" && [ "$fds" -lt 120 ]
}
test_that 'and were evicted, within bounds' bounded
slow() {
	s=$(python3 $here/clients.py slow "$port")
	echo "cut off after $s s"
	[ "$s" -ge 8 ] && [ "$s" -le 14 ]
}
test_that 'a client that sends byte by byte is cut off in time' slow

# ---- its end
stop
test_that 'SIGTERM ends it with status 0' test "$status" = 0
wait "$listener"
notified() { grep -q '^READY=1' "$tmp/notified" && grep -q '^STOPPING=1' "$tmp/notified"; }
test_that 'systemd heard READY and STOPPING' notified
sources_told() {
	grep -q 'msg="source works" source=rapl-sysfs' "$tmp/log" &&
		grep -q 'msg="component measured" component=package source=rapl-sysfs' "$tmp/log" &&
		grep -q 'msg="source not used" source=redfish reason=' "$tmp/log"
}
test_that 'the log says which sources work and why others do not' sources_told

# ---- configuration
printf 'redfish: {endpoint: "https://127.0.0.1:1", username: u, password: geheim}\n' >"$tmp/e.yml"
refuses() {
	"$exporter" --config.file "$tmp/e.yml" --once >"$tmp/page" 2>"$tmp/err"
	[ $? = 3 ] && cat "$tmp/err" && grep -q "$1" "$tmp/err" && ! grep -q geheim "$tmp/err"
}
chmod 0644 "$tmp/e.yml"
test_that 'a password that others may read is refused' refuses 'chmod 0600'
chmod 0600 "$tmp/e.yml"
printf 'redfish: {endpoint: "https://127.0.0.1:1", pasword: geheim}\n' >"$tmp/e.yml"
test_that 'an unknown key is refused with its place' refuses "e.yml:1:44: unknown key 'redfish.pasword'; did you mean 'password'"
order() { "$exporter" --path.sysfs tests/fake/sysfs/intel-2s --once "$@" >"$tmp/page" 2>"$tmp/err"; }
bad_order() { order --meters.components rapl-sysfs,redfish; [ $? = 2 ] && cat "$tmp/err" && grep -q "'redfish'" "$tmp/err"; }
test_that 'an order of meters that names what cannot stand there is refused' bad_order
no_order() { order --meters.components '' --interval 50ms && ! grep package_joules "$tmp/page" | grep -v -e '^#' -e 'source="none"} 0$'; }
test_that 'an empty order of meters means none' no_order
printf 'interval: 200ms\nlog: {level: debug}\n' >"$tmp/e.yml"
"$exporter" --web.listen-address 127.0.0.1:0 --path.sysfs tests/fake/sysfs/none --config.file "$tmp/e.yml" \
	--log.format json 2>"$tmp/log" &
pid=$!
pids="$pids $pid"
wait_for 10 grep -q 'no energy meter' "$tmp/log"
echo 'interval: 1y' >"$tmp/e.yml"
kill -HUP $pid
test_that 'SIGHUP with a bad configuration keeps the old one' wait_for 5 grep -q 'the old one stays' "$tmp/log"
echo 'interval: 1s' >"$tmp/e.yml"
kill -HUP $pid
test_that 'SIGHUP reads it again' wait_for 5 grep -q '"configuration read again"' "$tmp/log"
json() { python3 -c 'import json, sys; [json.loads(l) for l in open(sys.argv[1])]' "$tmp/log"; }
test_that 'every line of a JSON log is JSON' json
stop

# ---- rights
if [ "$(id -u)" = 0 ]; then
	tree intel-2s
	chmod 0400 "$tmp"/sys/class/powercap/*/energy_uj # as the kernel has it
	cp "$exporter" "$tmp/exporter"
	with_caps() {
		caps=$1
		setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs --bounding-set="-all$caps" \
			--inh-caps="-all$caps" --ambient-caps="-all$caps" "$tmp/exporter" \
			--path.sysfs "$tmp/sys" --interval 100ms --check
	}
	needed() { with_caps ,+dac_read_search,+bpf,+perfmon | tee -a "$tmp/seen" | grep -c works | grep -qx 2; }
	if "$exporter" --check --path.sysfs tests/fake/sysfs/none | grep -q '^bpf *works'; then
		test_that 'three capabilities are enough for every source' needed
	else
		skip 'BPF does not work on this machine' 'three capabilities are enough for every source'
	fi
	without() {
		with_caps '' >"$tmp/check" && cat "$tmp/check" && grep -q '^bpf *missing.*CAP_BPF' "$tmp/check" &&
			grep -q '^rapl-sysfs *missing.*CAP_DAC_READ_SEARCH' "$tmp/check"
	}
	test_that 'without any it runs, and names what it lacks' without
else
	skip 'not root' 'three capabilities are enough for every source'
	skip 'not root' 'without any it runs, and names what it lacks'
fi

# ---- a BMC
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=bmc -addext 'subjectAltName=IP:127.0.0.1' \
	-keyout "$tmp/key.pem" -out "$tmp/cert.pem" 2>/dev/null
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=other -keyout "$tmp/k2.pem" -out "$tmp/other.pem" 2>/dev/null
echo 'watts=3.07 user=monitor:geheim' >"$tmp/bmc"
python3 $here/bmc.py "$tmp/bmc" "$tmp/cert.pem" "$tmp/key.pem" >"$tmp/bmc.port" 2>"$tmp/bmc.err" &
pids="$pids $!"
wait_for 10 test -s "$tmp/bmc.port"
bmc=$(cat "$tmp/bmc.port")
configure() { # LINES: the redfish section
	umask 077
	printf 'redfish:\n  endpoint: https://127.0.0.1:%s\n  username: monitor\n  interval: 1s\n  timeout: 1s\n' \
		"$bmc" >"$tmp/e.yml"
	printf '%s\n' "$@" >>"$tmp/e.yml"
	umask 022
}
configure '  password: geheim' "  ca-file: $tmp/cert.pem"
tree intel-2s
NODE_NAME=n start "$tmp/log" --path.sysfs "$tmp/sys" --config.file "$tmp/e.yml"
plat='kepler_node_platform_joules_total{package="Self",instance="n",'
other='kepler_node_other_joules_total{package="socket0",instance="n",'
test_that 'the BMC is believed: 3.07 W are more than 3 J in 2 s' wait_for 10 at_least "$plat" 3
rate() {
	echo 'watts=200 user=monitor:geheim' >"$tmp/bmc"
	sleep 1.5
	# On a busy machine an answer comes late, and its joules with it: measured again then.
	for _ in 1 2 3 4; do
		from=$(date +%s%N) && a=$(value "$plat") && sleep 2 && b=$(value "$plat") && to=$(date +%s%N)
		echo "$a to $b in $(((to - from) / 1000000)) ms"
		awk -v a="$a" -v b="$b" -v s="$((to - from))" 'BEGIN { j = 200 * s / 1e9; exit !(b - a > j * 0.9 && b - a < j * 1.15) }' &&
			return
	done
	return 1
}
test_that '200 W are 200 J a second, evenly between two answers' rate
test_that 'what is left of the platform is other' at_least "$other" 300
one_connection() { cut -d' ' -f1 "$tmp/bmc.log" | sort -u | wc -l | grep -qx 1; }
test_that 'one connection is kept for all requests' one_connection
echo 'watts=200 delay=30' >"$tmp/bmc"
prompt() {
	sleep 1
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		t=$(curl -sS -m 5 -o /dev/null -w '%{time_total}' "$url/metrics")
		awk -v t="$t" 'BEGIN { exit !(t < 0.2) }' || { echo "scrape took $t s"; return 1; }
	done
}
test_that 'a BMC that hangs delays no scrape' prompt
test_that 'its silence is told' wait_for 15 reads 'source_up{source="redfish"}' 0
for bad in status=500 body=html body=cut body=big watts=null watts=-5 status=401; do
	echo "$bad" >"$tmp/bmc"
	: >"$tmp/seen"
	survives() {
		errors=$(value 'source_errors_total{source="redfish"}')
		wait_for 8 at_least 'source_errors_total{source="redfish"}' $((errors + 1)) && kill -0 $pid
	}
	test_that "an answer with $bad is an error and nothing more" survives
done
held_still() {
	sleep 4.5
	a=$(value "$plat") && sleep 1 && b=$(value "$plat")
	echo "$a $b"
	[ "$a" = "$b" ]
}
test_that 'a BMC silent for long counts nothing' held_still
echo 'watts="250.5"' >"$tmp/bmc"
test_that 'and is taken up again when it answers' wait_for 15 reads 'source_up{source="redfish"}' 1
small_memory() { at_least powerstack_exporter_resident_memory_bytes 1 && ! at_least powerstack_exporter_resident_memory_bytes 40000000; }
test_that 'memory stayed bounded' small_memory
no_secret() { ! grep -r geheim "$tmp/log" "/proc/$pid/cmdline" "/proc/$pid/environ"; }
test_that 'the password is in no log, argument or environment' no_secret
configure '  password: geheim' "  ca-file: $tmp/other.pem"
kill -HUP $pid
test_that 'a certificate of another authority is refused' wait_for 10 grep -q 'source failed.*certificate' "$tmp/log"
configure '  password: geheim' '  insecure-skip-verify: true'
kill -HUP $pid
test_that 'unless told to take any' wait_for 10 reads 'source_up{source="redfish"}' 1
stop
test_that 'SIGTERM ends it with status 0 while peers are asked' test "$status" = 0
done_testing
