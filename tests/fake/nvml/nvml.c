/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver's library without a driver: what the file "script" beside it says. Lines of it, read anew at
 * every call:
 *
 *	init CODE | hang-WORD | crash-WORD (of the lines below, or init)
 *	count N
 *	energy GPU MJ | power GPU MW | util GPU PERCENT | memory GPU BYTES
 *	mig GPU INSTANCES	of seven that there could be
 *	busy GPU PID PERCENT [PERCENT]	a sample, younger than any before it, at every call; the second: of memory
 *	stale GPU PID PERCENT	a sample, four fifths of a second old, at every call
 *	holds GPU PID BYTES	of compute; and of graphics: draws GPU PID BYTES
 *	lost GPU
 *
 * What is not said of a device it does not support. -DWITHOUT_ENERGY and -DOLD leave out what came later.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gpu/nvml.h"

#pragma GCC diagnostic ignored "-Wmissing-prototypes"

struct nvml_device {
	unsigned index;
};

static struct nvml_device devices[64];

/* The n-th line that begins with `what` and (not NULL) this device: its numbers. 0: there is none. */
static int said(const char *what, const struct nvml_device *d, unsigned n, unsigned long long ret[3])
{
	char path[4096], line[256], word[32];
	Dl_info self;
	int found = 0;

	if (!dladdr((void *)devices, &self) || !self.dli_fname)
		return 0;
	snprintf(path, sizeof path, "%s", self.dli_fname);
	char *slash = strrchr(path, '/');
	FILE *f;

	snprintf(slash ? slash + 1 : path, 16, "script");
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof line, f)) {
		unsigned long long v[4] = { 0 };
		int got = sscanf(line, "%31s %llu %llu %llu %llu", word, &v[0], &v[1], &v[2], &v[3]);

		if (got < 1 || strcmp(word, what) != 0 || (d && v[0] != d->index) || n-- > 0)
			continue;
		ret[0] = d ? v[1] : v[0];
		ret[1] = d ? v[2] : v[1];
		ret[2] = d ? v[3] : v[2];
		found = 1;
	}
	if (f)
		fclose(f);
	return found;
}

/* Does as "hang" and "crash" say of this function. */
static void behave(const char *function)
{
	char hang[64], crash[64];
	unsigned long long v[3];

	snprintf(hang, sizeof hang, "hang-%s", function);
	snprintf(crash, sizeof crash, "crash-%s", function);
	if (said(crash, NULL, 0, v))
		abort();
	while (said(hang, NULL, 0, v))
		pause();
}

static int number(const char *what, const struct nvml_device *d, unsigned long long *ret)
{
	unsigned long long v[3] = { 0 };

	behave(what);
	if (said("lost", d, 0, v))
		return NVML_GPU_IS_LOST;
	if (!said(what, d, 0, v))
		return NVML_NOT_SUPPORTED;
	*ret = v[0];
	return NVML_SUCCESS;
}

int nvmlInit_v2(void)
{
	unsigned long long v[3] = { 0 };

	behave("init");
	for (unsigned i = 0; i < 64; i++)
		devices[i].index = i;
	return said("init", NULL, 0, v) ? (int)v[0] : NVML_SUCCESS;
}

const char *nvmlErrorString(int code)
{
	return code == NVML_GPU_IS_LOST ? "GPU is lost" : code == 9 ? "Driver Not Loaded" : "Not Supported";
}

int nvmlSystemGetDriverVersion(char *text, unsigned size)
{
	snprintf(text, size, "535.129.03");
	return NVML_SUCCESS;
}

int nvmlDeviceGetCount_v2(unsigned *ret)
{
	unsigned long long v[3] = { 0 };

	*ret = said("count", NULL, 0, v) ? (unsigned)v[0] : 0;
	return NVML_SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned i, nvml_device *ret)
{
	*ret = &devices[i];
	return NVML_SUCCESS;
}

int nvmlDeviceGetUUID(nvml_device d, char *text, unsigned size)
{
	snprintf(text, size, "GPU-00000000-0000-0000-0000-00000000000%u", d->index);
	return NVML_SUCCESS;
}

