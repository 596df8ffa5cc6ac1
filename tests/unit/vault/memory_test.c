/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * After every use of a vault, its plain text and password are nowhere in this process: all writable
 * memory is searched, heap, stack and what the sanitizer keeps of freed blocks included. The marks
 * that are searched for are kept inverted, or the search would find itself.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "vault/vault.h"

#define MARK 24u
static const struct vault_cost cheap = { 1, 8192 };
static unsigned char inverted[2][MARK];		/* of the value, of the password */

/* Letters only, so that nothing is written as an escape. */
static void draw(unsigned char *into)
{
	for (size_t i = 0; i < MARK; i++)
		into[i] = (unsigned char)~('a' + randombytes_uniform(26));
}

static struct secret *marked(const char *before, const unsigned char *mark, const char *after)
{
	struct secret *s = NULL;
	unsigned char *p = NULL;
	size_t n = strlen(before);
	cr_assert_eq(secret_new_empty(n + MARK + strlen(after), &s, &p, NULL), 0);
	memcpy(p, before, n);
	for (size_t i = 0; i < MARK; i++)
		p[n + i] = (unsigned char)~mark[i];
	memcpy(p + n + MARK, after, strlen(after));
	return s;
}

static bool here(const unsigned char *p, size_t n, const unsigned char *mark)
{
	const unsigned char *end = p + n;
	for (; (p = memchr(p, (unsigned char)~mark[0], (size_t)(end - p))) && (size_t)(end - p) >= MARK; p++) {
		size_t k = 1;
		while (k < MARK && (p[k] ^ mark[k]) == 0xff)
			k++;
		if (k == MARK)
			return true;
	}
	return false;
}

/* The number of places where a mark stands in memory. */
static unsigned search(char *where, size_t size)
{
	static unsigned char chunk[65536 + MARK];
	AUTO_FILE FILE *maps = fopen("/proc/self/maps", "re");
	AUTO_CLOSE int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	char line[512];
	unsigned found = 0;
	cr_assert(maps && mem >= 0);
	where[0] = '\0';
	while (fgets(line, sizeof(line), maps)) {
		unsigned long from = 0, to = 0;
		char may[5] = "";
		if (sscanf(line, "%lx-%lx %4s", &from, &to, may) != 3 || may[0] != 'r' || may[1] != 'w' ||
		    to - from > (1ul << 30))
			continue;
		for (unsigned long at = from; at < to; at += 65536) {
			ssize_t n = pread(mem, chunk, sizeof(chunk), (off_t)at);
			if (n <= 0)
				break;
			/* our own window on the memory */
			if (at < (unsigned long)chunk + sizeof(chunk) && at + (size_t)n > (unsigned long)chunk)
				continue;
			for (size_t i = 0; i < 2; i++) {
				if (!here(chunk, (size_t)n, inverted[i]))
					continue;
				found++;
				snprintf(where, size, "mark %zu in %.200s", i, line);
			}
		}
		explicit_bzero(chunk, sizeof(chunk));
	}
	return found;
}

static void nowhere(const char *after)
{
	char where[300];
	cr_assert_eq(search(where, sizeof(where)), 0, "after %s: %s", after, where);
}

Test(vault_memory, the_search_finds_what_is_there)
{
	char where[300];
	draw(inverted[0]);
	draw(inverted[1]);
	nowhere("nothing");
	char *copy = malloc(100);
	for (size_t i = 0; i < MARK; i++)
		copy[i + 10] = (char)~inverted[0][i];
	cr_assert_gt(search(where, sizeof(where)), 0);
	explicit_bzero(copy, 100);
	free(copy);
	AUTO_SECRET struct secret *s = marked("", inverted[1], "");
	cr_assert_gt(search(where, sizeof(where)), 0, "guarded memory is searched too");
}

Test(vault_memory, nothing_stays_behind, .timeout = 300)
{
	static const char *const shapes[][2] = {
		{ "ansible_vault:\n  a: ", "  # c\n" }, { "a: \"", "\"\n" }, { "a: '", "'\n" }, { "a: |\n  x\n  ", "\n" },
		{ "a: >-\n  ", "\n  y\n" }, { "a: \"x\n  ", "\"\n" }, { "a: x\nb: [", "]\n" }, { "a: x\n  ", "\n" }, { "", "\n" },
		{ "a: x\na: ", "\n" },
	};
	draw(inverted[0]);
	draw(inverted[1]);
	for (size_t i = 0; i < COUNT(shapes); i++) {
		struct err e = { 0 };
		struct secret *password = marked("", inverted[1], "");
		struct secret *value = marked("one\n", inverted[0], "\n");
		struct secret *quoted = marked("\t\"", inverted[0], "\x01");
		struct secret *text = marked(shapes[i][0], inverted[0], shapes[i][1]);
		struct secret *armour = NULL, *back = NULL, *now = NULL, *again = NULL;
		struct vault *v = NULL;
		cr_assert_eq(vault_seal(text, password, &cheap, &armour, &e), 0);
		cr_assert_eq(vault_unseal("v", secret_expose(armour), secret_len(armour), password, &back, &e), 0);
		if (vault_new("v", back, &v, &e) == 0) {
			cr_assert_eq(vault_text_set(back, "n", value, &now, &e), 0, "%s", e.msg);
			cr_assert_eq(vault_text_set(now, "a", quoted, &again, &e), 0, "%s", e.msg);
		}
		vault_free(v);
		secret_free(password);
		secret_free(value);
		secret_free(quoted);
		secret_free(text);
		secret_free(armour);
		secret_free(back);
		secret_free(now);
		secret_free(again);
		nowhere(shapes[i][0]);
	}
}

Test(vault_memory, nothing_of_a_password_file_stays_behind)
{
	char path[] = "/tmp/vaultmemXXXXXX";
	draw(inverted[0]);
	draw(inverted[1]);
	struct secret *line = marked("", inverted[1], "\n");
	int fd = mkstemp(path);
	cr_assert_eq(write(fd, secret_expose(line), secret_len(line)), MARK + 1);
	secret_free(line);
	struct secret *password = NULL, *all = NULL;
	cr_assert_eq(vault_password_file(path, &password, NULL), 0);
	lseek(fd, 0, SEEK_SET);
	cr_assert_eq(secret_read(fd, 1000, "it", &all, NULL), 0);
	secret_free(password);
	secret_free(all);
	nowhere("reading a file");
	struct secret *script = marked("#!/bin/sh\necho ", inverted[1], "\n");
	cr_assert_eq(ftruncate(fd, 0), 0);
	lseek(fd, 0, SEEK_SET);
	cr_assert_gt(write(fd, secret_expose(script), secret_len(script)), 0);
	secret_free(script);
	cr_assert_eq(fchmod(fd, 0700), 0);
	close(fd);
	password = NULL;
	cr_assert_eq(vault_password_file(path, &password, NULL), 0);
	secret_free(password);
	unlink(path);
	nowhere("running a file");
}
