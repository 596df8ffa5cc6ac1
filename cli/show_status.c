/* SPDX-License-Identifier: BSD-2-Clause */
/* The one screen of status: nodes with what they draw, parts, what does not work. */
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/json.h"
#include "cli/show.h"
#include "cli/text.h"

#define CELL_MAX 128
#define TAIL_MIN 20		/* columns that the last, free text wants at least */
#define NAMES_MAX 3		/* of hosts in one line */
#define LIST_MAX 4096

static const char *const part_words[] = {
	[PART_ABSENT] = "absent", [PART_OK] = "ok", [PART_FAILED] = "failed", [PART_UNKNOWN] = "unknown",
};

static const char *role(const struct node_status *n)
{
	unsigned roles = n->host->roles;
	return roles & ROLE_CONTROL ? "control" : roles & ROLE_SERVER ? "server" : "worker";
}

static const char *or_null(const char *s)
{
	return *s ? s : NULL;
}

static const struct part_status *part_of(const struct node_status *n, const char *part)
{
	for (size_t i = 0; part_looks[i].part; i++)
		if (strcmp(part_looks[i].part, part) == 0)
			return &n->parts[i];
	return NULL;
}

/* What all nodes that tell draw. */
struct total {
	uint64_t mw;
	unsigned known, estimated, partial;
};

static struct total total_of(const struct status_report *r)
{
	struct total t = { 0 };
	for (size_t i = 0; i < r->n; i++) {
		const struct power *p = &r->nodes[i].power;
		if (!p->known)
			continue;
		t.mw += p->mw;
		t.known++;
		t.estimated += p->estimated;
		t.partial += !p->whole;
	}
	return t;
}

/* ---- JSON */

static struct json_object *power_json(const struct power *p, const struct redact *redact)
{
	struct json_object *o = json_object_new_object();
	json_object_object_add(o, "watts", p->known ? json_thousandths(p->mw) : NULL);
	json_object_object_add(o, "of", json_text(or_null(p->of), redact));
	json_object_object_add(o, "source", json_text(or_null(p->sources), redact));
	json_object_object_add(o, "whole", json_object_new_boolean(p->whole));
	json_object_object_add(o, "estimated", json_object_new_boolean(p->estimated));
	json_object_object_add(o, "message", json_text(or_null(p->why), redact));
	return o;
}

static struct json_object *node_json(const struct node_status *n, const struct redact *redact)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	json_object_object_add(o, "host", json_text(n->host->name, NULL));
	json_object_object_add(o, "role", json_text(role(n), NULL));
	json_object_object_add(o, "reachable", json_object_new_boolean(n->reached));
	json_object_object_add(o, "message", json_text(or_null(n->why), redact));
	json_object_object_add(o, "os", json_text(or_null(n->os), redact));
	json_object_object_add(o, "kernel", json_text(or_null(n->kernel), redact));
	json_object_object_add(o, "arch", json_text(or_null(n->arch), redact));
	json_object_object_add(o, "ready", json_text(or_null(n->ready), redact));
	json_object_object_add(o, "power", n->asked ? power_json(&n->power, redact) : NULL);
	for (size_t i = 0; part_looks[i].part; i++) {
		const struct part_status *p = &n->parts[i];
		if (!p->applies)
			continue;
		struct json_object *one = json_object_new_object();
		json_object_object_add(one, "part", json_text(part_looks[i].part, NULL));
		json_object_object_add(one, "status", json_text(part_words[p->is], NULL));
		json_object_object_add(one, "version", json_text(or_null(p->version), redact));
		json_object_object_add(one, "message", json_text(or_null(p->what), redact));
		json_object_array_add(list, one);
	}
	json_object_object_add(o, "parts", list);
	return o;
}

int show_status_json(struct buf *out, const struct status_report *r, const struct redact *redact)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	struct total t = total_of(r);
	json_object_object_add(o, "watts", t.known ? json_thousandths(t.mw) : NULL);
	json_add_uint(o, "failed", r->failed);
	json_add_uint(o, "unasked", r->unasked);
	json_object_object_add(o, "seconds", json_thousandths(r->ms));
	for (size_t i = 0; i < r->n; i++)
		json_object_array_add(list, node_json(&r->nodes[i], redact));
	json_object_object_add(o, "nodes", list);
	if (r->interrupted)
		json_object_object_add(o, "error", json_text("interrupted", NULL));
	return json_finish(out, o);
}

/* ---- the table of nodes */

