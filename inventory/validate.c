/* SPDX-License-Identifier: BSD-2-Clause */
#include "inventory/validate.h"

#include <string.h>

#include "base/cleanup.h"

const struct spot *checked_spot(const struct checked *c, const struct host *host, const char *key)
{
	size_t row = host ? (size_t)(host - c->inv->hosts) : c->inv->nhosts;
	return &c->spots[row * nschema + (size_t)(schema_find(key) - schema)];
}

static void disk_is_named(const struct checked *c, const char *message)
{
	const struct host *h = c->inv->control;
	if (h && checked_spot(c, h, "disk_for_persistent_storage")->state == FS_NONE)
		problem_at(c->p, (struct place){ h->line, h->column }, "%s", message);
}

struct rule {
	void (*check)(const struct checked *, const char *message);
	const char *message;
};

static const struct rule rules[] = {
	{ disk_is_named, "disk_for_persistent_storage is missing: name the empty disk that becomes the data "
			 "volume by its stable path, see 'ls -l /dev/disk/by-id' there" },
};

void validate(const struct checked *c)
{
	for (size_t i = 0; i < COUNT(rules); i++)
		rules[i].check(c, rules[i].message);
}
