/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as an inventory: no crash, a reason for every refusal, and what is accepted shows as
 * an inventory that reads back to the same view. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "inventory/inventory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fill(const struct inventory *inv, struct buf *out)
{
	struct err e = { 0 };
	struct inventory_key k;
	for (size_t row = 0; row <= inv->nhosts; row++)
		for (size_t i = 0; inventory_key_at(i, &k); i++) {
			const struct host *h = row < inv->nhosts ? &inv->hosts[row] : NULL;
			if ((h != NULL) != (strcmp(k.scope, "host") == 0))
				continue;
			buf_addf(out, "%s=", k.key);
			inventory_value(inv, h, k.key, out, &e);
			buf_addc(out, '\n');
		}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	setenv("HOME", "/home/me", 1);
	struct inventory *inv = NULL, *again = NULL;
	struct problems ps, ps_again;
	struct err e = { 0 };
	int rc = inventory_parse("/x/inventory.yml", data, size, &inv, &ps, &e);
	if ((rc == 0) != (inv != NULL) || (rc < 0 && rc != -(int)ERR_MEMORY && !ps.nerrors) ||
	    (rc == 0 && ps.nerrors))
		abort();
	if (!inv) {
		problems_free(&ps);
		return 0;
	}
	AUTO_BUF struct buf a;
	AUTO_BUF struct buf b;
	buf_init(&a, 8 << 20);
	buf_init(&b, 8 << 20);
	if (inventory_show(inv, &a) == 0 && a.len < 1 << 20) {
		if (inventory_parse("/x/inventory.yml", buf_str(&a), a.len, &again, &ps_again, &e) < 0)
			abort();
		inventory_show(again, &b);
		if (a.len != b.len || memcmp(buf_str(&a), buf_str(&b), a.len) != 0)
			abort();
		buf_reset(&a);
		buf_reset(&b);
		fill(inv, &a);
		fill(again, &b);
		if (strcmp(buf_str(&a), buf_str(&b)) != 0)
			abort();
		inventory_free(again);
		problems_free(&ps_again);
	}
	inventory_free(inv);
	problems_free(&ps);
	return 0;
}
