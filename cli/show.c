/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/show.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/json.h"
#include "cli/text.h"

#define TEXT_MAX (16u << 20)	/* bytes of one report, and of one message in it */

static const char *const presence_words[] = {
	[ABSENT] = "absent", [DRIFTED] = "drifted", [PRESENT] = "present", [FOREIGN] = "foreign",
};

/* One row per outcome: its words and what to do about it. */
static const struct {
	const char *word, *check_word;
	const char *todo;	/* NULL: nothing, or it depends on the host */
	const char *color;
} outcomes[] = {
	[OUT_OK] = { "ok", "ok", NULL, "\033[32m" },
	[OUT_CHANGED] = { "changed", "would change", NULL, "\033[33m" },
	[OUT_FAILED] = { "failed", "failed",
			 "look at the last lines of its command in the log; when it is mended, run the same command again",
			 "\033[31m" },
	[OUT_REFUSED] = { "refused", "refused",
			  "nothing was touched there; clear it away by hand or change the inventory",
			  "\033[31m" },
	[OUT_SKIPPED] = { "skipped", "skipped", NULL, "\033[36m" },
	[OUT_UNREACHABLE] = { "unreachable", "unreachable", NULL, "\033[31m" },
};

static const char *const verdict_words[] = {
	[CHECK_PASS] = "passed", [CHECK_FAIL] = "failed", [CHECK_SKIP] = "skipped",
};
static const char *const verdict_colors[] = {
	[CHECK_PASS] = "\033[32m", [CHECK_FAIL] = "\033[31m", [CHECK_SKIP] = "\033[36m",
};

const char *show_presence(enum presence p)
{
	return presence_words[p];
}

const char *show_outcome(enum outcome o, bool check)
{
	return check ? outcomes[o].check_word : outcomes[o].word;
}

const char *show_outcome_color(enum outcome o)
{
	return outcomes[o].color;
}

const char *show_verdict(enum verdict v)
{
	return verdict_words[v];
}

static const char *on(bool color, const char *escape)
{
	return color ? escape : "";
}

/* ---- problems */

void show_problems(FILE *out, const struct problems *p, bool color)
{
	AUTO_BUF struct buf b;
	buf_init(&b, TEXT_MAX);
	for (size_t i = 0; i < p->n; i++) {
		const struct problem *q = &p->v[i];
		buf_reset(&b);
		buf_adds(&b, on(color, "\033[1m"));
		text_clean(&b, p->path, TEXT_LINE);
		if (q->line)
			buf_addf(&b, ":%u:%u", q->line, q->column);
		buf_addf(&b, ":%s %s%s:%s ", on(color, "\033[0m"),
			 on(color, q->warning ? "\033[35m" : "\033[31m"),
			 q->warning ? "warning" : "error", on(color, "\033[0m"));
		text_clean(&b, q->text, TEXT_LINES);
		fprintf(out, "%s\n", buf_str(&b));
	}
}

/* ---- JSON */

int show_problems_json(struct buf *out, const struct problems *p)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	json_object_object_add(o, "file", json_text(p->path, NULL));
	json_add_uint(o, "errors", p->nerrors);
	json_add_uint(o, "warnings", p->n - p->nerrors);
	for (size_t i = 0; i < p->n; i++) {
		struct json_object *q = json_object_new_object();
		json_add_uint(q, "line", p->v[i].line);
		json_add_uint(q, "column", p->v[i].column);
		json_object_object_add(q, "kind",
				       json_object_new_string(p->v[i].warning ? "warning" : "error"));
		json_object_object_add(q, "text", json_text(p->v[i].text, NULL));
		json_object_array_add(list, q);
	}
	json_object_object_add(o, "problems", list);
	return json_finish(out, o);
}

void show_json_error(FILE *out, const char *message)
{
	AUTO_BUF struct buf b;
	buf_init(&b, TEXT_MAX);
	struct json_object *o = json_object_new_object();
	json_object_object_add(o, "error", json_text(message, NULL));
	json_finish(&b, o);
	fputs(buf_str(&b), out);
}

