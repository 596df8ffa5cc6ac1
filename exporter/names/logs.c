/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/names/logs.h"

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* What a name of Kubernetes may be made of: letters, digits, '-' and '.'. */
static bool take_part(const char *p, size_t n, char ret[LOG_PART_MAX + 1])
{
	if (n == 0 || n > LOG_PART_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		bool letter = (p[i] >= 'a' && p[i] <= 'z') || (p[i] >= 'A' && p[i] <= 'Z');

		if (!letter && (p[i] < '0' || p[i] > '9') && p[i] != '-' && p[i] != '.')
			return false;
	}
	memcpy(ret, p, n);
	ret[n] = '\0';
	return true;
}

/* Splits A_B_C. */
static bool split(const char *name, size_t len, const char *parts[3], size_t lens[3])
{
	for (size_t i = 0; i < 3; i++) {
		const char *mark = i < 2 ? memchr(name, '_', len) : NULL;

		if (i < 2 && !mark)
			return false;
		parts[i] = name;
		lens[i] = mark ? (size_t)(mark - name) : len;
		name += lens[i] + 1;
		len -= mark ? lens[i] + 1 : 0;
	}
	return true;
}

int log_container_name(const char *name, size_t len, struct log_name *ret)
{
	static const char end[] = ".log";
	struct log_name n = { .uid = "" };
	const char *parts[3];
	size_t lens[3], tail = CONTAINER_ID_LEN + 1;

	if (len < sizeof end - 1 || memcmp(name + len - (sizeof end - 1), end, sizeof end - 1) != 0 ||
	    !split(name, len - (sizeof end - 1), parts, lens) || lens[2] <= tail)
		return 0;
	const char *id = parts[2] + lens[2] - CONTAINER_ID_LEN;

	if (id[-1] != '-' || strspn(id, "0123456789abcdef") < CONTAINER_ID_LEN ||
	    !take_part(parts[0], lens[0], n.pod) || !take_part(parts[1], lens[1], n.ns) ||
	    !take_part(parts[2], lens[2] - tail, n.container))
		return 0;
	memcpy(n.id, id, CONTAINER_ID_LEN);
	n.id[CONTAINER_ID_LEN] = '\0';
	*ret = n;
	return 1;
}

int log_pod_name(const char *name, size_t len, struct log_name *ret)
{
	struct log_name n = { .uid = "" };
	const char *parts[3];
	size_t lens[3];

	if (!split(name, len, parts, lens) || lens[2] == 0 || lens[2] > POD_UID_MAX ||
	    !take_part(parts[0], lens[0], n.ns) || !take_part(parts[1], lens[1], n.pod) ||
	    !take_part(parts[2], lens[2], n.container))
		return 0;
	memcpy(n.uid, n.container, lens[2] + 1);
	n.container[0] = '\0';
	*ret = n;
	return 1;
}

static void each_in(const char *rootfs, const char *dir, int (*read)(const char *, size_t, struct log_name *),
		    void (*fn)(void *, const struct log_name *), void *arg)
{
	char path[PATH_MAX];
	struct log_name name;
	struct dirent *d;

	if ((size_t)snprintf(path, sizeof path, "%s/var/log/%s", rootfs, dir) >= sizeof path)
		return;
	DIR *logs = opendir(path);

	for (unsigned i = 0; logs && i < LOG_ENTRIES_MAX && (d = readdir(logs)) != NULL; i++) {
		if (read(d->d_name, strlen(d->d_name), &name))
			fn(arg, &name);
	}
	if (logs)
		closedir(logs);
}

void log_each(const char *rootfs, void (*fn)(void *, const struct log_name *), void *arg)
{
	each_in(rootfs, "containers", log_container_name, fn, arg);
	each_in(rootfs, "pods", log_pod_name, fn, arg);
}
