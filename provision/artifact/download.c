/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/artifact/download.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "provision/artifact/cache.h"

#define TRIES 4			/* in a row that brought less than PROGRESS */
#define PROGRESS (64u << 10)
#define TRIES_MAX 1000		/* in all */
#define BACKOFF_MS 500		/* after the first; doubled each time */
#define RETRY_AFTER_MAX_S 60	/* what a server may ask for */
#define CONNECT_S 20
#define REDIRECTS 10
#define SLICE_MS 50

enum stop { STOP_NOT, STOP_CANCEL, STOP_WRITE, STOP_SIZE, STOP_RANGE };

/* One try. */
struct transfer {
	const struct download *d;
	CURL *curl;
	int fd;
	uint64_t from;		/* where it asked to begin */
	uint64_t at;		/* where the next byte goes */
	uint64_t total;		/* 0: not known */
	uint64_t received;
	uint64_t range;		/* where the answer begins, says its Content-Range */
	bool has_range, body;	/* the body has begun, and is the file */
	enum stop stop;
	int error;		/* errno of STOP_WRITE */
	char why[CURL_ERROR_SIZE];
};

static void init_curl(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

static long status_of(const struct transfer *t)
{
	long status = 0;
	curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static size_t on_header(char *p, size_t one, size_t n, void *ctx)
{
	static const char range[] = "content-range:";
	struct transfer *t = ctx;
	n *= one;
	/* a new answer: what the one before it (a redirect, a proxy's) said is void */
	if (n >= 5 && memcmp(p, "HTTP/", 5) == 0)
		t->has_range = false;
	if (n > sizeof(range) && strncasecmp(p, range, sizeof(range) - 1) == 0) {
		char text[64];
		snprintf(text, sizeof(text), "%.*s", (int)(n - sizeof(range) + 1), p + sizeof(range) - 1);
		t->has_range = sscanf(text, " bytes %" SCNu64 "-", &t->range) == 1;
	}
	return n;
}

/* The first byte of the file: where does it belong? */
static bool body_begins(struct transfer *t, long status)
{
	if (status == 206 && (!t->has_range || t->range != t->from)) {
		t->stop = STOP_RANGE;
		return false;
	}
	if (status != 206)
		t->from = 0;
	if (status != 206 && ftruncate(t->fd, 0) < 0) {
		t->stop = STOP_WRITE;
		t->error = errno;
		return false;
	}
	t->at = t->from;
	t->body = true;
	curl_off_t len = -1;
	curl_easy_getinfo(t->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &len);
	t->total = t->d->size ? t->d->size : len > 0 ? t->from + (uint64_t)len : 0;
	if (len > 0 && t->from + (uint64_t)len > t->d->max) {
		t->stop = STOP_SIZE;
		return false;
	}
	return true;
}

static size_t on_body(char *p, size_t one, size_t n, void *ctx)
{
	struct transfer *t = ctx;
	long status = status_of(t);
	n *= one;
	if (status != 200 && status != 206)
		return n;
	if (!t->body && !body_begins(t, status))
		return 0;
	if (n > t->d->max - t->at) {
		t->stop = STOP_SIZE;
		return 0;
	}
	for (size_t done = 0; done < n;) {
		ssize_t w = pwrite(t->fd, p + done, n - done, (off_t)(t->at));
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0) {
			t->stop = STOP_WRITE;
			t->error = errno;
			return 0;
		}
		done += (size_t)w;
		t->at += (uint64_t)w;
		t->received += (uint64_t)w;
	}
	return n;
}

static int on_progress(void *ctx, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now)
{
	struct transfer *t = ctx;
	(void)total, (void)now, (void)up_total, (void)up_now;
	if (cancel_wished(t->d->cancel, NULL) < 0) {
		t->stop = STOP_CANCEL;
		return 1;
	}
	if (t->d->progress)
		t->d->progress(t->d->ctx, t->body ? t->at : t->from, t->body ? t->total : t->d->size,
			       "downloading");
	return 0;
}

static void set_options(struct transfer *t)
{
	const struct download *d = t->d;
	CURL *c = t->curl;
	char range[32];
	const char *ca = getenv("CURL_CA_BUNDLE");
	if (!ca || !*ca)
		ca = getenv("SSL_CERT_FILE");
	curl_easy_setopt(c, CURLOPT_URL, d->url);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	/* a redirect never leads from a checked peer to one that nobody checks, nor to a file */
	curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR,
			 strncasecmp(d->url, "https:", 6) == 0 ? "https" : "http,https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)REDIRECTS);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (ca && *ca)
		curl_easy_setopt(c, CURLOPT_CAINFO, ca);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)d->stall_s);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "powerstack/" POWERSTACK_VERSION);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->why);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, t);
	/* not CURLOPT_RESUME_FROM: with that libcurl fails when a server answers with the whole file */
	snprintf(range, sizeof(range), "%" PRIu64 "-", t->from);
	curl_easy_setopt(c, CURLOPT_RANGE, t->from ? range : NULL);
}

