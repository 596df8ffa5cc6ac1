/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Peers of bpf/power.bpf.c on the same hook, for tests/bench/switch.c: what any program costs there, what
 * the least that could account costs, and a model of what Kepler v0.7.12 does. Each is attached alone.
 */
#include "bpf/vmlinux_min.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tp_btf/sched_switch")
int BPF_PROG(peer_empty, _Bool preempt, struct task_struct *prev, struct task_struct *next)
{
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(peer_clock, _Bool preempt, struct task_struct *prev, struct task_struct *next)
{
	return bpf_ktime_get_ns() == 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} sum SEC(".maps");

SEC("tp_btf/sched_switch")
int BPF_PROG(peer_add, _Bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u32 at = 0;
	__u64 now = bpf_ktime_get_ns();
	__u64 *v = bpf_map_lookup_elem(&sum, &at);

	if (v)
		*v += now;
	return 0;
}

/*
 * Kepler's program at sched_switch, by its maps and operations. When a task leaves: three PMU events are read,
 * each against what it was on this CPU before; the time since the task's own start stamp, which is taken out,
 * in microseconds; both are added to its process. Then its process is entered if it is not there yet, and the
 * next task stamped. In its favour: events that do not answer touch no map, and nothing empties the table of
 * processes, so that none has to be entered again.
 */
#define KEPLER_ENTRIES 32768
#define KEPLER_CPUS 128

struct kepler_process {
	__u64 cgroup, pid, run_us, cycles, instructions, misses, pages;
	__u16 irqs[10];
	char comm[16];
};

_Static_assert(sizeof(struct kepler_process) == 96, "as large as Kepler's");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, KEPLER_ENTRIES);
	__type(key, __u32);
	__type(value, struct kepler_process);
} kepler_processes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, KEPLER_ENTRIES);
	__type(key, __u32);
	__type(value, __u64);
} kepler_stamps SEC(".maps");

#define KEPLER_EVENT(name)                                     \
	struct {                                               \
		__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);   \
		__uint(max_entries, KEPLER_CPUS);              \
		__uint(key_size, sizeof(__u32));               \
		__uint(value_size, sizeof(__u32));             \
	} name##_events SEC(".maps");                          \
	struct {                                               \
		__uint(type, BPF_MAP_TYPE_ARRAY);              \
		__uint(max_entries, KEPLER_CPUS);              \
		__type(key, __u32);                            \
		__type(value, __u64);                          \
	} name##_before SEC(".maps")
KEPLER_EVENT(cycles);
KEPLER_EVENT(instructions);
KEPLER_EVENT(misses);

static __always_inline __u64 kepler_event(void *events, void *before, __u32 cpu)
{
	struct bpf_perf_event_value value = {};
	__u64 step = 0;

	if (bpf_perf_event_read_value(events, cpu, &value, sizeof value) != 0)
		return 0;
	__u64 *was = bpf_map_lookup_elem(before, &cpu);

	if (was && value.counter > *was)
		step = value.counter - *was;
	bpf_map_update_elem(before, &cpu, &value.counter, BPF_ANY);
	return step;
}

static __always_inline __u64 kepler_run_us(__u32 tid)
{
	__u64 *stamp = bpf_map_lookup_elem(&kepler_stamps, &tid);

	if (!stamp)
		return 0;
	__u64 ns = bpf_ktime_get_ns() - *stamp;

	bpf_map_delete_elem(&kepler_stamps, &tid);
	return ns / 1000;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(peer_kepler, _Bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u32 cpu = bpf_get_smp_processor_id(), tgid = prev->tgid, next_tid = next->pid;
	struct kepler_process used = {}, entered = {};

	used.cycles = kepler_event(&cycles_events, &cycles_before, cpu);
	used.instructions = kepler_event(&instructions_events, &instructions_before, cpu);
	used.misses = kepler_event(&misses_events, &misses_before, cpu);
	used.run_us = kepler_run_us(prev->pid);
	struct kepler_process *process = bpf_map_lookup_elem(&kepler_processes, &tgid);

	if (process && used.run_us > 0) {
		process->run_us += used.run_us;
		process->cycles += used.cycles;
		process->instructions += used.instructions;
		process->misses += used.misses;
	}
	if (!bpf_map_lookup_elem(&kepler_processes, &tgid)) {
		entered.pid = tgid;
		entered.cgroup = bpf_get_current_cgroup_id();
		bpf_get_current_comm(entered.comm, sizeof entered.comm);
		bpf_map_update_elem(&kepler_processes, &tgid, &entered, BPF_NOEXIST);
	}
	__u64 now = bpf_ktime_get_ns();

	bpf_map_update_elem(&kepler_stamps, &next_tid, &now, BPF_ANY);
	return 0;
}