/* "nfs-server/exports"; NULL for a row about the whole host. */
static const char *step_id(char *ret, size_t size, const struct report_row *row)
{
	if (!row->step)
		return NULL;
	snprintf(ret, size, "%s/%s", row->recipe, row->step);
	return ret;
}

int show_report_json(struct buf *out, const struct report *r, enum walk w, const struct redact *redact)
{
	struct json_object *o = json_object_new_object(), *steps = json_object_new_array();
	json_add_uint(o, "changed", r->changed);
	json_add_uint(o, "ok", r->ok);
	json_add_uint(o, "failed", r->failed);
	json_add_uint(o, "unreachable", r->unreachable);
	json_object_object_add(o, "seconds", json_thousandths(r->ms));
	for (size_t i = 0; i < r->n; i++) {
		const struct report_row *row = &r->rows[i];
		char id[128];
		struct json_object *s = json_object_new_object();
		json_object_object_add(s, "host", json_text(row->host, NULL));
		json_object_object_add(s, "part", json_text(row->part, NULL));
		json_object_object_add(s, "step", json_text(step_id(id, sizeof(id), row), NULL));
		json_object_object_add(s, "was", json_text(show_presence(row->was), NULL));
		json_object_object_add(s, "now", json_text(show_presence(row->now), NULL));
		json_object_object_add(s, "changed",
				       json_object_new_boolean(row->outcome == OUT_CHANGED && w != WALK_CHECK));
		json_add_uint(s, "ms", row->ms);
		json_object_object_add(s, "message", json_text(row->message, redact));
		json_object_object_add(s, "outcome",
				       json_text(show_outcome(row->outcome, false), NULL));
		if (row->diff)
			json_object_object_add(s, "diff", json_text(row->diff, redact));
		json_object_array_add(steps, s);
	}
	json_object_object_add(o, "steps", steps);
	if (r->interrupted)
		json_object_object_add(o, "error", json_text("interrupted", NULL));
	else if (r->stopped)
		json_object_object_add(o, "error", json_text(r->why, redact));
	return json_finish(out, o);
}

int show_verify_json(struct buf *out, const struct verify_report *r, const struct redact *redact)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	json_add_uint(o, "passed", r->passed);
	json_add_uint(o, "failed", r->failed);
	json_add_uint(o, "skipped", r->skipped);
	for (size_t i = 0; i < r->n; i++) {
		const struct verify_row *row = &r->rows[i];
		struct json_object *c = json_object_new_object();
		json_object_object_add(c, "id", json_text(row->check->id, NULL));
		json_object_object_add(c, "where", json_text(row->host, NULL));
		json_object_object_add(c, "what", json_text(row->check->what, NULL));
		json_object_object_add(c, "status", json_text(show_verdict(row->verdict), NULL));
		json_object_object_add(c, "evidence", json_text(row->why, redact));
		json_add_uint(c, "ms", row->ms);
		json_object_array_add(list, c);
	}
	json_object_object_add(o, "checks", list);
	if (r->interrupted)
		json_object_object_add(o, "error", json_text("interrupted", NULL));
	return json_finish(out, o);
}

/* ---- JUnit */

static void xml_add(struct buf *out, const char *text, const struct redact *redact)
{
	AUTO_BUF struct buf plain, clean;
	buf_init(&plain, TEXT_MAX);
	buf_init(&clean, TEXT_MAX);
	redact_add(&plain, redact, text);
	text_clean(&clean, buf_str(&plain), TEXT_LINE);
	for (const char *p = buf_str(&clean); *p; p++) {
		switch (*p) {
		case '&': buf_adds(out, "&amp;"); break;
		case '<': buf_adds(out, "&lt;"); break;
		case '>': buf_adds(out, "&gt;"); break;
		case '"': buf_adds(out, "&quot;"); break;
		default: buf_addc(out, *p);
		}
	}
}

