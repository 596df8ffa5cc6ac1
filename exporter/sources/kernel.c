/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/sources/kernel.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "bpf/power.h"
#include "exporter/number.h"
#include "exporter/sources/slots.h"
#include "power.skel.h"

/* The kernel side counts in the order of enum use. */
_Static_assert((int)POWER_CPU_NS == (int)USE_CPU_NS && (int)POWER_CYCLES == (int)USE_CYCLES &&
		       (int)POWER_INSTRUCTIONS == (int)USE_INSTRUCTIONS &&
		       (int)POWER_LLC_MISSES == (int)USE_LLC_MISSES && (int)POWER_NET_TX == (int)USE_NET_TX &&
		       (int)POWER_NET_RX == (int)USE_NET_RX && (int)POWER_BLOCK == (int)USE_BLOCK &&
		       (int)POWER_PAGE_CACHE == (int)USE_PAGE_CACHE && (int)POWER_COUNTS == (int)NUSES,
	       "enum use and enum power_count are one order");
_Static_assert(POWER_KEY_KERNEL == WORK_KERNEL && WORK_UNKNOWN == 0, "pseudo groups have one number");

/* Slots at most, and less on machines with many CPUs: a row on each of them is 64 bytes. */
#define GROUPS_MAX 8192u
#define GROUPS_BYTES (64u << 20)
#define GROUPS_SPARE 8 /* for so many slots that are found by address there is one that is not */
#define PROCESSES_MAX 32768u
#define PROCESSES_BYTES (128u << 20)
#define SLOTS_MIN 1024u
_Static_assert(SLOTS_MIN >= POWER_CLOSE && GROUPS_MAX <= 65536 && PROCESSES_MAX <= 65536,
	       "slots are as the kernel side takes and notes them");

const struct pmu_event pmu_events[] = {
	{ USE_CYCLES, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES },
	{ USE_INSTRUCTIONS, PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS },
	{ USE_LLC_MISSES, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES },
	{ USE_LLC_MISSES, PERF_TYPE_HW_CACHE,
	  PERF_COUNT_HW_CACHE_LL | PERF_COUNT_HW_CACHE_OP_READ << 8 | PERF_COUNT_HW_CACHE_RESULT_MISS << 16 },
};
const size_t npmu_events = COUNT(pmu_events);

struct kernel {
	struct power *bpf;
	size_t ncpus;
	const volatile struct power_cpu *cpus;
	void *maps[5];	/* all that is shared, to be unmapped */
	size_t sizes[5];
	size_t nmaps;
	struct slots groups, processes;
	const struct pmu_event *events[POWER_EVENTS]; /* NULL: not to be had */
	char sysfs[256];
	char online[1024]; /* CPUs online when the events were opened */
	char missing[512];
	struct tick *into; /* while reading */
	struct err *err;
};

static void miss(struct kernel *k, const char *what, const char *why)
{
	size_t len = strlen(k->missing);

	snprintf(k->missing + len, sizeof k->missing - len, "%s%s: %s", len ? "; " : "", what, why);
}

/* What libbpf last complained about: it reports through a callback without an argument. */
static char complaint[256];

static int keep_complaint(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (level == LIBBPF_WARN && complaint[0] == '\0') {
		vsnprintf(complaint, sizeof complaint, fmt, ap);
		complaint[strcspn(complaint, "\n")] = '\0';
	}
	return 0;
}

static int refuse(struct err *e, int rc, const char *doing)
{
	if (rc == -EPERM || rc == -EACCES)
		return err_set(e, ERR_FAILED, "%s: not permitted; run as root or with CAP_BPF and "
			       "CAP_PERFMON", doing);
	return err_set(e, ERR_FAILED, "%s: %s%s%s", doing, strerror(-rc), complaint[0] ? ": " : "",
		       complaint);
}

