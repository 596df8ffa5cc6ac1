/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Who uses the CPUs: on-CPU time and PMU events per control group and, if asked for, per process,
 * charged when a task leaves a CPU.
 *
 * "Since when" is kept per CPU, not per task: between two switches a CPU runs one task, so the time
 * since its last switch belongs to the task that leaves. Nothing is lost by tasks that exit, and
 * nothing is stored per task. The idle task is nobody's work. `flush` charges what still runs.
 *
 * What is hot takes no lock and no hash, and waits for as little memory as can be: with many groups and
 * processes what it touches is in no cache, and that is most of its cost. So a group's slot is at a place
 * made from the address where the kernel keeps the group, which a task has at hand, while the group's id
 * is three pointers away; the slot of a process is remembered by its pid; and whose a slot is, is written
 * into the row itself that is added to. Only a first sight on a CPU and a meeting ask the hash maps.
 *
 * An address says who it is only as long as nobody else can come to be there. That is until the group is
 * removed, so `group_gone` takes it out of the rows; who comes after that, and all where that program
 * cannot run, is found by the id.
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

/* User space sets it before switch_* is attached, if `group_gone` is. */
__u32 removals_told;

/* Counts what makes a process's row look at its owner again: one was moved, a slot has a new group. */
__u64 moves;

/* What it takes to know who owns which slot, once for groups and once for processes. Hashes are
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
		__uint(type, BPF_MAP_TYPE_HASH);                                                     \
		__uint(max_entries, 1);                                                              \
		__type(key, __u64);                                                                  \
		__type(value, __u32);                                                                \
	} what##_slots SEC(".maps")
BOOK(group);
BOOK(process);

/* Slots of groups up to group_mask that are not free. A hash because a program can take a place in it for itself alone. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} group_taken SEC(".maps");

/* The slots of groups behind those, as long as they are free. */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 1);
	__uint(key_size, 0);
	__uint(value_size, sizeof(__u32));
} group_spare SEC(".maps");

/* Slots of processes: which are free, and which one was whose. */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 1);
	__uint(key_size, 0);
	__uint(value_size, sizeof(__u32));
} process_free SEC(".maps");

/* A cache line of them at once: an array's values are 8 bytes at least. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct power_hints);
} process_hints SEC(".maps");

/* Gives the slot, which nobody else has, to one seen the first time. Returns whose it is from then on: the same,
 * or another one if two CPUs come at once, and then this one is nobody's still. */
static __always_inline __u32 give_slot(void *slots, void *owners, __u32 slot, __u64 key, __u64 cgroup, __u32 tgid,
				       __u32 gone)
{
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
	__u32 *known = bpf_map_lookup_elem(slots, &key);

	return known ? *known : POWER_SLOT_LOST;
}

/* ---- groups */

#define NEAR 4	  /* places that are looked at for an address */
#define PLACES 12 /* and those where a slot is taken: each costs the verifier as much as all the rest of a charge */

/* The i-th place for a group at this address, first among those that lie in few pages. Then each address has steps of
 * its own: those that meet once do not go on meeting, and nobody stays among the first ones, which are soon all taken. */
static __always_inline __u32 place(const void *at, __u32 i)
{
	__u64 hash = core_low_bits(at) * 0x9e3779b97f4a7c15ull;
	__u32 first = (__u32)(hash >> 40), step = (__u32)(hash >> 20) | 1;

	return i < NEAR / 2 ? (first + i) & (POWER_CLOSE - 1) : (first + i * step) & config.group_mask;
}

static __always_inline __u32 new_group(const void *at, __u64 id, __u32 gone)
{
	__u32 slot = 0, taken = 1;

	for (__u32 i = 0; i < PLACES; i++) {
		slot = place(at, i);
		if (slot >= POWER_SLOT_FIRST && bpf_map_update_elem(&group_taken, &slot, &taken, BPF_NOEXIST) == 0)
			break;
		slot = 0;
	}
	/* One of few: it is found by the hash each time. */
	if (!slot && bpf_map_pop_elem(&group_spare, &slot) != 0)
		return POWER_SLOT_LOST;
	/* before anybody can find it */
	__sync_fetch_and_add(&moves, 1);
	__u32 given = give_slot(&group_slots, &group_owners, slot, id, id, 0, gone);

	if (given != slot && slot > config.group_mask)
		bpf_map_push_elem(&group_spare, &slot, 0);
	else if (given != slot)
		bpf_map_delete_elem(&group_taken, &slot);
	return given;
}

