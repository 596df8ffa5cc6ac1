#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=dash
# The only process of a machine that kernels.sh boots, but for the exporter: works for some seconds in a control group
# named as a container's, and says on the serial line what the kernel counted there and what the exporter did.
export PATH=/bin
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
exec >/dev/ttyS0 2>&1
ip link set lo up
say() { echo "SAYS $*"; }
page() { wget -q -O /page http://127.0.0.1:9102/metrics; }
value() { awk -v series="$1" 'index($0, series) == 1 { print $NF; exit }' /page; } # value BEGINNING
id=$(printf '%064d' 1 | tr 0 a)

case $(cat /proc/cmdline) in
*lab.cgroup=1*) # v1's controllers, and v2's tree beside them without any: the hybrid
	mount -t tmpfs cgroup /sys/fs/cgroup
	mkdir /sys/fs/cgroup/unified /sys/fs/cgroup/cpu,cpuacct
	mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified
	mount -t cgroup -o cpu,cpuacct cgroup /sys/fs/cgroup/cpu,cpuacct
	groups=/sys/fs/cgroup/cpu,cpuacct
	usage_us() { echo $(($(cat "$1/cpuacct.usage") / 1000)); }
	;;
*)
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
	groups=/sys/fs/cgroup
	usage_us() { awk '$1 == "usage_usec" { print $2 }' "$1/cpu.stat"; }
	;;
esac
group=$groups/kubepods/burstable/pod0cd2a5c8-1f9e-4b52-8d42-7c6d0f0c9e11/$id
mkdir -p "$group"

say "kernel $(uname -r)"
/exporter --check 2>&1 | grep '^bpf ' | while read -r line; do say "check $line"; done
began=$(cut -d' ' -f1 /proc/uptime)
/exporter --web.listen-address 127.0.0.1:9102 --metrics.processes >/log 2>&1 &
tries=0
until page; do
	tries=$((tries + 1))
	if [ $tries -gt 600 ]; then
		say failed "the exporter does not answer: $(tail -1 /log)"
		poweroff -f
	fi
	sleep 0.1
done
say "started $began $(cut -d' ' -f1 /proc/uptime)"

# one that never rests, and many that hardly live
sh -c 'echo $$ >"$1/cgroup.procs"
	until read -r now rest </proc/uptime && [ "${now%.*}" -ge "$2" ]; do i=0; while [ $i -lt 2000 ]; do i=$((i + 1)); done; done' \
	burn "$group" $(($(cut -d. -f1 /proc/uptime) + 6)) &
burner=$!
sh -c 'echo $$ >"$1/cgroup.procs"; i=0; while [ $i -lt 300 ]; do /bin/busybox true; i=$((i + 1)); done' storm "$group"
wait $burner
say "kernel_us $(usage_us "$group")"
sleep 2.5 # two samples
tries=0 # a container that nobody names is shown when it is clear that nobody does
until page && counted=$(value "kepler_container_bpf_cpu_time_us_total{container_id=\"$id\"") && [ -n "$counted" ] || [ $tries -gt 60 ]; do
	tries=$((tries + 1))
	sleep 1
done
say "exporter_us $counted"
grep -E '^powerstack_exporter_(bpf_program_loaded|sched_drops_total)' /page | while read -r line; do say "page $line"; done
grep -E 'level=(warn|error)' /log | head -5 | while read -r line; do say "log $line"; done
say "resident_kib $(awk '$1 == "VmHWM:" { print $2 }' "/proc/$(pidof exporter)/status")"
say end
poweroff -f
