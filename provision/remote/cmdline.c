/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/remote/cmdline.h"

#include <stdio.h>
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

/* The script as it stands on stdin. The mark at its end tells a whole one from one that a lost connection
 * cut short; "eval" behind the marker's echo leaves the numbers of lines in sh's messages right. */
#define WHOLE "\n#whole"
static int add_script(struct buf *out, const char *text)
{
	int r = buf_adds(out, "echo '" CMDLINE_READY "' >&2; ");
	r |= buf_adds(out, text);
	return r | buf_adds(out, WHOLE);
}

#define READ_SCRIPT \
	"echo '" CMDLINE_AWAIT "' >&2; s=$(head -c %zu); case $s in *'#whole') eval \"$s\" ;; *) exit 1 ;; esac"

int cmdline_make(struct buf *out, struct buf *ret_stdin, enum cmdline_sudo sudo, unsigned timeout_s,
		 const char *script_text, const char *const *argv, struct err *e)
{
	char reader[sizeof(READ_SCRIPT) + 24];
	const char *script = script_text;
	int r = 0;
	if (sudo != CMDLINE_NO_SUDO) {
		size_t before = ret_stdin->len;
		r |= add_script(ret_stdin, script_text);
		snprintf(reader, sizeof(reader), READ_SCRIPT, ret_stdin->len - before);
		script = reader;
	}
	size_t total = PREFIX_MAX + quoted_len(script), args = 0;
	for (const char *const *a = argv; a && *a; a++, args++)
		total += 1 + quoted_len(*a);
	if (total > CMDLINE_MAX)
		return err_set(e, ERR_FAILED,
			       "the command would be %zu bytes long with its %zu arguments, more than the %d that "
			       "a node takes: do it in several commands", total, args, CMDLINE_MAX);
	r |= buf_adds(out, "env LC_ALL=C ");
	r |= buf_adds(out, sudo_words[sudo]);
	if (timeout_s)
		r |= buf_addf(out, "timeout -k 10 %u ", timeout_s);
	r |= buf_adds(out, "sh -euc ");
	r |= cmdline_quote(out, script);
	r |= buf_adds(out, " powerstack");
	for (const char *const *a = argv; a && *a; a++) {
		r |= buf_addc(out, ' ');
		r |= cmdline_quote(out, *a);
	}
	return r ? err_set(e, ERR_MEMORY, "no memory for a command of %zu bytes", total) : 0;
}