static void junit_case(struct buf *out, const struct verify_row *row, const struct redact *redact)
{
	static const char *const tags[] = { [CHECK_FAIL] = "failure", [CHECK_SKIP] = "skipped" };
	buf_adds(out, "\t\t<testcase classname=\"powerstack.");
	xml_add(out, row->check->part, NULL);
	buf_adds(out, "\" name=\"");
	xml_add(out, row->check->id, NULL);
	buf_addc(out, ' ');
	xml_add(out, row->check->what, NULL);
	buf_adds(out, " [");
	xml_add(out, row->host ? row->host : "all", NULL);
	buf_addf(out, "]\" time=\"%" PRIu64 ".%03" PRIu64 "\"", row->ms / 1000, row->ms % 1000);
	if (row->verdict == CHECK_PASS) {
		buf_adds(out, ">\n\t\t\t<system-out>");
		xml_add(out, row->why, redact);
		buf_adds(out, "</system-out>\n\t\t</testcase>\n");
		return;
	}
	buf_addf(out, ">\n\t\t\t<%s message=\"", tags[row->verdict]);
	xml_add(out, row->why, redact);
	buf_adds(out, "\"/>\n\t\t</testcase>\n");
}

/* Is row i the first of its part? */
static bool part_begins(const struct verify_report *r, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(r->rows[k].check->part, r->rows[i].check->part) == 0)
			return false;
	return true;
}

static void junit_suite(struct buf *out, const struct verify_report *r, const char *part,
			const struct redact *redact)
{
	unsigned count[3] = { 0 };
	uint64_t ms = 0;
	for (size_t i = 0; i < r->n; i++) {
		if (strcmp(r->rows[i].check->part, part) != 0)
			continue;
		count[r->rows[i].verdict]++;
		ms += r->rows[i].ms;
	}
	buf_adds(out, "\t<testsuite name=\"");
	xml_add(out, part, NULL);
	buf_addf(out,
		 "\" tests=\"%u\" failures=\"%u\" errors=\"0\" skipped=\"%u\" time=\"%" PRIu64
		 ".%03" PRIu64 "\">\n",
		 count[CHECK_PASS] + count[CHECK_FAIL] + count[CHECK_SKIP], count[CHECK_FAIL],
		 count[CHECK_SKIP], ms / 1000, ms % 1000);
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->rows[i].check->part, part) == 0)
			junit_case(out, &r->rows[i], redact);
	buf_adds(out, "\t</testsuite>\n");
}

int show_verify_junit(struct buf *out, const struct verify_report *r, const struct redact *redact)
{
	buf_addf(out,
		 "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		 "<testsuites name=\"powerstack verify\" tests=\"%zu\" failures=\"%u\" errors=\"0\" "
		 "skipped=\"%u\" time=\"%" PRIu64 ".%03" PRIu64 "\">\n",
		 r->n, r->failed, r->skipped, r->ms / 1000, r->ms % 1000);
	for (size_t i = 0; i < r->n; i++)
		if (part_begins(r, i))
			junit_suite(out, r, r->rows[i].check->part, redact);
	buf_adds(out, "</testsuites>\n");
	return out->full ? -(int)ERR_MEMORY : 0;
}

/* ---- text */

void show_wrapped(struct buf *out, const char *text, unsigned indent, unsigned columns,
		      const struct redact *redact)
{
	AUTO_BUF struct buf plain, clean;
	buf_init(&plain, TEXT_MAX);
	buf_init(&clean, TEXT_MAX);
	redact_add(&plain, redact, text);
	text_clean(&clean, buf_str(&plain), TEXT_LINES);
	text_wrap(out, buf_str(&clean), indent, columns - 1, false);
}

struct host_counts {
	const char *host;
	unsigned by[OUT_UNREACHABLE + 1];
};

static struct host_counts *counts_of(struct host_counts *v, size_t *n, const char *host)
{
	for (size_t i = 0; i < *n; i++)
		if (strcmp(v[i].host, host) == 0)
			return &v[i];
	v[*n] = (struct host_counts){ .host = host };
	return &v[(*n)++];
}

