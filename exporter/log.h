/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_LOG_H
#define EXPORTER_LOG_H
/* One line per event on stderr, logfmt or JSON. Only main.c logs. */
#include <stdio.h>

#include "base/buf.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

extern const char *const log_levels[], *const log_formats[]; /* for the option table */

/* Appends one line: time (UTC), level, msg, and pairs of name and value, ended by NULL. Values are
 * quoted where the format needs it. at_s: seconds since the epoch. */
void log_compose(struct buf *out, enum log_format format, long long at_s, unsigned at_ms,
		 enum log_level level, const char *msg, const char *const *pairs);
/* Composes and writes the line to out by one write(2), if level is at least `least`. */
void log_write(int fd, enum log_format format, enum log_level least, enum log_level level,
	       const char *msg, const char *const *pairs);

#endif
