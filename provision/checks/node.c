/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks of every node: kernel setting, clock, room, exporter, secrets. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "provision/checks/checks.h"
#include "provision/cluster/page.h"

/* S1: the kernel setting that eBPF and perf accounting need, now and after a reboot */

#define PARANOID "kernel/perf_event_paranoid"
#define SYSCTL_FILE "/etc/sysctl.d/90-powerstack.conf"

static void s1_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	(void)v;
	probe_ask(p, "sysctl", PARANOID);
	probe_ask(p, "text", SYSCTL_FILE);
}

static enum verdict s1_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	const char *live = check_answer(v, "sysctl", PARANOID, "is not known to the kernel", &bad, why, size);
	if (!live)
		return bad;
	if (strcmp(live, "-1") != 0)
		return check_says(CHECK_FAIL, why, size, "kernel.perf_event_paranoid is %s, not -1", live);
	const char *text = check_answer(v, "text", SYSCTL_FILE, "is missing: the setting is lost at the next boot",
					&bad, why, size);
	if (!text)
		return bad;
	if (!strstr(text, "kernel.perf_event_paranoid"))
		return check_says(CHECK_FAIL, why, size, "-1 now, but " SYSCTL_FILE " does not set it at boot");
	return check_says(CHECK_PASS, why, size, "-1, and set at boot by " SYSCTL_FILE);
}

const struct check check_s1 = {
	"S1", "prereq", "kernel.perf_event_paranoid is -1 and stays so", ROLE_ANY, 0, 0, s1_ask, s1_judge,
};

/* X1: clocks agree, or energy and samples of different nodes do not belong together */

#define OFFSET_MAX_NS 50e6

static void x1_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	(void)v;
	probe_ask(p, "clock-offset", "-");
}

/* A span such as systemd writes it ("+1.234ms", "-12us", "1.5s") or plain seconds, in ns. */
static bool span_ns(const char *text, double *ret)
{
	static const struct { const char *unit; double ns; } units[] = {
		{ "", 1e9 }, { "s", 1e9 }, { "ms", 1e6 }, { "us", 1e3 }, { "ns", 1 },
	};
	char *end = NULL;
	double x = strtod(text, &end);
	for (size_t i = 0; end != text && i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(end, units[i].unit) == 0) {
			*ret = x * units[i].ns;
			return true;
		}
	return false;
}

static enum verdict x1_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	const char *a = check_answer(v, "clock-offset", "-", "cannot be told", &bad, why, size);
	if (!a)
		return bad;
	char synced[16] = "unknown", source[64] = "its time service", text[64] = "";
	facts_field(a, "synced", synced, sizeof(synced));
	facts_field(a, "source", source, sizeof(source));
	if (strcmp(synced, "yes") != 0)
		return check_says(CHECK_FAIL, why, size, "the clock is not synchronised, says %s", source);
	double ns = 0;
	/* the kernel tells no offset, only a bound of the error */
	bool bound = facts_field(a, "max_error_us", text, sizeof(text));
	if (bound)
		ns = strtod(text, NULL) * 1e3;
	else if (!(facts_field(a, "offset_s", text, sizeof(text)) ||
		   facts_field(a, "offset_text", text, sizeof(text))) || !span_ns(text, &ns))
		return check_says(CHECK_FAIL, why, size, "synchronised, but %s tells no offset ('%s')", source, text);
	bool pass = ns < OFFSET_MAX_NS && ns > -OFFSET_MAX_NS;
	return check_says(pass ? CHECK_PASS : CHECK_FAIL, why, size, "synchronised, offset %s%.3f ms by %s (limit 50 ms)",
			  bound ? "at most " : "", ns / 1e6, source);
}

const struct check check_x1 = {
	"X1", "prereq", "the clock is synchronised, less than 50 ms off", ROLE_ANY, 0, 60, x1_ask, x1_judge,
};

/* X3: room to work in, and a sound file system */

