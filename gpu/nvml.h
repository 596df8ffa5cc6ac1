/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GPU_NVML_H
#define GPU_NVML_H
/*
 * What is used of NVIDIA's management library (libnvidia-ml.so.1, part of the driver): names, numbers
 * and layouts of its binary interface, as its reference documents them. It is found at run time, and a
 * driver may lack what came later.
 */
#define NVML_LIBRARY "libnvidia-ml.so.1"

enum {
	NVML_SUCCESS = 0,
	NVML_NOT_SUPPORTED = 3,
	NVML_NOT_FOUND = 6,
	NVML_INSUFFICIENT_SIZE = 7,
	NVML_GPU_IS_LOST = 15,
};

/* Memory of a process that the library cannot tell. */
#define NVML_NOT_AVAILABLE (~0ull)

typedef struct nvml_device *nvml_device;

struct nvml_utilization {
	unsigned gpu, memory; /* percent, of the last sampling period */
};

struct nvml_memory {
	unsigned long long total, free, used; /* bytes */
};

struct nvml_sample {
	unsigned pid;
	unsigned long long at_us;
	unsigned sm, memory, encoder, decoder; /* percent */
};

/* The first version of the call fills the first two members only, and steps by their size. */
struct nvml_process {
	unsigned pid;
	unsigned long long bytes;
	unsigned gpu_instance, compute_instance;
};
struct nvml_process_v1 {
	unsigned pid;
	unsigned long long bytes;
};

/* One row for each function that is used: how it is called here, its name, its type, and whether there
 * is no use without it. */
#define NVML_FUNCTIONS(ROW)                                                                                  \
	ROW(init, "nvmlInit_v2", int (*)(void), 1)                                                           \
	ROW(error, "nvmlErrorString", const char *(*)(int), 1)                                               \
	ROW(driver, "nvmlSystemGetDriverVersion", int (*)(char *, unsigned), 1)                              \
	ROW(count, "nvmlDeviceGetCount_v2", int (*)(unsigned *), 1)                                          \
	ROW(device, "nvmlDeviceGetHandleByIndex_v2", int (*)(unsigned, nvml_device *), 1)                    \
	ROW(uuid, "nvmlDeviceGetUUID", int (*)(nvml_device, char *, unsigned), 1)                            \
	ROW(name, "nvmlDeviceGetName", int (*)(nvml_device, char *, unsigned), 1)                            \
	ROW(power, "nvmlDeviceGetPowerUsage", int (*)(nvml_device, unsigned *), 1)                           \
	ROW(energy, "nvmlDeviceGetTotalEnergyConsumption", int (*)(nvml_device, unsigned long long *), 0)    \
	ROW(utilization, "nvmlDeviceGetUtilizationRates", int (*)(nvml_device, struct nvml_utilization *), 0) \
	ROW(memory, "nvmlDeviceGetMemoryInfo", int (*)(nvml_device, struct nvml_memory *), 0)                \
	ROW(mig, "nvmlDeviceGetMigMode", int (*)(nvml_device, unsigned *, unsigned *), 0)                    \
	ROW(instances, "nvmlDeviceGetMaxMigDeviceCount", int (*)(nvml_device, unsigned *), 0)                \
	ROW(instance, "nvmlDeviceGetMigDeviceHandleByIndex", int (*)(nvml_device, unsigned, nvml_device *), 0) \
	ROW(samples, "nvmlDeviceGetProcessUtilization",                                                      \
	    int (*)(nvml_device, struct nvml_sample *, unsigned *, unsigned long long), 0)                   \
	ROW(compute_v3, "nvmlDeviceGetComputeRunningProcesses_v3",                                           \
	    int (*)(nvml_device, unsigned *, void *), 0)                                                     \
	ROW(compute_v2, "nvmlDeviceGetComputeRunningProcesses_v2",                                           \
	    int (*)(nvml_device, unsigned *, void *), 0)                                                     \
	ROW(compute_v1, "nvmlDeviceGetComputeRunningProcesses",                                              \
	    int (*)(nvml_device, unsigned *, void *), 0)                                                     \
	ROW(graphics_v3, "nvmlDeviceGetGraphicsRunningProcesses_v3",                                         \
	    int (*)(nvml_device, unsigned *, void *), 0)                                                     \
	ROW(graphics_v2, "nvmlDeviceGetGraphicsRunningProcesses_v2",                                         \
	    int (*)(nvml_device, unsigned *, void *), 0)                                                     \
	ROW(graphics_v1, "nvmlDeviceGetGraphicsRunningProcesses",                                            \
	    int (*)(nvml_device, unsigned *, void *), 0)

#endif