int nvmlDeviceGetName(nvml_device d, char *text, unsigned size)
{
	snprintf(text, size, "Fake \"L4\" %u", d->index);
	return NVML_SUCCESS;
}

int nvmlDeviceGetPowerUsage(nvml_device d, unsigned *ret)
{
	unsigned long long mw = 0;
	int rc = number("power", d, &mw);

	*ret = (unsigned)mw;
	return rc;
}

#ifndef WITHOUT_ENERGY
int nvmlDeviceGetTotalEnergyConsumption(nvml_device d, unsigned long long *ret)
{
	return number("energy", d, ret);
}
#endif

int nvmlDeviceGetUtilizationRates(nvml_device d, struct nvml_utilization *ret)
{
	unsigned long long percent = 0;
	int rc = number("util", d, &percent);

	*ret = (struct nvml_utilization){ .gpu = (unsigned)percent };
	return rc;
}

int nvmlDeviceGetMemoryInfo(nvml_device d, struct nvml_memory *ret)
{
	*ret = (struct nvml_memory){ 0 };
	return number("memory", d, &ret->total);
}

static int list(const char *what, nvml_device d, unsigned *n, void *into, size_t step)
{
	unsigned long long v[3];
	unsigned i = 0;

	for (; i < *n && said(what, d, i, v); i++) {
		struct nvml_process one = { .pid = (unsigned)v[0], .bytes = v[1] };

		memcpy((char *)into + i * step, &one, step);
	}
	*n = i;
	return NVML_SUCCESS;
}

#ifdef OLD
int nvmlDeviceGetComputeRunningProcesses(nvml_device d, unsigned *n, void *into)
{
	return list("holds", d, n, into, sizeof(struct nvml_process_v1));
}

int nvmlDeviceGetGraphicsRunningProcesses(nvml_device d, unsigned *n, void *into)
{
	return list("draws", d, n, into, sizeof(struct nvml_process_v1));
}
#else
int nvmlDeviceGetMigMode(nvml_device d, unsigned *now, unsigned *later)
{
	unsigned long long v[3];

	*now = *later = (unsigned)said("mig", d, 0, v);
	return NVML_SUCCESS;
}

int nvmlDeviceGetMaxMigDeviceCount(nvml_device d, unsigned *ret)
{
	(void)d;
	*ret = 7;
	return NVML_SUCCESS;
}

/* As where some were taken away again: they are the last ones of those that there could be. */
int nvmlDeviceGetMigDeviceHandleByIndex(nvml_device d, unsigned i, nvml_device *ret)
{
	unsigned long long v[3] = { 0 };

	if (!said("mig", d, 0, v) || i + v[0] < 7)
		return NVML_NOT_FOUND;
	*ret = &devices[32 + i];
	return NVML_SUCCESS;
}

int nvmlDeviceGetComputeRunningProcesses_v3(nvml_device d, unsigned *n, void *into)
{
	return list("holds", d, n, into, sizeof(struct nvml_process));
}

int nvmlDeviceGetGraphicsRunningProcesses_v3(nvml_device d, unsigned *n, void *into)
{
	return list("draws", d, n, into, sizeof(struct nvml_process));
}

int nvmlDeviceGetProcessUtilization(nvml_device d, struct nvml_sample *into, unsigned *n, unsigned long long since_us)
{
	unsigned long long v[3];
	struct timespec now;
	unsigned i = 0;

	behave("busy");
	clock_gettime(CLOCK_REALTIME, &now);
	unsigned long long at_us = (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000;

	for (; i < *n && said("busy", d, i, v); i++)
		into[i] = (struct nvml_sample){ .pid = (unsigned)v[0], .at_us = at_us, .sm = (unsigned)v[1],
						.memory = (unsigned)v[2] };
	if (i < *n && at_us - 800000 > since_us && said("stale", d, 0, v))
		into[i++] = (struct nvml_sample){ .pid = (unsigned)v[0], .at_us = at_us - 800000, .sm = (unsigned)v[1] };
	*n = i;
	return i > 0 && at_us > since_us ? NVML_SUCCESS : NVML_NOT_FOUND;
}
#endif
