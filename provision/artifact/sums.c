/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/artifact/sums.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define HEX 64

/* Is line "<sum>  <name>"? A carriage return at its end is not looked at. */
static bool is_line_of(const char *line, size_t len, const char *name)
{
	if (len && line[len - 1] == '\r')
		len--;
	size_t n = strlen(name);
	if (len != HEX + 2 + n || memcmp(line + HEX + 2, name, n) != 0)
		return false;
	for (size_t i = 0; i < HEX; i++)
		if (!isxdigit((unsigned char)line[i]))
			return false;
	return line[HEX] == ' ' && (line[HEX + 1] == ' ' || line[HEX + 1] == '*');
}

int sums_find(const char *source, const void *text, size_t len, const char *name, char ret[static 65],
	      struct err *e)
{
	const char *p = text, *end = len ? p + len : p;
	char found[HEX + 1] = "";
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((nl ? nl : end) - p);
		if (is_line_of(p, n, name)) {
			char sum[HEX + 1] = "";
			for (size_t i = 0; i < HEX; i++)
				sum[i] = (char)tolower((unsigned char)p[i]);
			if (found[0] && strcmp(found, sum) != 0)
				return err_set(e, ERR_FAILED, "'%s' has two different sums of '%s'", source,
					       name);
			memcpy(found, sum, sizeof(found));
		}
		p += n + (nl != NULL);
	}
	if (!found[0])
		return err_set(e, ERR_FAILED,
			       "'%s' has no sum of '%s': is it the release's checksum file, and does the release have that file?",
			       source, name);
	memcpy(ret, found, sizeof(found));
	return 0;
}
