/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_RECIPES_RECIPES_H
#define PROVISION_RECIPES_RECIPES_H
/* Every recipe, one file each; table.c puts them in order. */
#include "provision/engine/step.h"

extern const struct recipe recipe_prereq;
extern const struct recipe recipe_k3s_control;
extern const struct recipe recipe_k3s_server;
extern const struct recipe recipe_k3s_agent;
extern const struct recipe recipe_disk;
extern const struct recipe recipe_nfs_server;
extern const struct recipe recipe_nfs_client;
extern const struct recipe recipe_exporter;
extern const struct recipe recipe_exporter_account;
extern const struct recipe recipe_exporter_kubelet;
extern const struct recipe recipe_helm;
extern const struct recipe recipe_cert_manager;
extern const struct recipe recipe_rancher;
extern const struct recipe recipe_monitoring_class;
extern const struct recipe recipe_monitoring_server;
extern const struct recipe recipe_monitoring;

#endif