static __always_inline struct power_use *group_row(__u32 nr, __u32 slot)
{
	__u32 at = nr * config.groups + slot;

	return bpf_map_lookup_elem(&group_use, &at);
}

/* The slot of the running task's group: by its id, and from then on, as long as it is there, by its address.
 * Not static, and told of nothing but numbers, so that the verifier goes through it by itself, once a program; else it
 * would for every state that it is called in. */
__noinline __u32 ask_for_group(__u32 nr)
{
	const void *at = core_group_at(0, (struct task_struct *)bpf_get_current_task(), config.hierarchy);
	struct cgroup *cgroup = core_cgroup(at, config.hierarchy);
	__u64 id = core_cgroup_id(cgroup);
	_Bool online = core_is_online(cgroup);
	__u32 *known = bpf_map_lookup_elem(&group_slots, &id);
	__u32 slot = known ? *known : id ? new_group(at, id, !online) : POWER_SLOT_LOST;
	struct power_use *row = group_row(nr, slot);

	if (slot == POWER_SLOT_LOST || !row || !online || !removals_told)
		return slot;
	row->tag = (__u64)at;
	/* Removed meanwhile, and `group_gone` may have come too early: what is on the way to its tracepoint takes
	 * locks and much longer than this. */
	if (!core_is_online(cgroup)) {
		struct power_owner *owner = bpf_map_lookup_elem(&group_owners, &slot);

		row->tag = 0;
		if (owner && owner->key == id)
			owner->gone = 1;
	}
	return slot;
}

/* The row on this CPU for the group of the task. */
static __always_inline struct power_use *group_of(_Bool typed, struct task_struct *task, __u32 nr, __u32 *ret_slot)
{
	const void *at = core_group_at(typed, task, config.hierarchy);

#pragma unroll
	for (__u32 i = 0; at && i < NEAR; i++) {
		__u32 slot = place(at, i);
		struct power_use *row = group_row(nr, slot);

		if (row && row->tag == (__u64)at) {
			*ret_slot = slot;
			return row;
		}
	}
	*ret_slot = ask_for_group(nr);
	return group_row(nr, *ret_slot);
}

/* ---- processes */

/* Where the slot of this process is remembered. */
static __always_inline __u16 *hint_of(__u64 key)
{
	__u32 tgid = key >> 32, at = tgid / POWER_HINTS & config.process_mask;
	struct power_hints *hints = bpf_map_lookup_elem(&process_hints, &at);

	return hints ? &hints->slot[tgid % POWER_HINTS] : NULL;
}

static __always_inline __u32 new_process(__u64 key, __u64 cgroup)
{
	__u32 slot = 0;

	if (bpf_map_pop_elem(&process_free, &slot) != 0)
		return POWER_SLOT_LOST;
	__u32 given = give_slot(&process_slots, &process_owners, slot, key, cgroup, (__u32)(key >> 32), 0);

	if (given != slot)
		bpf_map_push_elem(&process_free, &slot, 0);
	return given;
}

static __always_inline struct power_use *process_row(__u32 nr, __u32 slot)
{
	__u32 at = nr * config.processes + slot;

	return bpf_map_lookup_elem(&process_use, &at);
}

/* What a process's row says of the group whose slot this is, as long as nothing has moved. */
static __always_inline __u64 in_group(__u32 group)
{
	return moves << 16 | group;
}

/* The slot of the running task's process, by its owner or else the hash; brings up to date what the owner tells, and the
 * row. By itself as ask_for_group. */
__noinline __u32 ask_for_process(__u64 key, __u32 nr, __u32 group)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u64 with = in_group(group);
	struct power_owner *owner = bpf_map_lookup_elem(&group_owners, &group);
	__u64 cgroup = owner ? owner->key : 0;
	__u16 *hint = hint_of(key);
	__u32 slot = hint ? *hint : 0;

	if (!cgroup) /* without a slot, or it is being taken back just now */
		cgroup = core_cgroup_id(core_cgroup(core_group_at(0, task, config.hierarchy), config.hierarchy));
	owner = bpf_map_lookup_elem(&process_owners, &slot);
	if (!owner || owner->key != key) {
		__u32 *known = bpf_map_lookup_elem(&process_slots, &key);

		slot = known ? *known : new_process(key, cgroup);
		if (slot && hint)
			*hint = (__u16)slot;
		owner = bpf_map_lookup_elem(&process_owners, &slot);
	}
	if (!slot || !owner)
		return POWER_SLOT_LOST;
	if (owner->cgroup != cgroup) {
		/* Moved, which is also when a container's first process gets its own name. */
		owner->cgroup = cgroup;
		bpf_get_current_comm(owner->comm, sizeof owner->comm);
		__sync_fetch_and_add(&moves, 1);
	}
	if (core_is_last(0, task) && !owner->gone) {
		bpf_get_current_comm(owner->comm, sizeof owner->comm);
		owner->gone = 1;
	}
	struct power_use *row = process_row(nr, slot);

	if (row) {
		row->tag = group == POWER_SLOT_LOST ? 0 : key;
		row->with = with;
	}
	return slot;
}

