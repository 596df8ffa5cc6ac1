#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# GPUs and accelerators, from outside: the real exporter with the real helper, under which a driver's library is put
# that says what a file says (tests/fake/nvml). What containers have of a GPU is skipped, and loudly, only where BPF is
# not permitted.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/exporter/front.lib.sh
. tests/exporter/groups.lib.sh

mkdir -p "$tmp/lib" "$tmp/root/dev"
# driver NAME [FLAG...]: which library there is
driver() {
	into=$tmp/$1
	shift
	mkdir -p "$into"
	gcc -std=gnu11 -D_GNU_SOURCE -I. -O1 -shared -fPIC "$@" -o "$into/libnvidia-ml.so.1" tests/fake/nvml/nvml.c
}
# says DIRECTORY: what it says from now on, on standard input
says() { cat >"$tmp/$1/script.new" && mv "$tmp/$1/script.new" "$tmp/$1/script"; }
# begin DIRECTORY ARGS...: an exporter on a machine with this library
begin() {
	LD_LIBRARY_PATH=$tmp/$1
	export LD_LIBRARY_PATH
	log_of=$tmp/log-$1
	shift
	start "$log_of" --path.sysfs "$tmp/sys" --path.rootfs "$tmp/root" "$@"
	unset LD_LIBRARY_PATH
}
helper_of() { pgrep -x -P "$pid" powerstack-gpu; }
becomes() { wait_for 30 reads "$1" "$2" || { value "$1"; return 1; }; } # rounds of readings are half a second apart
node() { echo "kepler_node_gpu_joules_total{package=\"$1\""; }
up() { echo "powerstack_exporter_source_$1{source=\"NVML\"}"; }
blind() { echo "powerstack_exporter_gpu_unattributed{source=\"NVML\",gpu_id=\"$1\",reason=\"$2\"}"; }
instances() { echo "powerstack_exporter_gpu_instances{source=\"NVML\",gpu_id=\"$1\"}"; }
logged() { wait_for 20 grep -q "$1" "$log_of" || { cat "$log_of"; return 1; }; }
answers_at_once() { # all of ten scrapes within the time of one
	for _ in 1 2 3 4 5 6 7 8 9 10; do curl -sS -m 2 -o "$tmp/page" "$url/metrics" || return 1; done
}
tree intel-2s
mkdir -p "$tmp/sys/fs"
ln -s /sys/fs/cgroup "$tmp/sys/fs/cgroup"
driver lib || exit 1

# ---- no driver
begin lib
test_that 'without a driver it says so' logged 'msg="source not used" source=NVML reason="no NVIDIA driver is loaded'
once() { sleep 1 && [ "$(grep -c 'source=NVML' "$log_of")" = 1 ]; }
test_that 'once' once
none() { curl -sS -m 5 "$url/metrics" >"$tmp/page" && ! grep -q 'kepler_node_gpu_joules\|source_up{source="NVML"}' "$tmp/page"; }
test_that 'and shows no GPU' none
stop
: >"$tmp/root/dev/nvidiactl"
unwanted() {
	"$exporter" --check --no-enable-gpu --path.sysfs "$tmp/sys" --path.rootfs "$tmp/root" | grep -q '^NVML *not used *GPUs are not wanted' &&
		ENABLE_GPU=false "$exporter" --check --path.sysfs "$tmp/sys" --path.rootfs "$tmp/root" | grep -q '^NVML *not used'
}
test_that 'one that is not wanted is not asked' unwanted
absent() { "$exporter" --check --gpu.helper "$tmp/no-helper" --path.sysfs "$tmp/sys" --path.rootfs "$tmp/root" | grep -q "^NVML *missing.*$tmp/no-helper"; }
test_that 'a driver without a helper is missing, and what to do is said' absent

