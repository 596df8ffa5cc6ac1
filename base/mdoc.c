/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/mdoc.h"

#include <ctype.h>
#include <string.h>

#define LINE_END 79

/* One word; returns the columns it took. */
static size_t put_word(FILE *out, const char *s, size_t len, bool first)
{
	size_t n = 0;
	if (first && (*s == '.' || *s == '\''))
		n += (size_t)fprintf(out, "\\&");
	for (size_t i = 0; i < len; i++) {
		bool dash = s[i] == '-' && (s[i + 1] == '-' || isalnum((unsigned char)s[i + 1]));
		if (s[i] == '\\')
			n += (size_t)fprintf(out, "\\e");
		else
			n += (size_t)fprintf(out, "%s%c", dash ? "\\" : "", s[i]);
	}
	return n;
}

void mdoc_text(FILE *out, const char *s)
{
	size_t at = 0;
	while (*s) {
		size_t len = strcspn(s, " \n");
		if (at && at + 1 + len + 4 > LINE_END) {
			fputc('\n', out);
			at = 0;
		}
		if (len && at)
			at += (size_t)fprintf(out, " ");
		if (len)
			at += put_word(out, s, len, at == 0);
		bool ends = s[len] == '\n' || (len && s[len - 1] == '.' && s[len] == ' ');
		if (ends && at) {
			fputc('\n', out);
			at = 0;
		}
		s += len + (s[len] != '\0');
	}
	if (at)
		fputc('\n', out);
}

void mdoc_sentence(FILE *out, const char *s)
{
	char line[1024];
	snprintf(line, sizeof(line), "%c%s.", toupper((unsigned char)s[0]), s[0] ? s + 1 : "");
	mdoc_text(out, line);
}

/* A long option; its dashes are printed as they are typed. */
static void put_long(FILE *out, const char *prefix, const char *name)
{
	fprintf(out, "Fl \\-%s", prefix);
	for (; *name; name++)
		fprintf(out, "%s%c", *name == '-' ? "\\" : "", *name);
}

static void put_head(FILE *out, const struct opt *o)
{
	fputs(".It ", out);
	if (o->letter)
		fprintf(out, "Fl %c%s%s , ", o->letter, o->arg ? " Ar " : "", o->arg ? o->arg : "");
	put_long(out, "", o->name);
	if (o->arg)
		fprintf(out, " Ar %s", o->arg);
	if (o->negatable) {
		fputs(" , ", out);
		put_long(out, "no\\-", o->name);
	}
	fputc('\n', out);
}

void mdoc_options(FILE *out, const struct opt *opts, size_t n)
{
	fputs(".Bl -tag -width Ds\n", out);
	for (size_t i = 0; i < n; i++) {
		put_head(out, &opts[i]);
		mdoc_sentence(out, opts[i].help);
	}
	fputs(".El\n", out);
}
