/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/gpus.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exporter/number.h"
#include "base/wide.h"

#define MOST UINT64_C(1000000000000000) /* 10^15, of anything: its thousandfold still fits */
#define PID_MOST UINT64_C(0x7fffffff)
#define INSTANCES_MOST 64 /* there are seven today */
/* Samples further apart are none of a device that is asked all the time. */
#define SAMPLE_MAX_US UINT64_C(60000000)

/* ---- lines */

enum word {
	WORD_HELLO,
	WORD_GPU,
	WORD_AT,
	WORD_ENERGY,
	WORD_POWER,
	WORD_UTIL,
	WORD_MEMORY,
	WORD_SEEN,
	WORD_BUSY,
	WORD_MOVES,
	WORD_DIVIDED,
	WORD_BLIND,
	WORD_HOLDS,
	WORD_ERROR,
	WORD_END,
	WORD_FAIL,
};

static const struct {
	const char *name;
	bool gpu;	  /* the first number is a device's */
	bool round;	  /* it stands in a round only */
	bool text;	  /* something follows the numbers */
	size_t n;	  /* numbers beside the device's */
	uint64_t most[2]; /* their largest values */
} words[] = {
	[WORD_HELLO] = { "powerstack-gpu", .text = true, .n = 1, .most = { 1000 } },
	[WORD_GPU] = { "gpu", .gpu = true, .text = true },
	[WORD_AT] = { "at", .n = 1, .most = { UINT64_MAX / 2 } },
	[WORD_ENERGY] = { "energy", .gpu = true, .round = true, .n = 1, .most = { MOST } },
	[WORD_POWER] = { "power", .gpu = true, .round = true, .n = 1, .most = { GPU_MAX_UW / 1000 } },
	[WORD_UTIL] = { "util", .gpu = true, .round = true, .n = 1, .most = { 100 } },
	[WORD_MEMORY] = { "memory", .gpu = true, .round = true, .n = 1, .most = { MOST } },
	[WORD_SEEN] = { "seen", .gpu = true, .round = true, .n = 2, .most = { UINT64_MAX / 2, UINT64_MAX / 2 } },
	[WORD_BUSY] = { "busy", .gpu = true, .round = true, .n = 2, .most = { PID_MOST, 100 } },
	[WORD_MOVES] = { "moves", .gpu = true, .round = true, .n = 2, .most = { PID_MOST, 100 } },
	[WORD_DIVIDED] = { "divided", .gpu = true, .round = true, .n = 1, .most = { INSTANCES_MOST } },
	[WORD_BLIND] = { "blind", .gpu = true, .round = true },
	[WORD_HOLDS] = { "holds", .gpu = true, .round = true, .n = 2, .most = { PID_MOST, MOST } },
	[WORD_ERROR] = { "error", .gpu = true, .round = true, .text = true },
	[WORD_END] = { "end", .round = true },
	[WORD_FAIL] = { "fail", .text = true },
};

struct line {
	enum word word;
	unsigned gpu;
	uint64_t v[2];
	const char *text; /* to the line's end */
};

/* The next word of the line; blanks before it are skipped. */
static const char *next(const char **at, size_t *ret_len)
{
	const char *word = *at + strspn(*at, " ");

	*ret_len = strcspn(word, " ");
	*at = word + *ret_len;
	return word;
}

static int parse(const char *text, size_t len, struct line *ret, struct err *e)
{
	const char *at = text;
	size_t n = 0, word = 0;
	struct err why = { 0 };

	for (size_t i = 0; i < len; i++) {
		if (text[i] < ' ' || text[i] > '~')
			return err_set(e, ERR_FAILED, "the GPU helper's line has a byte that no line has");
	}
	const char *first = next(&at, &n);

	while (word < COUNT(words) && (strlen(words[word].name) != n || memcmp(words[word].name, first, n) != 0))
		word++;
	if (word == COUNT(words))
		return err_set(e, ERR_FAILED, "'%.40s' is no line of the GPU helper", text);
	*ret = (struct line){ .word = (enum word)word };
	if (words[word].gpu) {
		uint64_t gpu = 0;
		const char *v = next(&at, &n);

		if (number_parse(v, n, &gpu, &why) < 0 || gpu >= GPUS_MAX)
			return err_set(e, ERR_FAILED, "the GPU helper says '%.40s': there is no such device", text);
		ret->gpu = (unsigned)gpu;
	}
	for (size_t i = 0; i < words[word].n; i++) {
		const char *v = next(&at, &n);

		if (number_parse(v, n, &ret->v[i], &why) < 0 || ret->v[i] > words[word].most[i])
			return err_set(e, ERR_FAILED, "the GPU helper says '%.40s', which cannot be", text);
	}
	ret->text = at + strspn(at, " ");
	if (!words[word].text != (ret->text[0] == '\0'))
		return err_set(e, ERR_FAILED, "the GPU helper's line '%.40s' has too %s in it", text,
			       words[word].text ? "little" : "much");
	return 0;
}

