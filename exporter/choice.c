/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/choice.h"

#include <string.h>

/* A source that is not needed is read this often, to know whether it works. */
#define STANDBY_NS (10 * UINT64_C(1000000000))

static const char *const names[NCOMPONENTS] = {
	[COMP_PACKAGE] = "package", [COMP_CORE] = "core",	  [COMP_UNCORE] = "uncore",
	[COMP_DRAM] = "dram",	    [COMP_GPU] = "gpu",		  [COMP_PLATFORM] = "platform", [COMP_OTHER] = "other",
};

const char *component_name(enum component c)
{
	return names[c];
}

static bool is_rapl(const struct source_ops *ops)
{
	return strncmp(ops->name, "rapl-", 5) == 0;
}

/* What an order calls the source; for the platform, RAPL's counters are "psys". */
static bool is_called(const struct source_ops *ops, const char *name, size_t len, bool platform)
{
	const char *called = platform && is_rapl(ops)		       ? "psys"
			     : strcmp(ops->name, "trained_power_model") == 0 ? "estimator" /* Kepler's names for one */
								       : ops->name;

	return strlen(called) == len && strncmp(called, name, len) == 0;
}

/* Ranks the sources of one list. components: the bits it is about. */
static int rank_list(struct choice *c, const struct source_ops *const *table, size_t n, const char *list,
		     unsigned components, struct err *e)
{
	bool platform = components == 1u << COMP_PLATFORM;
	unsigned char place = 0;

	for (const char *at = list; *at;) {
		size_t len = strcspn(at, ",");
		bool found = false, twice = false;

		for (size_t i = 0; i < n; i++) {
			if (!is_called(table[i], at, len, platform) || !(table[i]->components & components))
				continue;
			found = true;
			for (enum component k = 0; k < NCOMPONENTS; k++) {
				if (!(table[i]->components & components & 1u << k))
					continue;
				twice |= c->rank[i][k] != RANK_NEVER;
				c->rank[i][k] = place;
			}
			/* Of the RAPL sources each has a place of its own, in the order of the table. */
			place++;
		}
		if (!found || twice)
			return err_set(e, ERR_USAGE, "'%.*s' %s in the order of meters '%s'", (int)len, at,
				       twice ? "stands twice" : "is no meter that could stand", list);
		at += len;
		at += *at == ',';
	}
	return 0;
}

/* A default names every source there may be; the table of a test or of a build may have fewer. */
static const char *known(const struct source_ops *const *table, size_t n, const char *list,
			 unsigned components, char *ret, size_t size)
{
	size_t used = 0;

	ret[0] = '\0';
	for (const char *at = list; *at;) {
		size_t len = strcspn(at, ",");
		bool found = false;

		for (size_t i = 0; i < n; i++)
			found |= (table[i]->components & components) != 0 &&
				 is_called(table[i], at, len, components == 1u << COMP_PLATFORM);
		if (found && used + len + 2 <= size)
			used += (size_t)snprintf(ret + used, size - used, "%s%.*s", used ? "," : "", (int)len, at);
		at += len;
		at += *at == ',';
	}
	return ret;
}

int choice_init(struct choice *c, const struct source_ops *const *table, size_t n,
		const char *components, const char *platform, struct err *e)
{
	const unsigned platform_bit = 1u << COMP_PLATFORM;
	const unsigned parts = 1u << COMP_PACKAGE | 1u << COMP_CORE | 1u << COMP_UNCORE | 1u << COMP_DRAM;
	char all[256], whole[256];

	*c = (struct choice){ 0 };
	memset(c->rank, RANK_NEVER, sizeof c->rank);
	for (enum component k = 0; k < NCOMPONENTS; k++) {
		c->feed[k] = -1;
		/* What no list is about has one kind of meter only (GPUs). */
		for (size_t i = 0; i < n; i++) {
			if ((table[i]->components & ~(parts | platform_bit)) & 1u << k)
				c->rank[i][k] = 0;
		}
	}
	int rc = rank_list(c, table, n,
			   components ? components : known(table, n, CHOICE_COMPONENTS, parts, all, sizeof all),
			   parts, e);

	return rc < 0 ? rc
		      : rank_list(c, table, n,
				  platform ? platform
					   : known(table, n, CHOICE_PLATFORM, platform_bit, whole, sizeof whole),
				  platform_bit, e);
}

bool choice_wants(const struct choice *c, unsigned source)
{
	for (enum component k = 0; k < NCOMPONENTS; k++) {
		if (c->rank[source][k] != RANK_NEVER)
			return true;
	}
	return false;
}

bool choice_needs(const struct choice *c, const struct source *s, uint64_t now_ns)
{
	if (s->ops->asynchronous || !s->ops->components || s->read_ns == 0 || now_ns < s->read_ns ||
	    now_ns - s->read_ns >= STANDBY_NS)
		return true;
	for (enum component k = 0; k < NCOMPONENTS; k++) {
		if (!(s->ops->components & 1u << k) || c->rank[s->index][k] == RANK_NEVER)
			continue;
		/* It feeds it, or nothing does, or it could take over: up or down. Of what a source has
		 * never told it is not known to have it: that alone is asked for now and then. */
		if (c->feed[k] == (int)s->index)
			return true;
		if (c->marked_ns[s->index][k] == 0 || (s->ops->estimates && c->measured))
			continue;
		if (c->feed[k] < 0 || c->silent[k] > 0 || c->rank[s->index][k] < c->rank[c->feed[k]][k])
			return true;
	}
	return false;
}

/* Has the feed been silent for longer than it may keep its component? */
static bool is_over(const struct choice *c, enum component k, uint64_t now_ns)
{
	return c->silent[k] >= CHOICE_HOLD_TICKS && now_ns - c->marked_ns[c->feed[k]][k] >= CHOICE_HOLD_NS;
}

