/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/works.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exporter/cost.h"
#include "exporter/lookup.h"
#include "exporter/share.h"

#define NONE LOOKUP_NONE

/* A control group or process as last read. */
struct source_mark {
	uint64_t key;
	size_t party;
	bool gone;
	uint64_t seen; /* tick */
	uint64_t last[NUSES];
};

/* Places of parties; each at most once. */
struct places {
	uint32_t *v;
	size_t n;
};

struct level {
	struct party *parties;
	size_t nparties, parties_cap;
	/* Who has gathered anything for the component since it was booked: nobody else has a part of the next
	 * booking. And who had one of the last. Both have room for all parties. */
	struct places due[NCOMPONENTS], had[NCOMPONENTS];
	struct lookup by_owner; /* workload or process -> parties; unknown groups are in none */
	struct lookup by_tgid;  /* processes: the youngest that has it -> parties */
	struct source_mark *marks;
	size_t nmarks, marks_cap;
	size_t turn; /* whose mark is the next to come, if they come as they did in the tick before */
	struct lookup by_key; /* group or process -> marks */
	struct sums residual, retired;
	uint64_t lost[NCOMPONENTS], lost_cpu_ns[NCOMPONENTS]; /* evidence that is nobody's */
	uint64_t lost_last[NUSES];
	uint64_t unseen;
};

/* Somebody's use of a GPU: as last read, and what came in the last tick. */
struct gpu_use {
	uint32_t zone, tgid;
	uint64_t cgroup;
	uint64_t busy_ns, memory_ns, held_ns, busy_step_ns, memory_step_ns, held_step_ns;
	bool seen;
};

struct works {
	struct level levels[NWORKS_LEVELS];
	uint64_t tick;
	uint64_t at_ns;			   /* of the last tick with use in it */
	unsigned measured, ever_measured;
	struct attribution attribution;
	enum use by[NCOMPONENTS]; /* evidence_for, of this tick */
	bool by_cost[NCOMPONENTS]; /* but what all uses cost together is known */
	void (*on_retire)(void *arg, const struct party *p);
	void *arg;
	uint64_t used[NUSES];
	uint64_t booked_ns[NCOMPONENTS], step_ns[NCOMPONENTS];
	/* Since the component was booked: CPU time there was, time, and what all together used. */
	uint64_t capacity_ns[NCOMPONENTS], elapsed_ns[NCOMPONENTS];
	uint64_t since[NCOMPONENTS][COST_USES];
	bool doubt[NCOMPONENTS]; /* these are not of the time that the next booking will be of */
	struct cost cost[NCOMPONENTS];
	struct gpu_use *gpus;
	size_t ngpus, gpus_cap;
	uint64_t *weights, *parts, *scratch;
	size_t room;
};

/* ---- making and dropping */

static void choose_evidence(struct works *w);

int works_new(struct works **ret, struct err *e)
{
	struct works *w = calloc(1, sizeof *w);

	if (!w)
		return err_set(e, ERR_MEMORY, "no memory for the workloads' accounts");
	choose_evidence(w);
	*ret = w;
	return 0;
}

void works_free(struct works *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < NWORKS_LEVELS; i++) {
		struct level *l = &w->levels[i];

		for (size_t p = 0; p < l->nparties; p++)
			free(l->parties[p].gpus);
		free(l->parties);
		for (size_t c = 0; c < NCOMPONENTS; c++) {
			free(l->due[c].v);
			free(l->had[c].v);
		}
		free(l->marks);
		lookup_free(&l->by_owner);
		lookup_free(&l->by_tgid);
		lookup_free(&l->by_key);
	}
	free(w->gpus);
	free(w->weights);
	free(w->parts);
	free(w->scratch);
	free(w);
}

static int grow(void **v, size_t *cap, size_t n, size_t size, struct err *e)
{
	if (n < *cap)
		return 0;
	size_t more = *cap ? *cap * 2 : 64;
	void *p = reallocarray(*v, more, size);

	if (!p)
		return err_set(e, ERR_MEMORY, "no memory for %zu workloads", n + 1);
	*v = p;
	*cap = more;
	return 0;
}

/* Room for one more party, here and in the lists. */
static int grow_parties(struct level *l, struct err *e)
{
	void *v = l->parties;
	size_t cap = l->parties_cap;
	int rc = grow(&v, &cap, l->nparties, sizeof *l->parties, e);

	l->parties = v;
	for (size_t i = 0; i < 2 * NCOMPONENTS && rc == 0 && cap > l->parties_cap; i++) {
		struct places *list = i % 2 ? &l->had[i / 2] : &l->due[i / 2];
		uint32_t *p = reallocarray(list->v, cap, sizeof *p);

		if (!p)
			return err_set(e, ERR_MEMORY, "no memory for %zu workloads", l->nparties + 1);
		list->v = p;
	}
	if (rc == 0)
		l->parties_cap = cap;
	return rc;
}

