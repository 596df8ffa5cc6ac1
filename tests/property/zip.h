/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_PROPERTY_ZIP_H
#define TESTS_PROPERTY_ZIP_H
/*
 * A gzip member made as bytes order, which are a fuzzer's or random: any text, whole or in pieces, parts that come again
 * near and far, edits of parts to others, numbers. zlib must find the text in it that was ordered, and nothing after it.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

#include "exporter/zip.h"

#define ORDERS_PARTS 24
#define ORDERS_MOST (4u << 20) /* bytes of text */

struct orders {
	const uint8_t *at, *end;
	struct zip zip;
	struct buf packed, wanted, edits;
	struct zip_part parts[ORDERS_PARTS];
	uint64_t places[ORDERS_PARTS]; /* where each stood last */
	size_t n, edited;
};

static inline size_t orders_number(struct orders *o, size_t below)
{
	size_t n = 0;

	for (unsigned i = 0; i < 2 && o->at < o->end; i++)
		n = n << 8 | *o->at++;
	return below ? n % below : 0;
}

/* Bytes that are ordered, some of them more than once, so that there is much of a little; free() it. */
static inline char *orders_text(struct orders *o, size_t most, size_t *ret_len)
{
	size_t have = orders_number(o, 200), len = orders_number(o, most);
	char *text = malloc(len + 1);

	if (!text)
		abort();
	if (have > (size_t)(o->end - o->at))
		have = (size_t)(o->end - o->at);
	for (size_t i = 0; i < len; i++)
		text[i] = have ? (char)o->at[(i * i / 64 + i) % have] : 'a';
	o->at += have;
	*ret_len = len;
	return text;
}

static inline void orders_part(struct orders *o)
{
	struct zip_part *p = &o->parts[o->n];
	size_t len;
	char *text = orders_text(o, o->at < o->end && *o->at % 16 == 0 ? 9000 : 300, &len);

	if (o->n == ORDERS_PARTS) {
		free(text);
		return;
	}
	/* Mostly one like the last, with something else somewhere in it. */
	if (o->n > 0 && len < 250) {
		const struct zip_part *last = p - 1;
		size_t cut = orders_number(o, last->len + 1), from = cut + orders_number(o, last->len - cut + 1);
		char *more = malloc(last->len + len + 1);

		if (!more)
			abort();
		memcpy(more, last->text, cut);
		memcpy(more + cut, text, len);
		memcpy(more + cut + len, last->text + from, last->len - from);
		free(text);
		text = more;
		len = cut + len + (last->len - from);
	}
	*p = (struct zip_part){ text, len, zip_crc(text, len) };
	o->places[o->n++] = ZIP_NOWHERE;
}

static inline void orders_place(struct orders *o, size_t i)
{
	o->places[i] = o->wanted.len;
	buf_add(&o->wanted, o->parts[i].text, o->parts[i].len);
}

static inline void orders_edit(struct orders *o, size_t from, size_t to)
{
	struct zip_part *a = &o->parts[from], *b = &o->parts[to];
	size_t at = o->edits.len;

	if (zip_edit(&o->edits, a, b) < 0)
		return;
	zip_edited(&o->zip, b, buf_str(&o->edits) + at, o->places[from]);
	orders_place(o, to);
	o->edited++;
}

static inline void orders_any_text(struct orders *o, bool in_pieces)
{
	struct buf text;
	size_t len;
	char *bytes = orders_text(o, 70000, &len);

	if (in_pieces) {
		zip_buf(&o->zip, &text);
		for (size_t i = 0, n; i < len; i += n) {
			n = 1 + i * 7 % 20000 % (len - i);
			buf_add(&text, bytes + i, n);
		}
		if (zip_of(&text) != &o->zip || buf_drain(&text) < 0)
			abort();
		buf_clear(&text);
	} else {
		zip_text(&o->zip, bytes, len);
	}
	buf_add(&o->wanted, bytes, len);
	free(bytes);
}

static inline void orders_one(struct orders *o)
{
	char number[ZIP_NUMBER_MAX + 1];
	size_t i, n;

	switch (*o->at++ % 8) {
	case 0:
		orders_any_text(o, false);
		break;
	case 1:
		orders_any_text(o, true);
		break;
	case 2:
		orders_part(o);
		break;
	case 3:
	case 4:
		i = orders_number(o, o->n);
		if (o->n == 0)
			break;
		zip_part(&o->zip, &o->parts[i], o->places[i]);
		orders_place(o, i);
		break;
	case 5:
	case 6:
		i = orders_number(o, o->n);
		n = orders_number(o, o->n);
		if (o->n > 0)
			orders_edit(o, i, n);
		break;
	case 7:
		n = orders_number(o, ZIP_NUMBER_MAX + 1);
		for (i = 0; i < n; i++)
			number[i] = "0123456789."[orders_number(o, 11)];
		number[n++] = '\n';
		zip_number(&o->zip, number, n);
		buf_add(&o->wanted, number, n);
		break;
	}
}

/* What zlib makes of it is what was wanted. */
static inline bool orders_unpacked(const struct buf *packed, const struct buf *wanted)
{
	z_stream z = { .next_in = (const unsigned char *)packed->data, .avail_in = (uInt)packed->len };
	unsigned char *text = malloc(wanted->len + 1);

	if (!text || inflateInit2(&z, 15 + 16) != Z_OK)
		abort();
	z.next_out = text;
	z.avail_out = (uInt)wanted->len + 1;
	bool same = inflate(&z, Z_FINISH) == Z_STREAM_END && z.avail_in == 0 && z.total_out == wanted->len &&
		    memcmp(text, buf_str(wanted), wanted->len) == 0;

	inflateEnd(&z);
	free(text);
	return same;
}

/* Does what is ordered. The text's length and how many edits there were; false: another text came out. */
static inline bool orders_obey(const uint8_t *orders, size_t n, size_t *ret_len, size_t *ret_edited)
{
	struct orders *o = calloc(1, sizeof *o);

	if (!o)
		abort();
	o->at = orders;
	o->end = orders + n;
	buf_init(&o->packed, 4 * ORDERS_MOST);
	buf_init(&o->wanted, 2 * ORDERS_MOST);
	buf_init(&o->edits, 64 * ORDERS_MOST);
	zip_begin(&o->zip, &o->packed);
	while (o->at < o->end && o->wanted.len < ORDERS_MOST)
		orders_one(o);
	bool same = o->zip.at == o->wanted.len;

	zip_end(&o->zip);
	same = same && !o->packed.full && orders_unpacked(&o->packed, &o->wanted);
	*ret_len = o->wanted.len;
	*ret_edited = o->edited;
	for (size_t i = 0; i < o->n; i++)
		free((char *)o->parts[i].text);
	buf_clear(&o->packed);
	buf_clear(&o->wanted);
	buf_clear(&o->edits);
	free(o);
	return same;
}

#endif
