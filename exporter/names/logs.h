/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_NAMES_LOGS_H
#define EXPORTER_NAMES_LOGS_H
/*
 * Names by the kubelet's log files, for when the kubelet itself is silent: for every container it
 * keeps a link /var/log/containers/POD_NAMESPACE_CONTAINER-ID.log, and for every pod a directory
 * /var/log/pods/NAMESPACE_POD_UID. None of the parts can hold a '_'; the last '-' is before the id.
 */
#include <stddef.h>

#include "exporter/names/path.h"

#define LOG_PART_MAX 253 /* a DNS subdomain, as names of pods are */

struct log_name {
	char pod[LOG_PART_MAX + 1], ns[LOG_PART_MAX + 1];
	char container[LOG_PART_MAX + 1];	/* "" in names of pods */
	char id[CONTAINER_ID_LEN + 1];		/* container's */
	char uid[POD_UID_MAX + 1];		/* pod's */
};

/* Reads a name of len bytes. 1 and *ret, or 0: it is none. Pure. */
int log_container_name(const char *name, size_t len, struct log_name *ret);
int log_pod_name(const char *name, size_t len, struct log_name *ret);

/* Tells every such name in rootfs/var/log/containers, then in rootfs/var/log/pods, at most
 * LOG_ENTRIES_MAX of each. Directories that are not there hold none. */
void log_each(const char *rootfs, void (*fn)(void *arg, const struct log_name *name), void *arg);
#define LOG_ENTRIES_MAX 32768

#endif
