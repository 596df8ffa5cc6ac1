/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/report.h"

#include "exporter/build_info.h"

/* It could, but does not, because there are meters. */
static bool is_spare(const struct view *v, const struct source *s)
{
	return s->up && s->ops->estimates && v->sampler->choice.measured;
}

static const char *state(const struct view *v, const struct source *s)
{
	if (is_spare(v, s) || (!s->state && !s->absent && !s->wanted))
		return "not used";
	return s->up ? "works" : s->state ? "partly" : s->absent ? "absent" : "missing";
}

static const char *detail(const struct view *v, const struct source *s)
{
	return is_spare(v, s) ? "this machine has meters" : s->up ? s->ops->what : s->why.msg;
}

/* ---- --check */

int report_check(const struct view *v, struct buf *out, struct err *e)
{
	for (size_t i = 0; i < v->sampler->n; i++) {
		const struct source *s = &v->sampler->v[i];

		buf_addf(out, "%-12s %-8s %s\n", s->ops->name, state(v, s), detail(v, s));
		if (s->state && !is_spare(v, s) && s->ops->lacks && s->ops->lacks(s)[0])
			buf_addf(out, "%-12s %-8s %s\n", "", "without", s->ops->lacks(s));
		for (size_t m = 0; m < v->tick->nmarks; m++) {
			const struct zone *z = &v->sampler->zones.v[v->tick->marks[m].zone];

			if (z->source == i)
				buf_addf(out, "%-12s %-8s %s%s\n", "", s->ops->estimates ? "estimate" : "meter", z->name,
					 z->needs_proof ? " (platform, if it shows to measure it)" : "");
		}
	}
	if (v->tick->nmarks == 0)
		buf_adds(out, "no energy meter answers: no joules would be exported\n");
	else if (sampler_measured(v->sampler, v->tick) == 0)
		buf_adds(out, "no energy meter answers: the joules exported would be estimates, "
			      "source=\"trained_power_model\"\n");
	return out->full ? err_set(e, ERR_MEMORY, "no memory for the report") : 0;
}

/* ---- the landing page */

static void html(struct buf *out, const char *text)
{
	for (const char *p = text; *p; p++) {
		switch (*p) {
		case '&':
			buf_adds(out, "&amp;");
			break;
		case '<':
			buf_adds(out, "&lt;");
			break;
		case '>':
			buf_adds(out, "&gt;");
			break;
		case '"':
			buf_adds(out, "&quot;");
			break;
		default:
			buf_addc(out, *p);
		}
	}
}

static void fact(struct buf *out, const char *name, const char *value)
{
	buf_addf(out, "<dt>%s</dt><dd>", name);
	html(out, value);
	buf_adds(out, "</dd>\n");
}

static void source_row(struct buf *out, const struct view *v, size_t i)
{
	const struct source *s = &v->sampler->v[i];
	size_t meters = 0;

	for (size_t m = 0; m < v->tick->nmarks; m++)
		meters += v->sampler->zones.v[v->tick->marks[m].zone].source == i;
	buf_addf(out, "<tr class=\"%s\"><th scope=\"row\">", is_spare(v, s) ? "off" : s->up ? "up" : s->wanted && !s->absent ? "down" : "off");
	html(out, s->ops->name);
	buf_addf(out, "</th><td>%s</td><td class=\"n\">", state(v, s));
	if (meters > 0)
		buf_addf(out, "%zu", meters);
	buf_adds(out, "</td><td>");
	html(out, detail(v, s));
	buf_adds(out, "</td></tr>\n");
}

int report_landing(const struct view *v, const char *metrics_path, struct buf *out, struct err *e)
{
	buf_adds(out,
		 "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		 "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		 "<title>powerstack-exporter</title>\n<style>\n"
		 ":root { color-scheme: light dark }\n"
		 "body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem }\n"
		 "h1 { font-size: 1.5rem; margin: 0 }\nh2 { font-size: 1.1rem; margin: 2rem 0 .5rem }\n"
		 "nav a { margin-right: 1.5rem }\n"
		 "dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1.5rem }\n"
		 "dt { opacity: .7 }\ndd { margin: 0 }\n"
		 "table { border-collapse: collapse; width: 100% }\n"
		 "th, td { text-align: left; vertical-align: top; padding: .4rem 1rem .4rem 0; "
		 "border-bottom: 1px solid #8884; font-weight: normal }\n"
		 "thead th { opacity: .7 }\nth[scope=row] { font-family: ui-monospace, monospace; white-space: nowrap }\n"
		 "td:nth-child(2) { white-space: nowrap }\n.n { text-align: right }\n"
		 ".up td:nth-child(2) { color: #2a8a3e }\n.down td:nth-child(2) { color: #c8481a }\n"
		 ".off { opacity: .7 }\n"
		 "</style>\n</head>\n<body>\n<h1>powerstack-exporter</h1>\n"
		 "<p>The energy this machine uses, for Prometheus.</p>\n<nav><a href=\"");
	html(out, metrics_path);
	buf_adds(out, "\">Metrics</a><a href=\"/healthz\">Health</a><a href=\"/readyz\">Readiness</a></nav>\n"
		      "<h2>Node</h2>\n<dl>\n");
	fact(out, "Name", v->facts->instance);
	fact(out, "Processor", v->facts->cpu);
	fact(out, "Version", build_info.version);
	fact(out, "Revision", build_info.revision);
	buf_adds(out, "</dl>\n<h2>Sources</h2>\n<table>\n<thead><tr><th>Source</th><th>State</th>"
		      "<th class=\"n\">Meters</th><th>Measures, or why not</th></tr></thead>\n<tbody>\n");
	for (size_t i = 0; i < v->sampler->n; i++)
		source_row(out, v, i);
	buf_adds(out, "</tbody>\n</table>\n");
	if (v->tick->nmarks == 0)
		buf_adds(out, "<p>No energy meter answers: no joules are exported.</p>\n");
	else if (sampler_measured(v->sampler, v->tick) == 0)
		buf_adds(out, "<p>No energy meter answers: the joules exported are estimates.</p>\n");
	buf_adds(out, "</body>\n</html>\n");
	return out->full ? err_set(e, ERR_MEMORY, "no memory for the landing page") : 0;
}
