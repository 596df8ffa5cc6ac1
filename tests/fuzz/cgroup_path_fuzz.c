/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a control group's path, and as the name of a log file: what is told is well formed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/names/logs.h"
#include "exporter/names/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *path, size_t size)
{
	struct path_identity who;
	struct log_name log;

	path_identify(path, size, &who);
	if (who.root_len > size || !who.runtime || strlen(who.pod_uid) > POD_UID_MAX || strlen(who.vm) > VM_ID_MAX)
		abort();
	if ((who.kind == PATH_CONTAINER) != (strspn(who.id, "0123456789abcdef") == CONTAINER_ID_LEN))
		abort();
	if ((who.kind == PATH_VM) != (who.vm[0] != '\0') || (who.kind == PATH_POD && !who.pod_uid[0]))
		abort();
	/* What is below a container is that container too. */
	if (who.kind == PATH_CONTAINER) {
		struct path_identity again;

		path_identify(path, who.root_len, &again);
		if (strcmp(again.id, who.id) != 0 || strcmp(again.pod_uid, who.pod_uid) != 0)
			abort();
	}
	if (log_container_name(path, size, &log) && (strlen(log.id) != CONTAINER_ID_LEN || !log.pod[0]))
		abort();
	if (log_pod_name(path, size, &log) && (!log.uid[0] || !log.ns[0] || strchr(log.pod, '/')))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* An array of exactly this size, so that a byte too far is seen. */
	char *path = malloc(size ? size : 1);

	if (!path)
		return 0;
	memcpy(path, data, size);
	check(path, size);
	free(path);
	return 0;
}