/* What may pass by itself. */
static bool is_transient(CURLcode code, long status)
{
	switch ((int)code) {
	case CURLE_OK:
		return status == 408 || status == 429 || status >= 500;
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_PARTIAL_FILE:
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
	case CURLE_WEIRD_SERVER_REPLY:
		return true;
	default:
		return false;
	}
}

static int say_status(const struct transfer *t, long status, struct err *e)
{
	const char *name = t->d->name, *url = t->d->url;
	if (status == 404 || status == 410)
		return err_set(e, ERR_FAILED,
			       "'%s' is not at '%s' (HTTP %ld); check the version in the inventory, and artifact_mirror",
			       name, url, status);
	if (status == 407)
		return err_set(e, ERR_FAILED,
			       "the proxy wants a user and a password (HTTP 407) for '%s'; put them into https_proxy or http_proxy",
			       url);
	return err_set(e, ERR_FAILED, "cannot download '%s' from '%s': HTTP status %ld", name, url, status);
}

static int say_curl(const struct transfer *t, CURLcode code, struct err *e)
{
	const struct download *d = t->d;
	const char *why = t->why[0] ? t->why : curl_easy_strerror(code), *hint = "";
	long connected = 0;
	curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &connected);
	if (code == CURLE_OPERATION_TIMEDOUT && connected)
		return err_set(e, ERR_TIMEOUT,
			       "cannot download '%s' from '%s': no byte came for %u s (--timeout sets how long is waited)",
			       d->name, d->url, d->stall_s);
	if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
		hint = "; CURL_CA_BUNDLE names a file with the certificates of an authority of your own";
	else if (code == CURLE_UNSUPPORTED_PROTOCOL)
		hint = "; a redirect may lead to http or https only, and not from https to http";
	else if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_CONNECT)
		hint = "; without internet: artifact_mirror in the inventory, or 'powerstack fetch --from BUNDLE'";
	return err_set(e, code == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT : ERR_FAILED,
		       "cannot download '%s' from '%s': %s%s", d->name, d->url, why, hint);
}

