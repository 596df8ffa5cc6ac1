/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Who uses the CPUs: on-CPU time and PMU events per control group and, if asked for, per process,
 * charged when a task leaves a CPU.
 *
 * "Since when" is kept per CPU, not per task: between two switches a CPU runs one task, so the time
 * since its last switch belongs to the task that leaves. Nothing is lost by tasks that exit, and
 * nothing is stored per task. The idle task is nobody's work. `flush` charges what still runs.
 *
 * What is hot takes no lock and no hash: the last slot of an id is remembered in an array by the
 * id's low bits (ids are given out one after the other, so that they rarely meet), and is right if
 * the slot's owner says so. Only a first sight and a meeting ask the hash map.
 */
#include "vmlinux_min.h"

#include "power.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "core.bpf.h"

#define POWER_INLINE static __always_inline
#include "scale.h"

/* include/linux/interrupt.h */
#define NET_TX_SOFTIRQ 2
#define NET_RX_SOFTIRQ 3
#define BLOCK_SOFTIRQ 4

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct power_config config = { .cpus = 1, .groups = POWER_SLOT_FIRST };

/* Set just before the programs are attached: what runs since then counts from then. */
__u64 attached_ns;

/* Sizes of one are changed before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct power_cpu);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(max_entries, 1); /* at event * cpus + cpu */
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} events SEC(".maps");

/* What it takes to know who owns which slot, once for groups and once for processes. The hash is
 * preallocated: memory must not be asked for under the scheduler's locks. */
#define BOOK(what)                                                                                   \
	struct {                                                                                     \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                    \
		__uint(map_flags, BPF_F_MMAPABLE);                                                   \
		__uint(max_entries, 1);                                                              \
		__type(key, __u32);                                                                  \
		__type(value, struct power_use);                                                     \
	} what##_use SEC(".maps");                                                                   \
	struct {                                                                                     \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                    \
		__uint(map_flags, BPF_F_MMAPABLE);                                                   \
		__uint(max_entries, 1);                                                              \
		__type(key, __u32);                                                                  \
		__type(value, struct power_owner);                                                   \
	} what##_owners SEC(".maps");                                                                \
	struct {                                                                                     \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                    \
		__uint(max_entries, 1);                                                              \
		__type(key, __u32);                                                                  \
		__type(value, __u32);                                                                \
	} what##_hints SEC(".maps");                                                                 \
	struct {                                                                                     \
		__uint(type, BPF_MAP_TYPE_HASH);                                                     \
		__uint(max_entries, 1);                                                              \
		__type(key, __u64);                                                                  \
		__type(value, __u32);                                                                \
	} what##_slots SEC(".maps");                                                                 \
	struct {                                                                                     \
		__uint(type, BPF_MAP_TYPE_QUEUE);                                                    \
		__uint(max_entries, 1);                                                              \
		__uint(key_size, 0);                                                                 \
		__uint(value_size, sizeof(__u32));                                                   \
	} what##_free SEC(".maps")
BOOK(group);
BOOK(process);

/* A slot for one seen the first time, by any CPU; the same one if two CPUs come at once. 0: none left. */
static __always_inline __u32 make_slot(void *slots, void *owners, void *free, __u64 key, __u64 cgroup,
				       __u32 tgid, __u32 gone)
{
	__u32 slot = 0;
	__u32 *known = bpf_map_lookup_elem(slots, &key);

	if (known)
		return *known;
	if (bpf_map_pop_elem(free, &slot) != 0)
		return POWER_SLOT_LOST;
	struct power_owner *owner = bpf_map_lookup_elem(owners, &slot);

	if (!owner)
		return POWER_SLOT_LOST;
	owner->cgroup = cgroup;
	owner->tgid = tgid;
	owner->gone = gone;
	bpf_get_current_comm(owner->comm, sizeof owner->comm);
	owner->key = key;
	if (bpf_map_update_elem(slots, &key, &slot, BPF_NOEXIST) == 0)
		return slot;
	owner->key = 0;
	bpf_map_push_elem(free, &slot, 0);
	known = bpf_map_lookup_elem(slots, &key);
	return known ? *known : POWER_SLOT_LOST;
}

/* The slot remembered for this key, or 0. *ret_owner: whose it is. */
static __always_inline __u32 hinted(void *hints, __u32 mask, void *owners, __u64 key, __u32 at,
				    struct power_owner **ret_owner)
{
	at &= mask;
	__u32 *hint = bpf_map_lookup_elem(hints, &at);

	if (!hint)
		return 0;
	__u32 slot = *hint;
	struct power_owner *owner = bpf_map_lookup_elem(owners, &slot);

	*ret_owner = owner;
	return owner && owner->key == key ? slot : 0;
}

