/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/page.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exporter/metrics_works.h"
#include "exporter/prom.h"
#include "exporter/zip.h"

/* Who is on the page: a party of the books, and who that is. */
struct listed {
	const struct party *party;
	const struct workload *workload;
	size_t at, len; /* its labels, in sheet.labels */
	/* For a zip, which has them no longer: their checksum, and, in sheet.edits, how they come from those of the one
	 * before; NO_EDIT: there is none. */
	uint32_t crc;
	size_t edit;
};
#define NO_EDIT SIZE_MAX

/* A piece of sheet.common. */
struct piece {
	size_t at, len;
	uint32_t crc; /* for a zip */
};

/* Where a line stands in a zip. */
struct place {
	const struct listed *who; /* NULL: nowhere */
	uint64_t name, labels, tail;
};

/* What the rows of workloads have in common. */
struct sheet {
	const struct view *view;
	struct measured measured[COMP_TOTAL + 1];
	bool any; /* something is measured */
	bool with_works; /* else nothing of what follows */
	struct listed *v[NWORKS_LEVELS];
	size_t n[NWORKS_LEVELS];
	struct party nobody;
	/* Pods: the containers of each, whether they are listed or not, as one party. */
	bool with_pods;
	struct listed *members, *pods;
	struct party *sums;
	size_t nmembers, npods;
	struct sums unlisted[NWORKS_LEVELS];
	struct buf labels, edits;
	const struct label *labels_of;
	/* What is the same in the lines of all who are listed is made once for a family: its name, alone and with
	 * _created, and the labels of a mode that are not about who it is. */
	struct buf common;
	struct piece name[2], tail[COMP_TOTAL + 1][NMODES];
	/* The last line of each kind in the family, and the last of all. */
	struct place seen[2][COMP_TOTAL + 1][NMODES], last;
	bool last_created;
};

/* One family being written: its head comes with its first series. */
struct family {
	const struct metric *row;
	const struct view *view;
	struct sheet *sheet;
	enum page_format format;
	struct buf *out;
	struct zip *zip; /* what out goes to, or NULL */
	bool begun;
};

/* ---- workloads */

static int add_measured(const struct account *a, void *arg)
{
	struct sheet *sheet = arg;
	bool part = a->component == COMP_PACKAGE || a->component == COMP_DRAM || a->component == COMP_GPU ||
		    a->component == COMP_OTHER;
	struct measured *const to[] = { &sheet->measured[a->component], &sheet->measured[COMP_TOTAL] };

	for (size_t i = 0; i < (part ? COUNT(to) : 1); i++) {
		if (!to[i]->there)
			to[i]->source = a->source;
		to[i]->there = true;
		to[i]->modes |= a->modes;
	}
	sheet->any = true;
	return 0;
}

static void list_party(struct sheet *sheet, enum works_level level, const struct party *p)
{
	const struct roster *roster = sheet->view->roster;
	const struct workload *w = roster && p->workload ? roster_find(roster, p->workload) : NULL;

	if (!w && p->process && p->gone && roster)
		w = roster_find(roster, WORKLOAD_SERIAL_SYSTEM); /* its group was gone before it was looked at */
	if (w && sheet->with_pods && level == WORKS_WORKLOADS && w->pod_uid[0])
		sheet->members[sheet->nmembers++] = (struct listed){ .party = p, .workload = w };
	/* Shown as soon as its names are known or will never be: the labels of a series do not change. */
	bool known = w && (level == WORKS_PROCESSES || w->settled || w->gone || p->gone);

	if (!known || p->replaced)
		uj_add(sheet->unlisted[level].uj, p->uj);
	else
		sheet->v[level][sheet->n[level]++] = (struct listed){ .party = p, .workload = w };
}

static int list_workload(const struct party *p, void *arg)
{
	list_party(arg, WORKS_WORKLOADS, p);
	return 0;
}

