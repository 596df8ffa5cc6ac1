/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_NAMES_KUBELET_H
#define EXPORTER_NAMES_KUBELET_H
/*
 * Asks this node's kubelet for its pods, in the exporter's loop: nobody ever waits for it. While
 * somebody is unknown it is asked every KUBELET_HURRY_NS, else every configured interval; after a
 * failure as soon, then less and less often, KUBELET_BACKOFF_MAX_NS at most. The last good list stays in use.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "exporter/config.h"

struct client;
struct kubelet;
struct pods;

#define KUBELET_HURRY_NS (2 * UINT64_C(1000000000))
#define KUBELET_BACKOFF_MAX_NS (60 * UINT64_C(1000000000))

/* config and client are kept; on_list(arg) is called from the loop for every good list. The caller
 * owns *ret: kubelet_free, before client and config. -ERR_MEMORY. */
int kubelet_new(const struct kubelet_config *config, struct client *client, void (*on_list)(void *arg),
		void *arg, struct kubelet **ret, struct err *e);
void kubelet_free(struct kubelet *k);
/* Time passes; hurry: there is somebody unknown. */
void kubelet_tick(struct kubelet *k, uint64_t now_ns, bool hurry);

/* The last good list, or NULL; valid until the next one. */
const struct pods *kubelet_pods(const struct kubelet *k);

struct kubelet_state {
	bool asking;		/* a request is under way */
	bool up;		/* the last answer was good */
	uint64_t asked_ns;	/* when the last good list was asked for; 0: there is none */
	uint64_t ok_ns;		/* when it came */
	uint64_t polls, errors;
	const char *why;	/* the last failure; "" while up */
};
void kubelet_state(const struct kubelet *k, struct kubelet_state *ret);

#endif
