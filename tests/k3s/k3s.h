// SPDX-License-Identifier: BSD-2-Clause
// The stand-in `k3s` of the tests: at the boundary (files, modes, units, log lines, flags, the join
// protocol) it does what the real program does; its API is a real kube-apiserver beside the nodes,
// which it forwards to. Nothing of the product knows of it.
//
// Where it finds that API server, a folder that the lab puts on a node (LAB):
//	api		ADDRESS:PORT of the API server
//	api-ca.crt	the CA of its certificate
//	proxy.crt/.key	a client certificate of its request-header CA: whoever holds it speaks for any user
//	delay		optional: seconds that a server takes to be ready, default 1
#pragma once
#include <json-c/json.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

#define LAB "/etc/powerstack-lab"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

// ---- main.c: what this binary is, by the record that release.sh puts at its end
struct release {
	char version[64]; // v1.30.2+k3s1
	char commit[16];
	char go[16];
	char arch[16];
	long elf, kubectl_at, kubectl_size; // bytes of the program; where a real kubectl lies, if any
};
extern struct release release;
extern int main_argc;
extern char **main_argv;
void say(const char *level, const char *format, ...) __attribute__((format(printf, 2, 3)));
_Noreturn void fatal(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *strf(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *file_read(const char *path, size_t *ret_size); // NULL with errno
int file_write(const char *path, int mode, const void *bytes, size_t size); // whole or not at all
int dirs_make(const char *path, int mode);
char *random_hex(size_t bytes);
// Runs a program with its output thrown away; its exit status, or -1.
int run_quiet(const char *const *argv);
// Unpacks what the binary carries to DATA-DIR/data/HASH/bin, once; returns that folder.
char *data_unpack(const char *data_dir);

// ---- options.c
struct config {
	char *value; // lists: entries divided by '\n'
	bool set;
};
// Reads flags, the environment and the configuration files for COMMAND ("server" or "agent"); refuses
// what the real command does not know.
void options_read(const char *command, int argc, char **argv);
const char *option(const char *name); // "" if not given
bool option_on(const char *name);
bool option_has(const char *name, const char *entry); // a list with that entry
// The n-th entry of a list, also of one written with commas; NULL behind the last. Caller frees.
char *option_entry(const char *name, size_t n);

// ---- tls.c
struct pair {
	char *cert, *key; // paths
};
struct pair tls_pair(const char *dir, const char *name);
int tls_make_ca(const struct pair *, const char *cn);
// NULL-terminated lists; a SAN that is an address becomes an IP SAN.
int tls_make_cert(const struct pair *, const struct pair *ca, const char *cn, const char *const *orgs,
		  const char *const *sans);
char *sha256_hex(const void *bytes, size_t size);
char *base64(const void *bytes, size_t size);
char *base64_decode(const char *text, size_t *ret_size); // NUL behind the bytes

// ---- http.c
struct peer {
	char host[256];
	char port[8];
	SSL_CTX *ctx;
	const char *name; // name or address that the certificate must have; NULL: any
	const char *as;	  // user to speak for, with the proxy's certificate
};
struct answer {
	int status; // 0: no answer, why is in `body`
	char *body;
	size_t size;
};
SSL_CTX *http_ctx(const char *ca_pem, const char *cert_file, const char *key_file); // ca NULL: trusts any
int peer_url(struct peer *, const char *url); // https://HOST[:PORT]
int tcp_connect(const struct peer *, char **ret_why); // a connected socket, or -1
int peer_connect(const struct peer *, SSL **ret, char **ret_why);
struct answer http(const struct peer *, const char *method, const char *path, const char *headers,
		   const char *body);
struct peer api_peer(const char *as); // the API server, as a user of the group system:masters

// ---- apply.c
struct json_object *yaml_json(const char *text, size_t *offset); // next document; NULL: no more
int apply_text(const struct peer *, const char *text, const char *what);
void manifests_loop_step(const struct peer *, const char *dir);
void packaged_apply(const struct peer *, const char *manifests);

// ---- balancer.c
// Passes what comes to that port of 127.0.0.1 on to the peer, for ever; fatal when the port is taken.
void balancer_start(int port, const struct peer *to);

// ---- kubelet.c
// Answers on the kubelet's port, for ever; it asks the API by that peer, whose client certificate is the kubelet's.
struct node;
void kubelet_start(const struct node *, const struct peer *server);

// ---- node.c
struct node {
	char *name, *ip, *external, *server_url, *data_dir;
	bool control;
	int local_port; // of 127.0.0.1, where the API is for what runs on the node
};
void node_identity(struct node *); // name and addresses from options and host; fatal as the real one
char *node_password(void);
char *token_secret(const char *token, char **ret_hash); // splits K10HASH::USER:SECRET
char *option_token(void);
// A kubeconfig that names files, as K3s writes them for its own: CA_DIR/server-ca.crt and DIR/CERT.crt and .key.
void kubeconfig_of_files(const char *path, int port, const char *ca_dir, const char *dir, const char *cert);
// The kubelet: joins by the server at `server_url` until it is let in, then heartbeats for ever.
void node_run(struct node *, const char *token, void (*joined)(struct node *));

// ---- server.c, kubectl.c
int server_main(void);
int agent_main(void);
int kubectl_main(int argc, char **argv);
int crictl_main(const char *as, int argc, char **argv);
void ready_notify(void);
