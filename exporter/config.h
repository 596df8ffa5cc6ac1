/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_CONFIG_H
#define EXPORTER_CONFIG_H
/*
 * The configuration file (YAML). Any option of the command line may stand in it under its own name,
 * nested at the dots; the command line wins. What only the file has are the peers:
 *
 *	interval: 1s
 *	web:
 *	  listen-address: ":9102"
 *	log:
 *	  level: info
 *	redfish:                            # a BMC that tells what the whole machine draws
 *	  endpoint: https://192.0.2.10      # or with :port; a plain http:// one takes no password
 *	  username: monitor
 *	  password: secret                  # then the file must be 0600 or stricter
 *	  ca-file: /etc/powerstack/bmc.pem  # verify by this; default: the system's authorities
 *	  insecure-skip-verify: false       # true: take any certificate
 *	  interval: 10s                     # 1s to 10m
 *	  timeout: 5s                       # of one request, 1s to 1m
 *	kubelet:                            # tells the names of pods and containers
 *	  endpoint: https://127.0.0.1:10250 # "/pods" is asked for; a plain http:// one takes no credentials
 *	  token: secret                     # bearer token; then the file must be 0600 or stricter
 *	  token-file: /etc/powerstack/token # or in a file of its own, read again for every request
 *	  client-certificate: /etc/powerstack/kubelet.crt # or a certificate (PEM) ...
 *	  client-key: /etc/powerstack/kubelet.key         # ... and its key
 *	  ca-file: /var/lib/rancher/k3s/agent/server-ca.crt # verify by this; default: the system's
 *	  insecure-skip-verify: false       # true: take any certificate
 *	  interval: 30s                     # when no unknown container hurries it; 5s to 10m
 *	  timeout: 5s                       # of one request, 1s to 1m
 *
 * Without a kubelet section, Kepler's NODE_IP and KUBELET_PORT in the environment name the kubelet,
 * and the service account's token and CA are used if this runs in a pod.
 *
 * An unknown key is an error with its line and column, and so is a value of the wrong kind.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/opts.h"
#include "base/secret.h"
#include "base/ydoc.h"

struct redfish_config {
	const char *endpoint; /* NULL: no BMC is asked */
	const char *username;
	struct secret *password;
	const char *ca_file;
	bool insecure_skip_verify;
	unsigned long long interval_ns, timeout_ns;
};

struct kubelet_config {
	const char *endpoint; /* NULL: the kubelet is not asked */
	struct secret *token;
	const char *token_file, *client_certificate, *client_key;
	const char *ca_file;
	bool insecure_skip_verify;
	unsigned long long interval_ns, timeout_ns;
	/* What the environment gave: config_environment. */
	char from_environment[300], account_token[128], account_ca[128];
};

struct config {
	struct redfish_config redfish;
	struct kubelet_config kubelet;
	struct ydoc doc; /* owns the texts */
};

/* Parses len bytes; name stands for the file in messages. Options are set in `options` unless it is
 * NULL. exposed: others than the owner may read the file, so that a secret in it is an error.
 * -ERR_CONFIG. The caller owns ret: config_clear; texts set in `options` live as long. */
int config_parse(const char *name, const void *bytes, size_t len, bool exposed,
		 const struct opt_table *options, struct config *ret, struct err *e);
/* The same from a file. */
int config_read(const char *path, const struct opt_table *options, struct config *ret, struct err *e);
/* Appends a file's bytes to ret, whose cap bounds them; mark it secret. *ret_exposed: others than
 * root and who runs this may read it, or could have written it. -ERR_CONFIG. */
int config_bytes(const char *path, struct buf *ret, bool *ret_exposed, struct err *e);
/* What Kepler's environment names add where the file says nothing; account is the directory of the
 * pod's service account (SERVICE_ACCOUNT_DIR). *c must stay where it is from now on. -ERR_CONFIG. */
int config_environment(struct config *c, const char *node_ip, const char *kubelet_port,
		       const char *account, struct err *e);
#define SERVICE_ACCOUNT_DIR "/var/run/secrets/kubernetes.io/serviceaccount"
/* The configuration without a file. */
void config_init(struct config *ret);
void config_clear(struct config *c);

#endif
