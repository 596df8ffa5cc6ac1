/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How busy the parts of Intel's QuickAssist accelerators are, from the telemetry of the kernel's driver
 * (Linux 6.8 and newer; Documentation/ABI/testing/debugfs-driver-qat_telemetry). It is not an energy
 * meter. Telemetry is switched on by whoever administers the machine: nothing is written here.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exporter/number.h"
#include "exporter/qat.h"
#include "exporter/sources/sources.h"

#define DEVICES_MAX 32
#define DATA_MAX 8192 /* bytes; a device says some 2 KB */

struct qat {
	char root[PATH_MAX];
	char devices[DEVICES_MAX][64]; /* "qat_4xxx_0000:6b:00.0" */
	size_t n;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int qat_open(struct source *s, const struct roots *roots, struct zones *zones, struct err *e)
{
	AUTO_FREE struct qat *q = calloc(1, sizeof *q);

	(void)zones;
	if (!q)
		return err_set(e, ERR_MEMORY, "no memory for accelerators");
	snprintf(q->root, sizeof q->root, "%s/kernel/debug", roots->sysfs);
	DIR *d = opendir(q->root);

	if (!d && errno == EACCES)
		return err_set(e, ERR_UNREACHABLE, "'%s' may not be read: CAP_DAC_READ_SEARCH is needed", q->root);
	for (const struct dirent *at = d ? readdir(d) : NULL; at && q->n < DEVICES_MAX; at = readdir(d)) {
		char path[PATH_MAX + 400], text[8];
		struct err none = { 0 };

		snprintf(path, sizeof path, "%s/%s/telemetry/control", q->root, at->d_name);
		if (strncmp(at->d_name, "qat_", 4) == 0 && strlen(at->d_name) < sizeof q->devices[0] &&
		    number_text(path, text, sizeof text, &none) == 0)
			snprintf(q->devices[q->n++], sizeof q->devices[0], "%.63s", at->d_name);
	}
	if (d)
		closedir(d);
	if (q->n == 0)
		return err_set(e, ERR_UNREACHABLE, "no accelerator with telemetry (no '%s/qat_*/telemetry')", q->root);
	qsort(q->devices, q->n, sizeof q->devices[0], by_name);
	s->state = take_ptr(&q);
	return 0;
}

static int read_device(const struct qat *q, const char *name, struct tick *into, struct err *e)
{
	char path[PATH_MAX + 400], text[DATA_MAX];
	struct err why = { 0 };

	snprintf(path, sizeof path, "%s/%s/telemetry/control", q->root, name);
	int rc = number_text(path, text, sizeof text, e);

	if (rc < 0)
		return rc;
	if (strcmp(text, "0") == 0)
		return err_set(e, ERR_FAILED, "its telemetry is switched off: write 1 to '%s'", path);
	snprintf(path, sizeof path, "%s/%s/telemetry/device_data", q->root, name);
	rc = number_text(path, text, sizeof text, e);
	if (rc < 0)
		return rc;
	const char *place = strrchr(name, '_') + 1; /* of qat_<device>_<bus address> */

	if (qat_parse(text, place, into, &why) < 0)
		return err_set(e, ERR_FAILED, "'%s': %s", path, why.msg);
	return 0;
}

static int qat_read(struct source *s, struct tick *into, struct err *e)
{
	const struct qat *q = s->state;
	int failed = 0;

	for (size_t i = 0; i < q->n; i++) {
		struct err why = { 0 };

		if (read_device(q, q->devices[i], into, &why) < 0 && failed == 0)
			failed = err_set(e, why.kind, "%s: %s", q->devices[i], why.msg);
	}
	return failed;
}

static void qat_close(struct source *s)
{
	free(s->state);
}

const struct source_ops source_qat = {
	.name = "intel_qat",
	.what = "utilisation of Intel's QuickAssist accelerators",
	.open = qat_open,
	.read = qat_read,
	.close = qat_close,
};
