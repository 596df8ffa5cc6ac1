/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void mark_cut(char *s, size_t size, int want)
{
	if (want >= (int)size)
		memcpy(s + size - 4, "...", 4);
}

static void fill(struct err *e, enum err_kind kind, const char *fmt, va_list ap)
{
	e->kind = kind;
	mark_cut(e->msg, sizeof(e->msg), vsnprintf(e->msg, sizeof(e->msg), fmt, ap));
}

int err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
	if (e) {
		va_list ap;
		va_start(ap, fmt);
		fill(e, kind, fmt, ap);
		va_end(ap);
	}
	return -(int)kind;
}

int err_errno(struct err *e, enum err_kind kind, const char *fmt, ...)
{
	int saved = errno;
	if (e) {
		va_list ap;
		va_start(ap, fmt);
		fill(e, kind, fmt, ap);
		va_end(ap);
		size_t len = strlen(e->msg);
		size_t left = sizeof(e->msg) - len;
		mark_cut(e->msg + len, left > 4 ? left : 4 + left,
			 left > 4 ? snprintf(e->msg + len, left, ": %s", strerror(saved)) : 0);
	}
	errno = saved;
	return -(int)kind;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	if (!e)
		return -(int)ERR_FAILED;
	char was[sizeof(e->msg)];
	memcpy(was, e->msg, sizeof(was));
	va_list ap;
	va_start(ap, fmt);
	fill(e, e->kind ? e->kind : ERR_FAILED, fmt, ap);
	va_end(ap);
	size_t len = strlen(e->msg);
	if (len + 4 < sizeof(e->msg))
		mark_cut(e->msg, sizeof(e->msg),
			 (int)len + snprintf(e->msg + len, sizeof(e->msg) - len, ": %s", was));
	return -(int)e->kind;
}

void err_clear(struct err *e)
{
	e->kind = ERR_NONE;
	e->msg[0] = '\0';
}

int err_exit_status(enum err_kind kind)
{
	switch (kind) {
	case ERR_NONE:
		return 0;
	case ERR_USAGE:
		return 2;
	case ERR_CONFIG:
	case ERR_PASSWORD:
		return 3;
	case ERR_FAILED:
	case ERR_UNREACHABLE:
	case ERR_REFUSED:
	case ERR_TIMEOUT:
	case ERR_INTERRUPTED:
	case ERR_MEMORY:
	case ERR_BUG:
		return 1;
	}
	return 1;
}
