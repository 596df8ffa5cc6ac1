/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the whole machine draws, as its BMC tells it in-band (IPMI with DCMI). A controller may take
 * seconds to answer and its driver may hang: a child asks.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "exporter/ipmi.h"
#include "exporter/sources/sources.h"
#include "exporter/sources/watts.h"

#define ANSWER_MS 10000

/* Where udev puts the first device, as ipmitool looks for it. */
static const char *const places[] = { "dev/ipmi0", "dev/ipmi/0", "dev/ipmidev/0" };

static const struct ipmi_ops *ops_of(const struct watts *w)
{
	return w->roots->ipmi ? w->roots->ipmi : &ipmi_kernel;
}

static int find(struct watts *w, struct err *e)
{
	struct watts_meter *m = &w->v[0];
	const char *root = strcmp(w->roots->rootfs, "/") == 0 ? "" : w->roots->rootfs;

	*m = (struct watts_meter){ .zone = { .component = COMP_PLATFORM, .name = "dcmi", .package = "dcmi" } };
	for (size_t i = 0; i < COUNT(places); i++) {
		snprintf(m->path, sizeof m->path, "%s/%s", root, places[i]);
		if (access(m->path, F_OK) < 0)
			continue;
		int fd = ops_of(w)->open(m->path);

		if (fd < 0 && errno == EACCES)
			return err_set(e, ERR_FAILED, "'%s' may not be opened: run as root, or give the device to "
				       "this user", m->path);
		if (fd < 0)
			return err_errno(e, ERR_FAILED, "cannot open '%s'", m->path);
		close(fd);
		w->n = 1;
		/* Asking costs the controller some work. */
		w->every_ns = 2 * UINT64_C(1000000000);
		return 0;
	}
	return err_set(e, ERR_UNREACHABLE, "no '%s/dev/ipmi0' (no BMC, or modules ipmi_si and ipmi_devintf not "
		       "loaded)", root);
}

static void ask_for_ever(const void *arg, int out)
{
	const struct watts *w = arg;
	int fd = ops_of(w)->open(w->v[0].path);

	for (;; watts_pause(w)) {
		uint8_t request[DCMI_REQUEST_LEN], answer[IPMI_DATA_MAX];
		size_t len = sizeof answer;
		uint64_t uw = 0;
		struct err e = { 0 };

		dcmi_power_request(request);
		int rc = ops_of(w)->ask(fd, DCMI_NETFN, DCMI_POWER, request, sizeof request, ANSWER_MS, answer, &len,
					&e);

		if (rc == 0)
			(void)dcmi_power(answer, len, &uw, &e);
		if (!watts_tell(out, 0, uw, &e))
			return;
		/* Asking again is of no use: rarely, then. */
		if (e.kind == ERR_REFUSED)
			sleep(20);
	}
}

static int ipmi_open(struct source *s, const struct roots *roots, struct zones *zones, struct err *e)
{
	static const struct watts_ops ops = { "the reader of the BMC", find, ask_for_ever };

	return watts_open(s, roots, zones, &ops, e);
}

const struct source_ops source_ipmi = {
	.name = "ipmi",
	.what = "energy of the whole machine (power from its BMC by IPMI)",
	.components = 1u << COMP_PLATFORM,
	.asynchronous = true,
	.open = ipmi_open,
	.read = watts_read,
	.close = watts_close,
};
