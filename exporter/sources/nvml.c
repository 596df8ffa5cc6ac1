/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NVIDIA's GPUs, as powerstack-gpu tells of them (gpus.h): energy, how busy they were, who used them.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "exporter/gpus.h"
#include "exporter/names/names.h"
#include "exporter/sources/sources.h"
#include "exporter/worker.h"

#define SECOND_NS UINT64_C(1000000000)
/* It tells twice a second; but to wake GPUs that nobody used takes seconds for each. */
#define SILENCE_NS (60 * SECOND_NS)
#define LATE_NS (4 * SECOND_NS)

struct nvml {
	struct source *source;
	const struct roots *roots;
	struct zones *zones;
	struct worker *worker;
	char helper[PATH_MAX];
	const char *argv[2];
	struct gpus gpus;
	bool failed;	/* the helper said itself why it ends */
	struct err why; /* how it ended, or what line of it is none */
	char lacks[256];
};

/* ---- what the helper tells */

/* Who stands behind the numbers of processes that are new: asked while they live. */
static void place_users(struct nvml *n)
{
	for (size_t i = 0; i < n->gpus.nusers; i++) {
		struct gpu_user *u = &n->gpus.users[i];

		if (u->placed || u->pid == 0)
			continue;
		uint64_t cgroup = n->roots->names ? names_group(n->roots->names, u->pid) : 0;

		u->placed = true;
		if (cgroup)
			u->cgroup = cgroup;
	}
}

static void on_line(void *arg, const char *line, size_t len)
{
	struct nvml *n = arg;
	uint64_t now = tick_now_ns(), rounds = n->gpus.rounds;
	struct err e = { 0 };

	if (gpus_line(&n->gpus, line, len, now, &e) < 0) {
		n->failed |= strncmp(line, "fail ", 5) == 0;
		n->why = e;
		n->source->errors++;
		return;
	}
	if (n->gpus.rounds == rounds)
		return;
	place_users(n);
	n->failed = false;
	err_clear(&n->why);
	for (size_t i = 0; i < GPUS_MAX; i++) {
		if (n->gpus.v[i].there && n->gpus.v[i].why[0]) {
			n->source->errors++;
			return;
		}
	}
	n->source->ok_ns = now;
}

static void on_end(void *arg, const struct err *why)
{
	struct nvml *n = arg;

	gpus_restart(&n->gpus);
	n->source->errors++;
	if (!n->failed)
		n->why = *why;
	n->failed = false;
}

/* ---- the source */

/* The program that was named, or the one beside this one. */
static int find_helper(struct nvml *n, struct err *e)
{
	const char *given = n->roots->meters ? n->roots->meters->gpu_helper : NULL;
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);

	if (!given && len < 0)
		return err_errno(e, ERR_FAILED, "cannot tell where this program is");
	self[len < 0 ? 0 : len] = '\0';
	char *slash = strrchr(self, '/');

	if (slash)
		*slash = '\0';
	int fits = given ? snprintf(n->helper, sizeof n->helper, "%s", given)
			 : snprintf(n->helper, sizeof n->helper, "%s/powerstack-gpu", self);

	if (fits >= (int)sizeof n->helper || access(n->helper, X_OK) < 0)
		return err_errno(e, ERR_FAILED, "there is an NVIDIA driver, but the program that asks it, '%s', cannot "
				 "be run: install it, or say --no-enable-gpu", n->helper);
	return 0;
}

static int find_driver(const struct roots *roots, struct err *e)
{
	char version[PATH_MAX], device[PATH_MAX];

	snprintf(version, sizeof version, "%s/driver/nvidia/version", roots->procfs);
	snprintf(device, sizeof device, "%s/dev/nvidiactl", strcmp(roots->rootfs, "/") == 0 ? "" : roots->rootfs);
	if (access(version, F_OK) == 0 || access(device, F_OK) == 0)
		return 0;
	return err_set(e, ERR_UNREACHABLE, "no NVIDIA driver is loaded (no '%s')", version);
}

static int nvml_open(struct source *s, const struct roots *roots, struct zones *zones, struct err *e)
{
	if (roots->meters && !roots->meters->gpu)
		return err_set(e, ERR_REFUSED, "GPUs are not wanted ('--no-enable-gpu')");
	int rc = find_driver(roots, e);

	if (rc < 0)
		return rc;
	AUTO_FREE struct nvml *n = calloc(1, sizeof *n);

	if (!n)
		return err_set(e, ERR_MEMORY, "no memory for GPUs");
	*n = (struct nvml){ .source = s, .roots = roots, .zones = zones };
	n->argv[0] = n->helper;
	rc = find_helper(n, e);
	if (rc == 0)
		rc = worker_start(roots->base,
				  &(struct worker_job){ .what = "the GPU helper",
							.argv = n->argv,
							.silence_ns = SILENCE_NS,
							.on_line = on_line,
							.on_end = on_end,
							.arg = n },
				  &n->worker, e);
	if (rc == 0)
		s->state = take_ptr(&n);
	return rc;
}

static int nvml_read(struct source *s, struct tick *into, struct err *e)
{
	struct nvml *n = s->state;
	struct gpus *g = &n->gpus;
	uint64_t now = tick_now_ns();
	int rc = gpus_tick(g, s->index, n->zones, now, into, e);

	gpus_forget(g, now);
	if (rc < 0)
		return rc;
	if (n->why.kind != ERR_NONE)
		return err_set(e, n->why.kind, "%s", n->why.msg);
	if (g->rounds == 0)
		return err_set(e, ERR_FAILED, "the GPU helper has not answered yet");
	if (now - g->ended_ns > LATE_NS)
		return err_set(e, ERR_FAILED, "the GPU helper has not answered for some seconds");
	for (unsigned i = 0; i < GPUS_MAX; i++) {
		if (g->v[i].there && g->v[i].why[0])
			return err_set(e, ERR_FAILED, "GPU %u: %s", i, g->v[i].why);
	}
	return 0;
}

static const char *nvml_lacks(const struct source *s)
{
	static const char *const why[NUSERS] = { [USERS_DIVIDED] = "it is divided: MIG",
						 [USERS_UNTOLD] = "its driver does not tell them" };
	struct nvml *n = s->state;
	size_t used = 0;

	n->lacks[0] = '\0';
	for (unsigned i = 0; i < GPUS_MAX && used < sizeof n->lacks; i++) {
		const struct gpu *d = &n->gpus.v[i];

		if (d->there && why[d->users])
			used += (size_t)snprintf(n->lacks + used, sizeof n->lacks - used, "%sprocesses of GPU %u (%s)",
						 used ? ", " : "", i, why[d->users]);
	}
	return n->lacks;
}

static void nvml_close(struct source *s)
{
	struct nvml *n = s->state;

	worker_stop(n->worker);
	gpus_clear(&n->gpus);
	free(n);
}

const struct source_ops source_nvml = {
	.name = "NVML",
	.what = "energy of NVIDIA's GPUs, and who uses them",
	.components = 1u << COMP_GPU,
	.asynchronous = true,
	.open = nvml_open,
	.read = nvml_read,
	.lacks = nvml_lacks,
	.close = nvml_close,
};