/* Is there a peer, preferred to `rank`, of which nothing is known yet? */
static bool is_awaited(const struct choice *c, const struct source *all, size_t n, enum component k,
		       unsigned rank, uint64_t now_ns)
{
	for (size_t i = 0; i < n; i++) {
		const struct source *s = &all[i];

		if (c->rank[i][k] < rank && s->state && s->ops->asynchronous && s->errors == 0 &&
		    c->marked_ns[i][k] == 0 && now_ns - s->tried_ns < CHOICE_GRACE_NS)
			return true;
	}
	return false;
}

/* Has, or may still get, the component a meter? One that comes while something else feeds must first
 * be steady, one that falls silent keeps its component for a while. */
static bool is_measured(const struct choice *c, const struct source *all, size_t n, enum component k,
			const bool present[SOURCES_MAX], uint64_t now_ns)
{
	if (is_awaited(c, all, n, k, RANK_NEVER, now_ns))
		return true;
	for (int i = 0; i < (int)n; i++) {
		bool feeds = c->feed[k] == i;

		if (all[i].ops->estimates)
			continue;
		if (present[i] && (feeds || c->feed[k] < 0 || c->in_a_row[i][k] >= CHOICE_STEADY_TICKS))
			return true;
		if (feeds && !present[i] && !is_over(c, k, now_ns))
			return true;
	}
	return false;
}

/* Takes estimates out where there are meters. What they feed they are relieved of: in this tick their
 * marks count for the last time, which `also` tells. */
static void drop_estimates(struct choice *c, const struct source *all, size_t n,
			   bool present[NCOMPONENTS][SOURCES_MAX], uint64_t now_ns, int also[NCOMPONENTS])
{
	c->measured = is_measured(c, all, n, COMP_PACKAGE, present[COMP_PACKAGE], now_ns) ||
		      is_measured(c, all, n, COMP_PLATFORM, present[COMP_PLATFORM], now_ns);
	for (enum component k = 0; k < NCOMPONENTS; k++) {
		also[k] = -1;
		for (int i = 0; i < (int)n && c->measured; i++) {
			if (!all[i].ops->estimates)
				continue;
			present[k][i] = false;
			if (c->feed[k] != i)
				continue;
			also[k] = i;
			c->feed[k] = -1;
			c->silent[k] = 0;
		}
	}
}

/* Decides about one component. *ret_also: the source whose marks count in this tick as well, because
 * it is just being relieved; or -1. */
static void decide(struct choice *c, const struct source *all, size_t n, enum component k,
		   const bool present[SOURCES_MAX], uint64_t now_ns, int *ret_also)
{
	int feed = c->feed[k], best = -1, steady = -1;

	for (int i = 0; i < (int)n; i++) {
		if (!present[i])
			continue;
		if (best < 0 || c->rank[i][k] < c->rank[best][k])
			best = i;
		if (c->in_a_row[i][k] >= CHOICE_STEADY_TICKS &&
		    (steady < 0 || c->rank[i][k] < c->rank[steady][k]))
			steady = i;
	}
	if (feed < 0) {
		if (best >= 0 && !is_awaited(c, all, n, k, c->rank[best][k], now_ns))
			c->feed[k] = best;
		return;
	}
	if (present[feed]) {
		if (steady >= 0 && c->rank[steady][k] < c->rank[feed][k]) {
			*ret_also = feed;
			c->feed[k] = steady;
		}
		return;
	}
	if (best >= 0 && is_over(c, k, now_ns)) {
		c->feed[k] = best;
		c->silent[k] = 0;
	}
}

void choice_apply(struct choice *c, const struct source *all, size_t n, struct tick *t)
{
	struct zones *zones = t->zones;
	bool present[NCOMPONENTS][SOURCES_MAX] = { { false } };
	int also[NCOMPONENTS];
	size_t kept = 0;

	for (size_t i = 0; i < t->nmarks; i++) {
		const struct zone *z = &zones->v[t->marks[i].zone];

		if (z->source < n && c->rank[z->source][z->component] != RANK_NEVER)
			present[z->component][z->source] = true;
	}
	for (enum component k = 0; k < NCOMPONENTS; k++) {
		for (size_t i = 0; i < n; i++) {
			if (present[k][i]) {
				c->marked_ns[i][k] = t->at_ns;
				c->in_a_row[i][k]++;
			} else if (all[i].read_ns == t->at_ns || !all[i].state) {
				c->in_a_row[i][k] = 0; /* asked, and gave none */
			}
		}
		c->silent[k] = c->feed[k] >= 0 && !present[k][c->feed[k]] ? c->silent[k] + 1 : 0;
	}
	drop_estimates(c, all, n, present, t->at_ns, also);
	for (enum component k = 0; k < NCOMPONENTS; k++)
		decide(c, all, n, k, present[k], t->at_ns, &also[k]);
	for (size_t i = 0; i < zones->n; i++) {
		struct zone *z = &zones->v[i];

		if ((int)z->source != c->feed[z->component] && (int)z->source != also[z->component])
			z->standby = true;
	}
	for (size_t i = 0; i < t->nmarks; i++) {
		struct zone_mark m = t->marks[i];
		struct zone *z = &zones->v[m.zone];

		if ((int)z->source != c->feed[z->component] && (int)z->source != also[z->component])
			continue;
		/* Others counted what it has counted while it did not feed. */
		m.anew |= z->standby;
		z->standby = false;
		t->marks[kept++] = m;
	}
	t->nmarks = kept;
	/* Relieved: from now on nobody waits for its marks. */
	for (size_t i = 0; i < zones->n; i++)
		zones->v[i].standby |= (int)zones->v[i].source != c->feed[zones->v[i].component];
}
