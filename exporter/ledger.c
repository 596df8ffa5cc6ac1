/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "exporter/fuse.h"
#include "exporter/idle.h"
#include "base/wide.h"

/* A platform, three dies of five components, ... : far above any machine. */
#define ACCOUNTS_MAX (ZONES_MAX + 1)

/* Counters are refreshed about every millisecond and read a little apart: allow that much more. */
#define SLACK_NS UINT64_C(20000000)

/* What an account's meters told in this tick, and since when that is. */
struct told {
	bool told;
	uint64_t uj;
	bool idle_told; /* by the meters themselves */
	uint64_t idle_uj;
	/* Of a zone that tells how busy it was: that zone, the time that its marks were of, busy time in it. */
	bool busy_told, busy_unknown;
	uint32_t zone;
	uint64_t busy_ns, marked_ns;
	bool from;	/* the three that follow are set */
	uint64_t from_ns, from_busy_ns;
	bool from_sched;
	struct idle idle;
};

struct ledger {
	struct zone_book zones[ZONES_MAX];
	struct account accounts[ACCOUNTS_MAX];
	struct told told[ACCOUNTS_MAX]; /* one for each account */
	size_t naccounts;
	struct works *works;
	/* `other`: what platform and its parts counted since they were last all known together. The
	 * parts may run ahead of a slow platform meter: then other waits until it catches up. */
	int64_t other_debt_uj;
	uint64_t pending_platform_uj, pending_parts_uj;
	uint64_t pending_platform_idle_uj, pending_parts_idle_uj; /* where all meters know it */
	bool pending_broken;
	struct fuse fuses[ZONES_MAX]; /* of platform meters that tell power */
	uint64_t told_every_ns[ZONES_MAX];
	/* Proof of a platform meter. */
	enum proof proof;
	unsigned proof_ticks;
	uint64_t proof_platform_uj, proof_parts_uj;
};

int ledger_new(struct ledger **ret, struct err *e)
{
	struct ledger *l = calloc(1, sizeof *l);

	if (!l)
		return err_set(e, ERR_MEMORY, "no memory for the ledger");
	int rc = works_new(&l->works, e);

	if (rc < 0) {
		free(l);
		return rc;
	}
	*ret = l;
	return 0;
}

void ledger_free(struct ledger *l)
{
	if (l)
		works_free(l->works);
	free(l);
}

/* The most that can be drawn in ns, saturating. */
static uint64_t most_uj(uint64_t power_max_uw, uint64_t ns)
{
	return wide_mul_div(power_max_uw, ns, 1000000000u);
}

int zone_delta(const struct zone_mark *was, const struct zone_mark *now, uint64_t power_max_uw,
	       uint64_t *ret_uj, bool *ret_wrapped)
{
	if (now->anew || now->at_ns < was->at_ns)
		return -1 - DOUBT_GAP;
	uint64_t most = most_uj(power_max_uw, now->at_ns - was->at_ns + SLACK_NS);

	if (now->wraps_at_uj == 0) {
		if (now->uj < was->uj)
			return -1 - DOUBT_RESET;
		if (now->uj - was->uj > most)
			return -1 - DOUBT_LIE;
		*ret_uj = now->uj - was->uj;
		*ret_wrapped = false;
		return 0;
	}
	if (now->uj > now->wraps_at_uj || was->uj > now->wraps_at_uj)
		return -1 - DOUBT_LIE;
	if (was->wraps_at_uj != now->wraps_at_uj)
		return -1 - DOUBT_RESET;
	/* Could it have gone all the way round in that time? Then nothing can be said. */
	if (most >= now->wraps_at_uj)
		return -1 - DOUBT_GAP;
	bool wrapped = now->uj < was->uj;
	uint64_t uj = wrapped ? now->wraps_at_uj - was->uj + now->uj : now->uj - was->uj;

	if (uj > most)
		return -1 - (wrapped ? DOUBT_RESET : DOUBT_LIE);
	*ret_uj = uj;
	*ret_wrapped = wrapped;
	return 0;
}

