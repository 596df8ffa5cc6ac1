/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * powerstack-gpu: tells on standard output what NVIDIA's driver says of its GPUs, six times a second, until
 * nobody listens. powerstack-exporter starts it and ends it; the lines are described in exporter/gpus.h.
 * It is a program of its own because the driver's library can only be loaded into one that is linked
 * dynamically, and because that library may hang or crash: then only this ends, and is started anew.
 *
 * It decides nothing: what a device cannot tell is left out, or said to be so, and nothing is added up.
 * It needs no privileges but to open /dev/nvidia*.
 */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gpu/nvml.h"

#define PROTOCOL 3
#define DEVICES_MAX 32
#define PROCESSES_MAX 512 /* of a device */
#define INSTANCES_MAX 64
/* The driver samples who works six times a second at most ("between 1 second and 1/6 second", says the reference of
 * nvmlDeviceGetProcessUtilization), and of several samples it tells the mean of those in which the process worked,
 * not how many they were. Asked this often it has one. */
#define PERIOD_MS 167
/* Energy is told by the device's firmware, for which the driver waits with a processor's time (an H200: 2 to 4 ms). */
#define ROUNDS_PER_ENERGY 6
/* The exporter takes six times that in a second and no more. */
#define ROUND_MAX (40 * 1024)
/* Samples older than this are no news. */
#define NEWS_US 2000000ull
/* Samples come within a tenth of a second (seen on an H200). One that is older than the last look by more than this
 * was there already, and then of another process: a new one can get those of one that has ended. */
#define STALE_US 500000ull
/* Samples nearer to each other than this are none of a device's own period. */
#define SAMPLED_MIN_US 100000ull

static struct {
#define MEMBER(NAME, SYMBOL, TYPE, NEEDED) __typeof__((TYPE)NULL) NAME;
	NVML_FUNCTIONS(MEMBER)
#undef MEMBER
} nvml;

struct device {
	nvml_device handle;
	bool counts;	  /* it has a counter of energy */
	bool reads;	  /* it gave a reading the last time it was asked */
	bool divided;	  /* into so many */
	unsigned instances;
	/* Samples of who works. */
	bool told;			/* it told them the last time it was asked */
	bool sampled;			/* since_us is when a sample was taken */
	unsigned long long since_us, looked_us; /* 0: not yet */
	unsigned long long period_us;	/* between two samples; 0: not known yet */
};

static struct device devices[DEVICES_MAX];
static unsigned ndevices;

/* ---- what is said */

static char round_text[ROUND_MAX];
static size_t round_len;
/* What processes may fill: after them come at most a line for each device, and the end. */
#define PROCESSES_ROOM (ROUND_MAX - 1024)

/* Adds a line if the text is then below `room`. */
__attribute__((format(printf, 2, 3))) static bool say_within(size_t room, const char *fmt, ...)
{
	va_list ap;

	if (round_len >= room)
		return false;
	va_start(ap, fmt);
	int n = vsnprintf(round_text + round_len, room - round_len, fmt, ap);

	va_end(ap);
	if (n < 0 || (size_t)n >= room - round_len)
		return false;
	round_len += (size_t)n;
	return true;
}

#define say(...) ((void)say_within(ROUND_MAX, __VA_ARGS__))

/* false: nobody listens. */
static bool tell(void)
{
	for (size_t done = 0; done < round_len;) {
		ssize_t n = write(STDOUT_FILENO, round_text + done, round_len - done);

		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	round_len = 0;
	return true;
}

/* Text that others made, as part of a line: printable ASCII only. */
static const char *plain(char *text)
{
	for (char *p = text; *p; p++) {
		if (*p < ' ' || *p > '~')
			*p = '?';
	}
	return text[0] ? text : "?";
}

static const char *reason(int rc)
{
	static char text[128];

	snprintf(text, sizeof text, "%s", nvml.error(rc));
	return plain(text);
}

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	round_len = 0;
	say("fail %s\n", plain(text));
	tell();
	_exit(1);
}

/* ---- the library */

static void load(void)
{
	void *library = dlopen(NVML_LIBRARY, RTLD_NOW | RTLD_LOCAL);
	const char *missing = NULL;

	if (!library)
		fail("the driver's library cannot be loaded: %s", dlerror());
#define FIND(NAME, SYMBOL, TYPE, NEEDED)                       \
	nvml.NAME = (TYPE)dlsym(library, SYMBOL);              \
	missing = NEEDED && !nvml.NAME ? SYMBOL : missing;
	NVML_FUNCTIONS(FIND)
#undef FIND
	if (missing)
		fail("the driver's library is too old: it has no %s", missing);
	int rc = nvml.init();

	if (rc != NVML_SUCCESS)
		fail("the driver does not answer: %s", reason(rc));
}

