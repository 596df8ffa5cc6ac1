/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_FAKE_CLUSTER_H
#define TESTS_FAKE_CLUSTER_H
/*
 * What is in the cluster of a fake control node, as pairs of it: "kube" (the object's path at the API -> its JSON),
 * "kube-secret" (namespace/name -> the text of its data), "kube-mark" (namespace/name -> "yes" when Grafana has it), "helm"
 * (namespace/name -> "revision status hash ready"), "share" (path of a folder on the data volume -> "uid gid"). All but the last
 * are K3s' and go with it.
 */
#include "tests/fake/host.h"

#define CLUSTER_SCRIPT(name) \
	int fake_##name(struct fake_host *h, const struct fake_cmd *c, struct buf *out, struct buf *err)
CLUSTER_SCRIPT(kube_put);
CLUSTER_SCRIPT(kube_take);
CLUSTER_SCRIPT(kube_claim);
CLUSTER_SCRIPT(class_default);
CLUSTER_SCRIPT(release_put);
CLUSTER_SCRIPT(release_take);
CLUSTER_SCRIPT(grafana_password);
CLUSTER_SCRIPT(share_dirs);
CLUSTER_SCRIPT(share_remove);
CLUSTER_SCRIPT(record_set);
CLUSTER_SCRIPT(rancher_clean);
CLUSTER_SCRIPT(account_token);
CLUSTER_SCRIPT(kubelet_wait);
/* The token of every account; a kubelet takes it and no other. */
#define FAKE_ACCOUNT_TOKEN "planted-kubelet-6Xc"

int fake_answer_api(struct fake_host *h, const char *about, struct buf *value);
int fake_answer_secret(struct fake_host *h, const char *about, struct buf *value);
int fake_answer_kubelet(struct fake_host *h, const char *about, struct buf *value);
/* K3s is uninstalled. */
void fake_cluster_clear(struct fake_host *h);

#endif