static uint64_t owner_of(const struct party *p)
{
	return p->process ? p->process : p->workload;
}

static bool has_tgid(const struct party *p)
{
	return p->process != 0 && p->tgid != 0;
}

static int add_party(struct level *l, const struct party *like, size_t *ret, struct err *e)
{
	int rc = grow_parties(l, e);

	rc = rc < 0 ? rc : lookup_room(&l->by_owner, e);
	rc = rc < 0 ? rc : lookup_room(&l->by_tgid, e);
	if (rc < 0)
		return rc;
	if (owner_of(like) != 0)
		lookup_put(&l->by_owner, owner_of(like), l->nparties);
	if (has_tgid(like)) {
		/* Numbers of processes are used again: two series of one number would be one and the same. */
		size_t before = lookup_find(&l->by_tgid, like->tgid);

		if (before != NONE)
			l->parties[before].replaced = true;
		lookup_put(&l->by_tgid, like->tgid, l->nparties);
	}
	l->parties[l->nparties] = *like;
	*ret = l->nparties++;
	return 0;
}

static int add_mark(struct level *l, uint64_t key, size_t party, size_t *ret, struct err *e)
{
	void *v = l->marks;
	int rc = grow(&v, &l->marks_cap, l->nmarks, sizeof *l->marks, e);

	l->marks = v;
	rc = rc < 0 ? rc : lookup_room(&l->by_key, e);
	if (rc < 0)
		return rc;
	lookup_put(&l->by_key, key, l->nmarks);
	l->marks[l->nmarks] = (struct source_mark){ .key = key, .party = party };
	l->parties[party].members++;
	*ret = l->nmarks++;
	return 0;
}

/* What the party had of this GPU: found, or made. NULL: no memory. */
static struct gpu_total *gpu_total(struct party *p, uint32_t zone)
{
	for (size_t i = 0; i < p->ngpus; i++) {
		if (p->gpus[i].zone == zone)
			return &p->gpus[i];
	}
	struct gpu_total *more = reallocarray(p->gpus, p->ngpus + 1, sizeof *more);

	if (!more)
		return NULL;
	p->gpus = more;
	p->gpus[p->ngpus] = (struct gpu_total){ .zone = zone };
	return &p->gpus[p->ngpus++];
}

static void merge_gpus(struct party *to, struct party *from)
{
	for (size_t i = 0; i < from->ngpus; i++) {
		struct gpu_total *total = gpu_total(to, from->gpus[i].zone);

		if (!total)
			break; /* what does not fit into memory is lost, and nothing steps back */
		total->busy_ns += from->gpus[i].busy_ns;
		total->memory_ns += from->gpus[i].memory_ns;
	}
	free(from->gpus);
	from->gpus = NULL;
	from->ngpus = 0;
}

static inline void make_due(struct level *l, size_t party, enum component c)
{
	struct party *p = &l->parties[party];

	if (p->due & 1u << c)
		return;
	p->due |= 1u << c;
	l->due[c].v[l->due[c].n++] = (uint32_t)party;
}

/* What the party `of` has goes to the party `into`; it is left empty. */
static void merge(struct level *l, size_t into, size_t of)
{
	struct party *to = &l->parties[into], *from = &l->parties[of];

	merge_gpus(to, from);
	uj_add(to->uj, from->uj);
	for (enum component c = 0; c < NCOMPONENTS; c++) {
		if (from->due & 1u << c)
			make_due(l, into, c);
		to->evidence[c] += from->evidence[c];
		to->cpu_ns[c] += from->cpu_ns[c];
	}
	for (size_t u = 0; u < NUSES; u++)
		to->use[u] += from->use[u];
	memset(from->uj, 0, sizeof from->uj);
	memset(from->use, 0, sizeof from->use);
	memset(from->evidence, 0, sizeof from->evidence);
	memset(from->cpu_ns, 0, sizeof from->cpu_ns);
}

/* ---- use */

const char *const attributes[] = { [ATTRIBUTE_AUTO] = "auto",
				   [ATTRIBUTE_CYCLES] = "cycles",
				   [ATTRIBUTE_INSTRUCTIONS] = "instructions",
				   [ATTRIBUTE_MISSES] = "misses",
				   [ATTRIBUTE_TIME] = "time",
				   NULL };

