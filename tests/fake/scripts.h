/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_FAKE_SCRIPTS_H
#define TESTS_FAKE_SCRIPTS_H
/*
 * What the scripts of provision/files/ do, to a host in memory (tests/fake/host.h), and the answers of the
 * probe about it. What a real node is apart from that is the business of tests/recipes/scripts.test.sh,
 * tests/disk/ and the lab.
 *
 * A host's files, units, mounts and blocks are struct fake_host's; fstab is the file /etc/fstab; records
 * are files below /var/lib/powerstack. Spaces of pairs: "pkg" (name -> version), "sysctl" (name with
 * slashes -> value), "etab" (path -> clients), "os" (field of host:os -> value), "addr" (address),
 * "ufw" ("active" -> "yes", "rules" -> as the probe tells them).
 */
#include "tests/fake/host.h"

extern const struct fake_script node_scripts[];
extern const struct fake_question node_questions[];

/* A machine as it comes from the shop, with an empty disk on the control node. */
void node_make_bare(struct fake_host *h, const struct host *inv_host);

#endif