static void find_devices(void)
{
	char driver[96] = "", uuid[96] = "", name[96] = "";
	unsigned n = 0;
	int rc = nvml.driver(driver, sizeof driver);

	say("powerstack-gpu %d %s\n", PROTOCOL, rc == NVML_SUCCESS ? plain(driver) : "?");
	rc = nvml.count(&n);
	if (rc != NVML_SUCCESS)
		fail("the driver does not tell its GPUs: %s", reason(rc));
	if (n == 0)
		fail("the driver has no GPU");
	ndevices = n < DEVICES_MAX ? n : DEVICES_MAX;
	for (unsigned i = 0; i < ndevices; i++) {
		struct device *d = &devices[i];

		if (nvml.device(i, &d->handle) != NVML_SUCCESS || nvml.uuid(d->handle, uuid, sizeof uuid) != NVML_SUCCESS) {
			d->handle = NULL;
			continue;
		}
		if (nvml.name(d->handle, name, sizeof name) != NVML_SUCCESS)
			snprintf(name, sizeof name, "?");
		say("gpu %u %s %s\n", i, plain(uuid), plain(name));
	}
}

/* ---- a round */

static uint64_t now_of(clockid_t clock, uint64_t per_second)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * per_second + (uint64_t)now.tv_nsec / (1000000000u / per_second);
}

/* Who has memory of the device: what is told of compute and of graphics, each process once. false: nobody has. */
static bool tell_holders(unsigned i, nvml_device device)
{
	static unsigned char list[PROCESSES_MAX * sizeof(struct nvml_process)];
	static struct nvml_process_v1 all[2 * PROCESSES_MAX];
	int (*const calls[])(nvml_device, unsigned *, void *) = {
		nvml.compute_v3 ? nvml.compute_v3 : nvml.compute_v2 ? nvml.compute_v2 : nvml.compute_v1,
		nvml.graphics_v3 ? nvml.graphics_v3 : nvml.graphics_v2 ? nvml.graphics_v2 : nvml.graphics_v1,
	};
	const bool first[] = { !nvml.compute_v3 && !nvml.compute_v2, !nvml.graphics_v3 && !nvml.graphics_v2 };
	size_t nall = 0;
	bool any = false;

	for (size_t kind = 0; kind < 2; kind++) {
		unsigned n = PROCESSES_MAX;
		size_t step = first[kind] ? sizeof(struct nvml_process_v1) : sizeof(struct nvml_process);

		if (!calls[kind] || calls[kind](device, &n, list) != NVML_SUCCESS) {
			any = true; /* for all that is known */
			continue;
		}
		any |= n > 0;
		for (unsigned p = 0; p < n && p < PROCESSES_MAX; p++) {
			struct nvml_process_v1 one;
			size_t k = 0;

			memcpy(&one, list + p * step, sizeof one);
			while (k < nall && all[k].pid != one.pid)
				k++;
			if (one.pid == 0 || one.bytes == NVML_NOT_AVAILABLE)
				continue;
			if (k == nall)
				all[nall++] = one;
			else if (one.bytes > all[k].bytes)
				all[k].bytes = one.bytes;
		}
	}
	for (size_t k = 0; k < nall; k++) {
		if (!say_within(PROCESSES_ROOM, "holds %u %u %llu\n", i, all[k].pid, all[k].bytes))
			break;
	}
	return any;
}

/* false: there is no room. */
static bool tell_percent(const char *what, unsigned i, unsigned pid, unsigned percent)
{
	/* Values beyond 100 are known to come from some drivers, and to mean nothing. */
	return percent == 0 || percent > 100 || say_within(PROCESSES_ROOM, "%s %u %u %u\n", what, i, pid, percent);
}

/* How long it is that a device's samples are of, if the last of them is from newest_us: one period of it, or more if
 * it was not looked for so long. 0: the period is not known yet. */
static unsigned long long sampled_for(struct device *d, unsigned long long newest_us, unsigned long long unseen_us)
{
	unsigned long long us = newest_us - d->since_us;

	if (d->sampled && us >= SAMPLED_MIN_US && (d->period_us == 0 || us < d->period_us))
		d->period_us = us;
	unsigned long long most = d->period_us > unseen_us ? d->period_us : unseen_us;

	return d->period_us == 0 ? 0 : us < most ? us : most;
}