static __noinline __u32 new_group(struct cgroup *cgroup, __u64 id)
{
	__u32 at = (__u32)id & config.group_mask;
	__u32 gone = !(BPF_CORE_READ(cgroup, self.flags) & CSS_ONLINE);
	__u32 slot = id ? make_slot(&group_slots, &group_owners, &group_free, id, id, 0, gone) : 0;

	if (slot)
		bpf_map_update_elem(&group_hints, &at, &slot, BPF_ANY);
	return slot;
}

static __always_inline __u32 group_slot(_Bool typed, struct task_struct *task, __u64 *ret_id)
{
	struct cgroup *cgroup = core_cgroup(typed, task, config.hierarchy);
	__u64 id = core_cgroup_id(typed, cgroup);
	struct power_owner *owner = NULL;
	__u32 slot = hinted(&group_hints, config.group_mask, &group_owners, id, (__u32)id, &owner);

	*ret_id = id;
	return slot ? slot : new_group(cgroup, id);
}

static __noinline __u32 new_process(__u64 key, __u64 cgroup)
{
	__u32 at = (__u32)(key >> 32) & config.process_mask;
	__u32 slot = make_slot(&process_slots, &process_owners, &process_free, key, cgroup,
			       (__u32)(key >> 32), 0);

	if (slot)
		bpf_map_update_elem(&process_hints, &at, &slot, BPF_ANY);
	return slot;
}

static __always_inline __u32 process_slot(_Bool typed, struct task_struct *task, __u64 cgroup)
{
	__u64 key = core_process(typed, task);
	struct power_owner *owner = NULL;
	__u32 slot = hinted(&process_hints, config.process_mask, &process_owners, key, (__u32)(key >> 32),
			    &owner);

	if (!slot) {
		slot = new_process(key, cgroup);
		owner = bpf_map_lookup_elem(&process_owners, &slot);
	}
	if (!slot || !owner)
		return POWER_SLOT_LOST;
	if (owner->cgroup != cgroup) {
		/* Moved, which is also when a container's first process gets its own name. */
		owner->cgroup = cgroup;
		bpf_get_current_comm(owner->comm, sizeof owner->comm);
	}
	if (core_is_last(typed, task) && !owner->gone) {
		bpf_get_current_comm(owner->comm, sizeof owner->comm);
		owner->gone = 1;
	}
	return slot;
}

static __always_inline struct power_use *group_row(__u32 nr, __u32 slot)
{
	__u32 at = nr * config.groups + slot;

	return bpf_map_lookup_elem(&group_use, &at);
}

static __always_inline struct power_use *process_row(__u32 nr, __u32 slot)
{
	__u32 at = nr * config.processes + slot;

	return bpf_map_lookup_elem(&process_use, &at);
}

/* What was counted on this CPU since the last charge. */
struct spent {
	__u64 ns, events[POWER_EVENTS];
};

static __always_inline void count_events(struct power_cpu *cpu, __u32 nr, struct spent *ret)
{
	struct bpf_perf_event_value v;

#pragma unroll
	for (__u32 i = 0; i < POWER_EVENTS; i++) {
		ret->events[i] = 0;
		if (!(config.events & 1u << i))
			continue;
		if (bpf_perf_event_read_value(&events, i * config.cpus + nr, &v, sizeof v) == 0)
			ret->events[i] = power_event_step(&cpu->events[i], v.counter, v.enabled, v.running);
	}
}

static __always_inline void add(struct power_use *use, const struct spent *spent)
{
	if (!use)
		return;
	use->v[POWER_CPU_NS] += spent->ns;
#pragma unroll
	for (__u32 i = 0; i < POWER_EVENTS; i++) {
		if (config.events & 1u << i)
			use->v[POWER_CYCLES + i] += spent->events[i];
	}
}

/* Charges the time since the last charge on this CPU to `task`, which ran all that time. */
static __always_inline void charge(_Bool typed, struct power_cpu *cpu, __u32 nr, struct task_struct *task)
{
	__u64 now = bpf_ktime_get_ns();
	__u64 since = cpu->since_ns ? cpu->since_ns : attached_ns;
	struct spent spent;

	cpu->since_ns = now;
	count_events(cpu, nr, &spent);
	if (since == 0 || now <= since)
		return;
	spent.ns = now - since;
	if (core_task(typed, task, pid) == 0) {
		cpu->idle_ns += spent.ns;
		return;
	}
	cpu->busy_ns += spent.ns;
	if (core_task(typed, task, flags) & PF_KTHREAD) {
		add(group_row(nr, POWER_SLOT_KERNEL), &spent);
		if (config.processes)
			add(process_row(nr, POWER_SLOT_KERNEL), &spent);
		return;
	}
	__u64 cgroup = 0;
	__u32 slot = group_slot(typed, task, &cgroup);

	cpu->lost_groups += !slot;
	add(group_row(nr, slot), &spent);
	if (!config.processes)
		return;
	slot = process_slot(typed, task, cgroup);
	cpu->lost_processes += !slot;
	add(process_row(nr, slot), &spent);
}