static void add_count(struct buf *out, int width, unsigned n, const char *color)
{
	if (n && *color)
		buf_addf(out, "%s%*u\033[0m", color, width, n);
	else
		buf_addf(out, "%*u", width, n);
}

static int add_host_table(struct buf *out, const struct report *r, enum walk w, bool color)
{
	AUTO_FREE struct host_counts *v = calloc(r->n ? r->n : 1, sizeof(*v));
	if (!v)
		return -(int)ERR_MEMORY;
	size_t n = 0;
	int width = 4;
	for (size_t i = 0; i < r->n; i++) {
		const char *host = r->rows[i].host ? r->rows[i].host : "-";
		counts_of(v, &n, host)->by[r->rows[i].outcome]++;
		int len = (int)strlen(host);
		width = len > width ? len : width;
	}
	if (n == 0)
		return 0;
	const char *changed = show_outcome(OUT_CHANGED, w == WALK_CHECK);
	int cw = (int)strlen(changed);
	buf_addf(out, "\n%-*s  %s     ok  failed  skipped\n", width, "host", changed);
	for (size_t i = 0; i < n; i++) {
		const unsigned *by = v[i].by;
		buf_addf(out, "%-*s  ", width, v[i].host);
		add_count(out, cw, by[OUT_CHANGED], on(color, outcomes[OUT_CHANGED].color));
		add_count(out, 7, by[OUT_OK], on(color, outcomes[OUT_OK].color));
		add_count(out, 8, by[OUT_FAILED] + by[OUT_REFUSED],
			  on(color, outcomes[OUT_FAILED].color));
		add_count(out, 9, by[OUT_SKIPPED], on(color, outcomes[OUT_SKIPPED].color));
		if (by[OUT_UNREACHABLE])
			buf_addf(out, "  %sunreachable%s", on(color, outcomes[OUT_UNREACHABLE].color),
				 on(color, "\033[0m"));
		buf_addc(out, '\n');
	}
	return 0;
}

static const struct host *host_named(const struct inventory *inv, const char *name)
{
	return inv && name ? inventory_find_host(inv, name) : NULL;
}

static void add_wrong(struct buf *out, const struct report_row *row,
		      const struct show_context *c, unsigned columns)
{
	char id[128];
	const char *step = step_id(id, sizeof(id), row);
	buf_addf(out, "  %s%s%s%s%s: %s\n", on(c->color, outcomes[row->outcome].color),
		 row->host ? row->host : "-", step ? " " : "", step ? step : "",
		 on(c->color, "\033[0m"), show_outcome(row->outcome, false));
	show_wrapped(out, row->message, 6, columns, c->redact);
}

void show_how_to_reach(struct buf *out, const struct host *h, unsigned columns)
{
	char line[512], port[16] = "";
	if (h->port)
		snprintf(port, sizeof(port), "-p %u ", h->port);
	snprintf(line, sizeof(line), "%s: see whether this works: ssh %s%s%s%s true", h->name, port, h->user ? h->user : "",
		 h->user ? "@" : "", h->address);
	show_wrapped(out, line, 2, columns, NULL);
}

/* What to do about the bad rows: once for each kind, and how to try each host that did not answer. */
static void add_next(struct buf *out, const struct report *r, const struct show_context *c,
		     unsigned columns)
{
	bool told[COUNT(outcomes)] = { false };
	char line[512];
	for (size_t i = 0; i < r->n; i++) {
		const struct report_row *row = &r->rows[i];
		const struct host *h = host_named(c->inv, row->host);
		if (row->outcome == OUT_UNREACHABLE && h) {
			show_how_to_reach(out, h, columns);
		} else if (outcomes[row->outcome].todo && !told[row->outcome]) {
			told[row->outcome] = true;
			snprintf(line, sizeof(line), "%s: %s", show_outcome(row->outcome, false),
				 outcomes[row->outcome].todo);
			show_wrapped(out, line, 2, columns, NULL);
		}
	}
}

static bool is_bad(enum outcome o)
{
	return o == OUT_FAILED || o == OUT_REFUSED || o == OUT_UNREACHABLE;
}