static int list_process(const struct party *p, void *arg)
{
	list_party(arg, WORKS_PROCESSES, p);
	return 0;
}

static void sheet_clear(struct sheet *sheet)
{
	for (size_t i = 0; i < NWORKS_LEVELS; i++)
		free(sheet->v[i]);
	free(sheet->members);
	free(sheet->pods);
	free(sheet->sums);
	buf_clear(&sheet->labels);
	buf_clear(&sheet->edits);
	buf_clear(&sheet->common);
}

static int by_pod(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;

	return strcmp(x->workload->pod_uid, y->workload->pod_uid);
}

static void add_member(struct party *sum, const struct party *p)
{
	uj_add(sum->uj, p->uj);
	for (size_t c = 0; c < NCOMPONENTS; c++)
		sum->step_uj[c] += p->step_uj[c];
	for (size_t u = 0; u < NUSES; u++)
		sum->use[u] += p->use[u];
	sum->gone = sum->gone && p->gone;
	sum->born_ns = p->born_ns < sum->born_ns ? p->born_ns : sum->born_ns;
}

/* One party for each pod, with what its containers had that are no more. */
static void sum_pods(struct sheet *sheet)
{
	if (sheet->nmembers == 0)
		return;
	qsort(sheet->members, sheet->nmembers, sizeof *sheet->members, by_pod);
	for (size_t i = 0; i < sheet->nmembers; i++) {
		const struct listed *m = &sheet->members[i];
		struct party *sum = &sheet->sums[sheet->npods ? sheet->npods - 1 : 0];
		struct listed *pod = &sheet->pods[sheet->npods ? sheet->npods - 1 : 0];

		if (i == 0 || by_pod(m, m - 1) != 0) {
			const struct pod_rest *rest = roster_pod(sheet->view->roster, m->workload->pod_uid);

			sum = &sheet->sums[sheet->npods];
			pod = &sheet->pods[sheet->npods++];
			*sum = (struct party){ .gone = true, .born_ns = UINT64_MAX };
			*pod = (struct listed){ .party = sum, .workload = m->workload };
			if (rest) {
				memcpy(sum->uj, rest->uj, sizeof sum->uj);
				memcpy(sum->use, rest->use, sizeof sum->use);
			}
		}
		if (!pod->workload->pod_name[0])
			pod->workload = m->workload;
		add_member(sum, m->party);
	}
}

static int by_workload(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;
	uint64_t m = x->workload->serial, n = y->workload->serial, p = x->party->tgid, q = y->party->tgid;

	return m != n ? (m > n) - (m < n) : (p > q) - (p < q);
}

/* Those of a container stand together: their labels are nearly the same, which makes a page with gzip half as large. */
static void sort_processes(struct sheet *sheet)
{
	struct listed *v = sheet->v[WORKS_PROCESSES];
	size_t n = sheet->n[WORKS_PROCESSES], i = 1;

	while (i < n && by_workload(&v[i - 1], &v[i]) <= 0)
		i++;
	if (i < n)
		qsort(v, n, sizeof *v, by_workload);
}

