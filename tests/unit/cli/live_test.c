/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <pty.h>
#include <sys/ioctl.h>

#include "base/cleanup.h"
#include "cli/live.h"

#define SECOND 1000000000ull

static char text_was[] = "no such file";

static const char *render(const struct live_view *v, unsigned columns, unsigned rows, uint64_t now,
			  unsigned *ret_lines)
{
	static char text[20000];
	unsigned widths[64];
	AUTO_BUF struct buf b;
	buf_init(&b, sizeof(text) - 1);
	cr_assert_eq(live_view_render(v, columns, rows, now, &b, widths, COUNT(widths), ret_lines), 0);
	snprintf(text, sizeof(text), "%s", buf_str(&b));
	unsigned i = 0;
	for (const char *p = text; *p; i++) {
		size_t len = strcspn(p, "\n");
		cr_expect_lt(len, columns, "line %u is as wide as the terminal", i);
		cr_expect_eq(len, widths[i], "line %u", i);
		p += len + 1;
	}
	cr_expect_eq(i, *ret_lines);
	return text;
}

Test(live, block)
{
	struct live_host hosts[] = { { .name = "ho1" }, { .name = "worker2" }, { .name = "ho3" } };
	struct live_view v = { .hosts = hosts, .n = 3, .began_ns = SECOND };
	unsigned lines = 0;
	live_view_event(&v, &(struct event){ EV_HOST, .host = "ho1", .text = "connecting" }, 2 * SECOND);
	live_view_event(&v, &(struct event){ EV_HOST, .host = "worker2", .text = "checking" }, 2 * SECOND);
	live_view_event(&v, &(struct event){ EV_STEP, .host = "worker2", .recipe = "exporter", .step = "binary",
					     .text = "the exporter is installed" }, 3 * SECOND);
	cr_expect_str_eq(render(&v, 80, 24, 4 * SECOND, &lines),
			 "ho1         2.0s  connecting\n"
			 "worker2     1.0s  exporter/binary  the exporter is installed\n"
			 "ho3               waiting\n"
			 "0 of 3 hosts done, 0 changed, 0 failed, 3.0s\n");
	live_view_event(&v, &(struct event){ EV_PROGRESS, .host = "worker2", .done = 1 << 20, .total = 4 << 20 },
			4 * SECOND);
	cr_expect(strstr(render(&v, 80, 24, 4 * SECOND, &lines), "[####............] 1.0 MiB of 4.0 MiB"));
	struct report_row row = { "worker2", "exporter", "exporter", "binary", ABSENT, PRESENT, OUT_CHANGED,
				  1500, text_was, NULL };
	live_view_event(&v, &(struct event){ EV_ROW, .host = "worker2", .row = &row }, 5 * SECOND);
	row.outcome = OUT_FAILED;
	live_view_event(&v, &(struct event){ EV_ROW, .host = "ho1", .row = &row }, 5 * SECOND);
	live_view_event(&v, &(struct event){ EV_HOST, .host = "ho1", .text = "done" }, 5 * SECOND);
	live_view_event(&v, &(struct event){ EV_HOST, .host = "nobody", .text = "done" }, 5 * SECOND);
	const char *text = render(&v, 80, 24, 5 * SECOND, &lines);
	cr_expect(strstr(text, "1 of 3 hosts done (1 failed), 1 changed, 1 failed, 4.0s"), "%s", text);
	/* at work first, done last */
	cr_expect_eq(strncmp(text, "worker2 ", 8), 0, "%s", text);
	cr_expect_gt(strstr(text, "ho1 "), strstr(text, "ho3 "));
}

Test(live, more_hosts_than_rows)
{
	static char names[40][8];
	struct live_host hosts[40] = { 0 };
	struct live_view v = { .hosts = hosts, .n = COUNT(hosts) };
	unsigned lines = 0;
	for (size_t i = 0; i < COUNT(hosts); i++) {
		snprintf(names[i], sizeof(names[i]), "ho%zu", i);
		hosts[i].name = names[i];
	}
	live_view_event(&v, &(struct event){ EV_HOST, .host = "ho39", .text = "checking" }, SECOND);
	const char *text = render(&v, 80, 10, SECOND, &lines);
	cr_expect_eq(lines, 9);
	cr_expect_eq(strncmp(text, "ho39", 4), 0, "%s", text);
	cr_expect(strstr(text, "32 more; 0 of 40 hosts done"), "%s", text);
	render(&v, 80, 1, SECOND, &lines);
	cr_expect_eq(lines, 2);
}

Test(live, narrow_and_hostile)
{
	struct live_host hosts[] = { { .name = "ho1" } };
	struct live_view v = { .hosts = hosts, .n = 1 };
	unsigned lines = 0;
	live_view_event(&v, &(struct event){ EV_STEP, .host = "ho1", .recipe = "r", .step = "s",
					     .text = "\033[2J\n\xe2\x82\xac and much more than fits" }, SECOND);
	for (unsigned columns = 2; columns < 100; columns++)
		cr_expect_null(strchr(render(&v, columns, 24, SECOND, &lines), '\033'));
}

