/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_RECIPES_EXPORTER_H
#define PROVISION_RECIPES_EXPORTER_H
/* What the exporter's recipes share. */
#include <stdbool.h>

#include "provision/engine/step.h"

/* 0600; the exporter reads it again for every request (exporter/config.h) */
#define KUBELET_TOKEN "/etc/powerstack/kubelet-token"

/* Whether the host is a node of the cluster, or is going to be one in this walk: only then is there a kubelet to ask. */
void in_cluster_ask(const struct view *v, struct probe *p);
int in_cluster(const struct view *v, bool *ret, struct err *e);

#endif