static enum use use_of(enum attribute a)
{
	static const enum use uses[] = { [ATTRIBUTE_AUTO] = NUSES,
					 [ATTRIBUTE_CYCLES] = USE_CYCLES,
					 [ATTRIBUTE_INSTRUCTIONS] = USE_INSTRUCTIONS,
					 [ATTRIBUTE_MISSES] = USE_LLC_MISSES,
					 [ATTRIBUTE_TIME] = USE_CPU_NS };

	return uses[a];
}

/* What is wanted for a component; NUSES: nothing special. */
static enum use wanted_for(const struct attribution *a, enum component c)
{
	switch (c) {
	case COMP_PACKAGE:
	case COMP_CORE:
	case COMP_UNCORE:
		return use_of(a->package);
	case COMP_DRAM:
		return use_of(a->dram);
	case COMP_PLATFORM:
	case COMP_OTHER:
		return use_of(a->platform);
	case COMP_GPU:
	case NCOMPONENTS:
		break;
	}
	return NUSES;
}

/* By which use a component's energy is handed out; NUSES: by other than use. */
static enum use evidence_for(const struct works *w, enum component c)
{
	static const enum use best[NCOMPONENTS][3] = {
		[COMP_PACKAGE] = { USE_CYCLES, USE_INSTRUCTIONS, USE_CPU_NS },
		[COMP_CORE] = { USE_CYCLES, USE_INSTRUCTIONS, USE_CPU_NS },
		[COMP_UNCORE] = { USE_CYCLES, USE_INSTRUCTIONS, USE_CPU_NS },
		[COMP_DRAM] = { USE_LLC_MISSES, USE_CPU_NS, USE_CPU_NS },
		[COMP_GPU] = { NUSES, NUSES, NUSES },
		[COMP_PLATFORM] = { NUSES, NUSES, NUSES },
		[COMP_OTHER] = { NUSES, NUSES, NUSES },
	};
	enum use wanted = wanted_for(&w->attribution, c);

	if (wanted != NUSES && w->measured & 1u << wanted)
		return wanted;
	for (size_t i = 0; i < 3; i++) {
		if (best[c][i] == NUSES || w->measured & 1u << best[c][i])
			return best[c][i];
	}
	return USE_CPU_NS;
}

/* Whether what the uses cost is learnt and used: not where the user chose one. */
static bool learns(const struct works *w, enum component c)
{
	return w->by[c] < COST_USES && wanted_for(&w->attribution, c) == NUSES;
}

static void choose_evidence(struct works *w)
{
	for (enum component c = 0; c < NCOMPONENTS; c++) {
		w->by[c] = evidence_for(w, c);
		w->by_cost[c] = learns(w, c) && w->cost[c].known;
	}
}

void works_attribute(struct works *w, const struct attribution *a)
{
	for (enum component c = 0; c < NCOMPONENTS; c++) {
		if (wanted_for(a, c) == wanted_for(&w->attribution, c))
			continue;
		for (size_t i = 0; i < NWORKS_LEVELS; i++) {
			struct level *l = &w->levels[i];

			l->lost[c] = 0;
			for (size_t p = 0; p < l->nparties; p++)
				l->parties[p].evidence[c] = 0;
		}
	}
	w->attribution = *a;
	choose_evidence(w);
}

/* Knowledge begins and ends when the component is booked and no evidence is left: one booking never mixes the
 * two units. */
static void gather(const struct works *w, uint64_t evidence[NCOMPONENTS], uint64_t cpu_ns[NCOMPONENTS],
		   const uint64_t delta[NUSES])
{
	for (enum component c = 0; c < NCOMPONENTS; c++) {
		if (c == COMP_GPU)
			continue; /* goes by who used it: book_gpu_level */
		if (w->by_cost[c])
			evidence[c] += cost_of(&w->cost[c], delta);
		else if (w->by[c] != NUSES)
			evidence[c] += delta[w->by[c]];
		cpu_ns[c] += delta[USE_CPU_NS];
	}
}

/* All groups' uses are the machine's; processes' are in them. */
static void add_up(struct works *w, const struct level *l, const uint64_t delta[NUSES])
{
	for (size_t c = 0; c < NCOMPONENTS && l == &w->levels[WORKS_WORKLOADS]; c++) {
		for (size_t u = 0; u < COST_USES; u++)
			w->since[c][u] += delta[u];
	}
}