static struct account *account_of(struct ledger *l, enum component component, const char *package,
				  unsigned source)
{
	for (size_t i = 0; i < l->naccounts; i++) {
		struct account *a = &l->accounts[i];

		if (a->component == component && a->source == source && strcmp(a->package, package) == 0)
			return a;
	}
	if (l->naccounts == ACCOUNTS_MAX)
		return NULL;
	struct account *a = &l->accounts[l->naccounts++];

	*a = (struct account){ .level = LEVEL_NODE, .component = component, .source = source };
	memcpy(a->package, package, strnlen(package, sizeof a->package - 1));
	return a;
}

/* Joules of a meter, for this account. They are booked when the tick is over and all of it is known.
 * idle_uj: how much of it was idle, or NULL when that must be learnt. */
static void tell(struct ledger *l, struct account *a, uint64_t uj, const uint64_t *idle_uj)
{
	struct told *t = &l->told[a - l->accounts];

	t->told = true;
	t->uj += uj;
	if (idle_uj) {
		t->idle_told = true;
		t->idle_uj += *idle_uj;
	}
}

/* How busy what drew the account's joules was, 0 to 1, and the time that they are of. false: that is not known. */
static bool told_busy(const struct told *t, const struct tick *now, uint64_t *ret_ns, double *ret_busy)
{
	*ret_ns = t->from && now->at_ns > t->from_ns ? now->at_ns - t->from_ns : 0;
	if (t->busy_told) {
		*ret_ns = t->marked_ns;
		*ret_busy = t->marked_ns ? (double)t->busy_ns / (double)t->marked_ns : 0;
		return t->marked_ns > 0 && !t->busy_unknown && *ret_busy <= 1;
	}
	if (*ret_ns == 0 || !now->sched.there || !t->from_sched || now->sched.cpus == 0 ||
	    now->sched.busy_ns < t->from_busy_ns)
		return false;
	*ret_busy = (double)(now->sched.busy_ns - t->from_busy_ns) / ((double)*ret_ns * now->sched.cpus);
	return true;
}

/* The one place where joules are booked: divided into idle and dynamic where that can be told. */
static void book(struct account *a, struct told *t, const struct tick *now, bool sure, double excess_uj,
		 const double *floor_uw, uint64_t ret[NMODES])
{
	uint64_t ns = 0, idle = 0;
	double busy = 0;

	/* What an unusual mix cost more is no use of another height: the line stays straight without it. */
	if (told_busy(t, now, &ns, &busy) && (sure || t->busy_told) && !t->idle_told)
		idle_learn(&t->idle, excess_uj < (double)t->uj ? (uint64_t)((double)t->uj - excess_uj) : 0, ns, busy);
	if (floor_uw)
		idle_follow(&t->idle, *floor_uw);
	ret[MODE_DYNAMIC] = ret[MODE_IDLE] = ret[MODE_UNSPLIT] = 0;
	bool known = t->idle_told || idle_part(&t->idle, t->uj, ns, &idle);

	if (t->idle_told)
		idle = t->idle_uj < t->uj ? t->idle_uj : t->uj;
	if (known) {
		ret[MODE_IDLE] = idle;
		ret[MODE_DYNAMIC] = t->uj - idle;
		a->modes |= 1u << MODE_IDLE | 1u << MODE_DYNAMIC;
	} else {
		ret[MODE_UNSPLIT] = t->uj;
		a->modes |= 1u << MODE_UNSPLIT;
	}
	for (size_t m = 0; m < NMODES; m++)
		a->uj[m] += a->step_uj[m] = ret[m];
	a->step_ns = ns;
	a->stepped_ns = now->at_ns;
	*t = (struct told){ .from = true,
			    .from_ns = now->at_ns,
			    .from_busy_ns = now->sched.busy_ns,
			    .from_sched = now->sched.there,
			    .idle = t->idle };
}