/* ---- users */

void gpus_clear(struct gpus *g)
{
	free(g->users);
	*g = (struct gpus){ 0 };
}

static void drop_round(struct gpus *g)
{
	g->in_round = false;
	for (size_t i = 0; i < GPUS_MAX; i++)
		memset(&g->v[i].round, 0, sizeof g->v[i].round);
	for (size_t i = 0; i < g->nusers; i++) {
		struct gpu_user *u = &g->users[i];

		u->holds = u->works = false;
		u->bytes = u->busy_percent = u->memory_percent = 0;
	}
}

void gpus_restart(struct gpus *g)
{
	drop_round(g);
	g->greeted = false;
	for (size_t i = 0; i < GPUS_MAX; i++)
		g->v[i].there = false;
}

/* Found or made. */
static int user_of(struct gpus *g, unsigned gpu, uint32_t pid, struct gpu_user **ret, struct err *e)
{
	for (size_t i = 0; i < g->nusers; i++) {
		if (g->users[i].gpu == gpu && g->users[i].pid == pid) {
			*ret = &g->users[i];
			return 0;
		}
	}
	if (g->nusers == GPU_USERS_MAX)
		return err_set(e, ERR_FAILED, "more than %d processes use GPUs", GPU_USERS_MAX);
	if (g->nusers == g->users_cap) {
		size_t more = g->users_cap ? g->users_cap * 2 : 16;
		struct gpu_user *v = reallocarray(g->users, more, sizeof *v);

		if (!v)
			return err_set(e, ERR_MEMORY, "no memory for the users of GPUs");
		g->users = v;
		g->users_cap = more;
	}
	*ret = &g->users[g->nusers++];
	**ret = (struct gpu_user){ .gpu = gpu, .pid = pid };
	return 0;
}

void gpus_forget(struct gpus *g, uint64_t now_ns)
{
	size_t kept = 0;

	for (size_t i = 0; i < g->nusers; i++) {
		const struct gpu_user *u = &g->users[i];
		bool told = u->busy_ns == u->told_busy_ns && u->memory_ns == u->told_memory_ns &&
			    u->held_ns == u->told_held_ns;

		if (u->pid == 0 || !told || u->holds || u->works || now_ns < u->heard_ns ||
		    now_ns - u->heard_ns < GPU_USER_KEPT_NS)
			g->users[kept++] = *u;
	}
	g->nusers = kept;
}

/* ---- rounds */

/* What the device's meter counted up to this round. false: it has none. */
static bool take_energy(struct gpu *d, uint64_t at_ns)
{
	if (d->round.energy) {
		/* A device that only told power so far: another counter. */
		d->anew |= !d->counts_energy && d->told_ns != 0;
		d->counts_energy = true;
		d->uj = d->round.mj * 1000;
		return true;
	}
	struct zone_mark m;

	if (!d->round.power)
		return false;
	integral_take(&d->power, d->round.mw * 1000, at_ns, GPU_GAP_NS);
	if (!integral_mark(&d->power, at_ns, GPU_GAP_NS, &m))
		return false;
	d->anew |= m.anew || (d->counts_energy && d->told_ns != 0);
	d->counts_energy = false;
	d->uj = m.uj;
	return true;
}

/* Who used the device since the round before, ns ago. watched: that is known. Returns whether somebody
 * holds memory of it. */
