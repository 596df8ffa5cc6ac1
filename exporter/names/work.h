/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_NAMES_WORK_H
#define EXPORTER_NAMES_WORK_H
/* Of this folder only: what the registry keeps about a workload besides what it shows. */
#include "exporter/names/names.h"
#include "exporter/names/path.h"

struct work {
	struct workload w;	/* first: what callers hold points here */
	struct names *owner;	/* NULL once the registry is gone */
	unsigned refs;
	char *key;		/* what it is found by: container id, "pod:<uid>", "vm:<id>" */
	char *dir;		/* its topmost directory */
	int watch;		/* of the directory above, or -1 */
	char id[CONTAINER_ID_LEN + 1], uid[POD_UID_MAX + 1];
	/* Names that were learnt; the labels point here. NULL: not yet. */
	char *pod, *ns, *container;
	bool named;		/* told by the kubelet or its log files: there is no better */
	uint64_t born_ns;	/* when it was first seen */
	struct work *hash_next;
	struct work *next, **prev; /* all that are not gone; the registry holds them */
};

#endif