/* Books what was told, and hands it out. sure: every meter told of exactly the time since it told last. */
static int book_all(struct ledger *l, const struct tick *now, bool sure, struct err *e)
{
	uint64_t sums[NCOMPONENTS][NMODES] = { 0 }, whole[NCOMPONENTS] = { 0 };
	unsigned accounts[NCOMPONENTS] = { 0 };
	bool told[NCOMPONENTS] = { false };
	int rc = 0;

	if (!sure)
		works_doubt(l->works);
	for (size_t i = 0; i < l->naccounts; i++) {
		whole[l->accounts[i].component] += l->told[i].uj;
		accounts[l->accounts[i].component] += l->told[i].told;
	}

	for (size_t i = 0; i < l->naccounts; i++) {
		struct account *a = &l->accounts[i];
		uint64_t uj[NMODES];

		if (!l->told[i].told)
			continue;
		/* Of several packages each is taken to have had its part of the mix. */
		double excess = whole[a->component] ? works_excess_uj(l->works, a->component) *
							      ((double)l->told[i].uj / (double)whole[a->component])
						    : 0;
		double floor_uw = 0;
		bool floor = works_floor_w(l->works, a->component, &floor_uw);

		floor_uw = floor_uw * 1e6 / accounts[a->component]; /* packages of one machine are alike */
		uint32_t zone = l->told[i].zone;

		book(a, &l->told[i], now, sure, excess, floor ? &floor_uw : NULL, uj);
		/* GPUs come one by one, and before the platform, whose parts they are. */
		if (a->component == COMP_GPU) {
			rc = works_book_gpu(l->works, zone, uj, a->step_ns, e) < 0 ? -(int)e->kind : rc;
			continue;
		}
		told[a->component] = true;
		for (size_t m = 0; m < NMODES; m++)
			sums[a->component][m] += uj[m];
	}
	/* In this order: the parts of the platform are evidence for the rest of it. */
	for (enum component c = 0; c < NCOMPONENTS; c++) {
		if (told[c] && works_book(l->works, c, sums[c], sure, e) < 0)
			rc = -(int)e->kind;
	}
	return rc;
}

static bool is_part(enum component c)
{
	return c == COMP_PACKAGE || c == COMP_DRAM || c == COMP_GPU;
}

static void forget_pending(struct ledger *l)
{
	l->pending_platform_uj = l->pending_parts_uj = 0;
	l->pending_platform_idle_uj = l->pending_parts_idle_uj = 0;
}

/* Books platform less parts, so that over time other + parts == platform to the microjoule: while
 * the parts are ahead, what is missing is remembered and other stands still. knows_idle: so do all the
 * meters of it. */
static void settle_other(struct ledger *l, unsigned source, bool knows_idle)
{
	uint64_t idle = l->pending_platform_idle_uj > l->pending_parts_idle_uj
				? l->pending_platform_idle_uj - l->pending_parts_idle_uj
				: 0;
	int64_t uj = (int64_t)l->pending_platform_uj - (int64_t)l->pending_parts_uj + l->other_debt_uj;
	struct account *a = account_of(l, COMP_OTHER, "socket0", source);

	forget_pending(l);
	l->other_debt_uj = uj < 0 ? uj : 0;
	if (a)
		tell(l, a, uj > 0 ? (uint64_t)uj : 0, knows_idle ? &idle : NULL);
}

/* Decides once, after enough intervals in which everything was known. */
static void settle_proof(struct ledger *l, uint64_t platform_uj, uint64_t parts_uj,
			 const struct zones *zones)
{
	l->proof_platform_uj += platform_uj;
	l->proof_parts_uj += parts_uj;
	if (++l->proof_ticks < PROOF_TICKS)
		return;
	l->proof = l->proof_platform_uj > 0 && l->proof_platform_uj >= l->proof_parts_uj ? PROOF_GOOD
											  : PROOF_BAD;
	if (l->proof == PROOF_BAD)
		return;
	for (size_t i = 0; i < zones->n; i++) {
		const struct zone *z = &zones->v[i];
		struct account *a;

		if (z->needs_proof && l->zones[i].seen &&
		    (a = account_of(l, z->component, z->package, z->source)) != NULL)
			tell(l, a, l->zones[i].booked_uj, NULL);
	}
	l->other_debt_uj = (int64_t)l->proof_platform_uj - (int64_t)l->proof_parts_uj;
}

/* What a mark says of the time since the zone's mark before. */
struct step {
	bool first, doubt; /* nothing, as there was none; or as it cannot be */
	bool waits;	   /* nothing yet */
	uint64_t uj, idle_uj, busy_ns, ns;
	const struct zone_mark *mark;
};

static void tell_busy(struct told *t, const struct step *s)
{
	t->busy_told = true;
	t->busy_unknown |= s->mark->busy_unknown;
	t->busy_ns += s->busy_ns;
	t->marked_ns += s->ns;
}

