/* SPDX-License-Identifier: BSD-2-Clause */
/* docs/inventory.md says what the tables say, and its example is sound. */
#include "tests/unit/inventory/helper.h"

Test(docs, the_reference_is_current)
{
	AUTO_BUF struct buf doc;
	AUTO_BUF struct buf want;
	struct err e = { 0 };
	buf_init(&doc, 1 << 20);
	buf_init(&want, 1 << 20);
	cr_assert_eq(file_read("docs/inventory.md", &doc, NULL, &e), 0, "%s", e.msg);
	cr_assert_eq(inventory_reference(&want), 0);
	const char *from = strstr(buf_str(&doc), "### Keys of a host");
	cr_assert(from && strcmp(from, buf_str(&want)) == 0,
		  "docs/inventory.md is not what the tables say; 'make generated' writes it");
}

Test(docs, the_example_is_sound)
{
	AUTO_BUF struct buf doc;
	struct err e = { 0 };
	buf_init(&doc, 1 << 20);
	cr_assert_eq(file_read("docs/inventory.md", &doc, NULL, &e), 0, "%s", e.msg);
	char *from = strstr(doc.data, "```yaml\n");
	cr_assert(from);
	char *end = strstr(from + 8, "```");
	cr_assert(end);
	*end = '\0';
	AUTO_READ struct read r = read_text(from + 8);
	assert_silent(&r);
	cr_assert_eq(r.inv->nhosts, 3);
}