/* 0, or negative with e filled; *ret_again: it may be tried again; *ret_wait_s: not before. */
static int one_try(struct transfer *t, bool *ret_again, uint64_t *ret_wait_s, struct err *e)
{
	set_options(t);
	CURLcode code = curl_easy_perform(t->curl);
	long status = status_of(t);
	curl_off_t after = 0;
	curl_easy_getinfo(t->curl, CURLINFO_RETRY_AFTER, &after);
	*ret_wait_s = after > 0 ? (uint64_t)after : 0;
	*ret_again = false;
	if (t->stop == STOP_CANCEL)
		return cancel_wished(t->d->cancel, e);
	if (t->stop == STOP_WRITE)
		return cache_write_failed(t->d->path, t->error, e);
	if (t->stop == STOP_SIZE)
		return err_set(e, ERR_REFUSED,
			       "'%s' at '%s' is larger than the %" PRIu64 " bytes that are %s; it is not taken",
			       t->d->name, t->d->url, t->d->max, t->d->size ? "locked" : "allowed");
	if (t->stop == STOP_RANGE || status == 416) {
		/* it cannot continue from there (or has no more): from the beginning */
		*ret_again = t->from > 0;
		if (ftruncate(t->fd, 0) < 0)
			return cache_write_failed(t->d->path, errno, e);
		return err_set(e, ERR_FAILED, "'%s' does not send the part of '%s' that was asked for", t->d->url,
			       t->d->name);
	}
	if (code == CURLE_OK && (status == 200 || status == 206)) {
		if (t->body || status == 206 || ftruncate(t->fd, 0) == 0)
			return 0;
		return cache_write_failed(t->d->path, errno, e);
	}
	*ret_again = is_transient(code, status);
	return code == CURLE_OK ? say_status(t, status, e) : say_curl(t, code, e);
}

static int wait_ms(const struct download *d, uint64_t ms, uint64_t done, const char *why, struct err *e)
{
	char doing[160];
	for (uint64_t left = ms; left;) {
		int r = cancel_wished(d->cancel, e);
		if (r < 0)
			return r;
		snprintf(doing, sizeof(doing), "again in %" PRIu64 " s: %.100s", (left + 999) / 1000, why);
		if (d->progress)
			d->progress(d->ctx, done, d->size, doing);
		uint64_t slice = left < SLICE_MS ? left : SLICE_MS;
		poll(NULL, 0, (int)slice);
		left -= slice;
	}
	return 0;
}

/* A word of what a try failed of, for the line of progress. */
static const char *short_of(const struct transfer *t)
{
	return t->why[0] ? t->why : "the server is not ready";
}

static int try_all(struct transfer *t, struct downloaded *ret, struct err *e)
{
	uint64_t backoff = BACKOFF_MS;
	for (unsigned tries = 1, all = 1;; tries++, all++) {
		struct stat st;
		struct err why = { 0 };
		bool again = false;
		uint64_t wait_s = 0;
		if (fstat(t->fd, &st) < 0)
			return err_errno(e, ERR_FAILED, "cannot read '%s'", t->d->path);
		*t = (struct transfer){ .d = t->d, .curl = t->curl, .fd = t->fd, .from = (uint64_t)st.st_size };
		if (t->from && t->from >= t->d->max) {
			if (ftruncate(t->fd, 0) < 0)
				return cache_write_failed(t->d->path, errno, e);
			t->from = 0;
		}
		int r = one_try(t, &again, &wait_s, &why);
		ret->received += t->received;
		ret->continued = ret->continued || (t->body && t->from);
		if (r == 0)
			return 0;
		if (t->received >= PROGRESS) {
			tries = 1;
			backoff = BACKOFF_MS;
		}
		if (!again || tries >= TRIES || all >= TRIES_MAX) {
			if (e)
				*e = why;
			if (again)
				err_wrap(e, "given up after %u tries", tries);
			return r;
		}
		if (wait_s > RETRY_AFTER_MAX_S)
			wait_s = RETRY_AFTER_MAX_S;
		r = wait_ms(t->d, wait_s * 1000 > backoff ? wait_s * 1000 : backoff, (uint64_t)st.st_size + t->received,
			    short_of(t), e);
		if (r < 0)
			return r;
		backoff *= 2;
	}
}

int download(const struct download *d, int fd, struct downloaded *ret, struct err *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, init_curl);
	*ret = (struct downloaded){ 0 };
	struct transfer t = { .d = d, .curl = curl_easy_init(), .fd = fd };
	if (!t.curl)
		return err_set(e, ERR_MEMORY, "out of memory");
	int r = try_all(&t, ret, e);
	curl_easy_cleanup(t.curl);
	return r;
}