static bool take_users(struct gpus *g, unsigned gpu, struct gpu_user *nobody, uint64_t ns, bool watched)
{
	const struct gpu *d = &g->v[gpu];
	uint64_t us = d->round.to_us - d->round.from_us, held = 0;
	bool anybody = false;

	for (size_t i = 0; i < g->nusers; i++) {
		struct gpu_user *u = &g->users[i];

		if (u->gpu != gpu || u->pid == 0)
			continue;
		anybody |= u->holds;
		if (u->holds || u->works) {
			/* One that comes back may be another process under the same number. */
			u->placed &= u->heard_ns == d->at_ns;
			u->heard_ns = g->round_ns;
		}
		if (u->works && watched) {
			u->busy_ns += us * u->busy_percent * 10; /* a hundredth of a microsecond is 10 ns */
			u->memory_ns += us * u->memory_percent * 10;
		}
		if (!u->holds || !watched || d->round.memory == 0)
			continue;
		uint64_t part = wide_mul_div(ns, u->bytes, d->round.memory);

		/* Memory that two have together is held once. */
		part = part < ns - held ? part : ns - held;
		u->held_ns += part;
		held += part;
	}
	nobody->held_ns += ns - held;
	return anybody;
}

static void tell(struct gpus *g, unsigned gpu)
{
	struct gpu *d = &g->v[gpu];

	/* One that was not taken says nothing of the time before it. */
	d->mark = (struct zone_mark){ .anew = d->anew || d->mark.anew, .uj = d->uj, .at_ns = d->at_ns,
				      .busy_ns = d->busy_ns, .busy_unknown = d->busy_unknown || d->mark.busy_unknown };
	d->anew = d->busy_unknown = d->worked = d->sampled = false;
	d->told_ns = d->at_ns;
	for (size_t i = 0; i < g->nusers; i++) {
		struct gpu_user *u = &g->users[i];

		if (u->gpu != gpu)
			continue;
		u->told_busy_ns = u->busy_ns;
		u->told_memory_ns = u->memory_ns;
		u->told_held_ns = u->held_ns;
	}
}

/* Who used the device since its round before, and how busy it was. Returns whether somebody holds memory of it. */
static bool watch_device(struct gpus *g, unsigned gpu, struct gpu_user *nobody)
{
	struct gpu *d = &g->v[gpu];
	uint64_t ns = d->at_ns == 0 ? 0 : g->round_ns - d->at_ns;
	bool gap = ns > GPU_GAP_NS;
	bool held = take_users(g, gpu, nobody, ns, !gap && !d->round.blind);

	d->at_ns = g->round_ns;
	d->users = d->round.divided ? USERS_DIVIDED : d->round.blind ? USERS_UNTOLD : USERS_TOLD;
	d->instances = (unsigned)d->round.instances;
	if (gap || d->round.blind)
		nobody->busy_ns += ns;
	if (d->round.util && !gap)
		d->busy_ns += ns * d->round.percent / 100;
	else
		d->busy_unknown = true;
	/* Nor is anybody told of later whom nobody can tell. */
	d->worked |= !d->round.util || d->round.percent > 0;
	d->sampled |= gap || d->round.blind ||
		      (d->round.seen && d->round.to_us > d->round.from_us &&
		       d->round.to_us - d->round.from_us <= SAMPLE_MAX_US);
	return held;
}

static int end_device(struct gpus *g, unsigned gpu, struct err *e)
{
	struct gpu *d = &g->v[gpu];
	struct gpu_user *nobody = NULL;
	bool first = d->at_ns == 0;
	int rc = user_of(g, gpu, 0, &nobody, e);

	if (rc < 0 || (!first && g->round_ns <= d->at_ns))
		return rc;
	bool reads = take_energy(d, g->round_ns);

	if (!reads && d->why[0] == '\0' && !d->counts_energy)
		snprintf(d->why, sizeof d->why, "it tells neither energy nor power");
	if (!reads && d->why[0] != '\0')
		return 0;
	d->why[0] = '\0';
	bool held = watch_device(g, gpu, nobody);
	/* Whom it works for will be known in a moment. */
	bool waits = d->worked && held && !d->sampled && d->at_ns - d->told_ns < GPU_WAIT_NS;

	if (reads && (first || !waits))
		tell(g, gpu);
	return 0;
}

static int end_round(struct gpus *g, struct err *e)
{
	int rc = 0;

	for (unsigned i = 0; i < GPUS_MAX && rc == 0; i++) {
		if (g->v[i].there)
			rc = end_device(g, i, e);
	}
	drop_round(g);
	g->rounds++;
	g->ended_ns = g->round_ns;
	return rc;
}

