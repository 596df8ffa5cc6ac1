/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/engine/report.h"

#include <stdlib.h>
#include <string.h>

const char *presence_name(enum presence p)
{
	static const char *const names[] = {
		[ABSENT] = "absent",
		[DRIFTED] = "drifted",
		[PRESENT] = "present",
		[FOREIGN] = "foreign",
	};
	return names[p];
}

const char *outcome_name(enum outcome o)
{
	static const char *const names[] = {
		[OUT_OK] = "ok",
		[OUT_CHANGED] = "changed",
		[OUT_FAILED] = "failed",
		[OUT_REFUSED] = "refused",
		[OUT_SKIPPED] = "skipped",
		[OUT_UNREACHABLE] = "unreachable",
	};
	return names[o];
}

char *report_line(char *s)
{
	for (char *c = s; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 127)
			*c = *c == '\n' || *c == '\t' ? ' ' : '?';
	return s;
}

void report_clear(struct report *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->rows[i].message);
		free(r->rows[i].diff);
	}
	free(r->rows);
	memset(r, 0, sizeof(*r));
}

void report_count(struct report *r)
{
	r->changed = r->ok = r->failed = r->unreachable = r->skipped = 0;
	for (size_t i = 0; i < r->n; i++) {
		switch (r->rows[i].outcome) {
		case OUT_OK:
			r->ok++;
			break;
		case OUT_CHANGED:
			r->changed++;
			break;
		case OUT_FAILED:
		case OUT_REFUSED:
			r->failed++;
			break;
		case OUT_SKIPPED:
			r->skipped++;
			break;
		case OUT_UNREACHABLE:
			r->unreachable++;
			break;
		}
	}
}

int report_exit(const struct report *r, enum walk w)
{
	if (r->failed || r->unreachable || r->skipped || r->stopped || r->interrupted)
		return 1;
	return w == WALK_CHECK && r->changed ? 4 : 0;
}

void verify_report_count(struct verify_report *r)
{
	r->passed = r->failed = r->skipped = 0;
	for (size_t i = 0; i < r->n; i++) {
		switch (r->rows[i].verdict) {
		case CHECK_PASS:
			r->passed++;
			break;
		case CHECK_FAIL:
			r->failed++;
			break;
		case CHECK_SKIP:
			r->skipped++;
			break;
		}
	}
}

void verify_report_clear(struct verify_report *r)
{
	free(r->rows);
	memset(r, 0, sizeof(*r));
}