/* The party that a mark feeds: found, or made; a group whose workload became known brings what it had. */
static int party_for(const struct works *w, struct level *l, const struct work_mark *m, size_t known,
		     size_t *ret, struct err *e)
{
	uint64_t owner = m->process ? m->process : m->workload;

	if (known != NONE && (owner == 0 || owner_of(&l->parties[known]) != 0)) {
		*ret = known; /* a group does not change its workload */
		return 0;
	}
	size_t at = owner ? lookup_find(&l->by_owner, owner) : NONE;

	if (at == NONE) {
		struct party p = { .workload = m->workload,
				   .process = m->process,
				   .cgroup = m->cgroup,
				   .tgid = m->tgid,
				   .born_ns = w->at_ns };
		int rc = add_party(l, &p, &at, e);

		if (rc < 0)
			return rc;
	}
	if (known != NONE) {
		merge(l, at, known);
		l->parties[known].members--;
		l->parties[at].members++;
	}
	*ret = at;
	return 0;
}

/* How much more `now` is than `last`, which follows. Returns whether it is anything at all. */
static bool step(uint64_t last[NUSES], const uint64_t now[NUSES], uint64_t ret[NUSES])
{
	uint64_t any = 0;

	for (size_t u = 0; u < NUSES; u++) {
		ret[u] = now[u] >= last[u] ? now[u] - last[u] : now[u];
		last[u] = now[u];
		any |= ret[u];
	}
	return any != 0;
}

/* The mark with this key; NONE: it is new. */
static size_t find_mark(struct level *l, uint64_t key)
{
	size_t at = l->turn;

	if (at >= l->nmarks || l->marks[at].key != key)
		at = lookup_find(&l->by_key, key);
	if (at != NONE)
		l->turn = at + 1;
	return at;
}

/* What the party used since the tick before. */
static void charge(struct works *w, struct level *l, size_t party, const uint64_t delta[NUSES])
{
	struct party *p = &l->parties[party];

	add_up(w, l, delta);
	for (size_t u = 0; u < NUSES; u++) {
		p->use[u] += delta[u];
		w->used[u] += p->process ? 0 : delta[u];
	}
	for (enum component c = 0; c < NCOMPONENTS; c++) {
		if (c != COMP_GPU)
			make_due(l, party, c);
	}
	gather(w, p->evidence, p->cpu_ns, delta);
}

static int use_one(struct works *w, struct level *l, const struct work_mark *m, struct err *e)
{
	uint64_t key = m->process ? m->process : m->cgroup, delta[NUSES];

	if (key == WORK_UNKNOWN) {
		(void)step(l->lost_last, m->use, delta);
		add_up(w, l, delta);
		gather(w, l->lost, l->lost_cpu_ns, delta);
		for (size_t u = 0; u < NUSES; u++)
			w->used[u] += delta[u];
		return 0;
	}
	size_t at = find_mark(l, key), party = NONE;
	int rc = party_for(w, l, m, at == NONE ? NONE : l->marks[at].party, &party, e);

	if (rc == 0 && at == NONE)
		rc = add_mark(l, key, party, &at, e);
	if (rc < 0)
		return rc;
	struct source_mark *mark = &l->marks[at];
	struct party *p = &l->parties[party];

	mark->party = party;
	mark->seen = w->tick;
	mark->gone = m->gone;
	if (step(mark->last, m->use, delta))
		charge(w, l, party, delta);
	p->shown = false;
	if (m->process) {
		p->cgroup = m->cgroup;
		if (m->workload)
			p->workload = m->workload;
		memcpy(p->comm, m->comm, sizeof p->comm);
	}
	return 0;
}

/* The place of this use; marks come in the same order tick by tick, so it is mostly where it was. NONE: it is new. */
static size_t find_gpu(const struct works *w, const struct gpu_mark *m, size_t hint)
{
	for (size_t i = 0; i < w->ngpus; i++) {
		size_t at = (hint + i) % w->ngpus;

		if (w->gpus[at].zone == m->zone && w->gpus[at].tgid == m->tgid)
			return at;
	}
	return NONE;
}

static int use_gpu(struct works *w, const struct gpu_mark *m, size_t hint, struct err *e)
{
	size_t at = find_gpu(w, m, hint);

	if (at == NONE) {
		void *v = w->gpus;
		int rc = grow(&v, &w->gpus_cap, w->ngpus, sizeof *w->gpus, e);

		w->gpus = v;
		if (rc < 0)
			return rc;
		at = w->ngpus++;
		w->gpus[at] = (struct gpu_use){ .zone = m->zone, .tgid = m->tgid };
	}
	struct gpu_use *u = &w->gpus[at];

	u->busy_step_ns = m->busy_ns >= u->busy_ns ? m->busy_ns - u->busy_ns : m->busy_ns;
	u->memory_step_ns = m->memory_ns >= u->memory_ns ? m->memory_ns - u->memory_ns : m->memory_ns;
	u->held_step_ns = m->held_ns >= u->held_ns ? m->held_ns - u->held_ns : m->held_ns;
	u->busy_ns = m->busy_ns;
	u->memory_ns = m->memory_ns;
	u->held_ns = m->held_ns;
	u->cgroup = m->cgroup;
	u->seen = true;
	return 0;
}

