/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Who uses the CPUs: on-CPU nanoseconds per control group, charged when a task leaves a CPU.
 *
 * "Since when" is kept per CPU, not per task: between two switches a CPU runs one task, so the time
 * since its last switch belongs to the task that leaves. Nothing is lost by tasks that exit, and
 * nothing is stored per task. The idle task is nobody's work. `flush` charges what still runs.
 */
#include "vmlinux_min.h"

#include "power.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "core.bpf.h"

#define BPF_EEXIST 17

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct power_config config = { .hierarchy = POWER_HIERARCHY_V2 };

/* Set just before the programs are attached: what runs since then counts from then. */
__u64 attached_ns;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct power_cpu);
} cpus SEC(".maps");

/* Preallocated: memory must not be asked for under the scheduler's locks. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, POWER_CGROUPS_MAX);
	__type(key, __u64);
	__type(value, struct power_use);
} cgroups SEC(".maps");

/* Where to add for this group; made on first use. Another CPU may make it first: look again. */
static __always_inline struct power_use *use_of(__u64 cgroup)
{
	struct power_use *use = bpf_map_lookup_elem(&cgroups, &cgroup);

	if (use)
		return use;
	struct power_use none = {};
	long rc = bpf_map_update_elem(&cgroups, &cgroup, &none, BPF_NOEXIST);

	if (rc != 0 && rc != -BPF_EEXIST)
		return NULL;
	return bpf_map_lookup_elem(&cgroups, &cgroup);
}

/* Charges the time since the last charge on this CPU to `task`, which ran all that time. */
static __always_inline void charge(struct power_cpu *cpu, struct task_struct *task)
{
	__u64 now = bpf_ktime_get_ns();
	__u64 since = cpu->since_ns ? cpu->since_ns : attached_ns;

	cpu->since_ns = now;
	if (since == 0 || now <= since)
		return;
	__u64 ran = now - since;

	if (BPF_CORE_READ(task, pid) == 0) {
		cpu->idle_ns += ran;
		return;
	}
	cpu->busy_ns += ran;
	struct power_use *use = use_of(core_cgroup_id(task, config.hierarchy));

	if (use)
		use->cpu_ns += ran;
	else
		cpu->drops++;
}

static __always_inline int on_switch(struct task_struct *prev, struct task_struct *next)
{
	__u32 row = 0;
	struct power_cpu *cpu = bpf_map_lookup_elem(&cpus, &row);

	if (!cpu)
		return 0;
	charge(cpu, prev);
	cpu->switches++;
	cpu->busy = BPF_CORE_READ(next, pid) != 0;
	return 0;
}

/* One of these two is loaded: typed arguments where the kernel knows them, raw ones elsewhere. */
SEC("tp_btf/sched_switch")
int BPF_PROG(switch_btf, _Bool preempt, struct task_struct *prev, struct task_struct *next)
{
	return on_switch(prev, next);
}

SEC("raw_tp/sched_switch")
int BPF_PROG(switch_raw, _Bool preempt, struct task_struct *prev, struct task_struct *next)
{
	return on_switch(prev, next);
}

/*
 * Run by the reader on one CPU at a time (BPF_F_TEST_RUN_ON_CPU), never attached: charges what runs
 * there now. It arrives as an interrupt, which the scheduler's tracepoint cannot be cut by.
 */
SEC("raw_tp")
int flush(void *ctx)
{
	__u32 row = 0;
	struct power_cpu *cpu = bpf_map_lookup_elem(&cpus, &row);

	if (cpu)
		charge(cpu, (struct task_struct *)bpf_get_current_task());
	return 0;
}
