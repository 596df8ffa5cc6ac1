/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/opts.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/near.h"

static bool takes_value(const struct opt *o)
{
	return o->kind != OPT_FLAG && o->kind != OPT_COUNT;
}

int opts_duration(const char *text, unsigned long long *ret_ns, struct err *e)
{
	static const struct { const char *unit; double ns; } units[] = {
		{ "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { "m", 60e9 }, { "h", 3600e9 }, { "d", 86400e9 },
	};
	double ns = 0;
	for (const char *s = text; isdigit((unsigned char)*s);) {
		char *end = NULL;
		errno = 0;
		double v = strtod(s, &end), unit = *end || s != text ? 0 : 1e9;
		size_t letters = strspn(end, "abcdefghijklmnopqrstuvwxyz");
		for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
			if (strlen(units[i].unit) == letters && strncmp(end, units[i].unit, letters) == 0)
				unit = units[i].ns;
		ns += v * unit;
		s = end + letters;
		if (errno || unit == 0 || ns > 9e18)
			break;
		if (*s)
			continue;
		*ret_ns = (unsigned long long)(ns + 0.5);
		return 0;
	}
	return err_set(e, ERR_USAGE, "'%s' is not a duration (such as 500ms, 10s, 1m30s)", text);
}

static int set_enum(const struct opt *o, const char *v, int *into, struct err *e)
{
	char known[256] = "";
	for (int i = 0; o->values[i]; i++) {
		if (strcmp(o->values[i], v) == 0) {
			*into = i;
			return 0;
		}
		size_t used = strlen(known);
		snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "", o->values[i]);
	}
	return err_set(e, ERR_USAGE, "--%s: '%s' is none of %s", o->name, v, known);
}

static int set_value(const struct opt *o, void *into, const char *v, bool on, struct err *e)
{
	void *p = (char *)into + o->offset;
	unsigned long long n = 0;
	char *end = NULL;
	int r = 0;
	switch (o->kind) {
	case OPT_FLAG:
		*(bool *)p = on;
		return 0;
	case OPT_COUNT:
		++*(unsigned *)p;
		return 0;
	case OPT_STRING:
		*(const char **)p = v;
		return 0;
	case OPT_ENUM:
		return set_enum(o, v, p, e);
	case OPT_UINT:
		errno = 0;
		n = isdigit((unsigned char)v[0]) ? strtoull(v, &end, 10) : 0;
		if (!end || *end || errno || n < o->min || n > o->max)
			return err_set(e, ERR_USAGE, "--%s: '%s' is not a number from %llu to %llu",
				       o->name, v, o->min, o->max);
		*(unsigned *)p = (unsigned)n;
		return 0;
	case OPT_DURATION:
		r = opts_duration(v, &n, e);
		if (r < 0)
			return err_wrap(e, "--%s", o->name);
		if (n < o->min || n > o->max)
			return err_set(e, ERR_USAGE, "--%s: '%s' is not between %gs and %gs", o->name, v,
				       (double)o->min / 1e9, (double)o->max / 1e9);
		*(uint64_t *)p = n;
		return 0;
	}
	return err_set(e, ERR_BUG, "option --%s has no kind", o->name);
}

struct found {
	const struct opt *opt;
	void *into;
	bool on;
};

static struct found find_long(const struct opt_table *t, size_t nt, const char *name, size_t len)
{
	for (size_t i = 0; i < nt; i++)
		for (size_t j = 0; j < t[i].n; j++) {
			const struct opt *o = &t[i].opts[j];
			if (strlen(o->name) == len && strncmp(o->name, name, len) == 0)
				return (struct found){ o, t[i].into, true };
			if (o->negatable && len > 3 && strncmp(name, "no-", 3) == 0 &&
			    strlen(o->name) == len - 3 && strncmp(o->name, name + 3, len - 3) == 0)
				return (struct found){ o, t[i].into, false };
		}
	return (struct found){ 0 };
}

static struct found find_letter(const struct opt_table *t, size_t nt, char c)
{
	for (size_t i = 0; i < nt; i++)
		for (size_t j = 0; j < t[i].n; j++)
			if (t[i].opts[j].letter == c)
				return (struct found){ &t[i].opts[j], t[i].into, true };
	return (struct found){ 0 };
}

struct all {
	const struct opt_table *t;
	size_t nt;
};

static const char *nth_name(const void *ctx, size_t i)
{
	const struct all *a = ctx;
	for (size_t k = 0; k < a->nt; k++) {
		if (i < a->t[k].n)
			return a->t[k].opts[i].name;
		i -= a->t[k].n;
	}
	return "";
}