static void take_step(struct ledger *l, const struct zone *z, const struct zone_mark *m, struct step *ret)
{
	struct zone_book *b = &l->zones[m->zone];
	bool wrapped = false;

	*ret = (struct step){ .mark = m, .first = !b->seen };
	if (b->seen) {
		int rc = zone_delta(&b->last, m, z->power_max_uw, &ret->uj, &wrapped);

		ret->doubt = rc < 0;
		if (rc < 0)
			b->doubts[-1 - rc]++;
		else
			ret->ns = m->at_ns - b->last.at_ns;
		if (z->knows_idle && m->idle_uj > b->last.idle_uj)
			ret->idle_uj = m->idle_uj - b->last.idle_uj;
		ret->waits = z->tells_busy && rc == 0 && ret->ns == 0 && ret->uj == 0;
		if (m->busy_ns > b->last.busy_ns)
			ret->busy_ns = m->busy_ns - b->last.busy_ns;
		if (m->told_ns > b->last.told_ns && b->last.told_ns > 0)
			l->told_every_ns[m->zone] = m->told_ns - b->last.told_ns;
	}
	b->wraps += wrapped;
}

/* A platform meter that tells more seldom than its parts follows them between its readings (fuse.h);
 * known: all parts told of this interval, and drew parts_w in it. */
static void fuse_step(struct ledger *l, struct step *s, double parts_w, bool known)
{
	const struct zone_mark *m = s->mark;
	struct fuse *f = &l->fuses[m->zone];
	uint64_t every_ns = l->told_every_ns[m->zone];
	double seconds = (double)s->ns / 1e9, watts = 0;

	if (m->told_ns == 0 || !known || s->first || s->doubt || s->ns == 0)
		return;
	double whole_w = (double)m->told_uw / 1e6;
	double every = every_ns > 0 ? (double)every_ns / 1e9 : seconds;
	bool answer = m->told_ns != l->zones[m->zone].last.told_ns && m->told_ns + s->ns >= m->at_ns;

	if (answer && !fuse_is_old(f, parts_w, whole_w, every))
		fuse_learn(f, parts_w, whole_w, every);
	if (every_ns > 2 * s->ns && fuse_whole(f, parts_w, &watts))
		s->uj = (uint64_t)(watts * seconds * 1e6);
}

