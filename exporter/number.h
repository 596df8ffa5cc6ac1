/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_NUMBER_H
#define EXPORTER_NUMBER_H
/* Numbers as the kernel prints them in sysfs and procfs. */
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* A decimal number and nothing else but white space behind it. -ERR_FAILED on anything else, also
 * on a sign and on what does not fit. */
int number_parse(const char *text, size_t len, uint64_t *ret, struct err *e);
/* Reads the whole small file (at most size - 1 bytes) into text, NUL-terminated, trailing white
 * space cut. -ERR_FAILED with path and cause, errno kept. */
int number_text(const char *path, char *text, size_t size, struct err *e);
/* Reads a file that holds one number. errno tells the cause of a failed open or read, else 0. */
int number_read(const char *path, uint64_t *ret, struct err *e);

#endif