static int sheet_make(struct sheet *sheet, struct err *e)
{
	const struct works *w = ledger_works(sheet->view->ledger);
	const struct sums *rest = works_residual(w, WORKS_WORKLOADS);

	buf_init(&sheet->labels, PAGE_MAX);
	buf_init(&sheet->edits, PAGE_MAX);
	buf_init(&sheet->common, PAGE_MAX);
	ledger_each(sheet->view->ledger, LEVEL_NODE, add_measured, sheet);
	if (!sheet->with_works)
		return 0;
	for (size_t i = 0; i < NWORKS_LEVELS; i++) {
		sheet->v[i] = calloc(works_count(w, (enum works_level)i) + 1, sizeof *sheet->v[i]);
		if (!sheet->v[i])
			return err_set(e, ERR_MEMORY, "no memory for a page of %zu workloads",
				       works_count(w, (enum works_level)i));
		uj_add(sheet->unlisted[i].uj, works_retired(w, (enum works_level)i)->uj);
	}
	if (sheet->with_pods) {
		size_t n = works_count(w, WORKS_WORKLOADS) + 1;

		sheet->members = calloc(n, sizeof *sheet->members);
		sheet->pods = calloc(n, sizeof *sheet->pods);
		sheet->sums = calloc(n, sizeof *sheet->sums);
		if (!sheet->members || !sheet->pods || !sheet->sums)
			return err_set(e, ERR_MEMORY, "no memory for a page of %zu workloads", n);
	}
	works_each(w, WORKS_WORKLOADS, list_workload, sheet);
	sum_pods(sheet);
	works_each(w, WORKS_PROCESSES, list_process, sheet);
	sort_processes(sheet);
	/* A page without any party is of a machine that does not know who draws: all is the node's. */
	if (works_count(w, WORKS_WORKLOADS) > 0) {
		memcpy(sheet->nobody.uj, rest->uj, sizeof rest->uj);
		sheet->v[WORKS_WORKLOADS][sheet->n[WORKS_WORKLOADS]++] =
			(struct listed){ .party = &sheet->nobody, .workload = &workload_nobody };
	} else {
		uj_add(sheet->unlisted[WORKS_WORKLOADS].uj, rest->uj);
	}
	uj_add(sheet->unlisted[WORKS_PROCESSES].uj, works_residual(w, WORKS_PROCESSES)->uj);
	return 0;
}

static void add_labels(struct buf *out, const struct label *labels, const struct subject *s, bool first)
{
	for (const struct label *l = labels; l && l->name; l++) {
		if (l != labels || !first)
			buf_addc(out, ',');
		buf_adds(out, l->name);
		buf_add(out, "=\"", 2);
		prom_escape(out, l->value(s), true);
		buf_addc(out, '"');
	}
}

static void add_who(struct sheet *sheet, const struct listed *l, const struct label *who)
{
	struct subject s = { .view = sheet->view, .party = l->party, .workload = l->workload };

	add_labels(&sheet->labels, who, &s, true);
}

static struct zip_part labels_part(const struct sheet *sheet, const struct listed *l)
{
	return (struct zip_part){ buf_str(&sheet->labels) + l->at, l->len, l->crc };
}

/* How the labels of l, the last ones made, come from those of the one before, of which nothing else is left; then these
 * go as well: a zip hardly ever needs them whole. */
static void make_edit(struct sheet *sheet, struct listed *l, bool first)
{
	struct zip_part to = labels_part(sheet, l), from = first ? to : labels_part(sheet, l - 1);

	l->crc = zip_crc(to.text, to.len);
	l->edit = sheet->edits.len;
	if (first || sheet->labels.full || zip_edit(&sheet->edits, &from, &to) < 0)
		l->edit = NO_EDIT;
	if (l->len > 0)
		memmove(sheet->labels.data, sheet->labels.data + l->at, l->len);
	sheet->labels.len = l->len;
	l->at = 0;
}

/* Makes the labels that tell the listed apart, unless the family before had the same. */
static void make_labels(const struct family *f, struct listed *v, size_t n)
{
	struct sheet *sheet = f->sheet;
	const struct label *who = f->row->who;

	if (sheet->labels_of == who)
		return;
	buf_reset(&sheet->labels);
	buf_reset(&sheet->edits);
	sheet->labels_of = who;
	for (size_t i = 0; i < n; i++) {
		struct listed *l = &v[i];

		l->at = sheet->labels.len;
		add_who(sheet, l, who);
		l->len = sheet->labels.len - l->at;
		if (f->zip)
			make_edit(sheet, l, i == 0);
	}
}

/* ---- families */

/* What was added to sheet.common from there on. */
static struct piece piece_from(const struct family *f, size_t at)
{
	const struct buf *common = &f->sheet->common;
	size_t len = common->len - at;