static __always_inline int on_switch(_Bool typed, struct task_struct *prev, struct task_struct *next)
{
	__u32 nr = bpf_get_smp_processor_id();
	struct power_cpu *cpu = bpf_map_lookup_elem(&cpus, &nr);

	if (!cpu)
		return 0;
	charge(typed, cpu, nr, prev);
	cpu->switches++;
	cpu->busy = core_task(typed, next, pid) != 0;
	return 0;
}

/* One of these two is loaded: typed arguments where the kernel knows them, raw ones elsewhere. */
SEC("tp_btf/sched_switch")
int BPF_PROG(switch_btf, _Bool preempt, struct task_struct *prev, struct task_struct *next)
{
	return on_switch(1, prev, next);
}

SEC("raw_tp/sched_switch")
int BPF_PROG(switch_raw, _Bool preempt, struct task_struct *prev, struct task_struct *next)
{
	return on_switch(0, prev, next);
}

/*
 * Run by the reader on one CPU at a time (BPF_F_TEST_RUN_ON_CPU), never attached: charges what runs
 * there now. It arrives as an interrupt, which the scheduler's tracepoint cannot be cut by.
 */
SEC("raw_tp")
int flush(void *ctx)
{
	__u32 nr = bpf_get_smp_processor_id();
	struct power_cpu *cpu = bpf_map_lookup_elem(&cpus, &nr);

	if (cpu)
		charge(0, cpu, nr, (struct task_struct *)bpf_get_current_task());
	return 0;
}

/* Adds one to what the running task is charged with. Unlike charges, two of these may meet on one
 * CPU (an interrupt, a preempted task), so the sum is atomic. */
static __always_inline int count_one(enum power_count what)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u32 nr = bpf_get_smp_processor_id();
	__u32 group = POWER_SLOT_KERNEL, process = POWER_SLOT_KERNEL;
	__u64 cgroup = 0;

	if (BPF_CORE_READ(task, pid) == 0)
		return 0;
	if (!(BPF_CORE_READ(task, flags) & PF_KTHREAD)) {
		group = group_slot(0, task, &cgroup);
		if (config.processes)
			process = process_slot(0, task, cgroup);
	}
	struct power_use *use = group_row(nr, group);

	if (use)
		__sync_fetch_and_add(&use->v[what], 1);
	if (!config.processes)
		return 0;
	use = process_row(nr, process);
	if (use)
		__sync_fetch_and_add(&use->v[what], 1);
	return 0;
}

/* The rest is optional: a kernel that does not have or allow one of them does without. */
SEC("raw_tp/softirq_entry")
int BPF_PROG(softirq, unsigned int vec)
{
	switch (vec) {
	case NET_TX_SOFTIRQ:
		return count_one(POWER_NET_TX);
	case NET_RX_SOFTIRQ:
		return count_one(POWER_NET_RX);
	case BLOCK_SOFTIRQ:
		return count_one(POWER_BLOCK);
	}
	return 0;
}

/* Since 5.16 pages are marked by folio (commit 76580b6529db), dirtied by folio since 5.17. */
SEC("fentry/folio_mark_accessed")
int BPF_PROG(page_read, void *folio)
{
	return count_one(POWER_PAGE_CACHE);
}

SEC("fentry/mark_page_accessed")
int BPF_PROG(page_read_old, void *page)
{
	return count_one(POWER_PAGE_CACHE);
}

SEC("raw_tp/writeback_dirty_folio")
int BPF_PROG(page_write, void *folio)
{
	return count_one(POWER_PAGE_CACHE);
}

SEC("raw_tp/writeback_dirty_page")
int BPF_PROG(page_write_old, void *page)
{
	return count_one(POWER_PAGE_CACHE);
}

/* A control group is removed, in any hierarchy. */
SEC("raw_tp/cgroup_rmdir")
int BPF_PROG(group_gone, struct cgroup *cgroup)
{
	if ((__u32)BPF_CORE_READ(cgroup, root, hierarchy_id) != config.hierarchy_id)
		return 0;
	__u64 id = core_cgroup_id(0, cgroup);
	__u32 *slot = bpf_map_lookup_elem(&group_slots, &id);
	struct power_owner *owner = slot ? bpf_map_lookup_elem(&group_owners, slot) : NULL;

	if (owner && owner->key == id)
		owner->gone = 1;
	return 0;
}
