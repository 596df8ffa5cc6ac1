/* SPDX-License-Identifier: BSD-2-Clause */
/* The floor of any tool that talks ssh to many hosts: a connection, a login by key, one "true", with libssh and
 * nothing else; no host key is looked up, no configuration read.
 *	handshake KEY USER THREADS <addresses, one a line
 * Prints how many succeeded; status 1 when not all did. */
#include <libssh/libssh.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOSTS_MAX 10000
#define THREADS_MAX 256

static char hosts[HOSTS_MAX][64];
static size_t nhosts;
static atomic_size_t next, done;
static const char *user;
static ssh_key key;

static bool run_true(ssh_session s)
{
	char rest[64];
	ssh_channel ch = ssh_channel_new(s);
	bool ok = ch && ssh_channel_open_session(ch) == SSH_OK && ssh_channel_request_exec(ch, "true") == SSH_OK;
	while (ok && ssh_channel_read(ch, rest, sizeof(rest), 0) > 0)
		;
	ok = ok && ssh_channel_get_exit_status(ch) == 0;
	ssh_channel_free(ch);
	return ok;
}

static bool shake(const char *host)
{
	bool no = false;
	long timeout_s = 60;
	ssh_session s = ssh_new();
	ssh_options_set(s, SSH_OPTIONS_PROCESS_CONFIG, &no);
	ssh_options_set(s, SSH_OPTIONS_TIMEOUT, &timeout_s);
	ssh_options_set(s, SSH_OPTIONS_HOST, host);
	ssh_options_set(s, SSH_OPTIONS_USER, user);
	bool ok = ssh_connect(s) == SSH_OK && ssh_userauth_publickey(s, NULL, key) == SSH_AUTH_SUCCESS && run_true(s);
	if (!ok)
		fprintf(stderr, "%s: %s\n", host, ssh_get_error(s));
	ssh_disconnect(s);
	ssh_free(s);
	return ok;
}

static void *work(void *arg)
{
	size_t i;
	(void)arg;
	while ((i = atomic_fetch_add(&next, 1)) < nhosts)
		if (shake(hosts[i]))
			atomic_fetch_add(&done, 1);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS_MAX];
	unsigned long n = argc == 4 ? strtoul(argv[3], NULL, 10) : 0, started = 0;
	if (!n || n > THREADS_MAX)
		return fprintf(stderr, "usage: handshake KEY USER THREADS <addresses\n"), 2;
	user = argv[2];
	if (ssh_pki_import_privkey_file(argv[1], NULL, NULL, NULL, &key) != SSH_OK)
		return fprintf(stderr, "handshake: no key in '%s'\n", argv[1]), 1;
	while (nhosts < HOSTS_MAX && scanf("%63s", hosts[nhosts]) == 1)
		nhosts++;
	while (started < n && started < nhosts && pthread_create(&threads[started], NULL, work, NULL) == 0)
		started++;
	for (unsigned long i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	ssh_key_free(key);
	printf("%zu of %zu\n", atomic_load(&done), nhosts);
	return done == nhosts ? 0 : 1;
}