# ---- energy
says lib <<S
count 2
energy 0 7000000
energy 1 1000
S
begin lib --metrics.v2
test_that 'GPUs are found' logged 'msg="source works" source=NVML'
test_that 'each begins at nothing' becomes "$(node 1)" 0
says lib <<S
count 2
energy 0 7100500
energy 1 3000
S
test_that 'and counts what its own counter counts, to the millijoule' becomes "$(node 0)" 100.5
test_that 'the other one too' becomes "$(node 1)" 2
labels() {
	curl -sS -m 5 "$url/metrics" >"$tmp/page" && grep -q '^kepler_node_gpu_joules_total{package="0",instance="[^"]*",mode="unsplit",source="NVML"} 100.5$' "$tmp/page" &&
		grep -q '^kepler_node_gpu_watts{gpu="0",gpu_uuid="GPU-00000000-0000-0000-0000-000000000000",gpu_name="Fake \\"L4\\" 0",vendor="nvidia",node_name="' "$tmp/page" &&
		! grep -q '^kepler_node_gpu_idle_joules_total' "$tmp/page"
}
test_that 'with the labels of both generations, and unsplit while nothing tells how busy it is' labels
clean() { promtool_likes "$tmp/page"; }
test_that 'promtool finds the page clean' clean
says lib <<S
count 2
energy 0 500
energy 1 4000
S
test_that 'a counter that begins anew leaves an interval unknown' becomes 'powerstack_exporter_meter_unknown_intervals_total{zone="GPU-00000000-0000-0000-0000-000000000000",source="NVML"}' 1
test_that 'takes nothing back' reads "$(node 0)" 100.5
says lib <<S
count 2
energy 0 1500
energy 1 5000
S
test_that 'and goes on' becomes "$(node 0)" 101.5
says lib <<S
count 2
lost 0
energy 1 6000
S
test_that 'a GPU that is lost is said' logged 'source=NVML reason="GPU 0: GPU is lost"'
test_that 'and the source is not whole' becomes "$(up up)" 0
test_that 'while the other one counts' becomes "$(node 1)" 5
test_that 'and the first keeps what it had' reads "$(node 0)" 101.5

# ---- a helper that hangs, crashes, floods
says lib <<S
count 2
energy 0 1500
energy 1 6000
hang-energy
S
test_that 'one that hangs is noticed' logged 'source=NVML reason="the GPU helper has not answered for some seconds"'
test_that 'delays no page' answers_at_once
test_that 'and no other source' becomes 'powerstack_exporter_source_up{source="rapl-sysfs"}' 1
says lib <<S
count 2
energy 0 2500
energy 1 6000
S
kill -9 "$(helper_of)"
test_that 'one that was killed is started again' wait_for 20 reads "$(up up)" 1
test_that 'and what was drawn meanwhile is not lost' becomes "$(node 0)" 102.5
says lib <<S
count 2
energy 0 3500
energy 1 6000
crash-energy
S
test_that 'one that crashes is said to' logged 'source=NVML reason="the GPU helper was ended by signal 6"'
test_that 'delays no page either' answers_at_once
says lib <<S
count 2
energy 0 4500
energy 1 6000
S
test_that 'and comes back' wait_for 30 reads "$(node 0)" 104.5
errors() { at_least "$(up errors_total)" 3; }
test_that 'all of that was counted' errors
helper=$(helper_of)
stop
ended() { ! kill -0 "$helper" 2>/dev/null; }
test_that 'the helper ends with the exporter' wait_for 10 ended
says lib <<S
init 9
S
begin lib
test_that 'a driver that does not answer is said' logged 'source=NVML reason="the driver does not answer: Driver Not Loaded"'
stop
mkdir -p "$tmp/empty"
begin empty
test_that 'so is one without its library' logged 'source=NVML reason="the driver.s library cannot be loaded: libnvidia-ml.so.1'
stop

