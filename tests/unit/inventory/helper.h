/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_UNIT_INVENTORY_HELPER_H
#define TESTS_UNIT_INVENTORY_HELPER_H
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "inventory/inventory.h"

#define CORPUS "tests/fuzz/corpus/inventory/"

/* One reading of an inventory with what it said. */
struct read {
	struct inventory *inv;		/* NULL when there were errors */
	struct problems ps;
	struct err e;
	int rc;
};

static inline void read_clear(struct read *r)
{
	inventory_free(r->inv);
	problems_free(&r->ps);
}
#define AUTO_READ __attribute__((cleanup(read_clear)))

static inline struct read read_named(const char *name, const char *text)
{
	struct read r = { 0 };
	r.rc = inventory_parse(name, text, strlen(text), &r.inv, &r.ps, &r.e);
	cr_assert_eq(r.rc == 0, r.inv != NULL);
	cr_assert_eq(r.rc == 0, r.ps.nerrors == 0);
	return r;
}

static inline struct read read_text(const char *text)
{
	return read_named("/x/inventory.yml", text);
}

/* All that was said, one "line:column: text" a line ("warning: " before the text of one). */
static inline char *said(const struct read *r)
{
	struct buf b;
	buf_init(&b, 1 << 20);
	for (size_t i = 0; i < r->ps.n; i++)
		buf_addf(&b, "%u:%u: %s%s\n", r->ps.v[i].line, r->ps.v[i].column,
			 r->ps.v[i].warning ? "warning: " : "", r->ps.v[i].text);
	return buf_take(&b);
}

/* Was something said at that place that contains text? */
static inline bool was_said(const struct read *r, bool warning, unsigned line, unsigned column,
			    const char *text)
{
	for (size_t i = 0; i < r->ps.n; i++)
		if (r->ps.v[i].warning == warning && r->ps.v[i].line == line &&
		    r->ps.v[i].column == column && strstr(r->ps.v[i].text, text))
			return true;
	return false;
}

#define assert_error(r, line, column, text)                                                    \
	do {                                                                                   \
		AUTO_FREE char *said_ = said(r);                                               \
		cr_expect(was_said(r, false, line, column, text), "no error %u:%u '%s' in:\n%s", \
			  (unsigned)(line), (unsigned)(column), text, said_);                  \
	} while (0)
#define assert_warning(r, line, column, text)                                                  \
	do {                                                                                   \
		AUTO_FREE char *said_ = said(r);                                               \
		cr_expect(was_said(r, true, line, column, text), "no warning %u:%u '%s' in:\n%s", \
			  (unsigned)(line), (unsigned)(column), text, said_);                  \
	} while (0)
#define assert_sound(r)                                                     \
	do {                                                                \
		AUTO_FREE char *said_ = said(r);                            \
		cr_assert_eq((r)->rc, 0, "%s:\n%s", (r)->e.msg, said_);     \
	} while (0)
#define assert_silent(r)                                                    \
	do {                                                                \
		AUTO_FREE char *said_ = said(r);                            \
		cr_expect_eq((r)->ps.n, 0, "%s:\n%s", (r)->e.msg, said_);   \
	} while (0)

/* A sound inventory of one server and one agent with lines put in: host keys of the server, of the
 * agent, and of all. The first line of server's is line 6, see small_lines. */
static inline struct read read_small(const char *server, const char *agent, const char *vars)
{
	struct buf b;
	buf_init(&b, 1 << 20);
	buf_addf(&b,
		 "k3s_cluster:\n"
		 "  children:\n"
		 "    server:\n"
		 "      hosts:\n"
		 "        ho1:\n"
		 "%s"
		 "    agent:\n"
		 "      hosts:\n"
		 "        ho2:\n"
		 "%s"
		 "  vars:\n"
		 "%s", server, agent, vars);
	struct read r = read_text(buf_str(&b));
	buf_clear(&b);
	return r;
}

#define SERVER                                                                         \
	"          internal_ip: 10.0.0.1\n"                                            \
	"          disk_for_persistent_storage: /dev/disk/by-id/ata-X_1\n"
#define AGENT "          internal_ip: 10.0.0.2\n"
#define VARS "    nfs_network: 10.0.0.0/24\n"
/* In a small inventory: the line of the first line added behind SERVER, AGENT and VARS. */
#define SERVER_LINE 8
#define AGENT_LINE 12
#define VARS_LINE 14

#endif
