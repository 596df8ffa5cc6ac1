/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "provision/remote/agent.h"

/* Three keys "k1", "k2", "k3" with comments "c". */
static const unsigned char list[] = "\x0c\0\0\0\3"
				    "\0\0\0\2k1\0\0\0\1c"
				    "\0\0\0\2k2\0\0\0\1c"
				    "\0\0\0\2k3\0\0\0\1c";
#define LIST_LEN (sizeof(list) - 1)

static void chosen(const struct agent_choice *choice, const char *want, unsigned want_n)
{
	struct err e = { 0 };
	AUTO_BUF struct buf b;
	unsigned n = 99;
	buf_init(&b, 1000);
	cr_assert_eq(agent_select(list, LIST_LEN, choice, &b, &n, &e), 0, "%s", e.msg);
	cr_assert_eq(n, want_n);
	char got[8] = "";
	for (size_t i = 9, k = 0; i < b.len && k < 7; i += 11)
		got[k++] = b.data[i + 5];
	cr_assert_str_eq(got, want);
	cr_assert_eq((unsigned char)b.data[3], b.len - 4);
	cr_assert_eq((unsigned char)b.data[8], want_n);
}

Test(agent, named_keys_come_first_or_alone_and_tried_ones_not_again)
{
	struct strv first = { 0 }, skip = { 0 };
	strv_push(&first, "azM=");	/* k3 */
	strv_push(&skip, "azE=");	/* k1 */
	chosen(&(struct agent_choice){ 0 }, "123", 3);
	chosen(&(struct agent_choice){ .first = &first }, "312", 3);
	chosen(&(struct agent_choice){ .first = &first, .only = true }, "3", 1);
	chosen(&(struct agent_choice){ .first = &first, .skip = &skip }, "32", 2);
	chosen(&(struct agent_choice){ .skip = &skip, .only = true }, "", 0);
	strv_clear(&first);
	strv_clear(&skip);
}

Test(agent, a_list_cut_anywhere_is_refused)
{
	struct agent_choice all = { 0 };
	for (size_t len = 0; len < LIST_LEN; len++) {
		struct err e = { 0 };
		AUTO_BUF struct buf b;
		unsigned n = 0;
		buf_init(&b, 1000);
		cr_assert_lt(agent_select(list, len, &all, &b, &n, &e), 0);
	}
}

Test(agent, one_that_never_answers_ends_with_its_deadline)
{
	char path[] = "/tmp/agentXXXXXX";
	close(mkstemp(path));
	unlink(path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	memcpy(sa.sun_path, path, sizeof(path));
	cr_assert_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	cr_assert_eq(listen(fd, 1), 0);
	struct err e = { 0 };
	struct agent *a = NULL;
	int sp = -1;
	unsigned n = 0;
	struct bound b = { .until_ms = steady_ms() + 60000 };
	uint64_t from = steady_ms();
	cr_assert_eq(agent_start(path, &(struct agent_choice){ 0 }, &b, &a, &sp, &n, &e), -(int)ERR_UNREACHABLE);
	cr_assert_lt(steady_ms() - from, 6000);
	struct cancel c = { 1 };
	b.cancel = &c;
	cr_assert_eq(agent_start(path, &(struct agent_choice){ 0 }, &b, &a, &sp, &n, &e), -(int)ERR_INTERRUPTED);
	close(fd);
	cr_assert_eq(agent_start(path, &(struct agent_choice){ 0 }, &b, &a, &sp, &n, &e), -(int)ERR_UNREACHABLE);
	unlink(path);
}