static int use_gpus(struct works *w, const struct tick *now, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < w->ngpus; i++) {
		w->gpus[i].busy_step_ns = w->gpus[i].memory_step_ns = w->gpus[i].held_step_ns = 0;
		w->gpus[i].seen = false;
	}
	for (size_t i = 0; i < now->ngpus && rc == 0; i++)
		rc = use_gpu(w, &now->gpus[i], i, e);
	/* Those without a mark are no more. */
	size_t kept = 0;

	for (size_t i = 0; i < w->ngpus; i++) {
		if (w->gpus[i].seen)
			w->gpus[kept++] = w->gpus[i];
	}
	w->ngpus = kept;
	return rc;
}

/* Whose use that is; NONE: nobody's. */
static size_t gpu_party(const struct works *w, enum works_level level, const struct gpu_use *u)
{
	const struct level *processes = &w->levels[WORKS_PROCESSES], *groups = &w->levels[WORKS_WORKLOADS];
	size_t process = u->tgid ? lookup_find(&processes->by_tgid, u->tgid) : NONE;

	if (process != NONE && processes->parties[process].gone)
		process = NONE; /* who has the number now has not been seen yet */
	if (level == WORKS_PROCESSES)
		return process;
	uint64_t cgroup = process != NONE ? processes->parties[process].cgroup : u->cgroup;
	size_t mark = cgroup ? lookup_find(&groups->by_key, cgroup) : NONE;

	return mark == NONE ? NONE : groups->marks[mark].party;
}

/* Adds what each had of each GPU in this tick to its totals; who is known to use one and did not has 0 of it. */
static int total_gpus(struct works *w, struct err *e)
{
	for (enum works_level level = 0; level < NWORKS_LEVELS; level++) {
		for (size_t i = 0; i < w->ngpus; i++) {
			const struct gpu_use *u = &w->gpus[i];
			size_t at = u->tgid ? gpu_party(w, level, u) : NONE;

			if (at == NONE)
				continue;
			struct party *p = &w->levels[level].parties[at];
			struct gpu_total *total = gpu_total(p, u->zone);

			if (!total)
				return err_set(e, ERR_MEMORY, "no memory for what uses GPUs");
			total->busy_ns += u->busy_step_ns;
			total->memory_ns += u->memory_step_ns;
			if (u->busy_step_ns > 0 || u->memory_step_ns > 0)
				p->shown = false;
		}
	}
	return 0;
}

/* ---- retiring */

static void retire(struct level *l, const struct party *p)
{
	uj_add(l->retired.uj, p->uj);
	for (size_t c = 0; c < NCOMPONENTS; c++) {
		/* What it used is not for others to pay. */
		l->lost[c] += p->evidence[c];
		l->lost_cpu_ns[c] += p->cpu_ns[c];
	}
}

/* log2 of what a party has had, so that parties can be told apart by it roughly and at no cost. */
static unsigned magnitude(const struct party *p)
{
	uint64_t uj = 0;
	unsigned bits = 0;

	for (size_t m = 0; m < NMODES; m++)
		uj += p->uj[COMP_PACKAGE][m] + p->uj[COMP_DRAM][m] + p->uj[COMP_GPU][m] + p->uj[COMP_OTHER][m];
	for (; uj > 0; uj >>= 1)
		bits++;
	return bits;
}

/* The magnitude that an ended party must have to wait for somebody who looks. */
static unsigned least_to_wait(const struct level *l)
{
	size_t of[65] = { 0 }, n = 0;
	unsigned least = 65;

	for (size_t i = 0; i < l->nparties; i++) {
		if (l->parties[i].members == 0 && !l->parties[i].shown)
			of[magnitude(&l->parties[i])]++;
	}
	while (least > 0 && n + of[least - 1] <= WORKS_WAITING_MAX)
		n += of[--least];
	return least;
}

static void move_places(struct places *list, const struct party *parties)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++) {
		size_t place = parties[list->v[i]].place;

		if (place != NONE)
			list->v[kept++] = (uint32_t)place;
	}
	list->n = kept;
}

/* Drops marks that came no more, and parties that are gone and were shown. Places change: all lookups
 * are made anew, which cannot fail because they only hold less. */
