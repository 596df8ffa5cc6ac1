/* SPDX-License-Identifier: BSD-2-Clause */
/* Heads of requests: an answer that does not depend on how the bytes are cut, and stays in bounds; and
 * the credentials in them. */
#include "exporter/auth.h"
#include "exporter/request.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data;
	struct request whole, cut;

	if (request_parse(bytes, size, &whole) == 0)
		return 0;
	if (whole.status != 0)
		return whole.keep_alive ? abort(), 0 : 0;
	if (whole.len > size || whole.len > REQUEST_HEAD_MAX || whole.path[0] != '/' ||
	    strlen(whole.path) >= sizeof whole.path)
		abort();
	/* What is behind the head does not matter, and less than the head is no request. */
	if (request_parse(bytes, whole.len, &cut) != 1 || cut.len != whole.len || cut.status != 0 ||
	    request_parse(bytes, whole.len - 1, &cut) != 0)
		abort();
	if (cut.format != whole.format || cut.gzip != whole.gzip || whole.format >= NFORMATS)
		abort();
	char credentials[64];
	size_t n = 0;

	if (whole.authorization &&
	    (whole.authorization < bytes || whole.authorization + whole.authorization_len > bytes + whole.len))
		abort();
	if (auth_decode(whole.authorization, whole.authorization_len, credentials, sizeof credentials, &n) &&
	    (n >= sizeof credentials || strlen(credentials) != n || !strchr(credentials, ':')))
		abort();
	return 0;
}