	return (struct piece){ at, len, f->zip ? zip_crc(buf_str(common) + at, len) : 0 };
}

static struct zip_part common_part(const struct sheet *sheet, const struct piece *p)
{
	return (struct zip_part){ buf_str(&sheet->common) + p->at, p->len, p->crc };
}

static void begin_listed(const struct family *f)
{
	const struct metric *m = f->row;
	struct sheet *sheet = f->sheet;

	buf_reset(&sheet->common);
	memset(sheet->tail, 0, sizeof sheet->tail);
	memset(sheet->seen, 0, sizeof sheet->seen);
	sheet->last.who = NULL;
	for (unsigned created = 0; created < 2; created++) {
		size_t at = sheet->common.len;

		buf_add(&sheet->common, m->name,
			created ? prom_family_len(f->format, m->name, m->type) : strlen(m->name));
		buf_adds(&sheet->common, created ? "_created{" : "{");
		sheet->name[created] = piece_from(f, at);
	}
}

/* What follows the labels of who it is, and a blank: the same for all who are listed. */
static const struct piece *tail_of(const struct family *f, const struct subject *s)
{
	struct sheet *sheet = f->sheet;
	struct piece *tail = &sheet->tail[s->component][s->mode];

	if (tail->len == 0 || f->row->component == COMP_GPUS) { /* these are of the GPU */
		size_t at = tail->len ? tail->at : sheet->common.len;

		sheet->common.len = at;
		add_labels(&sheet->common, f->row->labels, s, false);
		buf_add(&sheet->common, "} ", 2);
		*tail = piece_from(f, at);
	}
	return tail;
}

static char *append(char *at, const char *text, size_t len)
{
	memcpy(at, text, len);
	return at + len;
}

/* As the line of the same kind before it, of the one who is listed before; or, if there was another of his own just
 * now, like that as far as it goes. */
static void zip_line(const struct family *f, bool created, const struct subject *s, const struct listed *l,
		     const struct piece *tail)
{
	struct sheet *sheet = f->sheet;
	struct zip *z = f->zip;
	struct place *seen = &sheet->seen[created][s->component][s->mode], *last = &sheet->last, here = { .who = l };
	struct zip_part labels = { NULL, l->len, l->crc }, name = common_part(sheet, &sheet->name[created]),
			end = common_part(sheet, tail);
	bool again = last->who == l;

	here.name = z->at;
	zip_part(z, &name, again && sheet->last_created == created ? last->name : seen->who ? seen->name : ZIP_NOWHERE);
	here.labels = z->at;
	uint64_t from = again ? last->labels : seen->who && seen->who == l - 1 && l->edit != NO_EDIT ? seen->labels : ZIP_NOWHERE;

	if (!zip_reaches(z, from, l->len)) {
		sheet->labels.len = 0;
		add_who(sheet, l, f->row->who);
		if (sheet->labels.len != l->len) { /* there was no memory for them, then or now: there will be no page */
			sheet->labels.full = true;
			return;
		}
		labels.text = buf_str(&sheet->labels);
		from = ZIP_NOWHERE;
	}
	if (again || from == ZIP_NOWHERE)
		zip_part(z, &labels, from);
	else
		zip_edited(z, &labels, buf_str(&sheet->edits) + l->edit, from);
	here.tail = z->at;
	if (again && created && f->row->component != COMP_GPUS)
		zip_part(z, &end, last->tail);
	else
		zip_part(z, &end, seen->who && f->row->component != COMP_GPUS ? seen->tail : ZIP_NOWHERE);
	*seen = *last = here;
	sheet->last_created = created;
}

/* A line of somebody who is listed. A page has tens of thousands of them: room is made once, and all parts
 * but the number are at hand. */
