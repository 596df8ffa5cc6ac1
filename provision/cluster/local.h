/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_CLUSTER_LOCAL_H
#define PROVISION_CLUSTER_LOCAL_H
/*
 * The operator's machine as one more place where verify asks: a session whose only command is the probe,
 * answered here instead of by probe.sh, in the same form.
 *
 *	api	path			the body of GET path through the kubeconfig's context
 *	web	URL [address]		the status in digits, a newline, the body (web.h); by that address when it is given
 *	cert	URL [address]		when the certificate shown there ends, in seconds since 1970
 *	tcp	address port		"open", "refused" or "filtered" (no answer within 3 s)
 *
 * Who has not answered a question in its time (api: 20 s, web and cert: 15 s) is not asked again in the same probe.
 */
#include "inventory/inventory.h"
#include "provision/remote/session.h"

/* kubeconfig and cancel (may be NULL) outlive the session. Nothing is opened before it is asked for. */
int local_open(const char *kubeconfig, const char *context, const struct cancel *cancel,
	       struct session **ret, struct err *e);

#endif
