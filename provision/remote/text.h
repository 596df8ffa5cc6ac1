/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_REMOTE_TEXT_H
#define PROVISION_REMOTE_TEXT_H
/* Bytes from a host are never printed as they came. */
#include <stddef.h>

/* Copies len bytes of s into ret (size bytes with the NUL), fit for a message on a terminal: control
 * characters (C0, DEL, C1) and what is no UTF-8 become '?', blanks and tabs at both ends go, a
 * longer text ends in "...". Returns ret. */
char *text_safe(char *ret, size_t size, const char *s, size_t len);
/* The same for the last line of a text that is not blank; "" when there is none. */
char *text_last_line(char *ret, size_t size, const char *s, size_t len);

#endif
