/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/page.h"

#include <string.h>

#include "exporter/prom.h"

/* One family being written: its head comes with its first series. */
struct family {
	const struct metric *row;
	const struct view *view;
	enum page_format format;
	struct buf *out;
	bool begun;
};

/* name{labels} and a blank; of a counter's name only the first len bytes, then suffix. */
static void series_name(struct buf *out, const struct metric *m, size_t len, const char *suffix,
			const struct subject *s)
{
	buf_add(out, m->name, len);
	buf_adds(out, suffix);
	for (const struct label *l = m->labels; l && l->name; l++) {
		buf_addc(out, l == m->labels ? '{' : ',');
		buf_adds(out, l->name);
		buf_add(out, "=\"", 2);
		prom_escape(out, l->value(s), true);
		buf_addc(out, '"');
	}
	buf_adds(out, m->labels ? "} " : " ");
}

static void series(struct family *f, const struct subject *s)
{
	const struct metric *m = f->row;
	uint64_t value = 0;

	if (!m->value(s, &value))
		return;
	if (!f->begun)
		prom_head(f->out, f->format, m->name, m->help, m->type);
	f->begun = true;
	series_name(f->out, m, strlen(m->name), "", s);
	prom_number(f->out, value, m->decimals);
	buf_addc(f->out, '\n');
	if (f->format != FORMAT_OPENMETRICS || m->type != METRIC_COUNTER)
		return;
	series_name(f->out, m, prom_family_len(f->format, m->name, m->type), "_created", s);
	prom_number(f->out, f->view->created_ms, 3);
	buf_addc(f->out, '\n');
}

static int account_series(const struct account *a, void *arg)
{
	struct family *f = arg;

	if (a->component != f->row->component)
		return 0;
	for (enum mode mode = 0; mode < NMODES; mode++) {
		if (a->modes & 1u << mode)
			series(f, &(struct subject){ .view = f->view, .account = a, .mode = mode });
	}
	return 0;
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
	for (size_t i = 0; i < n; i++)
		render_family(&(struct family){ .row = &rows[i], .view = view, .format = format, .out = out });
	return fits(out, e);
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
		for (const struct label *l = rows[i].labels; l && l->name; l++)
			buf_addf(out, "%s%s", l == rows[i].labels ? " by " : ", ", l->name);
		buf_addf(out, "\n    %s\n", rows[i].help);
	}
	return out->full ? err_set(e, ERR_MEMORY, "no memory for the list of metrics") : 0;
}