/* The row on this CPU for the process of the task, which is in the group that has this slot. */
static __always_inline struct power_use *process_of(_Bool typed, struct task_struct *task, __u32 nr, __u32 group,
						    __u32 *ret_slot)
{
	__u64 key = core_process(typed, task);
	__u16 *hint = hint_of(key);
	__u32 slot = hint ? *hint : 0;
	struct power_use *row = process_row(nr, slot);

	if (!row || row->tag != key || row->with != in_group(group) || core_is_last(typed, task)) {
		slot = ask_for_process(key, nr, group);
		row = process_row(nr, slot);
	}
	*ret_slot = slot;
	return row;
}

/* What was counted on this CPU since the last charge. Events only where there are any. */
struct spent {
	__u64 ns, events[POWER_EVENTS];
};

/* By itself, as the rest must not be slower for it where there are none. */
static __noinline int count_events(struct power_cpu *cpu, __u32 nr, struct spent *ret)
{
	struct bpf_perf_event_value v;

	if (!cpu || !ret)
		return 0;
#pragma unroll
	for (__u32 i = 0; i < POWER_EVENTS; i++) {
		ret->events[i] = 0;
		if (!(config.events & 1u << i))
			continue;
		if (bpf_perf_event_read_value(&events, i * config.cpus + nr, &v, sizeof v) == 0)
			ret->events[i] = power_event_step(&cpu->events[i], v.counter, v.enabled, v.running);
	}
	return 0;
}

static __always_inline void add(struct power_use *use, const struct spent *spent)
{
	if (!use)
		return;
	use->v[POWER_CPU_NS] += spent->ns;
	if (!config.events)
		return;
#pragma unroll
	for (__u32 i = 0; i < POWER_EVENTS; i++)
		use->v[POWER_CYCLES + i] += spent->events[i];
}

/* Charges the time since the last charge on this CPU to `task`, which ran all that time. */
static __always_inline void charge(_Bool typed, struct power_cpu *cpu, __u32 nr, struct task_struct *task)
{
	__u64 now = bpf_ktime_get_ns();
	__u64 since = cpu->since_ns ? cpu->since_ns : attached_ns;
	struct spent spent;

	cpu->since_ns = now;
	if (config.events)
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
	__u32 group = 0, process = 0;

	add(group_of(typed, task, nr, &group), &spent);
	if (group == POWER_SLOT_LOST)
		cpu->lost_groups++;
	if (!config.processes)
		return;
	add(process_of(typed, task, nr, group, &process), &spent);
	if (process == POWER_SLOT_LOST)
		cpu->lost_processes++;
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

	if (BPF_CORE_READ(task, pid) == 0)
		return 0;
	_Bool kernel = BPF_CORE_READ(task, flags) & PF_KTHREAD;
	struct power_use *use = kernel ? group_row(nr, group) : group_of(0, task, nr, &group);

	if (use)
		__sync_fetch_and_add(&use->n[what - POWER_WIDE], 1);
	if (!config.processes)
		return 0;
	use = kernel ? process_row(nr, process) : process_of(0, task, nr, group, &process);
	if (use)
		__sync_fetch_and_add(&use->n[what - POWER_WIDE], 1);
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

/* A control group is removed, in any hierarchy. It is not online any more, and all of it is still there: nothing
 * else can be at its address until the program has long ended. */
SEC("raw_tp/cgroup_rmdir")
int BPF_PROG(group_gone, struct cgroup *cgroup)
{
	if ((__u32)BPF_CORE_READ(cgroup, root, hierarchy_id) != config.hierarchy_id)
		return 0;
	__u64 id = core_cgroup_id(cgroup);
	__u32 *slot = bpf_map_lookup_elem(&group_slots, &id);
	struct power_owner *owner = slot ? bpf_map_lookup_elem(&group_owners, slot) : NULL;

	if (!slot || !owner || owner->key != id)
		return 0;
	for (__u32 nr = 0; nr < config.cpus; nr++) {
		struct power_use *row = group_row(nr, *slot);

		if (row)
			row->tag = 0;
	}
	owner->gone = 1;
	return 0;
}