/* Takes in what the meters tell. Returns whether every one of them told, and nothing was in doubt. */
static bool take_marks(struct ledger *l, const struct tick *now)
{
	const struct zones *zones = now->zones;
	bool marked[ZONES_MAX] = { false };
	struct step steps[ZONES_MAX];
	size_t nsteps = 0;
	/* Of this interval: what platform and parts drew, and whether all of them told. */
	uint64_t platform_uj = 0, parts_uj = 0, platform_idle_uj = 0, parts_idle_uj = 0;
	bool knows_idle = true;
	bool platform = false, unproven = false, parts = false, all_known = true, lost = false, waits = false;
	unsigned parts_source = 0;
	double parts_w = 0;

	for (size_t i = 0; i < now->nmarks; i++) {
		const struct zone_mark *m = &now->marks[i];
		const struct zone *z = &zones->v[m->zone];
		struct step *s = &steps[nsteps];

		if (marked[m->zone])
			continue;
		marked[m->zone] = true;
		take_step(l, z, m, s);
		nsteps++;
		if (!is_part(z->component))
			continue;
		lost |= s->first || s->doubt;
		waits |= s->waits;
		if (s->first || s->doubt)
			continue;
		parts_w += s->ns ? (double)s->uj / 1e6 / ((double)s->ns / 1e9) : 0;
		if (!parts || z->component != COMP_GPU)
			parts_source = z->source; /* of the components, not of a GPU beside them */
		parts = true;
		parts_uj += s->uj;
		parts_idle_uj += s->idle_uj;
	}
	for (size_t i = 0; i < zones->n; i++)
		all_known &= marked[i] || !l->zones[i].seen || zones->v[i].standby || !is_part(zones->v[i].component);
	for (size_t i = 0; i < nsteps; i++) {
		struct step *s = &steps[i];
		const struct zone_mark *m = s->mark;
		const struct zone *z = &zones->v[m->zone];
		struct zone_book *b = &l->zones[m->zone];
		bool counts = is_part(z->component) || z->component == COMP_PLATFORM;
		struct account *a = NULL;

		if (z->component == COMP_PLATFORM)
			fuse_step(l, s, parts_w, parts && all_known && !lost && !waits);
		if (z->needs_proof && l->proof == PROOF_NONE)
			l->proof = PROOF_PENDING;
		if (!z->needs_proof || l->proof == PROOF_GOOD) {
			a = account_of(l, z->component, z->package, z->source);
			if (a)
				a->modes |= z->knows_idle ? 1u << MODE_IDLE | 1u << MODE_DYNAMIC : 1u << MODE_UNSPLIT;
		}
		b->seen = true;
		b->last = *m;
		if (s->first || s->doubt) {
			lost |= counts;
			continue;
		}
		if (s->waits)
			continue;
		b->booked_uj += s->uj;
		if (a)
			tell(l, a, s->uj, z->knows_idle ? &s->idle_uj : NULL);
		if (a && z->component == COMP_GPU)
			l->told[a - l->accounts].zone = m->zone;
		if (a && z->tells_busy)
			tell_busy(&l->told[a - l->accounts], s);
		knows_idle &= z->knows_idle || !counts;
		if (z->component == COMP_PLATFORM) {
			platform = true;
			platform_idle_uj += s->idle_uj;
			unproven |= z->needs_proof && l->proof != PROOF_GOOD;
			platform_uj += s->uj;
		}
	}
	/* A meter that was there and is silent now will tell later what it counted meanwhile. */
	for (size_t i = 0; i < zones->n; i++) {
		if (!marked[i] && l->zones[i].seen && !zones->v[i].standby &&
		    (is_part(zones->v[i].component) || zones->v[i].component == COMP_PLATFORM))
			all_known = false;
	}
	if (lost) {
		l->pending_broken = !all_known || waits;
		forget_pending(l);
		return false;
	}
	l->pending_platform_uj += platform_uj;
	l->pending_parts_uj += parts_uj;
	l->pending_platform_idle_uj += platform_idle_uj;
	l->pending_parts_idle_uj += parts_idle_uj;
	if (!all_known)
		return false;
	if (waits)
		return true; /* all others did; the platform's rest is told when this one tells as well */
	if (l->pending_broken) {
		/* The sums began at different times: start anew from here. */
		l->pending_broken = false;
		forget_pending(l);
		return false;
	}
	if (l->proof == PROOF_PENDING && unproven) {
		settle_proof(l, l->pending_platform_uj, l->pending_parts_uj, zones);
		forget_pending(l);
		if (l->proof == PROOF_GOOD)
			settle_other(l, parts_source, false);
		return l->proof != PROOF_GOOD; /* then a sum of many intervals was told */
	}
	if (platform && parts && !unproven)
		settle_other(l, parts_source, knows_idle);
	else
		forget_pending(l);
	return true;
}

int ledger_settle(struct ledger *l, const struct tick *now, struct err *e)
{
	for (size_t i = 0; i < now->nmarks; i++) {
		if (now->marks[i].zone >= now->zones->n)
			return err_set(e, ERR_BUG, "a mark of an unknown zone");
	}
	int rc = works_use(l->works, now, e);
	bool sure = take_marks(l, now);
	int booked = book_all(l, now, sure, e);

	return rc < 0 ? rc : booked;
}

int ledger_each(const struct ledger *l, enum level level,
		int (*fn)(const struct account *, void *), void *arg)
{
	for (size_t i = 0; i < l->naccounts; i++) {
		int rc = l->accounts[i].level == level ? fn(&l->accounts[i], arg) : 0;

		if (rc != 0)
			return rc;
	}
	return 0;
}

const struct zone_book *ledger_zone(const struct ledger *l, uint32_t zone)
{
	return zone < ZONES_MAX && l->zones[zone].seen ? &l->zones[zone] : NULL;
}

enum proof ledger_proof(const struct ledger *l)
{
	return l->proof;
}

void ledger_attribute(struct ledger *l, const struct attribution *a)
{
	works_attribute(l->works, a);
}

void ledger_on_retire(struct ledger *l, void (*fn)(void *arg, const struct party *p), void *arg)
{
	works_on_retire(l->works, fn, arg);
}

const struct works *ledger_works(const struct ledger *l)
{
	return l->works;
}

void ledger_shown(struct ledger *l)
{
	works_shown(l->works);
}