# ---- what a device cannot tell
driver old -DWITHOUT_ENERGY -DOLD
says old <<S
count 1
power 0 40000
S
begin old
test_that 'an older one tells power, which becomes energy' wait_for 20 at_least "$(node 0)" 4
test_that 'and that processes cannot be told apart' logged 'source=NVML.*lacks="processes of GPU 0 (its driver does not tell them)"'
test_that 'which is why nobody has its energy' reads "$(blind 0 driver)" 1
test_that 'and it is not for being divided' reads "$(blind 0 mig)" 0
stop
says lib <<S
count 1
energy 0 5
mig 0 3
S
begin lib
test_that 'of a divided one neither' logged 'source=NVML.*lacks="processes of GPU 0 (it is divided: MIG)"'
test_that 'which is said to be why' reads "$(blind 0 mig)" 1
test_that 'and into how many' reads "$(instances 0)" 3
says lib <<S
count 1
energy 0 5
mig 0 1
S
test_that 'also when that changes' becomes "$(instances 0)" 1
says lib <<S
count 1
energy 0 5
S
test_that 'or it is made whole' becomes "$(blind 0 mig)" 0
whole() { [ -z "$(value "$(instances 0)")" ]; }
test_that 'and has no instances' whole
stop

# ---- an accelerator
mkdir -p "$tmp/sys/kernel/debug/qat_4xxx_0000:6b:00.0/telemetry"
echo 1 >"$tmp/sys/kernel/debug/qat_4xxx_0000:6b:00.0/telemetry/control"
printf 'sample_cnt 9\nutil_cpr0 42\nexec_cpr0 7\nutil_pke3 0\n' >"$tmp/sys/kernel/debug/qat_4xxx_0000:6b:00.0/telemetry/device_data"
rm "$tmp/root/dev/nvidiactl"
qat() {
	"$exporter" --once --interval 50ms --path.sysfs "$tmp/sys" --path.rootfs "$tmp/root" >"$tmp/page" &&
		grep -q '^kepler_node_accelerator_intel_qat{qatDevID="0000:6b:00.0",instance="[^"]*",source="intel_qat",type="cpr0"} 42$' "$tmp/page" &&
		grep -q '^kepler_node_accelerator_intel_qat{.*type="pke3"} 0$' "$tmp/page"
}
test_that 'the parts of a QuickAssist accelerator are shown as busy as they are' qat
rm -r "$tmp/sys/kernel/debug"

# ---- who uses a GPU
: >"$tmp/root/dev/nvidiactl"
if ! "$exporter" --check --path.sysfs tests/fake/sysfs/none | grep -q '^bpf *works'; then
	skip 'BPF does not work on this machine' 'who uses a GPU'
elif ! make_groups; then
	skip 'no control group can be made on this machine' 'who uses a GPU'
