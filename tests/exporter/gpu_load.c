/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gpu_load PERCENT SECONDS [PHASE]: keeps the first NVIDIA GPU busy for so much of each tenth of a second, from PHASE
 * percent of it on, by a kernel that does nothing but look at the clock. For gpu_real.test.sh; needs the driver alone, no
 * toolkit.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char kernel[] = ".version 6.4\n"
			     ".target sm_75\n"
			     ".address_size 64\n"
			     ".visible .entry spin(.param .u64 ns)\n"
			     "{\n"
			     "	.reg .u64 %rd<4>;\n"
			     "	.reg .pred %p1;\n"
			     "	ld.param.u64 %rd1, [ns];\n"
			     "	mov.u64 %rd2, %globaltimer;\n"
			     "	add.u64 %rd1, %rd1, %rd2;\n"
			     "again:\n"
			     "	mov.u64 %rd3, %globaltimer;\n"
			     "	setp.lt.u64 %p1, %rd3, %rd1;\n"
			     "	@%p1 bra again;\n"
			     "	ret;\n"
			     "}\n";

#define PERIOD_NS UINT64_C(100000000)
#define MULTIPROCESSORS 16 /* CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT */

#define CALLS(ROW)                                                                                     \
	ROW(init, "cuInit", int (*)(unsigned))                                                         \
	ROW(device, "cuDeviceGet", int (*)(int *, int))                                                \
	ROW(attribute, "cuDeviceGetAttribute", int (*)(int *, int, int))                               \
	ROW(retain, "cuDevicePrimaryCtxRetain", int (*)(void **, int))                                 \
	ROW(use, "cuCtxSetCurrent", int (*)(void *))                                                   \
	ROW(module, "cuModuleLoadData", int (*)(void **, const void *))                                \
	ROW(function, "cuModuleGetFunction", int (*)(void **, void *, const char *))                   \
	ROW(launch, "cuLaunchKernel",                                                                  \
	    int (*)(void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void *, void **, \
		    void **))                                                                          \
	ROW(wait, "cuCtxSynchronize", int (*)(void))

static struct {
#define MEMBER(NAME, SYMBOL, TYPE) __typeof__((TYPE)NULL) NAME;
	CALLS(MEMBER)
#undef MEMBER
} cu;

static void must(int rc, const char *what)
{
	if (rc == 0)
		return;
	fprintf(stderr, "gpu_load: %s: %d\n", what, rc);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void sleep_until(uint64_t at_ns)
{
	struct timespec t = { .tv_sec = (time_t)(at_ns / 1000000000u), .tv_nsec = (long)(at_ns % 1000000000u) };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

int main(int argc, char **argv)
{
	uint64_t busy_ns = argc >= 3 ? strtoull(argv[1], NULL, 10) * PERIOD_NS / 100 : 0;
	uint64_t for_ns = argc >= 3 ? (uint64_t)(strtod(argv[2], NULL) * 1e9) : 0;
	uint64_t phase_ns = argc >= 4 ? strtoull(argv[3], NULL, 10) * PERIOD_NS / 100 : 0;
	void *library = dlopen("libcuda.so.1", RTLD_NOW), *context = NULL, *module = NULL, *spin = NULL;
	int device = 0, n = 0;

	if (busy_ns == 0 || busy_ns > PERIOD_NS || for_ns == 0 || !library) {
		fprintf(stderr, "usage: gpu_load PERCENT SECONDS [PHASE], with NVIDIA's driver (%s)\n", library ? "found" : dlerror());
		return 2;
	}
#define FIND(NAME, SYMBOL, TYPE)                  \
	cu.NAME = (TYPE)dlsym(library, SYMBOL);   \
	must(cu.NAME ? 0 : -1, SYMBOL);
	CALLS(FIND)
#undef FIND
	must(cu.init(0), "cuInit");
	must(cu.device(&device, 0), "cuDeviceGet");
	must(cu.attribute(&n, MULTIPROCESSORS, device), "cuDeviceGetAttribute");
	must(cu.retain(&context, device), "cuDevicePrimaryCtxRetain");
	must(cu.use(context), "cuCtxSetCurrent");
	must(cu.module(&module, kernel), "cuModuleLoadData");
	must(cu.function(&spin, module, "spin"), "cuModuleGetFunction");
	uint64_t begin = now_ns() / PERIOD_NS * PERIOD_NS + PERIOD_NS + phase_ns;

	for (uint64_t at = begin; at < begin + for_ns; at += PERIOD_NS) {
		sleep_until(at);
		must(cu.launch(spin, (unsigned)n * 2, 1, 1, 512, 1, 1, 0, NULL, (void *[]){ &busy_ns }, NULL), "cuLaunchKernel");
		must(cu.wait(), "cuCtxSynchronize");
	}
	return 0;
}
