#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A real NVIDIA GPU: what the exporter says it drew against the driver's own counter, and who is said to have used it
# against who did (gpu_load). Skipped, and loudly, on a machine without one. It wants the GPU for itself.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/exporter/front.lib.sh

if [ ! -e /dev/nvidiactl ]; then
	skip 'no NVIDIA GPU here' 'a real GPU'
	done_testing
	exit
fi
load=${GPU_LOAD:-$tmp/gpu_load}
[ -x "$load" ] || gcc -std=gnu11 -D_GNU_SOURCE -O2 -o "$load" tests/exporter/gpu_load.c || exit 1
if ! "$load" 10 0.2 2>"$tmp/load"; then
	skip "the GPU cannot be made to work: $(cat "$tmp/load")" 'a real GPU'
	done_testing
	exit
fi
others=$(nvidia-smi --query-compute-apps=pid --format=csv,noheader 2>/dev/null)
[ -z "$others" ] || echo "# processes $others use the GPU as well: shares will be off"

log_of=$tmp/log
start "$log_of" --metrics.processes --interval 500ms
node() { value 'kepler_node_gpu_joules_total{package="0"'; }
dynamic() { # dynamic METRIC: what it says was not idle
	curl -sS -m 5 "$url/metrics" | awk -v m="$1" 'index($0, m) == 1 && /mode="dynamic"/ { s += $NF } END { print s + 0 }'
}
used() { value "kepler_process_gpu_compute_util_total{pid=\"$1\""; }
driver_mj() { # what the driver says that it has drawn
	/usr/bin/env python3 -c 'import ctypes
n, d, mj = ctypes.CDLL("libnvidia-ml.so.1"), ctypes.c_void_p(), ctypes.c_ulonglong()
n.nvmlInit_v2()
n.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(d))
print(mj.value if n.nvmlDeviceGetTotalEnergyConsumption(d, ctypes.byref(mj)) == 0 else "none")'
}
# within PERCENT SEEN WANTED
within() { awk -v p="$1" -v s="$2" -v w="$3" 'BEGIN { d = s - w; print s " where " w " was wanted"; exit !((d < 0 ? -d : d) <= w * p / 100) }'; }
works() { [ "$(value 'powerstack_exporter_source_up{source="NVML"}')" = 1 ]; }
test_that 'the driver answers' wait_for 30 works
test_that 'no failure was told on the way' sh -c "! grep -q 'source failed.*NVML' '$log_of'"
settled() { [ -n "$(node)" ] && sleep 3; }
test_that 'the GPU has an account' wait_for 10 settled

# ---- one process, against the driver's counter
before=$(node) driver=$(driver_mj) idle=$(dynamic kepler_node_gpu)
"$load" 90 6 &
worker=$!
sleep 5 # while it lives, its series is there
mid=$(dynamic "kepler_process_gpu_joules_total{pid=\"$worker\"") busy=$(used $worker)
at=$(awk "BEGIN { print $(dynamic kepler_node_gpu) - $idle }")
test_that 'who works is told' test -n "$busy"
wait $worker
sleep 4
drawn=$(awk "BEGIN { print $(node) - $before }")
if [ "$driver" = none ]; then
	skip 'this GPU has no counter of energy' 'what it drew is what the driver says'
else
	truth=$(awk "BEGIN { print ($(driver_mj) - $driver) / 1000 }")
	# two readings that are not of the same moment: a second of what it draws idle
	test_that 'what it drew is what the driver says' within 5 "$drawn" "$truth"
fi
test_that 'what it drew beyond idle went to who worked, but for its beginning' within 25 "$mid" "$at"
echo "# in its first 5 s: $mid J of $at J; busy for $busy % of a second"

# ---- processes that live for less than two samples, beside one that works all the time
"$load" 30 12 7 &
steady=$!
sleep 2
from=$(used $steady) t0=$(date +%s.%N)
for _ in 1 2 3 4 5 6 7; do
	"$load" 40 0.3 60 &
	wait $!
done
to=$(used $steady) t1=$(date +%s.%N)
mean=$(awk "BEGIN { print ($to - $from) / ($t1 - $t0) }")
echo "# the steady one was busy $mean % by the driver's samples, and 30 % in truth; seven short ones beside it"
test_that 'nobody is said to have worked for more than all of the time' awk "BEGIN { exit !($mean <= 101) }"
wait $steady
whole() { curl -sS -m 5 "$url/metrics" >"$tmp/page" && /usr/bin/env python3 $here/adds_up.py <"$tmp/page"; }
test_that 'all of it adds up to the node, to the microjoule' whole
sleep 3
last=$(value 'kepler_container_gpu_joules_total{container_id="system_processes"')
sleep 4
test_that 'who has ended gets nothing more' test "$last" = "$(value 'kepler_container_gpu_joules_total{container_id="system_processes"')"

# ---- the helper
kill -9 "$(pgrep -x -P "$pid" powerstack-gpu)"
down() { ! works; }
test_that 'a helper that is killed is missed' wait_for 10 down
test_that 'and started again' wait_for 20 works
cost=$(value "kepler_process_bpf_cpu_time_ms_total{pid=\"$(pgrep -x -P "$pid" powerstack-gpu)\"")
sleep 10
cost=$(awk "BEGIN { print $(value "kepler_process_bpf_cpu_time_ms_total{pid=\"$(pgrep -x -P "$pid" powerstack-gpu)\"") - ${cost:-0} }")
echo "# the helper of an idle GPU takes $cost ms of a processor in 10 s"
stop
test_that 'it ends' test "$status" = 0
done_testing
