/* SPDX-License-Identifier: BSD-2-Clause */
/* The screen of status at every width. What stands in it: tests/cli/status.test.sh. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/show.h"

static const struct host hosts[] = {
	{ .name = "ho1", .address = "ho1", .roles = ROLE_SERVER | ROLE_CONTROL },
	{ .name = "ho2", .address = "ho2", .roles = ROLE_AGENT },
	{ .name = "ho3", .address = "ho3", .roles = ROLE_AGENT },
};
static struct node_status nodes[3];
static const struct status_report report = { .nodes = nodes, .n = 3, .unasked = 1, .failed = 1, .ms = 1234 };

static void begin(void)
{
	for (size_t i = 0; i < 3; i++)
		nodes[i] = i < 2 ? (struct node_status){ .host = &hosts[i], .reached = true, .asked = true, .os = "ubuntu 24.04", .ready = "True" } :
				   (struct node_status){ .host = &hosts[i] };
	nodes[0].power = (struct power){ true, 1234567, true, false, "platform", "redfish", "" };
	nodes[1].power = (struct power){ true, 50, false, true, "package, dram", "trained_power_model", "" };
	snprintf(nodes[2].why, sizeof(nodes[2].why), "connection refused");
	for (size_t i = 0; i < 2; i++)
		nodes[i].parts[1] = (struct part_status){ true, i ? PART_FAILED : PART_OK, "v1.30.2+k3s1", "it \033[31mstands" };
}

TestSuite(show_status, .init = begin);

static const char *at_width(unsigned columns, bool color)
{
	static char text[20000];
	AUTO_BUF struct buf b;
	buf_init(&b, sizeof(text) - 1);
	struct show_context c = { .columns = columns, .color = color };
	cr_assert_eq(show_status(&b, &report, &c), 0);
	snprintf(text, sizeof(text), "%s", buf_str(&b));
	return text;
}

Test(show_status, fits_the_terminal)
{
	for (unsigned columns = 50; columns <= 140; columns++)
		for (const char *p = at_width(columns, false); *p; p += strcspn(p, "\n") + 1)
			cr_expect_lt(strcspn(p, "\n"), columns, "%u: %.*s", columns, (int)strcspn(p, "\n"), p);
}

Test(show_status, columns_go_by_rank)
{
	cr_expect(strstr(at_width(140, false), "node  role     os            cluster  k3s           exporter     draws  measured\n"), "%s",
		  at_width(140, false));
	cr_expect(strstr(at_width(140, false), "ho1   control  ubuntu 24.04  Ready    v1.30.2+k3s1  -         1234.6 W  platform by redfish\n"));
	cr_expect(strstr(at_width(140, false), "  0.1 W  package, dram estimated\n"));
	cr_expect(strstr(at_width(50, false), "node     draws  measured\n") || strstr(at_width(50, false), "node  cluster"), "%s",
		  at_width(50, false));
}

Test(show_status, what_hosts_say_moves_no_cursor)
{
	cr_expect_null(strchr(at_width(80, false), '\033'));
	cr_expect(strstr(at_width(80, false), "it ?[31mstands"));
	cr_expect(strstr(at_width(80, true), "\033[31munreachable: connection refused\n\033[0m"), "%s", at_width(80, true));
}

Test(show_status, json_is_whole)
{
	AUTO_BUF struct buf b;
	buf_init(&b, 20000);
	cr_assert_eq(show_status_json(&b, &report, NULL), 0);
	cr_expect_null(strchr(buf_str(&b), '\033'));
	cr_expect(strstr(buf_str(&b), "\"watts\":1234.617,"), "%s", buf_str(&b));
	cr_expect(strstr(buf_str(&b), "{\"host\":\"ho3\",\"role\":\"worker\",\"reachable\":false,\"message\":\"connection refused\",\"os\":null,"
				      "\"kernel\":null,\"arch\":null,\"ready\":null,\"power\":null,\"parts\":[]}"), "%s", buf_str(&b));
}
