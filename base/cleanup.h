/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H
/* Acquire with the release attached; hand out with one visible word.
 *	AUTO_FREE char *p = NULL;	AUTO_CLOSE int fd = -1;		AUTO_BUF struct buf b;
 *	*ret = take_ptr(&p);		return take_fd(&fd);
 * A variable so marked must be initialised on its own line. */
#include <stdlib.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/secret.h"
#include "base/strv.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static inline void cleanup_free_(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close_(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_file_(FILE **f)
{
	if (*f)
		fclose(*f);
}

static inline void cleanup_secret_(struct secret **s)
{
	secret_free(*s);
}

#define AUTO_FREE __attribute__((cleanup(cleanup_free_)))
#define AUTO_CLOSE __attribute__((cleanup(cleanup_close_)))
#define AUTO_FILE __attribute__((cleanup(cleanup_file_)))
#define AUTO_BUF __attribute__((cleanup(buf_clear)))
#define AUTO_STRV __attribute__((cleanup(strv_clear)))
#define AUTO_SECRET __attribute__((cleanup(cleanup_secret_)))

#define take_ptr(pp)                     \
	({                               \
		__typeof__(*(pp)) p_ = *(pp); \
		*(pp) = NULL;            \
		p_;                      \
	})

static inline int take_fd(int *fd)
{
	int was = *fd;
	*fd = -1;
	return was;
}

#endif