int show_report(struct buf *out, const struct report *r, enum walk w,
		const struct show_context *c)
{
	char took[24];
	unsigned columns = c->columns ? c->columns : 80;
	bool bad = r->failed || r->unreachable;
	if (c->quiet && !bad && !r->interrupted)
		return 0;
	if (!c->quiet && add_host_table(out, r, w, c->color) < 0)
		return -(int)ERR_MEMORY;
	if (bad)
		buf_adds(out, "\nwhat went wrong:\n");
	for (size_t i = 0; i < r->n; i++)
		if (is_bad(r->rows[i].outcome))
			add_wrong(out, &r->rows[i], c, columns);
	if (bad)
		buf_adds(out, "what to do next:\n");
	add_next(out, r, c, columns);
	buf_addc(out, '\n');
	if (r->stopped)
		show_wrapped(out, r->why, 0, columns, c->redact);
	if (r->interrupted)
		buf_adds(out, "interrupted; run the same command again to continue from what is true\n");
	buf_addf(out, "%u %s, %u ok, %u failed, %u unreachable", r->changed,
		 show_outcome(OUT_CHANGED, w == WALK_CHECK), r->ok, r->failed, r->unreachable);
	if (r->skipped)
		buf_addf(out, ", %u skipped", r->skipped);
	buf_addf(out, " in %s\n", text_ms(took, r->ms));
	if (w == WALK_CHECK && !bad)
		buf_adds(out, r->changed ? "nothing was changed: this was --check\n" :
					   "nothing to do\n");
	if (c->log && (bad || c->verbose))
		buf_addf(out, "log: %s\n", c->log);
	return out->full ? -(int)ERR_MEMORY : 0;
}

/* Was the same said of the same host before? */
static bool is_repeated(const struct verify_report *r, size_t i)
{
	const struct verify_row *row = &r->rows[i];
	for (size_t k = 0; k < i; k++)
		if (r->rows[k].verdict == row->verdict && row->host && r->rows[k].host &&
		    strcmp(r->rows[k].host, row->host) == 0 && strcmp(r->rows[k].why, row->why) == 0)
			return true;
	return false;
}

int show_verify(struct buf *out, const struct verify_report *r, const struct show_context *c)
{
	char took[24];
	unsigned columns = c->columns ? c->columns : 80;
	int idw = 2, hostw = 4;
	for (size_t i = 0; i < r->n; i++) {
		int id = (int)strlen(r->rows[i].check->id);
		int host = (int)strlen(r->rows[i].host ? r->rows[i].host : "-");
		idw = id > idw ? id : idw;
		hostw = host > hostw ? host : hostw;
	}
	for (size_t i = 0; i < r->n; i++) {
		const struct verify_row *row = &r->rows[i];
		bool good = row->verdict == CHECK_PASS;
		if (c->quiet && row->verdict != CHECK_FAIL)
			continue;
		int at = buf_addf(out, "%-*s  %-*s  %s%-7s%s  ", idw, row->check->id, hostw,
				  row->host ? row->host : "-", on(c->color, verdict_colors[row->verdict]),
				  show_verdict(row->verdict), on(c->color, "\033[0m"));
		if (at < 0)
			return at;
		unsigned indent = (unsigned)(idw + hostw + 13);
		text_wrap(out, row->check->what, indent, columns - 1, true);
		if (!good || c->verbose)
			show_wrapped(out, is_repeated(r, i) ? "as above" : row->why, indent, columns,
				  c->redact);
	}
	if (c->quiet && !r->failed && !r->interrupted)
		return 0;
	if (r->interrupted)
		buf_adds(out, "\ninterrupted: not every check was asked\n");
	buf_addf(out, "%s%u passed, %u failed, %u skipped in %s\n", c->quiet ? "" : "\n", r->passed,
		 r->failed, r->skipped, text_ms(took, r->ms));
	if (c->log && (r->failed || c->verbose))
		buf_addf(out, "log: %s\n", c->log);
	return out->full ? -(int)ERR_MEMORY : 0;
}