static void sweep(struct works *w, struct level *l)
{
	size_t kept = 0;
	bool dropped = false;

	for (size_t i = 0; i < l->nmarks; i++) {
		struct source_mark *m = &l->marks[i];

		if (m->seen == w->tick) {
			l->marks[kept++] = *m;
			continue;
		}
		l->parties[m->party].members--;
		dropped = true;
	}
	l->nmarks = kept;
	for (size_t i = 0; i < l->nparties; i++)
		l->parties[i].gone = true;
	for (size_t i = 0; i < l->nmarks; i++) {
		if (!l->marks[i].gone)
			l->parties[l->marks[i].party].gone = false;
	}
	unsigned least = least_to_wait(l);

	for (size_t i = 0; i < l->nparties; i++) {
		struct party *p = &l->parties[i];
		/* A group that was taken over by its workload is empty and goes without being shown. */
		bool empty = owner_of(p) == 0 && p->members == 0;

		if (p->members == 0 && (p->shown || empty || p->replaced || magnitude(p) < least)) {
			l->unseen += !p->shown && !empty;
			retire(l, p);
			if (w->on_retire)
				w->on_retire(w->arg, p);
			free(p->gpus);
			p->members = NONE; /* marks the place */
			dropped = true;
		}
	}
	if (!dropped)
		return;
	kept = 0;
	for (size_t i = 0; i < l->nparties; i++)
		l->parties[i].place = l->parties[i].members == NONE ? NONE : kept++;
	for (size_t i = 0; i < l->nmarks; i++)
		l->marks[i].party = l->parties[l->marks[i].party].place;
	for (size_t c = 0; c < NCOMPONENTS; c++) {
		move_places(&l->due[c], l->parties);
		move_places(&l->had[c], l->parties);
	}
	for (size_t i = 0; i < l->nparties; i++) {
		if (l->parties[i].place != NONE)
			l->parties[l->parties[i].place] = l->parties[i];
	}
	l->nparties = kept;
	lookup_clear(&l->by_owner);
	lookup_clear(&l->by_key);
	lookup_clear(&l->by_tgid);
	for (size_t i = 0; i < l->nparties; i++) {
		const struct party *p = &l->parties[i];

		if (owner_of(p) != 0)
			lookup_put(&l->by_owner, owner_of(p), i);
		if (has_tgid(p) && !p->replaced)
			lookup_put(&l->by_tgid, p->tgid, i);
	}
	for (size_t i = 0; i < l->nmarks; i++)
		lookup_put(&l->by_key, l->marks[i].key, i);
}

int works_use(struct works *w, const struct tick *now, struct err *e)
{
	int rc = use_gpus(w, now, e);

	/* Nobody knows: what is drawn meanwhile waits for who tells next, or is nobody's. */
	if (!now->sched.there)
		return rc < 0 ? rc : total_gpus(w, e);
	/* What was used before the first tick is no part of any interval. */
	if (w->at_ns == 0)
		works_doubt(w);
	uint64_t capacity = now->at_ns > w->at_ns && w->at_ns != 0
				    ? (now->at_ns - w->at_ns) * now->sched.cpus
				    : 0;

	w->tick++;
	w->at_ns = now->at_ns;
	w->measured = now->sched.measured;
	w->ever_measured |= now->sched.measured;
	choose_evidence(w);
	for (size_t c = 0; c < NCOMPONENTS; c++) {
		w->capacity_ns[c] += capacity;
		w->elapsed_ns[c] += now->sched.cpus ? capacity / now->sched.cpus : 0;
	}
	for (size_t i = 0; i < NWORKS_LEVELS; i++)
		w->levels[i].turn = 0;
	for (size_t i = 0; i < now->nworks; i++) {
		const struct work_mark *m = &now->works[i];
		int used = use_one(w, &w->levels[m->process ? WORKS_PROCESSES : WORKS_WORKLOADS], m, e);

		if (used < 0)
			return used;
	}
	for (size_t i = 0; i < NWORKS_LEVELS; i++)
		sweep(w, &w->levels[i]);
	int totalled = total_gpus(w, e);

	return rc < 0 ? rc : totalled;
}

/* ---- booking */

static int make_room(struct works *w, size_t n, struct err *e)
{
	uint64_t **const v[] = { &w->weights, &w->parts, &w->scratch };

	if (n <= w->room)
		return 0;
	for (size_t i = 0; i < COUNT(v); i++) {
		uint64_t *p = reallocarray(*v[i], n, sizeof *p);

		if (!p)
			return err_set(e, ERR_MEMORY, "no memory for %zu shares", n);
		*v[i] = p;
	}
	w->room = n;
	return 0;
}

