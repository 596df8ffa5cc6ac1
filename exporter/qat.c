/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/qat.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "exporter/number.h"

/* "util_cpr0 17" or, with more samples, "util_cpr0 17 3 20 12": the first is the current one. */
static int parse_line(const char *line, size_t len, struct engine_mark *ret, struct err *e)
{
	const char *part = line + strlen("util_");
	size_t n = 0, blanks = 0, digits = 0;
	uint64_t percent = 0;

	while (part + n < line + len && isalnum((unsigned char)part[n]))
		n++;
	while (part + n + blanks < line + len && part[n + blanks] == ' ')
		blanks++;
	while (part + n + blanks + digits < line + len && part[n + blanks + digits] != ' ')
		digits++;
	if (n == 0 || n >= sizeof ret->part || blanks == 0 ||
	    number_parse(part + n + blanks, digits, &percent, e) < 0 || percent > 100)
		return err_set(e, ERR_FAILED, "'%.*s' is no utilisation", (int)(len < 40 ? len : 40), line);
	memcpy(ret->part, part, n);
	ret->part[n] = '\0';
	ret->percent = (unsigned)percent;
	return 0;
}

int qat_parse(const char *text, const char *device, struct tick *into, struct err *e)
{
	bool any = false;

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		struct engine_mark m = { 0 };

		if (strncmp(line, "util_", 5) != 0)
			continue;
		int rc = parse_line(line, strcspn(line, "\n"), &m, e);

		if (rc < 0)
			return rc;
		if (into->nengines == ENGINES_MAX)
			return err_set(e, ERR_FAILED, "more than %d parts of accelerators", ENGINES_MAX);
		snprintf(m.device, sizeof m.device, "%s", device);
		into->engines[into->nengines++] = m;
		any = true;
	}
	return any ? 0 : err_set(e, ERR_FAILED, "no utilisation is told");
}
