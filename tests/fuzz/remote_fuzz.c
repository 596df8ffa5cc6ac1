/* SPDX-License-Identifier: BSD-2-Clause */
/* What remote/ reads from elsewhere: ssh_config, known_hosts, an agent's list, a host's words. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "provision/remote/agent.h"
#include "provision/remote/knownhosts.h"
#include "provision/remote/sshconf.h"
#include "provision/remote/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void config(const char *s, size_t len)
{
	struct sshconf c = { 0 };
	struct err e = { 0 };
	/* depth at its end: an Include is an error, the machine's files stay out of it */
	int r = sshconf_apply(&c, "f", s, len, "node1.example", 16, &e);
	if (r == 0)
		r = sshconf_finish(&c, "node1.example", &e);
	if (r < 0 && (e.kind == ERR_NONE || !*e.msg))
		abort();
	if (r == 0 && (c.port > 65535 || !c.user_known_hosts.n || (c.proxy_jump && c.proxy_command)))
		abort();
	sshconf_clear(&c);
}

static void known(const char *s, size_t len)
{
	struct khost_line l;
	if (khost_line_matches(s, len, "[node1.example]:2222", &l) &&
	    (!l.base64_len || l.base64 < s || l.base64 + l.base64_len > s + len || !*l.type))
		abort();
}

static void agent(const uint8_t *s, size_t len)
{
	AUTO_STRV struct strv first = { 0 };
	strv_push(&first, "azE=");
	AUTO_BUF struct buf b;
	buf_init(&b, 1 << 20);
	unsigned n = 0;
	struct err e = { 0 };
	struct agent_choice choice = { .first = &first };
	if (agent_select(s, len, &choice, &b, &n, &e) == 0 && b.len > len + 8)
		abort();
}

static void text(const char *s, size_t len)
{
	char ret[50];
	text_last_line(ret, sizeof(ret), s, len);
	text_safe(ret, sizeof(ret), s, len);
	for (const char *p = ret; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	const char *s = (const char *)data + 1;
	switch (data[0] % 4) {
	case 0: config(s, size - 1); break;
	case 1: known(s, size - 1); break;
	case 2: agent(data + 1, size - 1); break;
	default: text(s, size - 1); break;
	}
	return 0;
}
