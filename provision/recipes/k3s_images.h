/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_RECIPES_K3S_IMAGES_H
#define PROVISION_RECIPES_K3S_IMAGES_H
/* Container images that come to the nodes as files: rows of provision/recipes/k3s.c. */
#include "provision/steps/steps.h"

/* A precondition: those of the release and of the inventory's image_archives find room. */
extern const struct precondition k3s_room;

/* The inventory's image_archives are on the node, and the containerd that runs has taken them; one that does not run yet
 * takes what is in the folder when K3s starts (https://docs.k3s.io/installation/airgap). args: none. */
extern const struct step_ops k3s_archives_ops;
bool k3s_has_archives(const struct inventory *inv, const struct host *h);

#endif