static void listed_line(const struct family *f, bool created, const struct subject *s, const struct listed *l,
			uint64_t value, unsigned decimals)
{
	const struct sheet *sheet = f->sheet;
	const struct piece *tail = tail_of(f, s), *name = &sheet->name[created];
	char number[PROM_DIGITS_MAX + 1];
	size_t n = prom_digits(number, value, decimals);
	struct buf *out = f->out;

	number[n++] = '\n';
	if (f->zip && buf_drain(out) == 0) {
		zip_line(f, created, s, l, tail);
		zip_number(f->zip, number, n);
		return;
	}
	if (buf_reserve(out, name->len + l->len + tail->len + n) < 0)
		return;
	char *at = out->data + out->len;

	at = append(at, buf_str(&sheet->common) + name->at, name->len);
	at = append(at, buf_str(&sheet->labels) + l->at, l->len);
	at = append(at, buf_str(&sheet->common) + tail->at, tail->len);
	at = append(at, number, n);
	*at = '\0';
	out->len = (size_t)(at - out->data);
}

/* One series' line. Of the name only the first len bytes, then suffix. */
static void line(const struct family *f, size_t len, const char *suffix, const struct subject *s, uint64_t value,
		 unsigned decimals)
{
	const struct metric *m = f->row;

	buf_add(f->out, m->name, len);
	buf_adds(f->out, suffix);
	if (m->labels) {
		buf_addc(f->out, '{');
		add_labels(f->out, m->labels, s, true);
		buf_addc(f->out, '}');
	}
	buf_addc(f->out, ' ');
	prom_number(f->out, value, decimals);
	buf_addc(f->out, '\n');
}

/* When the subject's counters were 0. */
static uint64_t created_ms(const struct view *v, const struct party *p)
{
	return p && p->born_ns > v->created_ns ? v->created_ms + (p->born_ns - v->created_ns) / 1000000
					       : v->created_ms;
}

/* l: whose series it is, of somebody who is listed; or NULL. */
static void series_of(struct family *f, const struct subject *s, const struct listed *l)
{
	const struct metric *m = f->row;
	uint64_t value = 0;

	if (!m->value(s, &value))
		return;
	if (!f->begun)
		prom_head(f->out, f->format, m->name, m->help, m->type);
	f->begun = true;
	if (l)
		listed_line(f, false, s, l, value, m->decimals);
	else
		line(f, strlen(m->name), "", s, value, m->decimals);
	if (f->format != FORMAT_OPENMETRICS || m->type != METRIC_COUNTER)
		return;
	uint64_t created = created_ms(f->view, s->party);

	if (l)
		listed_line(f, true, s, l, created, 3);
	else
		line(f, prom_family_len(f->format, m->name, m->type), "_created", s, created, 3);
}

static void series(struct family *f, const struct subject *s)
{
	series_of(f, s, NULL);
}

static int account_series(const struct account *a, void *arg)
{
	struct family *f = arg;

	if ((int)a->component != f->row->component)
		return 0;
	for (enum mode mode = 0; mode < NMODES; mode++) {
		if (a->modes & 1u << mode)
			series(f, &(struct subject){ .view = f->view, .account = a, .mode = mode });
	}
	return 0;
}

static int gpu_series(const struct account *a, void *arg)
{
	struct family *f = arg;
	struct subject s = { .view = f->view, .account = a, .zone = gpu_zone(f->view, a), .reason = USERS_TOLD + 1 };

	if (!s.zone)
		return 0;
	do
		series(f, &s);
	while (f->row->per == PER_REASON && ++s.reason < NUSERS);
	return 0;
}

/* Which modes of the row's component the subject has series of. Kepler has both of its own for sums
 * always, and one that is 0 for what nothing measures. */
