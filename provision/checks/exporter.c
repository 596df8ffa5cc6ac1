/* SPDX-License-Identifier: BSD-2-Clause */
/* S2, S4, S5: what the exporter measures with, by its own page and its journal. S3 is in node.c, with the node's meters. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "provision/checks/checks.h"
#include "provision/cluster/page.h"

#define UNIT "powerstack-exporter"

static void ask_page(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	char about[PAGE_ABOUT_MAX];
	probe_ask(p, "http", "%s", page_about(v->inv, PAGE_METRICS, about));
}

/* The page; NULL with the verdict and why. */
static const char *page_of(const struct view *v, enum verdict *ret, char *why, size_t size)
{
	char about[PAGE_ABOUT_MAX];
	return check_answer(v, "http", page_about(v->inv, PAGE_METRICS, about), "does not answer", ret, why, size);
}

/* ---- S2: the exporter is the one that asks it, with the credentials that it has for that */

static enum verdict s2_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	char line[256], about[64] = "powerstack_exporter_source_up{source=\"redfish\"}";
	if (!v->host->bmc_ip)
		return check_says(CHECK_SKIP, why, size, "the inventory names no BMC_ip for it");
	if (!v->host->bmc_user.entry || !v->host->bmc_password.entry)
		return check_says(CHECK_SKIP, why, size, "the inventory has no user and password for %s", v->host->bmc_ip);
	const char *page = page_of(v, &bad, why, size);
	if (!page)
		return bad;
	if (!page_line(page, about, line, sizeof(line)))
		return check_says(CHECK_FAIL, why, size, "the exporter does not ask %s; see '" UNIT " --check' there", v->host->bmc_ip);
	bool up = strcmp(line + strlen(about), " 1") == 0;
	return check_says(up ? CHECK_PASS : CHECK_FAIL, why, size, up ? "%s tells its power" : "%s does not tell its power; see 'journalctl -u " UNIT "' there",
			  v->host->bmc_ip);
}

const struct check check_s2 = {
	"S2", "exporter", "the management controller tells its power", ROLE_ANY, 0, 60, ask_page, s2_judge,
};

/* ---- S4 */

static const char *const components[] = { "package", "core", "uncore", "dram", "gpu", "platform", "other" };

static enum verdict s4_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	const char *page = page_of(v, &bad, why, size);
	char told[300] = "";
	size_t n = 0, len = 0;
	if (!page)
		return bad;
	for (size_t i = 0; i < sizeof(components) / sizeof(components[0]); i++) {
		char prefix[64], line[512], source[64] = "", first[64] = "";
		const char *p = page;
		snprintf(prefix, sizeof(prefix), "kepler_node_%s_joules_total{", components[i]);
		while ((p = page_line(p, prefix, line, sizeof(line)))) {
			if (!page_label(line, "source", source, sizeof(source)))
				return check_says(CHECK_FAIL, why, size, "kepler_node_%s_joules_total has no source", components[i]);
			if (*first && strcmp(first, source) != 0)
				return check_says(CHECK_FAIL, why, size, "kepler_node_%s_joules_total is of %s and of %s", components[i],
						  first, source);
			snprintf(first, sizeof(first), "%s", source);
		}
		if (*first && len < sizeof(told))
			len += (size_t)snprintf(told + len, sizeof(told) - len, "%s%s by %s", n++ ? ", " : "", components[i], first);
	}
	return n ? check_says(CHECK_PASS, why, size, "%s", told) :
		   check_says(CHECK_SKIP, why, size, "this node exports no joules");
}

const struct check check_s4 = {
	"S4", "exporter", "every component is told by exactly one source", ROLE_ANY, 0, 60, ask_page, s4_judge,
};

/* ---- S5 */

/* As often as that since it started, a message is no accident any more. */
#define REPEATED 5

static void s5_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	(void)v;
	probe_ask(p, "journal", "exporter");
}

static enum verdict s5_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	const char *a = check_answer(v, "journal", "exporter", "has no line of the exporter since it started", &bad, why, size);
	unsigned errors = 0, told = 0;
	char line[256] = "", last[256] = "";
	if (!a)
		return bad;
	for (const char *p = a; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		snprintf(line, sizeof(line), "%.*s", (int)strcspn(p, "\n"), p);
		told += strstr(line, "msg=\"component measured\"") || strstr(line, "msg=\"component estimated\"") ||
			strstr(line, "no joules are exported");
		if (!strstr(line, "level=error"))
			continue;
		errors++;
		snprintf(last, sizeof(last), "%s", line);
	}
	if (errors >= REPEATED)
		return check_says(CHECK_FAIL, why, size, "%u errors since it started, the last: %.200s", errors, last);
	if (!told)
		return check_says(CHECK_FAIL, why, size, "it does not say what measures what");
	return check_says(CHECK_PASS, why, size, "%u lines say what measures what; %u errors since it started", told, errors);
}

const struct check check_s5 = {
	"S5", "exporter", "the exporter's journal says what it reads, and repeats no error", ROLE_ANY, 0, 60, s5_ask, s5_judge,
};
