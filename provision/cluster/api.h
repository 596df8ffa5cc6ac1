/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_CLUSTER_API_H
#define PROVISION_CLUSTER_API_H
/*
 * The Kubernetes API as the operator's machine sees it: the server, the certificates and the credentials of one
 * context of a kubeconfig, TLS always checked. Only reading.
 *
 * Understood of a kubeconfig (client-go's clientcmd api/v1 types): certificate-authority[-data],
 * client-certificate[-data], client-key[-data], token. What would run a program (exec,
 * auth-provider) or switch the check of the certificate off is refused.
 */
#include "base/buf.h"
#include "base/err.h"
#include "provision/remote/session.h"

struct api;

/* -ERR_CONFIG: no such file or context, or one that cannot be used, with the reason. cancel may be NULL. */
int api_open(const char *kubeconfig, const char *context, const struct cancel *cancel,
	     struct api **ret, struct err *e);
void api_free(struct api *a);
/* "https://160.85.30.104:6443", for messages. */
const char *api_server(const struct api *a);

/* GET path (it begins with '/'); the body is appended to ret, whose cap bounds it. *ret_status (may be NULL) is the
 * HTTP status whenever there was one. -ERR_UNREACHABLE: no connection, or a certificate that is not the
 * cluster's; -ERR_FAILED: any status but 200, with the server's own message; -ERR_TIMEOUT;
 * -ERR_INTERRUPTED. Used by one thread at a time. */
int api_get(struct api *a, const char *path, unsigned timeout_s, long *ret_status, struct buf *ret,
	    struct err *e);

#endif
