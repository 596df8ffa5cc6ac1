/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_WORKER_H
#define EXPORTER_WORKER_H
/*
 * A child process that reads what may hang or crash (a sensor behind a slow controller, a vendor's
 * driver library) and tells it in lines on a pipe, so that neither reaches the exporter. One that ends,
 * says nothing for too long, or floods is killed and started again, after a pause that doubles from a
 * second to a minute. One that cannot be killed (stuck in the kernel) is left alone and has no
 * successor until it is gone.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct event_base;
struct worker;

#define WORKER_LINE_MAX 512		/* bytes; a longer line ends the child */
#define WORKER_BYTES_MAX (256u * 1024)	/* in one second; more ends the child */

struct worker_job {
	const char *what; /* for messages: "the reader of ..." */
	/* Either what runs in a forked child, which has nothing open but out_fd and standard error, and
	 * what it returns ends it; or a program and its arguments, ended by NULL, whose standard output
	 * is read. It is executed with an empty environment but for PATH and LD_LIBRARY_PATH, and without
	 * the ambient capabilities that the exporter has of its unit. */
	void (*main)(const void *child_arg, int out_fd);
	const void *child_arg;
	const char *const *argv;
	uint64_t silence_ns; /* longer without a line: it hangs */
	/* In the exporter: a line without its end, NUL-terminated; and how a child ended. Neither may
	 * call worker_stop. */
	void (*on_line)(void *arg, const char *line, size_t len);
	void (*on_end)(void *arg, const struct err *why);
	void *arg;
};

/* Starts. The job is copied, what it points to is not. The caller owns *ret: worker_stop, before the
 * event base goes. -ERR_FAILED, -ERR_MEMORY. */
int worker_start(struct event_base *base, const struct worker_job *job, struct worker **ret, struct err *e);
/* Kills the child; nothing is called back any more. NULL is allowed. */
void worker_stop(struct worker *w);

#endif
