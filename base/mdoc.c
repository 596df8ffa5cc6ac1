/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/mdoc.h"

#include <ctype.h>
#include <string.h>

void mdoc_text(FILE *out, const char *s)
{
	bool begins = true;
	for (; *s; s++) {
		if (begins && (*s == '.' || *s == '\''))
			fputs("\\&", out);
		begins = false;
		if (*s == '\\')
			fputs("\\e", out);
		else if (*s == '-' && (s[1] == '-' || isalnum((unsigned char)s[1])))
			fputs("\\-", out);
		else if (*s == '\n' || (*s == '.' && s[1] == ' ')) {
			fputs(*s == '.' ? ".\n" : "\n", out);
			s += *s == '.';
			begins = true;
		} else
			fputc(*s, out);
	}
	if (!begins)
		fputc('\n', out);
}

void mdoc_sentence(FILE *out, const char *s)
{
	char line[1024];
	snprintf(line, sizeof(line), "%c%s.", toupper((unsigned char)s[0]), s[0] ? s + 1 : "");
	mdoc_text(out, line);
}

static void put_head(FILE *out, const struct opt *o)
{
	fputs(".It ", out);
	if (o->letter)
		fprintf(out, "Fl %c%s%s , ", o->letter, o->arg ? " Ar " : "", o->arg ? o->arg : "");
	fprintf(out, "Fl \\-%s%s%s", o->name, o->arg ? " Ar " : "", o->arg ? o->arg : "");
	if (o->negatable)
		fprintf(out, " , Fl \\-no-%s", o->name);
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