static void put_name(const struct node_status *n, struct buf *cell)
{
	buf_adds(cell, n->host->name);
}

static void put_role(const struct node_status *n, struct buf *cell)
{
	buf_adds(cell, role(n));
}

static void put_os(const struct node_status *n, struct buf *cell)
{
	buf_adds(cell, n->os);
}

static void put_ready(const struct node_status *n, struct buf *cell)
{
	buf_adds(cell, strcmp(n->ready, "True") == 0 ? "Ready" : strcmp(n->ready, "False") == 0 ? "NotReady" : n->ready);
}

static void put_version(const struct node_status *n, const char *part, struct buf *cell)
{
	const struct part_status *p = part_of(n, part);
	buf_adds(cell, p ? p->version : "");
}

static void put_k3s(const struct node_status *n, struct buf *cell)
{
	put_version(n, "k3s", cell);
}

static void put_exporter(const struct node_status *n, struct buf *cell)
{
	put_version(n, "exporter", cell);
}

static void add_watts(struct buf *out, uint64_t mw)
{
	mw += 50;
	buf_addf(out, "%" PRIu64 ".%" PRIu64 " W", mw / 1000, mw % 1000 / 100);
}

static void put_draws(const struct node_status *n, struct buf *cell)
{
	if (n->power.known)
		add_watts(cell, n->power.mw);
	else
		buf_adds(cell, "unknown");
}

/* Where they do not all fit, that of the lowest rank goes first; rank 0 never. Of a node that was not asked only the first two
 * are known. */
static const struct column {
	const char *title;
	void (*put)(const struct node_status *, struct buf *cell);
	unsigned rank;
	bool right, always;
} columns[] = {
	{ "node", put_name, 0, false, true },
	{ "role", put_role, 2, false, true },
	{ "os", put_os, 1, false, false },
	{ "cluster", put_ready, 5, false, false },
	{ "k3s", put_k3s, 4, false, false },
	{ "exporter", put_exporter, 3, false, false },
	{ "draws", put_draws, 0, true, false },
};

struct cell {
	char text[CELL_MAX];
	int width;
};

static void fill(struct cell *c, const struct column *col, const struct node_status *n, const struct redact *redact)
{
	AUTO_BUF struct buf raw, plain, clean;
	buf_init(&raw, CELL_MAX);
	buf_init(&plain, CELL_MAX * 2);
	buf_init(&clean, CELL_MAX * 2);
	if (n->asked || col->always)
		col->put(n, &raw);
	redact_add(&plain, redact, raw.len ? buf_str(&raw) : "-");
	text_clean(&clean, buf_str(&plain), TEXT_ASCII);
	snprintf(c->text, sizeof(c->text), "%s", buf_str(&clean));
	c->width = (int)strlen(c->text);
}

/* Which columns are shown, and how wide: 0 for one that is not. */
static void lay_out(const struct status_report *r, const struct show_context *c, unsigned width, int ret[COUNT(columns)])
{
	unsigned all = 0;
	for (size_t k = 0; k < COUNT(columns); k++) {
		ret[k] = (int)strlen(columns[k].title);
		for (size_t i = 0; i < r->n; i++) {
			struct cell cell;
			fill(&cell, &columns[k], &r->nodes[i], c->redact);
			ret[k] = cell.width > ret[k] ? cell.width : ret[k];
		}
		all += (unsigned)ret[k] + 2;
	}
	for (unsigned rank = 1; rank < COUNT(columns) && all + TAIL_MIN > width; rank++)
		for (size_t k = 0; k < COUNT(columns); k++)
			if (columns[k].rank == rank) {
				all -= (unsigned)ret[k] + 2;
				ret[k] = 0;
			}
}

static void add_power_text(struct buf *out, const struct power *p)
{
	if (p->known)
		buf_addf(out, "%s %s", p->of, p->estimated ? "estimated" : "by ");
	if (p->known && !p->estimated)
		buf_adds(out, p->sources);
	if (!p->known)
		buf_adds(out, p->why);
}

/* The rest of a node's line: text that wraps below itself. */
static void add_tail(struct buf *out, const char *text, unsigned at, unsigned width, const struct redact *redact)
{
	AUTO_BUF struct buf plain, clean;
	buf_init(&plain, LIST_MAX);
	buf_init(&clean, LIST_MAX);
	redact_add(&plain, redact, text);
	text_clean(&clean, buf_str(&plain), TEXT_LINE);
	text_wrap(out, buf_str(&clean), at, width - 1, true);
}