bool gpus_take(struct gpus *g, unsigned gpu, struct zone_mark *ret)
{
	struct gpu *d = &g->v[gpu];

	if (d->told_ns == 0)
		return false;
	*ret = d->mark;
	d->mark.anew = d->mark.busy_unknown = false;
	return true;
}

/* ---- ticks */

/* The zone of a device. Its package is the driver's number, unless another device had that before. */
static int zone_of(struct gpu *d, unsigned i, unsigned source, struct zones *zones, struct err *e)
{
	struct zone z = { .component = COMP_GPU, .source = source, .power_max_uw = GPU_MAX_UW, .tells_busy = true };

	if (d->zoned)
		return 0;
	snprintf(z.name, sizeof z.name, "%s", d->uuid);
	snprintf(z.device, sizeof z.device, "%s", d->name);
	snprintf(z.package, sizeof z.package, "%u", i);
	for (size_t k = 0; k < zones->n; k++) {
		const struct zone *has = &zones->v[k];

		if (has->source == z.source && strcmp(has->package, z.package) == 0 && strcmp(has->name, z.name) != 0)
			snprintf(z.package, sizeof z.package, "%s", d->uuid);
	}
	int rc = zones_intern(zones, &z, &d->zone, e);

	d->zoned = rc == 0;
	return rc;
}

static int mark_device(struct gpus *g, unsigned i, unsigned source, struct zones *zones, uint64_t now_ns,
		       struct tick *into, struct err *e)
{
	struct gpu *d = &g->v[i];
	struct zone_mark mark;
	int rc = d->there ? zone_of(d, i, source, zones, e) : 0;

	if (rc < 0 || !d->zoned)
		return rc;
	if (now_ns - d->at_ns > GPU_LOST_NS) {
		/* Lost, or taken out: no mark is to be waited for. */
		zones->v[d->zone].standby = true;
		return 0;
	}
	if (!gpus_take(g, i, &mark))
		return 0;
	mark.zone = d->zone;
	zones->v[d->zone].users = d->users;
	zones->v[d->zone].instances = d->instances;
	return tick_add_mark(into, &mark, e);
}

static bool has_zone(const struct gpus *g, uint32_t zone)
{
	for (unsigned i = 0; i < GPUS_MAX; i++) {
		if (g->v[i].zoned && g->v[i].zone == zone)
			return true;
	}
	return false;
}

int gpus_tick(struct gpus *g, unsigned source, struct zones *zones, uint64_t now_ns, struct tick *into,
	      struct err *e)
{
	int rc = 0;

	for (unsigned i = 0; i < GPUS_MAX && rc == 0; i++)
		rc = mark_device(g, i, source, zones, now_ns, into, e);
	/* Of a device whose number another one has now no mark is to be waited for either. */
	for (uint32_t k = 0; g->rounds > 0 && k < zones->n; k++)
		zones->v[k].standby |= zones->v[k].source == source && !has_zone(g, k);
	/* Whoever has used a device stays known, and what it used, also while nothing is told. */
	for (size_t i = 0; i < g->nusers && rc == 0; i++) {
		const struct gpu_user *u = &g->users[i];

		if (g->v[u->gpu].zoned)
			rc = tick_add_gpu(into, &(struct gpu_mark){ .zone = g->v[u->gpu].zone, .tgid = u->pid,
								    .cgroup = u->cgroup,
								    .busy_ns = u->told_busy_ns,
								    .memory_ns = u->told_memory_ns,
								    .held_ns = u->told_held_ns }, e);
	}
	return rc;
}

/* ---- taking lines in */

/* Nothing is known any more of what had this number. */
static void forget_device(struct gpus *g, unsigned gpu)
{
	size_t kept = 0;

	for (size_t i = 0; i < g->nusers; i++) {
		if (g->users[i].gpu != gpu)
			g->users[kept++] = g->users[i];
	}
	g->nusers = kept;
	g->v[gpu] = (struct gpu){ 0 };
}

static bool is_device(const struct gpu *d, const char *uuid, size_t len)
{
	return strncmp(d->uuid, uuid, len) == 0 && d->uuid[len] == '\0';
}