#define FREE_PERCENT_MIN 10
#define FREE_BYTES_MIN (512LL * 1024 * 1024)
#define MEMORY_PERCENT_MIN 5
#define PIDS_PERCENT_MAX 90
#define NAMES_STAY_S 120	/* the exporter asks at least every 30 s (its kubelet.interval) */

static void x3_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	probe_ask(p, "free", "/");
	probe_ask(p, "free", "/var");
	probe_ask(p, "pressure", "-");
	if (v->host->roles & ROLE_CONTROL) {
		probe_ask(p, "free", "%s", v->inv->export_path);
		probe_ask(p, "btrfs", "%s", v->inv->export_path);
	}
}

/* Enough room: a tenth free, or half a gigabyte where a tenth is less than that matters. */
static bool room(const char *a, const char *path, char *why, size_t size)
{
	int64_t total = 0, left = 0, inodes = 0, inodes_left = 0;
	if (!check_number(a, "size", &total) || !check_number(a, "free", &left)) {
		snprintf(why, size, "the room on %s is not told", path);
		return false;
	}
	if (left < FREE_BYTES_MIN || left < total / 100 * FREE_PERCENT_MIN) {
		snprintf(why, size, "%s has %" PRId64 " of %" PRId64 " MiB free (wanted: %d %% and 512 MiB)", path,
			 left >> 20, total >> 20, FREE_PERCENT_MIN);
		return false;
	}
	/* a file system without fixed inodes (btrfs) says 0 */
	if (check_number(a, "inodes", &inodes) && check_number(a, "inodes_free", &inodes_left) && inodes > 0 &&
	    inodes_left < inodes / 100 * FREE_PERCENT_MIN) {
		snprintf(why, size, "%s has %" PRId64 " of %" PRId64 " inodes free", path, inodes_left, inodes);
		return false;
	}
	return true;
}

static enum verdict x3_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	const char *const paths[] = { "/", "/var", v->host->roles & ROLE_CONTROL ? v->inv->export_path : NULL };
	int64_t least = INT64_MAX;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]) && paths[i]; i++) {
		const char *a = check_answer(v, "free", paths[i], "is not there", &bad, why, size);
		if (!a)
			return bad;
		if (!room(a, paths[i], why, size))
			return CHECK_FAIL;
		int64_t left = 0;
		if (check_number(a, "free", &left) && left < least)
			least = left;
	}
	const char *a = check_answer(v, "pressure", "-", "cannot be told", &bad, why, size);
	if (!a)
		return bad;
	int64_t memory = 0, available = 0, pids = 0, pids_max = 0;
	if (!check_number(a, "memory", &memory) || !check_number(a, "available", &available) ||
	    !check_number(a, "pids", &pids) || !check_number(a, "pids_max", &pids_max))
		return check_says(CHECK_FAIL, why, size, "memory and processes are not told");
	if (available < memory / 100 * MEMORY_PERCENT_MIN)
		return check_says(CHECK_FAIL, why, size, "%" PRId64 " of %" PRId64 " MiB memory available",
				  available >> 20, memory >> 20);
	if (pids > pids_max / 100 * PIDS_PERCENT_MAX)
		return check_says(CHECK_FAIL, why, size, "%" PRId64 " of at most %" PRId64 " processes", pids, pids_max);
	if (v->host->roles & ROLE_CONTROL) {
		a = check_answer(v, "btrfs", v->inv->export_path, "is no mounted Btrfs", &bad, why, size);
		if (!a)
			return bad;
		int64_t errors = 0;
		if (!check_number(a, "errors", &errors))
			return check_says(CHECK_FAIL, why, size, "Btrfs device statistics of %s are not told",
					  v->inv->export_path);
		if (errors)
			return check_says(CHECK_FAIL, why, size, "Btrfs counts %" PRId64
					  " device errors on %s; see 'btrfs device stats %s'", errors, v->inv->export_path,
					  v->inv->export_path);
	}
	return check_says(CHECK_PASS, why, size, "at least %" PRId64 " MiB free, %" PRId64 " of %" PRId64
			  " MiB memory available, %" PRId64 " processes", least >> 20, available >> 20,
			  memory >> 20, pids);
}