static unsigned modes_of(const struct family *f, struct subject *s)
{
	const struct measured *m = s->measured;
	bool sum = f->row->component == COMP_TOTAL, process = f->row->per == PER_PROCESS;
	unsigned both = 1u << MODE_DYNAMIC | 1u << MODE_IDLE, unsplit = 1u << MODE_UNSPLIT;
	uint64_t uj = 0;

	if (!f->sheet->any || (!m->there && (sum || process)))
		return 0;
	if (!m->there)
		return 1u << MODE_DYNAMIC;
	s->mode = MODE_UNSPLIT;
	if (!sum && !(m->modes & both))
		return unsplit;
	return f->row->value(s, &uj) && uj > 0 ? both | unsplit : both;
}

static void zones_series(struct family *f, struct subject *s, const struct listed *l)
{
	for (enum component c = 0; c < NCOMPONENTS; c++) {
		s->component = c;
		s->measured = &f->sheet->measured[c];
		if (s->measured->there && zone_name(f->view, c, s->measured->source))
			series_of(f, s, l);
	}
}

static void gpus_series(struct family *f, struct subject *s, const struct listed *l)
{
	for (size_t i = 0; i < l->party->ngpus; i++) {
		s->gpu = &l->party->gpus[i];
		s->zone = &f->view->sampler->zones.v[s->gpu->zone];
		series_of(f, s, l);
	}
}

static void works_series(struct family *f, const struct listed *l)
{
	struct subject s = { .view = f->view, .party = l->party, .workload = l->workload };

	if (f->row->component == COMP_NONE) {
		series_of(f, &s, l);
		return;
	}
	if (f->row->component == COMP_ZONES) {
		zones_series(f, &s, l);
		return;
	}
	if (f->row->component == COMP_GPUS) {
		gpus_series(f, &s, l);
		return;
	}
	s.component = (enum component)f->row->component;
	s.measured = &f->sheet->measured[f->row->component];
	unsigned modes = modes_of(f, &s);

	for (enum mode mode = 0; mode < NMODES; mode++) {
		s.mode = mode;
		if (modes & 1u << mode)
			series_of(f, &s, l);
	}
}

static void works_family(struct family *f, struct listed *v, size_t n)
{
	make_labels(f, v, n);
	begin_listed(f);
	for (size_t i = 0; i < n; i++) {
		if (f->row->per != PER_VM || v[i].workload->kind == WORKLOAD_VM)
			works_series(f, &v[i]);
	}
}

static void unlisted_family(struct family *f, enum works_level level)
{
	for (enum component c = 0; c < NCOMPONENTS; c++) {
		for (enum mode mode = 0; mode < NMODES; mode++) {
			if (f->sheet->measured[c].modes & 1u << mode)
				series(f, &(struct subject){ .view = f->view, .component = c, .mode = mode,
							     .unlisted = &f->sheet->unlisted[level],
							     .level = level });
		}
	}
}