/* "UUID NAME"; the UUID becomes a label and a zone's name. */
static int take_device(struct gpus *g, const struct line *l, struct err *e)
{
	struct gpu *d = &g->v[l->gpu];
	size_t len = strcspn(l->text, " ");
	const char *name = l->text + len + strspn(l->text + len, " ");

	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)l->text[i]) && l->text[i] != '-')
			return err_set(e, ERR_FAILED, "the GPU helper says '%.60s', which is no UUID", l->text);
	}
	if (len >= sizeof d->uuid || *name == '\0')
		return err_set(e, ERR_FAILED, "the GPU helper says '%.60s', which is no UUID and name", l->text);
	for (unsigned i = 0; i < GPUS_MAX; i++) {
		if (i == l->gpu || !is_device(&g->v[i], l->text, len))
			continue;
		if (g->v[i].there)
			return err_set(e, ERR_FAILED, "the GPU helper says that GPUs %u and %u are one", i, l->gpu);
		forget_device(g, i); /* it has another number now */
	}
	if (!is_device(d, l->text, len)) {
		forget_device(g, l->gpu);
		d->busy_unknown = true;
		memcpy(d->uuid, l->text, len);
	}
	d->there = true;
	snprintf(d->name, sizeof d->name, "%s", name);
	return 0;
}

static int take(struct gpus *g, const struct line *l, uint64_t now_ns, struct err *e)
{
	struct gpu *d = &g->v[l->gpu];
	struct gpu_user *u = NULL;
	int rc = 0;

	switch (l->word) {
	case WORD_HELLO:
		if (l->v[0] != GPU_PROTOCOL)
			return err_set(e, ERR_FAILED, "the GPU helper is of another version (its lines are %u, not %d)",
				       (unsigned)l->v[0], GPU_PROTOCOL);
		gpus_restart(g);
		g->greeted = true;
		snprintf(g->driver, sizeof g->driver, "%s", l->text);
		break;
	case WORD_GPU:
		return take_device(g, l, e);
	case WORD_AT:
		drop_round(g);
		g->in_round = true;
		g->round_ns = l->v[0] < now_ns ? l->v[0] : now_ns;
		break;
	case WORD_ENERGY:
		d->round.energy = true;
		d->round.mj = l->v[0];
		break;
	case WORD_POWER:
		d->round.power = true;
		d->round.mw = l->v[0];
		break;
	case WORD_UTIL:
		d->round.util = true;
		d->round.percent = l->v[0];
		break;
	case WORD_MEMORY:
		d->round.memory = l->v[0];
		break;
	case WORD_SEEN:
		d->round.seen = true;
		d->round.from_us = l->v[0];
		d->round.to_us = l->v[1];
		break;
	case WORD_BUSY:
	case WORD_MOVES:
		if (!d->round.seen)
			return err_set(e, ERR_FAILED, "the GPU helper tells of a process that it did not see");
		rc = user_of(g, l->gpu, (uint32_t)l->v[0], &u, e);
		if (rc == 0)
			u->works = true, *(l->word == WORD_BUSY ? &u->busy_percent : &u->memory_percent) = l->v[1];
		break;
	case WORD_DIVIDED:
		d->round.divided = d->round.blind = true;
		d->round.instances = l->v[0];
		break;
	case WORD_BLIND:
		d->round.blind = true;
		break;
	case WORD_HOLDS:
		rc = user_of(g, l->gpu, (uint32_t)l->v[0], &u, e);
		if (rc == 0)
			u->holds = true, u->bytes = l->v[1];
		break;
	case WORD_ERROR:
		snprintf(d->why, sizeof d->why, "%s", l->text);
		break;
	case WORD_END:
		return end_round(g, e);
	case WORD_FAIL:
		return err_set(e, ERR_FAILED, "%s", l->text);
	}
	return rc;
}

int gpus_line(struct gpus *g, const char *line, size_t len, uint64_t now_ns, struct err *e)
{
	struct line l;
	int rc = parse(line, len, &l, e);

	if (rc == 0 && !g->greeted && l.word != WORD_HELLO && l.word != WORD_FAIL)
		rc = err_set(e, ERR_FAILED, "the GPU helper did not say first who it is");
	if (rc == 0 && words[l.word].round && (!g->in_round || (words[l.word].gpu && !g->v[l.gpu].there)))
		rc = err_set(e, ERR_FAILED, "the GPU helper says '%.40s' out of place", line);
	if (rc == 0)
		rc = take(g, &l, now_ns, e);
	if (rc < 0)
		drop_round(g);
	return rc;
}
