/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/request.h"

#include <string.h>
#include <strings.h>

static bool is_token(const char *s, size_t len)
{
	static const char marks[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];
		bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!alnum && (c == 0 || !strchr(marks, c)))
			return false;
	}
	return len > 0;
}

static bool same(const char *s, size_t len, const char *word)
{
	return strlen(word) == len && strncasecmp(s, word, len) == 0;
}

static int refuse(struct request *ret, int status)
{
	ret->status = status;
	ret->keep_alive = false;
	return 1;
}

/* METHOD SP TARGET SP HTTP/1.x. Returns the status that refuses it, or 0. */
static int request_line(const char *line, size_t len, struct request *ret)
{
	const char *sp1 = memchr(line, ' ', len);

	if (!sp1 || !is_token(line, (size_t)(sp1 - line)))
		return 400;
	const char *target = sp1 + 1;
	const char *sp2 = memchr(target, ' ', len - (size_t)(target - line));

	if (!sp2)
		return 400;
	size_t tlen = (size_t)(sp2 - target), vlen = len - (size_t)(sp2 + 1 - line);

	if (vlen != 8 || memcmp(sp2 + 1, "HTTP/", 5) != 0)
		return 400;
	if (memcmp(sp2 + 1, "HTTP/1.", 7) != 0)
		return 505;
	ret->keep_alive = line[len - 1] != '0';
	bool get = (size_t)(sp1 - line) == 3 && memcmp(line, "GET", 3) == 0;

	ret->head = (size_t)(sp1 - line) == 4 && memcmp(line, "HEAD", 4) == 0;
	if (!get && !ret->head)
		return 405;
	/* A proxy's form: http://host/path */
	if (tlen > 7 && strncasecmp(target, "http://", 7) == 0) {
		const char *slash = memchr(target + 7, '/', tlen - 7);

		tlen = slash ? tlen - (size_t)(slash - target) : 1;
		target = slash ? slash : "/";
	}
	if (tlen == 0 || target[0] != '/')
		return 400;
	size_t plen = 0;

	for (; plen < tlen && target[plen] != '?' && target[plen] != '#'; plen++) {
		if (target[plen] < 0x21 || target[plen] == 0x7f)
			return 400;
	}
	if (plen >= sizeof ret->path)
		return 414;
	memcpy(ret->path, target, plen);
	ret->path[plen] = '\0';
	return 0;
}

/* What is remembered from one header line to the next. */
struct headers {
	bool host;
	struct wishes wishes;
};

static int header_line(const char *line, size_t len, struct request *ret, struct headers *h)
{
	const char *colon = memchr(line, ':', len);

	if (!colon || !is_token(line, (size_t)(colon - line)))
		return 400;
	size_t nlen = (size_t)(colon - line);
	const char *value = colon + 1;
	size_t vlen = len - nlen - 1;

	while (vlen > 0 && (*value == ' ' || *value == '\t'))
		value++, vlen--;
	while (vlen > 0 && (value[vlen - 1] == ' ' || value[vlen - 1] == '\t'))
		vlen--;
	if (memchr(value, '\0', vlen))
		return 400;
	if (same(line, nlen, "host")) {
		if (h->host)
			return 400;
		h->host = true;
	} else if (same(line, nlen, "connection")) {
		if (same(value, vlen, "close"))
			ret->keep_alive = false;
		else if (same(value, vlen, "keep-alive"))
			ret->keep_alive = true;
	} else if (same(line, nlen, "content-length")) {
		/* Bodies are not read: what would be in one could be taken for the next request. */
		if (!same(value, vlen, "0"))
			return 413;
	} else if (same(line, nlen, "transfer-encoding")) {
		return 501;
	} else if (same(line, nlen, "accept")) {
		negotiate_accept(&h->wishes, value, vlen);
	} else if (same(line, nlen, "accept-encoding")) {
		negotiate_encoding(&h->wishes, value, vlen);
	} else if (same(line, nlen, "authorization")) {
		/* Two could be read differently by whoever is in between. */
		if (ret->authorization)
			return 400;
		ret->authorization = value;
		ret->authorization_len = vlen;
	}
	return 0;
}

int request_parse(const char *bytes, size_t len, struct request *ret)
{
	struct request r = { 0 };
	struct headers headers = { 0 };
	bool http10 = false;
	size_t at = 0;

	for (unsigned lines = 0;; lines++) {
		const char *line = bytes + at;
		const char *end = at < len ? memchr(line, '\n', len - at) : NULL;

		if (!end && len < REQUEST_HEAD_MAX)
			return 0;
		if (!end || (size_t)(end - bytes) >= REQUEST_HEAD_MAX || lines > REQUEST_HEADERS_MAX) {
			*ret = r;
			return refuse(ret, 431);
		}
		size_t llen = (size_t)(end - line);

		at += llen + 1;
		if (llen == 0 || line[llen - 1] != '\r' || memchr(line, '\r', llen - 1)) {
			*ret = r;
			return refuse(ret, 400);
		}
		llen--;
		if (llen == 0 && lines == 0) {
			*ret = r;
			return refuse(ret, 400);
		}
		if (llen == 0)
			break;
		int status = lines == 0 ? request_line(line, llen, &r) : header_line(line, llen, &r, &headers);

		if (lines == 0)
			http10 = !r.keep_alive;
		if (status != 0) {
			*ret = r;
			return refuse(ret, status);
		}
	}
	r.len = at;
	r.format = negotiate_format(&headers.wishes);
	r.gzip = negotiate_gzip(&headers.wishes);
	*ret = r;
	return !headers.host && !http10 ? refuse(ret, 400) : 1;
}
