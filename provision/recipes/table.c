/* SPDX-License-Identifier: BSD-2-Clause */
/* The recipes in an order that respects `after`, and the parts that users name. A new part: one file
 * beside this one, one row here. What needs more than the machines have by themselves,
 * gigabytes of images from a registry, is done and checked when it is named, not by itself. */
#include "provision/provision.h"
#include "provision/recipes/recipes.h"

const struct recipe *const recipes[] = {
	&recipe_prereq,
	&recipe_k3s_control,
	&recipe_k3s_server,
	&recipe_k3s_agent,
	&recipe_disk,
	&recipe_nfs_server,
	&recipe_nfs_client,
	&recipe_exporter,
	&recipe_exporter_account,
	&recipe_exporter_kubelet,
	&recipe_helm,
	&recipe_cert_manager,
	&recipe_rancher,
	&recipe_monitoring_class,
	&recipe_monitoring_server,
	&recipe_monitoring,
	NULL,
};

const struct part parts[] = {
	{ "prereq", "what a node must be, kernel settings, firewall" },
	{ "k3s", "the Kubernetes cluster, and its context in the operator's kubeconfig" },
	{ "disk", "the control node's data disk: one partition, Btrfs, mounted" },
	{ "nfs", "the data volume exported to the cluster and mounted on the others" },
	{ "helm", "helm on the control node, which installs the applications; only when named", true },
	{ "rancher", "Rancher, behind cert-manager; only when named", true },
	{ "monitoring", "Prometheus, Grafana and Alertmanager, with their data on the data volume; only when named", true },
	{ "exporter", "the energy exporter on every node" },
	{ NULL, NULL },
};
