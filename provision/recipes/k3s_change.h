/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_RECIPES_K3S_CHANGE_H
#define PROVISION_RECIPES_K3S_CHANGE_H
/*
 * What a K3s that runs already needs when something of it changes: rows of provision/recipes/k3s.c.
 */
#include "provision/steps/steps.h"

/* A precondition: the vault's token is one that K3s takes. */
extern const struct precondition k3s_token_fits;

/*
 * The wanted release may follow the one that is here, by what is installed and by what its node in the cluster says. An
 * older one, and one beyond the next minor release, is refused unless the view is forced. Applied before
 * anything of the release is brought: a server of the cluster must not be older; what the cluster remembers of
 * a node that is new here is taken out; which release the binary to come is, is recorded. args: none.
 */
extern const struct step_ops k3s_release_ops;

/* A server's datastore and token are saved on it, in each run that replaces its binary. args: none. */
extern const struct step_ops k3s_backup_ops;

/* A node has left: takes its Node, and the hash of its password, out of the cluster, by the control node. */
int k3s_forget_node(struct hand *h, struct err *e);

/* The servers refuse the node, which has lost its password: takes the hash of the one they know out of the cluster, by the
 * control node, so that they take the one that the node has now. Fails when a node of that name is Ready. */
int k3s_readmit_node(struct hand *h, struct err *e);

/* file_arg.before of the token: on the control node the cluster is given the vault's token, on the others the cluster
 * must have it already. */
int k3s_token_before(struct hand *h, struct err *e);

/* e tells why K3s does not come up. Adds what there is to go back to, when an upgrade was under way. */
int k3s_explain(const struct view *v, struct err *e);

#endif