/* What one has of the parts is the evidence for the platform's power supplies and fans. party NONE: nobody. */
static void add_part(const struct works *w, struct level *l, size_t party, uint64_t uj)
{
	static const enum component of[] = { COMP_PLATFORM, COMP_OTHER };

	for (size_t i = 0; i < COUNT(of) && uj > 0; i++) {
		if (w->by[of[i]] != NUSES)
			continue;
		if (party != NONE)
			make_due(l, party, of[i]);
		*(party == NONE ? &l->lost[of[i]] : &l->parties[party].evidence[of[i]]) += uj;
	}
}

/* Hands uj out to those that are due, by the weights prepared, the last of which is nobody's. */
static void hand_out(struct works *w, struct level *l, enum component c, enum mode mode, uint64_t uj)
{
	const struct places *to = &l->due[c];
	bool part = mode != MODE_IDLE && (c == COMP_PACKAGE || c == COMP_DRAM || c == COMP_GPU);
	size_t n = to->n;

	if (uj == 0)
		return;
	if (!share(uj, w->weights, n + 1, w->parts, w->scratch)) {
		l->residual.uj[c][mode] += uj;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct party *p = &l->parties[to->v[i]];

		if (w->parts[i] == 0)
			continue;
		p->uj[c][mode] += w->parts[i];
		p->shown = false;
		if (mode == MODE_DYNAMIC)
			p->step_uj[c] += w->parts[i];
		if (part)
			add_part(w, l, to->v[i], w->parts[i]);
	}
	l->residual.uj[c][mode] += w->parts[n];
	if (part)
		add_part(w, l, NONE, w->parts[n]);
}

/* By what those have that are due: CPU time, or the evidence of the component's kind. */
static void weigh(struct works *w, const struct level *l, enum component c, bool by_cpu)
{
	const struct places *due = &l->due[c];

	for (size_t i = 0; i < due->n; i++) {
		const struct party *p = &l->parties[due->v[i]];

		w->weights[i] = by_cpu ? p->cpu_ns[c] : p->evidence[c];
	}
	w->weights[due->n] = by_cpu ? l->lost_cpu_ns[c] : l->lost[c];
}

/* The component is booked: nobody is due any more. */
static void forget_due(struct level *l, enum component c)
{
	for (size_t i = 0; i < l->due[c].n; i++) {
		struct party *p = &l->parties[l->due[c].v[i]];

		p->evidence[c] = p->cpu_ns[c] = 0;
		p->due &= ~(1u << c);
	}
	l->due[c].n = 0;
	l->lost[c] = l->lost_cpu_ns[c] = 0;
}

static void book_level(struct works *w, struct level *l, enum component c, const uint64_t uj[NMODES])
{
	uint64_t evidence = l->lost[c], cpu_ns = l->lost_cpu_ns[c];
	const struct places *due = &l->due[c], had = l->had[c];

	for (size_t i = 0; i < due->n; i++) {
		evidence += l->parties[due->v[i]].evidence[c];
		cpu_ns += l->parties[due->v[i]].cpu_ns[c];
	}
	for (size_t i = 0; i < had.n; i++)
		l->parties[had.v[i]].step_uj[c] = 0;
	/* No evidence of its kind: the CPU time says at least who was there. */
	weigh(w, l, c, evidence == 0);
	hand_out(w, l, c, MODE_DYNAMIC, uj[MODE_DYNAMIC]);
	hand_out(w, l, c, MODE_UNSPLIT, uj[MODE_UNSPLIT]);

	weigh(w, l, c, true);
	w->weights[due->n] += w->capacity_ns[c] > cpu_ns ? w->capacity_ns[c] - cpu_ns : 0;
	hand_out(w, l, c, MODE_IDLE, uj[MODE_IDLE]);

	l->had[c] = *due;
	forget_due(l, c);
	l->due[c].v = had.v;
}

/* For the time of one booking the evidence is how long the GPU was busy for a party, and what it held takes the
 * place of CPU time. */
static void book_gpu_level(struct works *w, enum works_level level, uint32_t zone, const uint64_t uj[NMODES])
{
	struct level *l = &w->levels[level];

	for (size_t i = 0; i < w->ngpus; i++) {
		const struct gpu_use *u = &w->gpus[i];

		if (u->zone != zone)
			continue;
		size_t at = gpu_party(w, level, u);

		if (at != NONE)
			make_due(l, at, COMP_GPU);
		*(at == NONE ? &l->lost[COMP_GPU] : &l->parties[at].evidence[COMP_GPU]) += u->busy_step_ns;
		*(at == NONE ? &l->lost_cpu_ns[COMP_GPU] : &l->parties[at].cpu_ns[COMP_GPU]) += u->held_step_ns;
	}
	weigh(w, l, COMP_GPU, false);
	hand_out(w, l, COMP_GPU, MODE_DYNAMIC, uj[MODE_DYNAMIC]);
	hand_out(w, l, COMP_GPU, MODE_UNSPLIT, uj[MODE_UNSPLIT]);
	weigh(w, l, COMP_GPU, true);
	hand_out(w, l, COMP_GPU, MODE_IDLE, uj[MODE_IDLE]);
	forget_due(l, COMP_GPU);
}