static void render_family(struct family *f)
{
	const struct view *v = f->view;

	switch (f->row->per) {
	case PER_EXPORTER:
		series(f, &(struct subject){ .view = v });
		break;
	case PER_ACCOUNT:
		ledger_each(v->ledger, LEVEL_NODE, account_series, f);
		break;
	case PER_SOURCE:
		for (size_t i = 0; i < v->sampler->n; i++)
			series(f, &(struct subject){ .view = v, .source = &v->sampler->v[i] });
		break;
	case PER_FEED:
		for (size_t i = 0; i < v->sampler->n; i++) {
			for (enum component c = 0; c < NCOMPONENTS; c++)
				series(f, &(struct subject){ .view = v, .source = &v->sampler->v[i], .component = c });
		}
		break;
	case PER_ZONE:
		for (uint32_t i = 0; i < v->sampler->zones.n; i++) {
			const struct zone_book *book = ledger_zone(v->ledger, i);

			if (book)
				series(f, &(struct subject){ .view = v,
							     .zone = &v->sampler->zones.v[i],
							     .book = book });
		}
		break;
	case PER_PROGRAM:
		for (size_t i = 0; i < v->tick->nprograms; i++)
			series(f, &(struct subject){ .view = v, .program = &v->tick->programs[i] });
		break;
	case PER_ENGINE:
		for (size_t i = 0; i < v->tick->nengines; i++)
			series(f, &(struct subject){ .view = v, .engine = &v->tick->engines[i] });
		break;
	case PER_GPU:
	case PER_REASON:
		ledger_each(v->ledger, LEVEL_NODE, gpu_series, f);
		break;
	case PER_ANSWER:
		for (size_t i = 0; i < nhttp_statuses; i++)
			series(f, &(struct subject){ .view = v, .answer = i });
		break;
	case PER_FORMAT:
		for (enum page_format i = 0; i < NFORMATS; i++)
			series(f, &(struct subject){ .view = v, .format = i });
		break;
	case PER_SUM:
		for (enum component i = 0; v->rates && i < NCOMPONENTS; i++)
			series(f, &(struct subject){ .view = v, .sum = &v->rates->sums[i] });
		break;
	case PER_CPU:
		for (size_t i = 0; i < v->facts->ncpus; i++)
			series(f, &(struct subject){ .view = v, .cpu = &v->facts->cpus[i] });
		break;
	case PER_CONTAINER:
	case PER_VM:
		works_family(f, f->sheet->v[WORKS_WORKLOADS], f->sheet->n[WORKS_WORKLOADS]);
		break;
	case PER_PROCESS:
		works_family(f, f->sheet->v[WORKS_PROCESSES], f->sheet->n[WORKS_PROCESSES]);
		break;
	case PER_POD:
		works_family(f, f->sheet->pods, f->sheet->npods);
		break;
	case PER_UNLISTED:
		if (!(v->hidden & TOPIC_CONTAINER))
			unlisted_family(f, WORKS_WORKLOADS);
		if (!(v->hidden & TOPIC_PROCESS))
			unlisted_family(f, WORKS_PROCESSES);
		break;
	case PER_STAT:
		for (size_t i = 0; i < nnode_stats; i++)
			series(f, &(struct subject){ .view = v, .stat = i });
		break;
	}
}

static int fits(const struct buf *out, struct err *e)
{
	if (out->full)
		return err_set(e, ERR_MEMORY, "the page does not fit into memory (%zu bytes)", out->len);
	return 0;
}

int page_render(const struct view *view, enum page_format format, const struct metric *rows, size_t n,
		struct buf *out, struct err *e)
{
	struct sheet sheet = { .view = view };

	for (size_t i = 0; i < n; i++) {
		sheet.with_works |= rows[i].per >= PER_CONTAINER && rows[i].per <= PER_UNLISTED;
		sheet.with_pods |= rows[i].per == PER_POD;
	}
	int rc = sheet_make(&sheet, e);

	for (size_t i = 0; rc == 0 && i < n; i++) {
		if (!(rows[i].topics & view->hidden))
			render_family(&(struct family){ .row = &rows[i], .view = view, .sheet = &sheet,
							.format = format, .out = out, .zip = zip_of(out) });
	}
	if (rc == 0 && (sheet.labels.full || sheet.edits.full || sheet.common.full))
		rc = err_set(e, ERR_MEMORY, "no memory for a page of that many workloads");
	sheet_clear(&sheet);
	return rc < 0 ? rc : fits(out, e);
}

int page_end(enum page_format format, struct buf *out, struct err *e)
{
	prom_end(out, format);
	return fits(out, e);
}

int page_document(const struct metric *rows, size_t n, struct buf *out, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		buf_addf(out, "%s (%s)", rows[i].name, prom_type(FORMAT_TEXT, rows[i].type));
		const char *by = " by ";

		for (size_t k = 0; k < 2; k++) {
			for (const struct label *l = k ? rows[i].labels : rows[i].who; l && l->name; l++, by = ", ")
				buf_addf(out, "%s%s", by, l->name);
		}
		buf_addf(out, "\n    %s\n", rows[i].help);
	}
	return out->full ? err_set(e, ERR_MEMORY, "no memory for the list of metrics") : 0;
}