static uint64_t kernel_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now); /* the clock of bpf_ktime_get_ns() */
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void kernel_free(struct kernel *k)
{
	if (!k)
		return;
	for (size_t i = 0; i < k->nmaps; i++)
		munmap(k->maps[i], k->sizes[i]);
	slots_clear(&k->groups);
	slots_clear(&k->processes);
	power__destroy(k->bpf);
	free(k);
}

static void cleanup_kernel(struct kernel **k)
{
	kernel_free(*k);
}

/* ---- PMU events */

static int open_event(const struct pmu_event *event, size_t cpu)
{
	struct perf_event_attr attr = { .size = sizeof attr, .type = event->type, .config = event->config };

	return (int)syscall(SYS_perf_event_open, &attr, -1, (int)cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

/* Which events this machine has: each is tried by itself, on any CPU. */
static void choose_events(struct kernel *k, const struct kernel_options *o)
{
	static const char *const names[POWER_EVENTS] = { "cycles", "instructions", "cache misses" };

	for (size_t i = 0; i < POWER_EVENTS; i++) {
		int why = ENOENT;

		for (size_t n = 0; n < o->nevents && !k->events[i]; n++) {
			if ((size_t)o->events[n].use != USE_CYCLES + i)
				continue;
			for (size_t cpu = 0; cpu < k->ncpus && !k->events[i]; cpu++) {
				AUTO_CLOSE int fd = open_event(&o->events[n], cpu);

				if (fd >= 0)
					k->events[i] = &o->events[n];
				else if (errno != ENODEV)
					why = errno;
			}
		}
		if (!k->events[i])
			miss(k, names[i], why == ENOENT || why == EOPNOTSUPP ? "no such counter here" :
									       strerror(why));
	}
}

/* Opens them on every CPU and hands them to the kernel side, which holds them from then on. Also when
 * CPUs came or went: events of a CPU end when it goes. */
static void place_events(struct kernel *k)
{
	for (size_t i = 0; i < POWER_EVENTS; i++) {
		for (size_t cpu = 0; k->events[i] && cpu < k->ncpus; cpu++) {
			AUTO_CLOSE int fd = open_event(k->events[i], cpu);
			uint32_t at = (uint32_t)(i * k->ncpus + cpu);

			if (fd >= 0)
				(void)bpf_map_update_elem(bpf_map__fd(k->bpf->maps.events), &at, &fd, BPF_ANY);
		}
	}
}

static void follow_cpus(struct kernel *k)
{
	char path[sizeof k->sysfs + 32], online[sizeof k->online];
	struct err none = { 0 };

	snprintf(path, sizeof path, "%s/devices/system/cpu/online", k->sysfs);
	if (number_text(path, online, sizeof online, &none) < 0 || strcmp(online, k->online) == 0)
		return;
	memcpy(k->online, online, sizeof online);
	place_events(k);
}

/* ---- loading */

/* Which hierarchy a task is charged in: that of the `cpu` controller, wherever it is. */
static void choose_hierarchy(const char *procfs, uint32_t *ret_hierarchy, uint32_t *ret_id)
{
	char path[300];
	AUTO_BUF struct buf text;
	struct err none = { 0 };

	buf_init(&text, 65536);
	*ret_hierarchy = POWER_HIERARCHY_V2;
	*ret_id = 0;
	snprintf(path, sizeof path, "%s/self/cgroup", procfs);
	if (file_read(path, &text, NULL, &none) < 0)
		return;
	/* lines of id:controllers:path; the unified one has no controllers */
	for (const char *line = buf_str(&text); *line; line += strcspn(line, "\n"), line += *line == '\n') {
		char *end = NULL;
		unsigned long id = strtoul(line, &end, 10);

		if (*end != ':')
			continue;
		for (const char *c = end + 1; *c != ':' && *c != '\n' && *c; c += *c == ',') {
			size_t len = strcspn(c, ",:\n");

			if (len == 3 && memcmp(c, "cpu", 3) == 0) {
				*ret_hierarchy = POWER_HIERARCHY_CPU;
				*ret_id = (uint32_t)id;
			}
			c += len;
		}
	}
}

static uint32_t slots_that_fit(uint32_t most, uint64_t bytes, size_t ncpus)
{
	uint64_t fit = bytes / (sizeof(struct power_use) * ncpus);

	return fit > most ? most : fit < SLOTS_MIN ? SLOTS_MIN : (uint32_t)fit;
}

static uint32_t power_of_two(uint32_t least)
{
	uint32_t n = 1;

	while (n < least)
		n *= 2;
	return n;
}

/* One book's maps (power.bpf.c, BOOK) for n slots. */
#define SIZE_BOOK(bpf, what, n, ncpus)                                                      \
	(bpf_map__set_max_entries((bpf)->maps.what##_use, (uint32_t)((n) * (ncpus))) ?:     \
	 bpf_map__set_max_entries((bpf)->maps.what##_owners, n) ?:                          \
	 bpf_map__set_max_entries((bpf)->maps.what##_slots, n))

static int size_maps(struct kernel *k, const struct kernel_options *o)
{
	struct power_config *c = &k->bpf->rodata->config;

	choose_hierarchy(o->procfs, &c->hierarchy, &c->hierarchy_id);
	c->cpus = (uint32_t)k->ncpus;
	uint32_t scattered = power_of_two(slots_that_fit(GROUPS_MAX, GROUPS_BYTES, k->ncpus) / 2 + 1);
	c->groups = scattered + scattered / GROUPS_SPARE;
	c->group_mask = scattered - 1;
	if (o->processes) {
		c->processes = slots_that_fit(PROCESSES_MAX, PROCESSES_BYTES, k->ncpus);
		c->process_mask = power_of_two(2 * c->processes / POWER_HINTS) - 1;
	}
	for (size_t i = 0; i < POWER_EVENTS; i++)
		c->events |= k->events[i] ? 1u << i : 0;
	int rc = bpf_map__set_max_entries(k->bpf->maps.cpus, c->cpus) ?:
		 bpf_map__set_max_entries(k->bpf->maps.events, POWER_EVENTS * c->cpus) ?:
		 SIZE_BOOK(k->bpf, group, c->groups, k->ncpus) ?:
		 bpf_map__set_max_entries(k->bpf->maps.group_taken, scattered) ?:
		 bpf_map__set_max_entries(k->bpf->maps.group_spare, scattered / GROUPS_SPARE);

	if (rc == 0 && o->processes)
		rc = SIZE_BOOK(k->bpf, process, c->processes, k->ncpus) ?:
		     bpf_map__set_max_entries(k->bpf->maps.process_hints, c->process_mask + 1) ?:
		     bpf_map__set_max_entries(k->bpf->maps.process_free, c->processes);
	return rc;
}

static void cleanup_btf(struct btf **btf)
{
	btf__free(*btf);
}

/* What the kernel says about its own types and functions; some MB, so it is read once for all questions. */
static bool has_tracepoint(const struct btf *btf, const char *name)
{
	char type[64];

	snprintf(type, sizeof type, "btf_trace_%s", name);
	return btf && btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF) > 0;
}

static bool has_function(const struct btf *btf, const char *name)
{
	return btf && btf__find_by_name_kind(btf, name, BTF_KIND_FUNC) > 0;
}

/* Sets which programs are loaded. allowed: how much of what is optional may be tried. */
enum optional { OPTIONAL_NONE, OPTIONAL_TRACEPOINTS, OPTIONAL_ALL };

static void choose_programs(struct power *bpf, const struct btf *btf, enum optional allowed, bool untyped)
{
	bool typed = !untyped && has_tracepoint(btf, "sched_switch");
	bool folios = has_function(btf, "folio_mark_accessed");
	bool dirty_folios = has_tracepoint(btf, "writeback_dirty_folio");
	const struct {
		struct bpf_program *program;
		bool load;
	} choice[] = {
		{ bpf->progs.switch_btf, typed },
		{ bpf->progs.switch_raw, !typed },
		{ bpf->progs.softirq, allowed >= OPTIONAL_TRACEPOINTS },
		{ bpf->progs.group_gone, allowed >= OPTIONAL_TRACEPOINTS },
		{ bpf->progs.page_write, allowed >= OPTIONAL_TRACEPOINTS && dirty_folios },
		{ bpf->progs.page_write_old, allowed >= OPTIONAL_TRACEPOINTS && !dirty_folios },
		{ bpf->progs.page_read, allowed >= OPTIONAL_ALL && folios },
		{ bpf->progs.page_read_old, allowed >= OPTIONAL_ALL && !folios },
	};

	for (size_t i = 0; i < COUNT(choice); i++)
		bpf_program__set_autoload(choice[i].program, choice[i].load);
}

static int load(struct kernel *k, const struct kernel_options *o, struct err *e)
{
	__attribute__((cleanup(cleanup_btf))) struct btf *btf = btf__load_vmlinux_btf();
	int rc = -EINVAL;

	for (int allowed = OPTIONAL_ALL; allowed >= OPTIONAL_NONE && rc < 0; allowed--) {
		power__destroy(k->bpf);
		complaint[0] = '\0';
		k->bpf = power__open();
		if (!k->bpf)
			return refuse(e, -errno, "cannot open the BPF programs");
		rc = size_maps(k, o);
		if (rc < 0)
			return refuse(e, rc, "cannot size the BPF maps");
		choose_programs(k->bpf, btf, (enum optional)allowed, o->untyped);
		rc = power__load(k->bpf);
	}
	return rc < 0 ? refuse(e, rc, "cannot load the BPF programs") : 0;
}

/* ---- memory shared with the kernel */

static void *share(struct kernel *k, struct bpf_map *map, bool writable, struct err *e)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t size = (size_t)bpf_map__max_entries(map) * bpf_map__value_size(map);

	size = (size + page - 1) / page * page;
	void *p = mmap(NULL, size, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED,
		       bpf_map__fd(map), 0);

	if (p == MAP_FAILED) {
		err_errno(e, ERR_FAILED, "cannot map the BPF map '%s'", bpf_map__name(map));
		return NULL;
	}
	k->maps[k->nmaps] = p;
	k->sizes[k->nmaps++] = size;
	return p;
}

static void forget(struct bpf_map *slots, uint64_t key)
{
	(void)bpf_map_delete_elem(bpf_map__fd(slots), &key);
}

static void forget_group(void *arg, uint64_t key)
{
	forget(((struct kernel *)arg)->bpf->maps.group_slots, key);
}

static void forget_process(void *arg, uint64_t key)
{
	forget(((struct kernel *)arg)->bpf->maps.process_slots, key);
}

static int offer_group(void *arg, uint32_t slot)
{
	struct power *bpf = ((struct kernel *)arg)->bpf;

	return slot <= bpf->rodata->config.group_mask ?
		       bpf_map_delete_elem(bpf_map__fd(bpf->maps.group_taken), &slot) :
		       bpf_map_update_elem(bpf_map__fd(bpf->maps.group_spare), NULL, &slot, 0);
}

static int offer_process(void *arg, uint32_t slot)
{
	return bpf_map_update_elem(bpf_map__fd(((struct kernel *)arg)->bpf->maps.process_free), NULL, &slot,
				   0);
}

static int share_book(struct kernel *k, struct bpf_map *use, struct bpf_map *owners, struct slots *s,
		      struct err *e)
{
	s->use = share(k, use, true, e);
	if (!s->use)
		return -(int)e->kind;
	s->owners = share(k, owners, true, e);
	if (!s->owners)
		return -(int)e->kind;
	s->ncpus = k->ncpus;
	s->arg = k;
	s->owners[POWER_SLOT_KERNEL].cgroup = POWER_KEY_KERNEL;
	s->owners[POWER_SLOT_KERNEL].key = POWER_KEY_KERNEL;
	return slots_init(s, e);
}

static int share_all(struct kernel *k, struct err *e)
{
	const struct power_config *c = &k->bpf->rodata->config;

	k->cpus = share(k, k->bpf->maps.cpus, false, e);
	if (!k->cpus)
		return -(int)e->kind;
	k->groups = (struct slots){ .n = c->groups, .scattered = c->group_mask + 1, .forget = forget_group, .offer = offer_group };
	int rc = share_book(k, k->bpf->maps.group_use, k->bpf->maps.group_owners, &k->groups, e);

	if (rc < 0 || c->processes == 0)
		return rc;
	k->processes = (struct slots){ .n = c->processes, .forget = forget_process, .offer = offer_process };
	return share_book(k, k->bpf->maps.process_use, k->bpf->maps.process_owners, &k->processes, e);
}

/* ---- attaching */

static int attach(struct kernel *k, struct err *e)
{
	struct power *b = k->bpf;
	struct bpf_program *sched = bpf_program__fd(b->progs.switch_btf) >= 0 ? b->progs.switch_btf
									       : b->progs.switch_raw;
	const struct {
		const char *what;
		struct bpf_program *now, *before; /* under its name of today, and of older kernels */
		struct bpf_link **link;
	} rest[] = {
		{ "softirqs", b->progs.softirq, NULL, &b->links.softirq },
		{ "removed control groups", b->progs.group_gone, NULL, &b->links.group_gone },
		{ "pages written", b->progs.page_write, b->progs.page_write_old, &b->links.page_write },
		{ "pages read", b->progs.page_read, b->progs.page_read_old, &b->links.page_read },
	};

	/* first, so that no group is removed unseen */
	if (bpf_program__fd(b->progs.group_gone) >= 0)
		b->links.group_gone = bpf_program__attach(b->progs.group_gone);
	b->bss->removals_told = b->links.group_gone != NULL;
	b->bss->attached_ns = kernel_now_ns();
	b->links.switch_btf = bpf_program__attach(sched);
	if (!b->links.switch_btf)
		return refuse(e, -errno, "cannot attach to sched_switch");
	for (size_t i = 0; i < COUNT(rest); i++) {
		struct bpf_program *p = rest[i].before && bpf_program__fd(rest[i].now) < 0 ? rest[i].before
											   : rest[i].now;

		if (bpf_program__fd(p) >= 0 && !*rest[i].link)
			*rest[i].link = bpf_program__attach(p);
		if (!*rest[i].link)
			miss(k, rest[i].what, bpf_program__fd(p) < 0 ? "not to be loaded here" : strerror(errno));
	}
	return 0;
}

int kernel_open(const struct kernel_options *o, struct kernel **ret, struct err *e)
{
	int ncpus = libbpf_num_possible_cpus();
	__attribute__((cleanup(cleanup_kernel))) struct kernel *k = calloc(1, sizeof *k);

	if (!k || ncpus <= 0)
		return err_set(e, ERR_MEMORY, "no memory for the scheduler's counters");
	k->ncpus = (size_t)ncpus;
	snprintf(k->sysfs, sizeof k->sysfs, "%s", o->sysfs);
	libbpf_set_print(keep_complaint);
	choose_events(k, o);
	int rc = load(k, o, e);

	rc = rc < 0 ? rc : share_all(k, e);
	if (rc < 0)
		return rc;
	follow_cpus(k);
	place_events(k);
	rc = attach(k, e);
	if (rc < 0)
		return rc;
	*ret = take_ptr(&k);
	return 0;
}

const char *kernel_missing(const struct kernel *k)
{
	return k->missing;
}

void kernel_slots(const struct kernel *k, bool processes, size_t *ret_held, size_t *ret_offered)
{
	const struct slots *s = processes ? &k->processes : &k->groups;

	*ret_held = s->held;
	*ret_offered = s->offered;
}

/* ---- reading */

/* Charges what runs right now, on every CPU that runs something: a task that never leaves its CPU
 * is charged up to this instant. An idle CPU is left asleep; one gone offline answers an error that
 * means nothing. */
static void flush_running(struct kernel *k)
{
	for (size_t i = 0; i < k->ncpus; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, on, .flags = BPF_F_TEST_RUN_ON_CPU, .cpu = (uint32_t)i);

		if (k->cpus[i].busy || k->cpus[i].since_ns == 0)
			(void)bpf_prog_test_run_opts(bpf_program__fd(k->bpf->progs.flush), &on);
	}
}

static void read_programs(const struct kernel *k, struct tick *into)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, k->bpf->obj) {
		struct bpf_prog_info info = { 0 };
		uint32_t size = sizeof info;

		if (bpf_program__fd(prog) < 0 || into->nprograms == PROGRAMS_MAX ||
		    bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &size) < 0)
			continue;
		struct program_mark *m = &into->programs[into->nprograms++];

		*m = (struct program_mark){ .runs = info.run_cnt, .run_ns = info.run_time_ns };
		snprintf(m->name, sizeof m->name, "%s", bpf_program__name(prog));
	}
}