static void add_node(struct buf *out, const struct node_status *n, bool interrupted, const struct show_context *c, unsigned width,
		     const int widths[COUNT(columns)])
{
	AUTO_BUF struct buf tail;
	buf_init(&tail, LIST_MAX);
	unsigned at = 0;
	for (size_t k = 0; k < COUNT(columns); k++) {
		struct cell cell;
		if (!widths[k] || (!n->asked && !columns[k].always))
			continue;
		fill(&cell, &columns[k], n, c->redact);
		buf_addf(out, "%*s  ", columns[k].right ? widths[k] : -widths[k], cell.text);
		at += (unsigned)widths[k] + 2;
	}
	if (n->asked)
		add_power_text(&tail, &n->power);
	else
		buf_addf(&tail, "%s%s", n->reached || interrupted ? "" : "unreachable: ", n->why);
	if (!n->asked && c->color)
		buf_adds(out, "\033[31m");
	add_tail(out, buf_str(&tail), at, width, c->redact);
	if (!n->asked && c->color)
		buf_adds(out, "\033[0m");
}

static void add_nodes(struct buf *out, const struct status_report *r, const struct show_context *c, unsigned width)
{
	int widths[COUNT(columns)];
	lay_out(r, c, width, widths);
	for (size_t k = 0; k < COUNT(columns); k++)
		if (widths[k])
			buf_addf(out, "%*s  ", columns[k].right ? widths[k] : -widths[k], columns[k].title);
	buf_adds(out, "measured\n");
	for (size_t i = 0; i < r->n; i++)
		add_node(out, &r->nodes[i], r->interrupted, c, width, widths);
}

/* ---- the table of parts */

/* " on ho1, ho2 and 3 more", of those nodes where the part is so; " on every node". */
static void add_where(struct buf *out, const struct status_report *r, size_t part, enum part_is state, const char *version,
			  unsigned of)
{
	AUTO_BUF struct buf names;
	unsigned n = 0;
	buf_init(&names, LIST_MAX);
	for (size_t i = 0; i < r->n; i++) {
		const struct part_status *p = &r->nodes[i].parts[part];
		if (!p->applies || p->is != state || (version && strcmp(p->version, version) != 0))
			continue;
		if (n++ < NAMES_MAX)
			buf_addf(&names, "%s%s", names.len ? ", " : "", r->nodes[i].host->name);
	}
	if (n == of)
		buf_adds(out, r->unasked ? " on all nodes that were asked" : " on every node");
	else if (n > NAMES_MAX)
		buf_addf(out, " on %s and %u more", buf_str(&names), n - NAMES_MAX);
	else
		buf_addf(out, " on %s", buf_str(&names));
}

/* Has an earlier node the part in the same state and version? */
static bool was_told(const struct status_report *r, size_t part, size_t node)
{
	const struct part_status *p = &r->nodes[node].parts[part];
	for (size_t i = 0; i < node; i++) {
		const struct part_status *q = &r->nodes[i].parts[part];
		if (q->applies && q->is == p->is && (p->is != PART_OK || strcmp(q->version, p->version) == 0))
			return true;
	}
	return false;
}

static void add_part(struct buf *out, const struct status_report *r, size_t part, unsigned indent, const struct show_context *c,
		     unsigned width)
{
	static const char *const words[] = {
		[PART_ABSENT] = "not installed", [PART_OK] = "runs", [PART_FAILED] = "does not work", [PART_UNKNOWN] = "unknown",
	};
	AUTO_BUF struct buf text;
	unsigned of = 0;
	const struct part_status *one = NULL;
	buf_init(&text, LIST_MAX);
	for (size_t i = 0; i < r->n; i++)
		if (r->nodes[i].parts[part].applies) {
			of++;
			one = &r->nodes[i].parts[part];
		}
	if (of == 0)
		buf_adds(&text, "its nodes were not asked");
	else if (of == 1 && one->is == PART_OK)
		buf_addf(&text, "%s", one->what);
	else if (of == 1)
		buf_adds(&text, words[one->is]);
	for (size_t i = 0; of > 1 && i < r->n; i++) {
		const struct part_status *p = &r->nodes[i].parts[part];
		if (!p->applies || was_told(r, part, i))
			continue;
		bool versioned = p->is == PART_OK && *p->version;
		buf_addf(&text, "%s%s", text.len ? "; " : "", versioned ? p->version : words[p->is]);
		add_where(&text, r, part, p->is, p->is == PART_OK ? p->version : NULL, of);
	}
	buf_addf(out, "%-*s", (int)indent, part_looks[part].part);
	add_tail(out, buf_str(&text), indent, width, c->redact);
}

