/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_CLUSTER_KUBECONFIG_H
#define PROVISION_CLUSTER_KUBECONFIG_H
/*
 * The operator's kubeconfig: our cluster, context and user are put in and taken out by name; everything else stays
 * as it was, fields that nobody here knows included (client-go's clientcmd api/v1: lists of {name, ...}).
 * Comments do not survive a change, as with kubectl.
 *
 * Each of the three carries an extension named "powerstack", the place that the format has for such marks (minikube
 * does the same): one of that name without it is somebody else's, and is refused rather than replaced.
 */
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

/* One cluster as powerstack enters it. The texts belong to whoever filled it in. */
struct kubeconfig_entry {
	const char *name;		/* of cluster, context and user */
	const char *server;		/* https://160.85.30.104:6443 */
	const char *source;		/* sha256 (hex) of the file on the server that ca, cert and key are from */
	const char *ca, *cert, *key;	/* base64, as in certificate-authority-data, ...; secret */
};

/* What K3s writes on a server (one cluster, context and user, all called "default"), taken apart. */
struct kubeconfig_source {
	struct buf ca, cert, key;	/* base64; secret */
};
int kubeconfig_read_source(const void *bytes, size_t len, struct kubeconfig_source *ret,
			   struct err *e);
void kubeconfig_source_clear(struct kubeconfig_source *s);

enum kubeconfig_state {
	KUBECONFIG_ABSENT,
	KUBECONFIG_DRIFTED,	/* ours, with other values */
	KUBECONFIG_PRESENT,
	KUBECONFIG_FOREIGN,	/* that name is somebody else's */
};
/*
 * How the entry stands in the text (empty: no file). ca, cert, key NULL: told without them. The mark in our context
 * holds a digest of source and of what was entered with it, so that a source that changed on the server and
 * a value that changed here are both seen, and no key has to leave the server for that. source NULL too: only
 * whether ours is there (then DRIFTED), for taking it out. -ERR_CONFIG: the text is no kubeconfig,
 * with "path:line:column".
 */
int kubeconfig_look(const char *path, const struct buf *text, const struct kubeconfig_entry *n,
		    enum kubeconfig_state *ret, struct err *e);

/* ret (a secret buffer): text with the entry in it; current-context is set when there is none. Before it is handed out it
 * is parsed again and compared: -ERR_FAILED when anything else would change. */
int kubeconfig_merge(const char *path, const struct buf *text, const struct kubeconfig_entry *n,
		     struct buf *ret, struct err *e);
/* ret: text without our three, and without current-context when it named ours. */
int kubeconfig_remove(const char *path, const struct buf *text, const char *name, struct buf *ret,
		      struct err *e);

/* The same for a file, under kubectl's own lock (PATH.lock), written beside, synced and renamed, 0600; a copy of
 * what was there before our first change stays as PATH.powerstack-backup. Nothing is written when nothing
 * changes. -ERR_REFUSED: the name is somebody else's. -ERR_TIMEOUT: the lock is held. */
int kubeconfig_put(const char *path, const struct kubeconfig_entry *n, bool *ret_changed,
		   struct err *e);
int kubeconfig_take_out(const char *path, const char *name, bool *ret_changed, struct err *e);

#endif