/* Tells who worked since the last samples. false: that cannot be told. */
static bool tell_samples(unsigned i, struct device *d)
{
	static struct nvml_sample samples[PROCESSES_MAX];
	unsigned n = PROCESSES_MAX;
	unsigned long long now = now_of(CLOCK_REALTIME, 1000000), looked = d->looked_us, newest = 0;
	unsigned long long after = looked > d->since_us + STALE_US ? looked - STALE_US : d->since_us;
	int rc = nvml.samples ? nvml.samples(d->handle, samples, &n, d->since_us) : NVML_NOT_SUPPORTED;

	d->looked_us = now;
	if (rc == NVML_NOT_FOUND)
		n = 0; /* nobody worked, or the samples of it have yet to come */
	else if (rc != NVML_SUCCESS || n > PROCESSES_MAX)
		return false;
	for (unsigned s = 0; s < n; s++) {
		if (samples[s].at_us > after && samples[s].at_us > newest)
			newest = samples[s].at_us;
	}
	if (newest == 0) {
		if (now > d->since_us && now - d->since_us > NEWS_US) {
			d->since_us = now - NEWS_US / 2;
			d->sampled = false;
		}
		return true;
	}
	/* Not known after the first look: what was before that is no part of any interval. */
	unsigned long long us = sampled_for(d, newest, now > looked ? now - looked : 0);

	d->sampled = true;
	d->since_us = newest;
	if (us == 0)
		return true;
	if (!say_within(PROCESSES_ROOM, "seen %u %llu %llu\n", i, newest - us, newest))
		return false;
	for (unsigned s = 0; s < n; s++) {
		if (samples[s].at_us <= after || samples[s].pid == 0)
			continue;
		if (!tell_percent("busy", i, samples[s].pid, samples[s].sm) ||
		    !tell_percent("moves", i, samples[s].pid, samples[s].memory))
			return false;
	}
	return true;
}

/* Whether the device is divided into instances (MIG), and into how many. It can be switched while this runs. */
static void see_instances(struct device *d)
{
	unsigned now = 0, later = 0, most = 0;
	nvml_device instance;

	d->divided = nvml.mig && nvml.mig(d->handle, &now, &later) == NVML_SUCCESS && now == 1;
	d->instances = 0;
	if (d->divided && nvml.instances && nvml.instance && nvml.instances(d->handle, &most) == NVML_SUCCESS) {
		for (unsigned k = 0; k < most && k < INSTANCES_MAX; k++)
			d->instances += nvml.instance(d->handle, k, &instance) == NVML_SUCCESS;
	}
}

/* What it drew so far, or draws. whole: also if that is costly to ask. false: the device gives no reading. */
static bool tell_energy(unsigned i, struct device *d, bool whole)
{
	unsigned long long mj = 0;
	unsigned mw = 0;

	if (!whole && (d->counts || !d->reads))
		return d->reads;
	int rc = whole && nvml.energy ? nvml.energy(d->handle, &mj) : NVML_NOT_SUPPORTED;

	d->counts = rc == NVML_SUCCESS;
	if (d->counts) {
		say("energy %u %llu\n", i, mj);
		return true;
	}
	rc = nvml.power(d->handle, &mw);
	if (rc == NVML_SUCCESS)
		say("power %u %u\n", i, mw);
	else
		say("error %u %s\n", i, reason(rc));
	return rc == NVML_SUCCESS;
}

static void tell_meters(unsigned i, struct device *d, bool whole)
{
	struct nvml_utilization busy;
	struct nvml_memory memory;

	d->reads = tell_energy(i, d, whole);
	if (!d->reads)
		return;
	if (nvml.utilization && nvml.utilization(d->handle, &busy) == NVML_SUCCESS && busy.gpu <= 100)
		say("util %u %u\n", i, busy.gpu);
	if (nvml.memory && nvml.memory(d->handle, &memory) == NVML_SUCCESS)
		say("memory %u %llu\n", i, memory.total);
	if (whole)
		see_instances(d);
}

static void tell_processes(unsigned i, struct device *d)
{
	bool held = tell_holders(i, d->handle);
	size_t before = round_len;

	if (d->divided) {
		say("divided %u %u\n", i, d->instances);
		return;
	}
	/* Samples cost a processor's time, too (an H200: 1 to 2 ms); who works holds memory. */
	if (held || !d->told)
		d->told = tell_samples(i, d);
	else
		d->looked_us = now_of(CLOCK_REALTIME, 1000000);
	if (!d->told) {
		/* Half of the processes are as good as none of them. */
		round_len = before;
		say("blind %u\n", i);
	}
}

/* A round of readings; whole: with all that there is to read. false: nobody listens. */
static bool tell_round(bool whole)
{
	bool any = false;

	say("at %llu\n", (unsigned long long)now_of(CLOCK_BOOTTIME, 1000000000));
	for (unsigned i = 0; i < ndevices; i++) {
		if (devices[i].handle)
			tell_meters(i, &devices[i], whole);
	}
	/* Of these there may be more than there is room for. */
	for (unsigned i = 0; i < ndevices; i++) {
		any |= devices[i].reads;
		if (devices[i].reads)
			tell_processes(i, &devices[i]);
	}
	say("end\n");
	if (!tell())
		return false;
	if (whole && !any)
		fail("no GPU gives a reading");
	return true;
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		fprintf(stderr, "%s is started by powerstack-exporter and takes no arguments\n", argv[0]);
		return 2;
	}
	load();
	find_devices();
	for (unsigned n = 0; tell_round(n % ROUNDS_PER_ENERGY == 0); n++) {
		struct timespec pause = { .tv_nsec = PERIOD_MS * 1000000l };

		nanosleep(&pause, NULL);
	}
	return 0;
}
