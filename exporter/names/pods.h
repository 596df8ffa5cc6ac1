/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_NAMES_PODS_H
#define EXPORTER_NAMES_PODS_H
/*
 * The kubelet's list of pods (GET /pods: a v1.PodList), reduced to who is who. Read as it arrives,
 * in pieces; what is kept is bounded, and a list that would not fit is an error, not half a list.
 *
 * Of a pod its metadata.name, .namespace and .uid; of a static pod, whose group may be called by the
 * hash of its manifest, the annotations kubernetes.io/config.hash and .mirror too. Of every entry of
 * status.containerStatuses, .initContainerStatuses and .ephemeralContainerStatuses its name and
 * containerID, and those of state.terminated and lastState.terminated: a container that restarted
 * had another id before. "containerd://<64 hex digits>" and kin; anything else is no id.
 */
#include <stddef.h>

#include "base/err.h"

struct pods;
struct pods_reader;

#define PODS_MAX 8192
#define POD_CONTAINERS_MAX 65536
#define PODS_TEXT_MAX (4u * 1024 * 1024) /* bytes of all names together */
#define PODS_BODY_MAX (128u * 1024 * 1024)

/* Belongs to the list; NULL where not known. */
struct pod_name {
	const char *pod, *ns, *container;
};

/* The caller owns *ret: pods_reader_free. -ERR_MEMORY. */
int pods_reader_new(struct pods_reader **ret, struct err *e);
void pods_reader_free(struct pods_reader *r);
/* The next piece. -ERR_FAILED, -ERR_MEMORY: then only free is left. */
int pods_reader_feed(struct pods_reader *r, const char *bytes, size_t n, struct err *e);
/* Ends the list; the caller owns *ret: pods_free. -ERR_FAILED when it is no PodList or cut off. */
int pods_reader_end(struct pods_reader *r, struct pods **ret, struct err *e);
/* All of it at once. */
int pods_parse(const char *json, size_t len, struct pods **ret, struct err *e);
void pods_free(struct pods *p);

size_t pods_count(const struct pods *p);
size_t pods_containers(const struct pods *p);
/* By container id (64 hex digits): 1 and *ret, or 0. p may be NULL. */
int pods_find(const struct pods *p, const char *id, struct pod_name *ret);
/* By a pod's uid or hash; ret->container is NULL. */
int pods_find_pod(const struct pods *p, const char *uid, struct pod_name *ret);

#endif
