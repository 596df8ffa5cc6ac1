/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

#define LINE_MAX_BYTES 4096u

const char *const log_levels[] = { "debug", "info", "warn", "error", NULL };
const char *const log_formats[] = { "logfmt", "json", NULL };

/* Quoted as a JSON string; logfmt readers take the same. */
static void quoted(struct buf *out, const char *text)
{
	buf_addc(out, '"');
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p == '"' || *p == '\\')
			buf_addf(out, "\\%c", *p);
		else if (*p == '\n')
			buf_adds(out, "\\n");
		else if (*p < 0x20 || *p == 0x7f)
			buf_addf(out, "\\u%04x", *p);
		else
			buf_addc(out, (char)*p);
	}
	buf_addc(out, '"');
}

static void pair(struct buf *out, enum log_format format, const char *name, const char *value, bool first)
{
	if (!first)
		buf_addc(out, format == LOG_FORMAT_JSON ? ',' : ' ');
	if (format == LOG_FORMAT_JSON) {
		buf_addf(out, "\"%s\":", name);
		quoted(out, value);
		return;
	}
	buf_addf(out, "%s=", name);
	size_t plain = strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				     "_-.:/+@,");

	if (value[0] != '\0' && value[plain] == '\0')
		buf_adds(out, value);
	else
		quoted(out, value);
}

void log_compose(struct buf *out, enum log_format format, long long at_s, unsigned at_ms,
		 enum log_level level, const char *msg, const char *const *pairs)
{
	char when[48], full[64];
	struct tm tm;
	time_t t = (time_t)at_s;

	gmtime_r(&t, &tm);
	strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(full, sizeof full, "%s.%03uZ", when, at_ms);
	if (format == LOG_FORMAT_JSON)
		buf_addc(out, '{');
	pair(out, format, "ts", full, true);
	pair(out, format, "level", log_levels[level], false);
	pair(out, format, "msg", msg, false);
	for (; pairs && pairs[0]; pairs += 2)
		pair(out, format, pairs[0], pairs[1] ? pairs[1] : "", false);
	buf_adds(out, format == LOG_FORMAT_JSON ? "}\n" : "\n");
}

void log_write(int fd, enum log_format format, enum log_level least, enum log_level level,
	       const char *msg, const char *const *pairs)
{
	if (level < least)
		return;
	struct timespec now;
	AUTO_BUF struct buf line;

	buf_init(&line, LINE_MAX_BYTES * 4);
	clock_gettime(CLOCK_REALTIME, &now);
	log_compose(&line, format, now.tv_sec, (unsigned)(now.tv_nsec / 1000000), level, msg, pairs);
	/* Nobody to tell if the log itself cannot be written. */
	if (!line.full && write(fd, line.data, line.len) < 0)
		return;
}