static void read_cpus(const struct kernel *k, struct sched_mark *ret)
{
	const struct power_config *c = &k->bpf->rodata->config;

	*ret = (struct sched_mark){ .there = true, .measured = 1u << USE_CPU_NS };
	for (size_t i = 0; i < POWER_EVENTS; i++)
		ret->measured |= k->events[i] ? 1u << (USE_CYCLES + i) : 0;
	if (k->bpf->links.softirq)
		ret->measured |= 1u << USE_NET_TX | 1u << USE_NET_RX | 1u << USE_BLOCK;
	if (k->bpf->links.page_read || k->bpf->links.page_write)
		ret->measured |= 1u << USE_PAGE_CACHE;
	memcpy(ret->used, k->groups.total, sizeof ret->used);
	ret->processes = c->processes != 0;
	ret->cpus = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	for (size_t i = 0; i < k->ncpus; i++) {
		ret->busy_ns += slots_read64(&k->cpus[i].busy_ns);
		ret->idle_ns += slots_read64(&k->cpus[i].idle_ns);
		ret->switches += slots_read64(&k->cpus[i].switches);
		ret->drops += slots_read64(&k->cpus[i].lost_groups) + slots_read64(&k->cpus[i].lost_processes);
	}
}

static int add_group(void *arg, const struct power_owner *owner, const uint64_t *used)
{
	struct kernel *k = arg;
	struct work_mark work = { .cgroup = owner->key, .gone = owner->gone != 0 };

	memcpy(work.use, used, sizeof work.use);
	return tick_add_work(k->into, &work, k->err);
}

static int add_process(void *arg, const struct power_owner *owner, const uint64_t *used)
{
	struct kernel *k = arg;
	struct work_mark work = { .cgroup = owner->cgroup,
				  .process = owner->key,
				  .tgid = owner->tgid,
				  .gone = owner->gone != 0 };

	if (work.process == 0)
		return 0; /* what found no slot is in its group's account all the same */
	memcpy(work.comm, owner->comm, sizeof work.comm);
	memcpy(work.use, used, sizeof work.use);
	return tick_add_work(k->into, &work, k->err);
}

int kernel_read(struct kernel *k, struct tick *into, struct err *e)
{
	follow_cpus(k);
	flush_running(k);
	k->into = into;
	k->err = e;
	int rc = slots_read(&k->groups, add_group, k);

	if (rc == 0 && k->processes.n > 0)
		rc = slots_read(&k->processes, add_process, k);
	read_cpus(k, &into->sched);
	read_programs(k, into);
	return rc;
}