else
	# wake DIGIT: a process in the container that does a little now and then; sets waker
	wake() {
		sh -c 'echo $$ >"$1/cgroup.procs" && while :; do sleep 0.1; done' wake "$groups/$(pod_of "$1")/$(id_of "$1")" &
		waker=$!
		burners="$burners $waker"
	}
	container 1 web-0 shop app
	container 2 web-1 shop app
	wake 1
	first=$waker
	wake 2
	second=$waker

	# ---- a real Prometheus, from here on beside the rest: its subqueries of minutes need two of them
	driver live || exit 1
	work() { # 100 W, mostly for the first
		mj=0
		while :; do
			mj=$((mj + 20000))
			says live <<S
count 1
energy 0 $mj
util 0 80
memory 0 1000
holds 0 $first 100
holds 0 $second 100
busy 0 $first 60 25
busy 0 $second 20 5
S
			sleep 0.2
		done
	}
	work &
	pids="$pids $!"
	wait_for 10 test -s "$tmp/live/script"
	begin live
	scraped_by_prometheus

	use() { # use MJ: what GPU 0 has drawn so far, for both of them, and GPU 1 for the second alone
		says lib <<S
count 2
energy 0 $1
energy 1 $1
memory 0 1000
memory 1 1000
holds 0 $first 100
holds 0 $second 100
holds 1 $second 100
busy 0 $first 60 25
busy 0 $second 20
busy 1 $second 5 4
S
	}
	use 1000
	begin lib
	of() { echo "kepler_container_gpu_joules_total{container_id=\"$(id_of "$1")\""; }
	known() { curl -sS -m 5 "$url/metrics" | grep -F "$(of 1)" | grep -q 'pod_name="web-0"' && [ -n "$(value "$(of 2)")" ]; }
	test_that 'containers that use GPUs are known' wait_for 30 known
	test_that 'and their GPUs' becomes "$(node 1)" 0
	use 101000
	test_that 'what GPUs drew goes to who kept them busy: three quarters of one' becomes "$(of 1)" 75
	test_that 'a quarter of it, and all of the other' becomes "$(of 2)" 125
	test_that 'and nothing to nobody' reads 'kepler_container_gpu_joules_total{container_id="unattributed"' 0
	adds_up() { curl -sS -m 5 "$url/metrics" >"$tmp/page" && /usr/bin/python3 $here/adds_up.py <"$tmp/page"; }
	test_that 'it adds up to the node, to the microjoule' adds_up
	# Utilisation: between two pages each has had the same rounds of readings.
	util() { # util DIGIT WHAT GPU: of the page $tmp/page
		grep -F "kepler_container_gpu_$2_util_total{container_id=\"$(id_of "$1")\"" "$tmp/page" | grep -F "gpu_id=\"$3\"}" | cut -d' ' -f2
	}
	utils() { # all four that there are, and not those that there are not
		curl -sS -m 5 -o "$tmp/page" "$url/metrics" &&
			now="$(util 1 compute 0) $(util 2 compute 0) $(util 1 mem 0) $(util 2 mem 0) $(util 2 compute 1) $(util 2 mem 1)" &&
			[ -z "$(util 1 compute 1)" ] && ! grep -q '^kepler_container_gpu_compute_util_total.*\(unattributed\|system_processes\)' "$tmp/page"
	}
	test_that 'there is a series for each GPU that a container uses, and no other' utils
	before=$now
	grown() { # as 60, 20, 25, 0, 5 and 4 percent do
		utils && echo "$before $now" | awk '
			function near(a, b) { return a - b < 1e-6 && b - a < 1e-6 }
			{ for (i = 1; i <= 6; i++) d[i] = $(i + 6) - $i
			  print; exit !(NF == 12 && d[2] > 0 && near(d[1], d[2] * 3) && near(d[3], d[1] * 25 / 60) && d[4] == 0 &&
				d[5] > 0 && near(d[6], d[5] * 4 / 5)) }'
	}
	test_that 'utilisation is added up by what each had' wait_for 20 grown
	drew() { # drew MJ LINES: GPU 0 so far, of which the first holds memory, and GPU 1 nothing more
		says lib <<S
count 2
energy 0 $1
energy 1 101000
memory 0 1000
holds 0 $first 100
$2
S
	}
	alone() { # alone MJ: it works for the first; the second is given a sample of before it looked, as the driver hands those of a
		# process that has ended to one that begins
		drew "$1" "holds 0 $second 100
busy 0 $first 60 25
stale 0 $second 90"
	}
	alone 102000
	test_that 'when one stops' becomes "$(node 0)" 101
	alone 103000
	test_that 'and the other works on' becomes "$(node 0)" 102
	had=$(value "$(of 1)") others=$(value "$(of 2)")
	alone 203000
	test_that 'the other one has it all' becomes "$(of 1)" "$(awk "BEGIN { printf \"%.12g\", $had + 100 }")"
	test_that 'and old samples give nothing' reads "$(of 2)" "$others"
	use 203000
	test_that 'both work on' wait_for 20 utils
	labels() {
		curl -sS -m 5 -o "$tmp/page" "$url/metrics" &&
			grep -q "^kepler_container_gpu_mem_util_total{container_id=\"$(id_of 1)\",pod_name=\"web-0\",container_name=\"app\",container_namespace=\"shop\",source=\"NVML\",gpu_id=\"0\"} [0-9.]*\$" "$tmp/page" &&
			promtool_likes "$tmp/page"
	}
	test_that 'with Kepler'\''s labels in its order' labels
	idle() { drew "$1" 'util 0 0'; } # nobody keeps it busy
	idle 204000
	test_that 'it draws on without work' becomes "$(node 0)" 203
	idle 254000
	test_that 'and that is not charged to who only holds it' \
		wait_for 30 at_least 'kepler_container_gpu_joules_total{container_id="unattributed"' 50
	divided() { drew "$1" 'mig 0 2'; } # it is in MIG mode, in which nobody can tell for whom it works
	divided 254000
	test_that 'one that is divided is said to be' becomes "$(blind 0 mig)" 1
	test_that 'and the other is not' reads "$(blind 1 mig)" 0
	had=$(value "$(of 1)") others=$(value 'kepler_container_gpu_joules_total{container_id="unattributed"')
	divided 304000
	test_that 'what it draws is nobody'\''s' \
		becomes 'kepler_container_gpu_joules_total{container_id="unattributed"' "$(awk "BEGIN { printf \"%.12g\", $others + 50 }")"
	test_that 'also not of who holds memory of it' reads "$(of 1)" "$had"
	unknown() { # its utilisation is not known; the other one's is
		curl -sS -m 5 -o "$tmp/page" "$url/metrics" && [ -z "$(util 1 compute 0)$(util 2 compute 0)$(util 1 mem 0)" ] && [ -n "$(util 2 compute 1)" ]
	}
	test_that 'how much anybody uses it is not shown' unknown
	test_that 'it adds up' adds_up
	use 304000
	test_that 'one that is whole again is told of again' becomes "$(blind 0 mig)" 0
	test_that 'and counts on' utils
	stop
	use 1000
	begin lib --metrics.processes
	process() { echo "kepler_process_gpu_joules_total{pid=\"$1\""; }
	seen() { [ -n "$(value "kepler_process_bpf_cpu_time_us_total{pid=\"$1\"")" ]; }
	test_that 'with processes told apart they are known' wait_for 30 seen "$first"
	test_that 'both of them' wait_for 30 seen "$second"
	test_that 'and the GPU' becomes "$(node 1)" 0
	use 101000
	test_that 'a process has what it kept busy' becomes "$(process "$first")" 75
	test_that 'on every GPU' becomes "$(process "$second")" 125
	test_that 'and so has its container' reads "$(of 2)" 125
	test_that 'it adds up' adds_up
	utilised() { at_least "kepler_process_gpu_compute_util_total{pid=\"$first\"" 0.1; }
	test_that 'its utilisation is told' wait_for 20 utilised
	stop

	# ---- Kepler's dashboard, what it has of GPUs
	answers_with() { # answers_with EXPRESSION: Prometheus has at least one series for it
		curl -sS -m 10 -G "http://127.0.0.1:$web/api/v1/query" --data-urlencode "query=$1" >"$tmp/answer" &&
			/usr/bin/python3 -c 'import json, sys
a = json.load(open(sys.argv[1]))
assert a["status"] == "success", a
sys.exit(not a["data"]["result"])' "$tmp/answer" || { cat "$tmp/answer"; return 1; }
	}
	gpu='kepler_container_gpu_joules_total{container_namespace=~"shop",pod_name=~"web-.*"}'
	all='kepler_container_joules_total{container_namespace=~"shop",pod_name=~"web-.*"}'
	per_kwh=0.00000027777777777777776
	test_that 'Prometheus scrapes it' wait_for 60 answers_with 'up{job="kepler-metrics"} == 1'
	test_that 'power of each pod: gpu' wait_for 60 answers_with "sum by (pod_name, container_namespace) (irate(${gpu}[1m])) > 0"
	test_that 'power of all: gpu' wait_for 60 answers_with "sum(irate(${gpu}[1m])) > 0"
	test_that 'kWh a day: gpu' wait_for 180 answers_with "sum(increase(${gpu}[24h:1m])) * $per_kwh > 0"
	for factor in 2.23 .91 2.13; do
		test_that "carbon at $factor" wait_for 180 answers_with "sum(increase(${all}[24h:1m])) * $per_kwh * $factor > 0"
	done
	test_that 'energy of each namespace' wait_for 180 answers_with \
		'sum by (container_namespace) (increase(kepler_container_joules_total{container_namespace="shop"}[24h:1m])) > 0'
	pid=$scraped
	stop
fi
done_testing
