/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef INVENTORY_PROBLEM_H
#define INVENTORY_PROBLEM_H
/* Collecting problems while a file is read: each once, in the end in the file's order. */
#include <stdarg.h>
#include <stdbool.h>

#include "inventory/arena.h"
#include "inventory/inventory.h"

/* A place in the file; line 0 stands for the whole file. */
struct place {
	unsigned line, column;
};

struct plist {
	struct problems *out;
	struct arena *a;		/* lives as long as out */
};

/* Makes ret ready and lets p fill it. -ERR_MEMORY. */
int plist_begin(struct plist *p, const char *path, struct problems *ret, struct err *e);
/* Adds one; the same text at the same place is told once, and a flood is cut with a note. */
void problem_at(struct plist *p, struct place at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void warning_at(struct plist *p, struct place at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Sorts by place, stable. */
void plist_end(struct plist *p);

#endif