static int unknown(const struct opt_table *t, size_t nt, const char *word, struct err *e)
{
	size_t n = 0;
	for (size_t i = 0; i < nt; i++)
		n += t[i].n;
	char name[64];
	size_t len = strcspn(word + 2, "=");
	snprintf(name, sizeof(name), "%.*s", (int)(len > 63 ? 63 : len), word + 2);
	const char *near = near_find(name, n, nth_name, &(struct all){ t, nt });
	if (near)
		return err_set(e, ERR_USAGE, "unknown option '--%s'; did you mean '--%s'?", name, near);
	return err_set(e, ERR_USAGE, "unknown option '--%s'; see --help", name);
}

/* Handles argv[*i]; moves *i on when a value was taken from the next word. */
static int one_long(const struct opt_table *t, size_t nt, int argc, char **argv, int *i,
		    struct err *e)
{
	const char *word = argv[*i];
	const char *eq = strchr(word, '=');
	size_t len = eq ? (size_t)(eq - word) - 2 : strlen(word) - 2;
	struct found f = find_long(t, nt, word + 2, len);
	if (!f.opt)
		return unknown(t, nt, word, e);
	if (!takes_value(f.opt)) {
		if (eq)
			return err_set(e, ERR_USAGE, "'--%s' takes no value", f.opt->name);
		return set_value(f.opt, f.into, NULL, f.on, e);
	}
	if (!eq && *i + 1 >= argc)
		return err_set(e, ERR_USAGE, "'--%s' needs a value: %s", f.opt->name, f.opt->arg);
	return set_value(f.opt, f.into, eq ? eq + 1 : argv[++*i], true, e);
}

static int letters(const struct opt_table *t, size_t nt, int argc, char **argv, int *i,
		   struct err *e)
{
	for (const char *c = argv[*i] + 1; *c; c++) {
		struct found f = find_letter(t, nt, *c);
		if (!f.opt)
			return err_set(e, ERR_USAGE, "unknown option '-%c'; see --help", *c);
		if (!takes_value(f.opt)) {
			int r = set_value(f.opt, f.into, NULL, true, e);
			if (r < 0)
				return r;
			continue;
		}
		if (!c[1] && *i + 1 >= argc)
			return err_set(e, ERR_USAGE, "'-%c' needs a value: %s", *c, f.opt->arg);
		return set_value(f.opt, f.into, c[1] ? c + 1 : argv[++*i], true, e);
	}
	return 0;
}

int opts_parse(const struct opt_table *tables, size_t ntables, int argc, char **argv,
	       bool stop_at_first, int *ret_nargs, struct err *e)
{
	int kept = 0;
	for (int i = 1; i < argc; i++) {
		char *w = argv[i];
		int r = 0;
		if (strcmp(w, "--") == 0) {
			while (++i < argc)
				argv[kept++] = argv[i];
			break;
		}
		if (w[0] == '-' && w[1] == '-')
			r = one_long(tables, ntables, argc, argv, &i, e);
		else if (w[0] == '-' && w[1])
			r = letters(tables, ntables, argc, argv, &i, e);
		else if (stop_at_first) {
			while (i < argc)
				argv[kept++] = argv[i++];
			break;
		} else
			argv[kept++] = w;
		if (r < 0)
			return r;
	}
	*ret_nargs = kept;
	return 0;
}

int opts_set(const struct opt_table *table, const char *name, const char *value, struct err *e)
{
	struct found f = find_long(table, 1, name, strlen(name));
	if (!f.opt)
		return err_set(e, ERR_USAGE, "unknown option '%s'", name);
	bool on = value && (strcasecmp(value, "true") == 0 || strcmp(value, "1") == 0);
	return set_value(f.opt, f.into, value, on, e);
}

/* Help text from column HELP_AT to HELP_END; the cursor stands at HELP_AT. */
#define HELP_AT 34
#define HELP_END 79
static void print_wrapped(FILE *out, const char *text)
{
	size_t at = HELP_AT;
	while (*text) {
		size_t len = strcspn(text, " ");
		if (at > HELP_AT && at + 1 + len > HELP_END) {
			fprintf(out, "\n%*s", HELP_AT, "");
			at = HELP_AT;
		}
		at += (size_t)fprintf(out, "%s%.*s", at > HELP_AT ? " " : "", (int)len, text);
		text += len + strspn(text + len, " ");
	}
	fputc('\n', out);
}

void opts_help(FILE *out, const struct opt *opts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct opt *o = &opts[i];
		char head[64];
		snprintf(head, sizeof(head), "%s%c%s--%s%s%s%s", o->letter ? "-" : "  ",
			 o->letter ? o->letter : ' ', o->letter ? ", " : " ",
			 o->negatable ? "[no-]" : "", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
		if (strlen(head) <= HELP_AT - 4)
			fprintf(out, "  %-*s", HELP_AT - 2, head);
		else
			fprintf(out, "  %s\n%*s", head, HELP_AT, "");
		print_wrapped(out, o->help);
	}
}