const struct check check_x3 = {
	"X3", "prereq", "disk, inodes, memory and processes have room; no Btrfs errors", ROLE_ANY, 0, 0, x3_ask,
	x3_judge,
};

/* S3: the exporter answers, and tells joules where the machine has a meter */

static void s3_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	probe_ask(p, "unit", "powerstack-exporter.service");
	char about[PAGE_ABOUT_MAX];
	probe_ask(p, "http", "%s", page_about(v->inv, "/healthz", about));
	probe_ask(p, "http", "%s", page_about(v->inv, PAGE_METRICS, about));
	probe_ask(p, "zones", "-");
}

/* Is there a series of some node component with a value above zero? */
static bool has_joules(const char *page)
{
	for (const char *p = page; (p = strstr(p, "\nkepler_node_")); p++) {
		const char *end = strchr(p + 1, '\n');
		size_t len = end ? (size_t)(end - p) : strlen(p);
		char line[512];
		snprintf(line, sizeof(line), "%.*s", (int)(len < sizeof(line) ? len : sizeof(line) - 1), p + 1);
		char *value = strrchr(line, ' ');
		if (strstr(line, "_joules_total{") && value && value[1] >= '0' && value[1] <= '9' &&
		    strspn(value + 1, "0.") != strlen(value + 1))
			return true;
	}
	return false;
}

/* One answer that came too late is none missing: the names of the last one stay. A page without an age is of an exporter that
 * has never had one. */
static bool has_names(const char *page)
{
	static const char age[] = "\npowerstack_exporter_source_age_seconds{source=\"kubelet\"} ";
	const char *is = strstr(page, age);
	return !strstr(page, "\npowerstack_exporter_source_up{source=\"kubelet\"} 0\n") ||
	       (is && strtoull(is + sizeof(age) - 1, NULL, 10) < NAMES_STAY_S);
}

static enum verdict s3_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	char state[32] = "", about[PAGE_ABOUT_MAX];
	const char *a = check_answer(v, "unit", "powerstack-exporter.service", "is not installed", &bad, why, size);
	if (!a)
		return bad;
	facts_field(a, "ActiveState", state, sizeof(state));
	if (strcmp(state, "active") != 0)
		return check_says(CHECK_FAIL, why, size,
				  "powerstack-exporter.service is %s; see 'journalctl -u powerstack-exporter'", state);
	a = check_answer(v, "http", page_about(v->inv, "/healthz", about), "does not answer", &bad, why, size);
	if (!a)
		return bad;
	if (!page_is_200(a))
		return check_says(CHECK_FAIL, why, size, "/healthz answers %.60s", a);
	a = check_answer(v, "http", page_about(v->inv, PAGE_METRICS, about), "does not answer", &bad, why, size);
	if (!a)
		return bad;
	if (!page_is_ours(a))
		return check_says(CHECK_FAIL, why, size, "/metrics is not a page of powerstack-exporter");
	if (!has_names(a))
		return check_says(CHECK_FAIL, why, size,
				  "the kubelet tells it no names; 'journalctl -u powerstack-exporter' says why");
	const char *zones = check_answer(v, "zones", "-", "cannot be told", &bad, why, size);
	if (!zones)
		return bad;
	bool joules = has_joules(a);
	if (strcmp(zones, "0") != 0 && !joules)
		return check_says(CHECK_FAIL, why, size, "%s RAPL zones here, but no joules on the page", zones);
	return check_says(CHECK_PASS, why, size, joules ? "answers, with joules from %s RAPL zones" :
			  "answers; this node has no energy meter (%s RAPL zones)", zones);
}

const struct check check_s3 = {
	"S3", "exporter", "the exporter answers, with joules where there is a meter", ROLE_ANY, 0, 30, s3_ask,
	s3_judge,
};