static void add_parts(struct buf *out, const struct status_report *r, const struct show_context *c, unsigned width)
{
	unsigned indent = 0;
	for (size_t i = 0; part_looks[i].part; i++)
		indent = strlen(part_looks[i].part) + 2 > indent ? (unsigned)strlen(part_looks[i].part) + 2 : indent;
	buf_addf(out, "\n%-*s%s\n", (int)indent, "part", "state");
	for (size_t i = 0; part_looks[i].part; i++)
		add_part(out, r, i, indent, c, width);
}

/* ---- what does not work */

static bool is_wrong(const struct part_status *p)
{
	return p->is == PART_FAILED || p->is == PART_UNKNOWN;
}

/* A node that was not asked has its reason in the table already, where there is one. */
static void add_wrong(struct buf *out, const struct status_report *r, const struct show_context *c, unsigned width)
{
	const char *red = c->color ? "\033[31m" : "", *off = c->color ? "\033[0m" : "";
	if (r->failed || c->quiet)
		buf_adds(out, "\nwhat is wrong:\n");
	for (size_t i = 0; i < r->n; i++) {
		const struct node_status *n = &r->nodes[i];
		if (!n->asked && c->quiet) {
			buf_addf(out, "  %s%s%s: %s\n", red, n->host->name, off, n->reached || r->interrupted ? "could not be asked" : "unreachable");
			show_wrapped(out, n->why, 6, width, c->redact);
		}
		for (size_t k = 0; part_looks[k].part; k++) {
			if (!is_wrong(&n->parts[k]))
				continue;
			buf_addf(out, "  %s%s %s%s: %s\n", red, n->host->name, part_looks[k].part, off, part_words[n->parts[k].is]);
			show_wrapped(out, n->parts[k].what, 6, width, c->redact);
		}
	}
}

static void add_next(struct buf *out, const struct status_report *r, unsigned width)
{
	AUTO_BUF struct buf todo;
	char line[200];
	buf_init(&todo, out->max);
	for (size_t i = 0; i < r->n; i++)
		if (!r->nodes[i].reached && !r->interrupted)
			show_how_to_reach(&todo, r->nodes[i].host, width);
	for (size_t k = 0; part_looks[k].part; k++) {
		bool wrong = false;
		for (size_t i = 0; i < r->n; i++)
			wrong |= is_wrong(&r->nodes[i].parts[k]);
		snprintf(line, sizeof(line), "%s: 'powerstack verify %s' tries it out and says more", part_looks[k].part,
			 part_looks[k].part);
		if (wrong)
			show_wrapped(&todo, line, 2, width, NULL);
	}
	if (todo.len)
		buf_addf(out, "%swhat to do next:\n%s", r->failed ? "" : "\n", buf_str(&todo));
}

static void add_total(struct buf *out, const struct status_report *r, unsigned width)
{
	AUTO_BUF struct buf text;
	struct total t = total_of(r);
	char took[24];
	buf_init(&text, LIST_MAX);
	if (t.known) {
		add_watts(&text, t.mw);
		buf_addf(&text, " on %u of %zu nodes", t.known, r->n);
	} else {
		buf_adds(&text, "no node tells what it draws");
	}
	if (t.estimated)
		buf_addf(&text, ", estimated on %u", t.estimated);
	if (t.partial)
		buf_addf(&text, ", not of the whole machine on %u", t.partial);
	buf_addf(&text, "; asked in %s", text_ms(took, r->ms));
	buf_addc(out, '\n');
	show_wrapped(out, buf_str(&text), 0, width, NULL);
}

int show_status(struct buf *out, const struct status_report *r, const struct show_context *c)
{
	unsigned width = c->columns ? c->columns : 80;
	bool wrong = r->unasked || r->failed;
	if (c->quiet && !wrong && !r->interrupted)
		return 0;
	if (!c->quiet) {
		add_nodes(out, r, c, width);
		add_parts(out, r, c, width);
	}
	if (wrong) {
		add_wrong(out, r, c, width);
		add_next(out, r, width);
	}
	if (r->interrupted)
		buf_adds(out, "\ninterrupted: not every node was asked\n");
	if (!c->quiet)
		add_total(out, r, width);
	if (c->log && (wrong || c->verbose))
		buf_addf(out, "log: %s\n", c->log);
	return out->full ? -(int)ERR_MEMORY : 0;
}
