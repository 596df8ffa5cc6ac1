/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/remote/cmdline.h"

#include <string.h>

#define PREFIX_MAX 256	/* all that is neither script nor argument, rounded up */

static const char *const sudo_words[] = {
	[CMDLINE_NO_SUDO] = "",
	[CMDLINE_SUDO] = "sudo -n -- ",
	[CMDLINE_SUDO_ASK] = "sudo -S -p '" CMDLINE_PROMPT "' -- ",
};

int cmdline_quote(struct buf *out, const char *s)
{
	int r = buf_addc(out, '\'');
	for (;;) {
		size_t n = strcspn(s, "'!");
		r |= buf_add(out, s, n);
		s += n;
		if (!*s)
			break;
		const char escaped[] = { '\'', '\\', *s, '\'' };
		r |= buf_add(out, escaped, sizeof(escaped));
		s++;
	}
	r |= buf_addc(out, '\'');
	return r ? -(int)ERR_MEMORY : 0;
}

/* Length of s when quoted, for a message that names the size although nothing was built. */
static size_t quoted_len(const char *s)
{
	size_t n = 2;
	for (; *s; s++)
		n += *s == '\'' || *s == '!' ? 4 : 1;
	return n;
}

int cmdline_make(struct buf *out, enum cmdline_sudo sudo, unsigned timeout_s,
		 const char *script_text, const char *const *argv, struct err *e)
{
	size_t total = PREFIX_MAX + quoted_len(script_text), args = 0;
	for (const char *const *a = argv; a && *a; a++, args++)
		total += 1 + quoted_len(*a);
	if (total > CMDLINE_MAX)
		return err_set(e, ERR_FAILED,
			       "the command would be %zu bytes long with its %zu arguments, more than the %d that "
			       "a node takes: do it in several commands", total, args, CMDLINE_MAX);
	int r = buf_adds(out, "env LC_ALL=C ");
	r |= buf_adds(out, sudo_words[sudo]);
	if (timeout_s)
		r |= buf_addf(out, "timeout -k 10 %u ", timeout_s);
	r |= buf_adds(out, "sh -euc ");
	if (sudo == CMDLINE_NO_SUDO) {
		r |= cmdline_quote(out, script_text);
	} else {
		/* the marker shares the script's first line, so that line numbers in sh's messages hold;
		 * two quoted pieces beside each other are one argument */
		r |= cmdline_quote(out, "echo '" CMDLINE_READY "' >&2; ");
		r |= cmdline_quote(out, script_text);
	}
	r |= buf_adds(out, " powerstack");
	for (const char *const *a = argv; a && *a; a++) {
		r |= buf_addc(out, ' ');
		r |= cmdline_quote(out, *a);
	}
	return r ? err_set(e, ERR_MEMORY, "no memory for a command of %zu bytes", total) : 0;
}
