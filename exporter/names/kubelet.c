/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/names/kubelet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "exporter/client.h"
#include "exporter/names/pods.h"
#include "exporter/tick.h"

#define TOKEN_MAX (64u * 1024) /* bytes; a service account's is about 1 KiB */
#define FAILURE_BODY_MAX 4096u /* of an answer other than 200, which is not used */

struct kubelet {
	const struct kubelet_config *config;
	struct client *client;
	void (*on_list)(void *);
	void *arg;
	struct call *call;	    /* under way, or NULL */
	struct secret *file_token;  /* lives as long as the call */
	struct pods_reader *reader; /* of the answer that is coming in */
	struct pods *pods;
	bool tried;
	uint64_t started_ns;	    /* when the last request began */
	unsigned failures;	    /* in a row */
	struct err why;		    /* kind ERR_NONE while up */
	struct err reading;	    /* why the answer could not be read */
	uint64_t asked_ns, ok_ns, polls, errors;
};

static void end_call(struct kubelet *k)
{
	k->call = NULL;
	secret_free(k->file_token);
	k->file_token = NULL;
	pods_reader_free(k->reader);
	k->reader = NULL;
}

static void fail(struct kubelet *k, const struct err *why)
{
	k->why = *why;
	err_wrap(&k->why, "kubelet '%s'", k->config->endpoint);
	k->errors++;
	if (k->failures < 16)
		k->failures++;
}

/* A piece of the answer. */
static int on_piece(void *arg, const char *bytes, size_t n)
{
	struct kubelet *k = arg;

	if (!k->reader && pods_reader_new(&k->reader, &k->reading) < 0)
		return -1;
	return pods_reader_feed(k->reader, bytes, n, &k->reading);
}

static int read_answer(struct kubelet *k, const struct answer *a, struct err *e)
{
	struct pods *pods = NULL;

	if (k->reading.kind != ERR_NONE)
		return err_set(e, k->reading.kind, "%s", k->reading.msg);
	if (a->err->kind != ERR_NONE)
		return err_set(e, a->err->kind, "%s", a->err->msg);
	if (a->status == 401 || a->status == 403)
		return err_set(e, ERR_FAILED, "it refuses the token or certificate (HTTP %d)%s", a->status,
			       a->status == 403 ? "; it needs 'get' on nodes/proxy" : "");
	if (a->status != 200)
		return err_set(e, ERR_FAILED, "it answers HTTP %d", a->status);
	if (!k->reader)
		return err_set(e, ERR_FAILED, "its answer is empty");
	int rc = pods_reader_end(k->reader, &pods, e);

	if (rc < 0)
		return rc;
	pods_free(k->pods);
	k->pods = pods;
	return 0;
}

static void on_answer(void *arg, const struct answer *a)
{
	struct kubelet *k = arg;
	struct err e = { 0 };
	int rc = read_answer(k, a, &e);

	end_call(k);
	if (rc < 0) {
		fail(k, &e);
		return;
	}
	err_clear(&k->why);
	k->failures = 0;
	k->asked_ns = k->started_ns;
	k->ok_ns = tick_now_ns();
	k->on_list(k->arg);
}

/* The token's file, read anew for every request: it is replaced before it expires. */
static int read_token(const char *path, struct secret **ret, struct err *e)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return err_errno(e, ERR_FAILED, "cannot read the token file '%s'", path);
	return secret_read(fd, TOKEN_MAX, path, ret, e);
}

static void ask(struct kubelet *k, uint64_t now_ns)
{
	const struct kubelet_config *c = k->config;
	struct err e = { 0 };
	char url[1024];
	size_t host = strlen(c->endpoint);

	while (host > 0 && c->endpoint[host - 1] == '/')
		host--;
	snprintf(url, sizeof url, "%.*s/pods", (int)host, c->endpoint);
	k->tried = true;
	k->started_ns = now_ns;
	k->polls++;
	err_clear(&k->reading);
	int rc = c->token_file ? read_token(c->token_file, &k->file_token, &e) : 0;

	rc = rc < 0 ? rc :
		client_get(k->client,
			   &(struct client_request){ .url = url,
						     .token = c->token_file ? k->file_token : c->token,
						     .certificate_file = c->client_certificate,
						     .key_file = c->client_key,
						     .ca_file = c->ca_file,
						     .insecure_skip_verify = c->insecure_skip_verify,
						     .timeout_ms = c->timeout_ns / 1000000,
						     .body_max = FAILURE_BODY_MAX,
						     .on_body = on_piece },
			   on_answer, k, &k->call, &e);
	if (rc < 0) {
		end_call(k);
		fail(k, &e);
	}
}

static uint64_t wait_ns(const struct kubelet *k, bool hurry)
{
	uint64_t interval = k->config->interval_ns;
	uint64_t wait = interval < KUBELET_HURRY_NS ? interval : KUBELET_HURRY_NS;

	if (k->failures == 0)
		return hurry ? wait : interval;
	for (unsigned i = 1; i < k->failures && wait < KUBELET_BACKOFF_MAX_NS; i++)
		wait *= 2;
	return wait < KUBELET_BACKOFF_MAX_NS ? wait : KUBELET_BACKOFF_MAX_NS;
}

void kubelet_tick(struct kubelet *k, uint64_t now_ns, bool hurry)
{
	if (k->call || (k->tried && now_ns < k->started_ns + wait_ns(k, hurry)))
		return;
	ask(k, now_ns);
}

int kubelet_new(const struct kubelet_config *config, struct client *client, void (*on_list)(void *),
		void *arg, struct kubelet **ret, struct err *e)
{
	struct kubelet *k = calloc(1, sizeof *k);

	if (!k)
		return err_set(e, ERR_MEMORY, "no memory for the kubelet");
	*k = (struct kubelet){ .config = config, .client = client, .on_list = on_list, .arg = arg };
	*ret = k;
	return 0;
}

void kubelet_free(struct kubelet *k)
{
	if (!k)
		return;
	if (k->call)
		client_cancel(k->call);
	end_call(k);
	pods_free(k->pods);
	free(k);
}

const struct pods *kubelet_pods(const struct kubelet *k)
{
	return k->pods;
}

void kubelet_state(const struct kubelet *k, struct kubelet_state *ret)
{
	*ret = (struct kubelet_state){ .asking = k->call != NULL,
				       .up = k->failures == 0 && k->ok_ns > 0,
				       .asked_ns = k->asked_ns,
				       .ok_ns = k->ok_ns,
				       .polls = k->polls,
				       .errors = k->errors,
				       .why = k->why.kind != ERR_NONE ? k->why.msg : "" };
}
