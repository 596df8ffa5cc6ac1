/* SPDX-License-Identifier: BSD-2-Clause */
/* What a host answers to a probe. The first byte chooses which of the questions are asked. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "provision/engine/facts.h"

static const char *const questions[][2] = {
	{ "file", "/etc/x" }, { "file", "/etc/x=y" }, { "pkg", "nfs" }, { "unit", "a.service" },
	{ "x", "" },	      { "x", "=" },	      { "x", "a" },	{ "x", "a=b" },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	struct probe p = { 0 };
	for (size_t i = 0; i < 8; i++)
		if (data[0] & (1u << i))
			probe_ask(&p, questions[i][0], "%s", questions[i][1]);
	struct facts *f = NULL;
	struct err e = { 0 };
	int rc = facts_parse(&p, data + 1, size - 1, &f, &e);
	if ((rc == 0) != (f != NULL) || (rc < 0 && !e.msg[0]))
		abort();
	size_t total = 0;
	for (size_t i = 0; f && i < 8; i++) {
		bool known;
		const char *why = NULL;
		const char *v = facts_get(f, &known, &why, questions[i][0], "%s", questions[i][1]);
		bool asked = data[0] & (1u << i);
		/* A value is told only of what was asked, and a reason exactly when nothing is known. */
		if ((v && !(known && asked)) || !why || (known && *why))
			abort();
		char field[16];
		if (v && facts_field(v, "mode", field, sizeof(field)) && strlen(field) > 15)
			abort();
		total += v ? strlen(v) : 0;
	}
	if (total > size)
		abort();
	facts_free(f);
	probe_clear(&p);
	return 0;
}