Test(live, rows)
{
	struct live_host hosts[] = { { .name = "ho1" }, { .name = "worker2" } };
	struct live_view v = { .hosts = hosts, .n = 2 };
	struct report_row row = { "ho1", "nfs-server", "nfs", "unit", ABSENT, PRESENT, OUT_CHANGED, 1500,
				  text_was, NULL };
	static char diff[] = "--- a\n+++ b\n@@ -1 +1 @@\n-x\n+y\n";
	static const struct { bool ok, quiet, diff, color, check; enum outcome outcome; const char *want; } cases[] = {
		{ .outcome = OUT_CHANGED, .want = "ho1      changed  nfs-server/unit: no such file (1.5s)\n" },
		{ .outcome = OUT_CHANGED, .check = true, .want = "ho1      would change  nfs-server/unit: no such file (1.5s)\n" },
		{ .outcome = OUT_OK, .want = "" },
		{ .outcome = OUT_SKIPPED, .want = "" },
		{ .outcome = OUT_SKIPPED, .ok = true, .want = "ho1      skipped  nfs-server/unit: no such file (1.5s)\n" },
		{ .outcome = OUT_OK, .ok = true, .want = "ho1      ok  nfs-server/unit: no such file (1.5s)\n" },
		{ .outcome = OUT_CHANGED, .quiet = true, .want = "" },
		{ .outcome = OUT_REFUSED, .quiet = true, .want = "ho1      refused  nfs-server/unit: no such file (1.5s)\n" },
		{ .outcome = OUT_CHANGED, .diff = true,
		  .want = "ho1      changed  nfs-server/unit: no such file (1.5s)\n  --- a\n  +++ b\n  @@ -1 +1 @@\n  -x\n  +y\n" },
		{ .outcome = OUT_FAILED, .color = true,
		  .want = "ho1      \033[31mfailed\033[0m  nfs-server/unit: no such file (1.5s)\n" },
	};
	row.diff = diff;
	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_BUF struct buf b;
		buf_init(&b, 10000);
		v.show_ok = cases[i].ok;
		v.quiet = cases[i].quiet;
		v.diff = cases[i].diff;
		v.color = cases[i].color;
		v.check = cases[i].check;
		row.outcome = cases[i].outcome;
		cr_assert_eq(live_view_row(&v, &row, &b), 0);
		cr_expect_str_eq(buf_str(&b), cases[i].want, "case %zu: '%s'", i, buf_str(&b));
	}
}

/* On a real pty: what stays on the screen is the lines, and the cursor stands below them. */
Test(live, leaves_only_lines)
{
	int master = -1, slave = -1;
	struct winsize size = { .ws_row = 10, .ws_col = 60 };
	cr_assert_eq(openpty(&master, &slave, NULL, NULL, &size), 0);
	struct err e = { 0 };
	struct live *l = NULL;
	struct strv hosts = { 0 };
	struct live_options o = { .fd = slave, .block = true, .lines = true };
	struct report_row row = { "ho1", "disk", "disk", "mount", ABSENT, PRESENT, OUT_CHANGED, 10, text_was, NULL };
	cr_assert_eq(strv_push(&hosts, "ho1"), 0);
	cr_assert_eq(live_start(&o, &hosts, &l, &e), 0, "%s", e.msg);
	live_event(l, &(struct event){ EV_HOST, .host = "ho1", .text = "checking" });
	live_event(l, &(struct event){ EV_ROW, .host = "ho1", .row = &row });
	live_stop(l);
	close(slave);
	char out[8192];
	size_t n = 0;
	ssize_t got = 0;
	while (n < sizeof(out) - 1 && (got = read(master, out + n, sizeof(out) - 1 - n)) > 0)
		n += (size_t)got;
	out[n] = '\0';
	close(master);
	cr_expect(strstr(out, "ho1  changed  disk/mount: no such file\r\n"), "%s", out);
	/* it ends by erasing the block's two lines and going back up over them */
	static const char end[] = "\033[2A\r\033[2K\r\n\033[2K\r\n\033[2A";
	cr_assert_geq(n, sizeof(end) - 1);
	cr_expect_str_eq(out + n - (sizeof(end) - 1), end);
	cr_expect_null(strstr(out, "\033[?25l"), "the cursor is never hidden");
	strv_clear(&hosts);
}

Test(live, says_once_that_it_stops)
{
	int p[2];
	cr_assert_eq(pipe(p), 0);
	struct cancel cancel = { 1 };
	struct err e = { 0 };
	struct live *l = NULL;
	struct strv hosts = { 0 };
	struct live_options o = { .fd = p[1], .lines = true, .cancel = &cancel };
	cr_assert_eq(live_start(&o, &hosts, &l, &e), 0, "%s", e.msg);
	usleep(350000);
	live_stop(l);
	close(p[1]);
	char out[1000] = "";
	ssize_t n = read(p[0], out, sizeof(out) - 1);
	close(p[0]);
	cr_assert_gt(n, 0);
	cr_expect_eq(strncmp(out, "stopping: ", 10), 0, "%s", out);
	cr_expect_null(strstr(out + 1, "stopping: "), "%s", out);
}