int works_book_gpu(struct works *w, uint32_t zone, const uint64_t uj[NMODES], uint64_t ns, struct err *e)
{
	bool first = w->booked_ns[COMP_GPU] != w->at_ns; /* of this tick */
	int failed = 0;

	for (enum works_level i = 0; i < NWORKS_LEVELS; i++) {
		struct level *l = &w->levels[i];

		for (size_t p = 0; p < l->nparties && first; p++)
			l->parties[p].step_uj[COMP_GPU] = 0;
		int rc = make_room(w, l->nparties + 1, e);

		if (rc == 0) {
			book_gpu_level(w, i, zone, uj);
			continue;
		}
		failed = rc;
		for (size_t m = 0; m < NMODES; m++)
			l->residual.uj[COMP_GPU][m] += uj[m];
	}
	if (first || ns > w->step_ns[COMP_GPU])
		w->step_ns[COMP_GPU] = ns;
	w->booked_ns[COMP_GPU] = w->at_ns;
	return failed;
}

bool works_floor_w(const struct works *w, enum component c, double *ret_w)
{
	return cost_floor_w(&w->cost[c], ret_w);
}

void works_doubt(struct works *w)
{
	memset(w->doubt, true, sizeof w->doubt);
}

double works_excess_uj(const struct works *w, enum component c)
{
	return cost_excess_uj(&w->cost[c], w->since[c]);
}

int works_book(struct works *w, enum component c, const uint64_t uj[NMODES], bool sure, struct err *e)
{
	for (size_t i = 0; i < NWORKS_LEVELS; i++) {
		struct level *l = &w->levels[i];
		int rc = make_room(w, l->nparties + 1, e);

		if (rc < 0) {
			for (size_t m = 0; m < NMODES; m++)
				l->residual.uj[c][m] += uj[m];
			continue;
		}
		book_level(w, l, c, uj);
	}
	w->step_ns[c] = w->booked_ns[c] != 0 && w->at_ns > w->booked_ns[c] ? w->at_ns - w->booked_ns[c] : 0;
	w->booked_ns[c] = w->at_ns;
	if (!learns(w, c))
		w->cost[c] = (struct cost){ 0 };
	else if (sure && !w->doubt[c])
		cost_learn(&w->cost[c], uj[MODE_DYNAMIC] + uj[MODE_IDLE] + uj[MODE_UNSPLIT], w->elapsed_ns[c],
			   w->since[c], w->measured, w->by[c]);
	w->doubt[c] = false;
	w->capacity_ns[c] = w->elapsed_ns[c] = 0;
	memset(w->since[c], 0, sizeof w->since[c]);
	return e->kind == ERR_NONE ? 0 : -(int)e->kind;
}

int works_each(const struct works *w, enum works_level level, int (*fn)(const struct party *, void *),
	       void *arg)
{
	const struct level *l = &w->levels[level];

	for (size_t i = 0; i < l->nparties; i++) {
		int rc = fn(&l->parties[i], arg);

		if (rc != 0)
			return rc;
	}
	return 0;
}

void works_on_retire(struct works *w, void (*fn)(void *arg, const struct party *p), void *arg)
{
	w->on_retire = fn;
	w->arg = arg;
}

size_t works_count(const struct works *w, enum works_level level)
{
	return w->levels[level].nparties;
}

const uint64_t *works_used(const struct works *w)
{
	return w->used;
}

unsigned works_measured(const struct works *w)
{
	return w->ever_measured;
}

uint64_t works_step_ns(const struct works *w, enum component c)
{
	return w->step_ns[c];
}

uint64_t works_unseen(const struct works *w)
{
	return w->levels[WORKS_WORKLOADS].unseen + w->levels[WORKS_PROCESSES].unseen;
}

const struct sums *works_residual(const struct works *w, enum works_level level)
{
	return &w->levels[level].residual;
}

const struct sums *works_retired(const struct works *w, enum works_level level)
{
	return &w->levels[level].retired;
}

void works_shown(struct works *w)
{
	for (size_t i = 0; i < NWORKS_LEVELS; i++) {
		for (size_t p = 0; p < w->levels[i].nparties; p++)
			w->levels[i].parties[p].shown = true;
	}
}
