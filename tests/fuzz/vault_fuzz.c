/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The vault file and its text. The first byte chooses what the rest is:
 *	'a'	armour: opening it must end in an error or in the one text that was sealed
 *	'x'	changes (2 bytes place, 1 byte xor) to a sound armour: none may go unnoticed
 *	't'	a text: what our scanner reads, libyaml must read the same
 *	's'	a value, a zero byte, a text: after setting it, it and everything else is there
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/ydoc.h"
#include "vault/vault.h"

#define must(x) \
	do { \
		if (!(x)) { \
			fprintf(stderr, "does not hold: %s\n", #x); \
			abort(); \
		} \
	} while (0)

static const char sealed[] = "ansible_vault:\n  token: \"kept\"\n";
static const char armour[] =
#include "tests/unit/vault/kept_vault.inc"
	;

static struct secret *password(void)
{
	static struct secret *s;
	if (!s)
		must(secret_new("correct horse", 13, &s, NULL) == 0);
	return s;
}

static void unseal(const void *p, size_t len)
{
	struct err e = { 0 };
	AUTO_SECRET struct secret *plain = NULL;
	int r = vault_unseal("f", p, len, password(), &plain, &e);
	if (r < 0) {
		must(!plain && e.msg[0] && (r == -ERR_CONFIG || r == -ERR_PASSWORD));
		return;
	}
	must(len == sizeof(armour) - 1 && memcmp(p, armour, len) == 0);
	must(secret_len(plain) == sizeof(sealed) - 1 && memcmp(secret_expose(plain), sealed, sizeof(sealed) - 1) == 0);
}

static void change(const uint8_t *p, size_t len)
{
	char copy[sizeof(armour)];
	memcpy(copy, armour, sizeof(armour));
	for (; len >= 3; p += 3, len -= 3)
		copy[(size_t)(p[0] << 8 | p[1]) % (sizeof(armour) - 1)] ^= (char)p[2];
	unseal(copy, sizeof(armour) - 1 - (len ? p[0] % sizeof(armour) % 8 : 0));
}

static struct vault *scan(const void *p, size_t len)
{
	struct err e = { 0 };
	AUTO_SECRET struct secret *text = NULL;
	struct vault *v = NULL;
	if (secret_new(p, len, &text, NULL) < 0)
		return NULL;
	int r = vault_new("f", text, &v, &e);
	must(r == 0 || (!v && e.msg[0]));
	return v;
}

static void agree(const void *p, size_t len, const struct vault *v)
{
	struct err e = { 0 };
	struct ydoc d = { 0 };
	if (ydoc_parse("f", p, len, &d, &e) < 0) {
		fprintf(stderr, "libyaml: %s\n", e.msg);
		abort();
	}
	const struct ynode *map = ydoc_get(d.root, "ansible_vault");
	map = map ? map : d.root;
	size_t n = map && map->kind == YDOC_MAP ? map->n : 0;
	for (size_t i = 0; i < n; i++) {
		const char *name = vault_name(v, i);
		must(name && strcmp(name, map->pairs[i].key->text) == 0);
		const struct ynode *y = map->pairs[i].value;
		const struct secret *s = vault_get(v, name);
		must(y->kind == YDOC_SCALAR && !s == ydoc_is_null(y));
		must(!s || (secret_len(s) == y->len && memcmp(secret_expose(s), y->text, y->len) == 0));
	}
	must(!vault_name(v, n));
	ydoc_free(&d);
}

static void set(const uint8_t *p, size_t len)
{
	const uint8_t *zero = memchr(p, 0, len);
	if (!zero)
		return;
	size_t nvalue = (size_t)(zero - p), ntext = len - nvalue - 1;
	struct vault *was = scan(zero + 1, ntext);
	AUTO_SECRET struct secret *value = NULL;
	AUTO_SECRET struct secret *text = NULL;
	AUTO_SECRET struct secret *now = NULL;
	struct err e = { 0 };
	must(secret_new(p, nvalue, &value, NULL) == 0 && secret_new(zero + 1, ntext, &text, NULL) == 0);
	int r = vault_text_set(text, "a", value, &now, &e);
	must(r != -ERR_BUG && (r < 0 || was));
	if (r == 0) {
		struct vault *v = scan(secret_expose(now), secret_len(now));
		must(v && vault_get(v, "a") && secret_equal(vault_get(v, "a"), value));
		agree(secret_expose(now), secret_len(now), v);
		vault_free(v);
	}
	vault_free(was);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	if (!len || len > 20000)
		return 0;
	if (p[0] == 'a')
		unseal(p + 1, len - 1);
	else if (p[0] == 'x')
		change(p + 1, len - 1);
	else if (p[0] == 's')
		set(p + 1, len - 1);
	else if (p[0] == 't') {
		struct vault *v = scan(p + 1, len - 1);
		if (v)
			agree(p + 1, len - 1, v);
		vault_free(v);
	}
	return 0;
}
