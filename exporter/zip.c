/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/zip.h"

#include <endian.h>
#include <string.h>
#include <zlib.h>

#include "base/cleanup.h"

/* RFC 1951 */
#define WINDOW 32768 /* so far back at most */
#define COPY_LEAST 3
#define COPY_MOST 258
#define END_OF_BLOCK 256
#define NLITERALS 286 /* with the lengths of copies */
#define NDISTANCES 30
#define LONGEST 15 /* bits of a code */

#define COPY_WORTH 5 /* fewer letters than this take no more bits than their copy */
#define LEARNT_BELOW 512 /* bytes of a text whose shift is kept; */
#define LEARNT_MOST 96	 /* so many of them */
#define EDIT_MAX 4095 /* bytes of a text: what a step of an edit can say */

struct code {
	uint32_t bits; /* the first one lowest */
	uint32_t n;
};

/* CRC-32 is linear: what it becomes by so many bytes of 0 is the sum of what its eight digits become. */
struct shift {
	uint32_t of[8][16];
};

static struct {
	bool made;
	unsigned char len[NLITERALS + NDISTANCES];
	struct code literal[NLITERALS], distance[NDISTANCES];
	struct code copy[COPY_MOST + 1]; /* by length, with its extra bits */
	struct shift shift[3][16];	 /* by place and digit of the number of bytes, to the base of 16 */
	struct shift learnt[LEARNT_MOST]; /* of whole numbers that there were: known[number], or 0 */
	unsigned char known[LEARNT_BELOW];
	unsigned char nlearnt;
	/* What a number's character adds to the checksum, by how many follow and its four lowest bits, which are
	 * different for all that may be in one. */
	uint32_t number[ZIP_NUMBER_MAX + 1][16];
} t;

/* ---- tables */

/* Bits of the codes of symbols from..to, chosen for pages and the same for all of them: most of what is spelt out are
 * digits, of numbers and of containers' ids, and a line is about as long as the one before. What is in no row has
 * REST; with that, none is left over or missing (RFC 1951, 3.2.7), which a test sees. */
static const struct {
	uint16_t from, to;
	unsigned char bits;
} rows[] = {
	{ '0', '9', 4 }, { 'a', 'f', 5 }, { '\n', '\n', 6 }, { '.', '.', 7 },	 { 'g', 'z', 8 },
	{ '-', '-', 8 }, { 265, 285, 9 }, { 257, 264, 10 },   { '"', '"', 10 }, { ' ', ' ', 10 },
	{ ',', ',', 10 }, { '_', '_', 10 }, { 'A', 'Z', 12 },
#define DISTANCE(from, to, bits) { NLITERALS + (from), NLITERALS + (to), bits }
	DISTANCE(0, 9, 9), DISTANCE(10, 11, 8), DISTANCE(12, 12, 5), DISTANCE(13, 13, 4), DISTANCE(14, 14, 3),
	DISTANCE(15, 15, 2), DISTANCE(16, 18, 3), DISTANCE(19, 19, 4), DISTANCE(20, 20, 5), DISTANCE(21, 29, 8),
};
#define REST 13

static void make_lengths(void)
{
	memset(t.len, REST, sizeof t.len);
	for (size_t i = 0; i < COUNT(rows); i++)
		memset(t.len + rows[i].from, rows[i].bits, rows[i].to - rows[i].from + 1u);
}

/* Canonical codes of these lengths (RFC 1951, 3.2.2), the first bit lowest. */
static void make_codes(struct code *codes, const unsigned char *lens, size_t n)
{
	uint32_t next = 0;

	for (uint32_t len = 1; len <= LONGEST; len++, next <<= 1) {
		for (size_t i = 0; i < n; i++) {
			if (lens[i] != len)
				continue;
			codes[i].n = len;
			for (uint32_t b = 0; b < len; b++)
				codes[i].bits |= (next >> b & 1) << (len - 1 - b);
			next++;
		}
	}
}

/* The codes of lengths, with their extra bits: in groups of four that have one bit more each, but for the first eight
 * lengths, and the longest has a code of its own (RFC 1951, 3.2.5). */
static void make_copies(void)
{
	for (uint32_t len = COPY_LEAST; len <= COPY_MOST; len++) {
		uint32_t k = len - COPY_LEAST, extra = k < 8 ? 0 : 29 - (uint32_t)__builtin_clz(k);
		const struct code *c = &t.literal[len == COPY_MOST ? 285 : 257 + 4 * extra + (k >> extra)];

		t.copy[len] = *c;
		if (len == COPY_MOST)
			continue;
		t.copy[len].bits |= (k & ((1u << extra) - 1)) << c->n;
		t.copy[len].n += extra;
	}
}

static uint32_t shifted(const struct shift *s, uint32_t crc)
{
	uint32_t sum = 0;

#pragma GCC unroll 8
	for (unsigned i = 0; i < 8; i++)
		sum ^= s->of[i][crc >> (4 * i) & 15];
	return sum;
}

/* As many bytes as both. */
static void add_shifts(struct shift *ret, const struct shift *a, const struct shift *b)
{
	for (unsigned i = 0; i < 8; i++) {
		for (unsigned k = 0; k < 16; k++)
			ret->of[i][k] = shifted(a, b->of[i][k]);
	}
}

static void make_shifts(void)
{
	const z_crc_t *byte = get_crc_table();

	for (unsigned i = 0; i < 8; i++) {
		for (uint32_t k = 0; k < 16; k++) {
			uint32_t crc = k << (4 * i);

			t.shift[0][1].of[i][k] = crc >> 8 ^ (uint32_t)byte[crc & 255];
		}
	}
	for (unsigned place = 0; place < COUNT(t.shift); place++) {
		struct shift *s = t.shift[place];

		for (unsigned i = 0; i < 8 * 16; i++)
			s[0].of[i / 16][i % 16] = i % 16u << (i / 16 * 4); /* none */
		for (unsigned digit = 2; digit < 16; digit++)
			add_shifts(&s[digit], &s[digit - 1], &s[1]);
		if (place + 1 < COUNT(t.shift))
			add_shifts(&t.shift[place + 1][1], &s[15], &s[1]);
	}
}

static void make_numbers(void)
{
	const z_crc_t *byte = get_crc_table();

	for (const char *c = "0123456789.\n"; *c; c++) {
		uint32_t crc = (uint32_t)byte[(unsigned char)*c];

		for (size_t i = 0; i < COUNT(t.number); i++, crc = shifted(&t.shift[0][1], crc))
			t.number[i][*c & 15] = crc;
	}
}

static void make_tables(void)
{
	make_lengths();
	make_codes(t.literal, t.len, NLITERALS);
	make_codes(t.distance, t.len + NLITERALS, NDISTANCES);
	make_copies();
	make_shifts();
	make_numbers();
	t.made = true;
}

/* ---- bits */

/* Bits on their way to a zip: kept in registers while many are put. */
struct bits {
	uint64_t word; /* the first one lowest */
	uint32_t n;    /* less than 8 */
	char *to;
};

/* Room for the codes of n letters and what goes with them. false: there is none. */
static bool begin(struct zip *z, size_t n, struct bits *ret)
{
	struct buf *out = z->out;

	n = n * 2 + 64;
	if ((out->full || out->cap - out->len <= n || out->max - out->len < n) && buf_reserve(out, n) < 0)
		return false;
	*ret = (struct bits){ z->bits, z->nbits, out->data + out->len };
	return true;
}

static void end(struct zip *z, const struct bits *b)
{
	z->bits = b->word;
	z->nbits = b->n;
	z->out->len = (size_t)(b->to - z->out->data);
}

/* n: at most 56. In registers only if it is inlined, which gcc -O2 does not do by itself: it is a third of the time. */
static inline __attribute__((always_inline)) void put(struct bits *b, uint64_t bits, uint32_t n)
{
	b->word |= bits << b->n;
	b->n += n;
	uint64_t le = htole64(b->word);

	memcpy(b->to, &le, sizeof le);
	b->to += b->n / 8;
	b->word >>= b->n & ~7u;
	b->n &= 7;
}

/* Zeros until whole bytes are full. */
static void fill(struct bits *b)
{
	put(b, 0, (8 - b->n) % 8);
}

static void put_letters(struct bits *bits, const char *text, size_t n)
{
	const unsigned char *p = (const unsigned char *)text;

	for (; n >= 3; n -= 3, p += 3) {
		struct code a = t.literal[p[0]], b = t.literal[p[1]], c = t.literal[p[2]];

		put(bits, a.bits | (uint64_t)b.bits << a.n | (uint64_t)c.bits << (a.n + b.n), a.n + b.n + c.n);
	}
	for (; n > 0; n--, p++)
		put(bits, t.literal[*p].bits, t.literal[*p].n);
}

/* What is to be copied, if anything is. */
static void put_copy(struct zip *z)
{
	struct bits b;

	if (z->copy == 0 || !begin(z, z->copy / COPY_MOST * 4, &b))
		return;
	uint32_t back = (uint32_t)z->back - 1, extra = back < 4 ? 0 : 30 - (uint32_t)__builtin_clz(back);
	struct code d = t.distance[2 * extra + (back >> extra)];
	uint64_t distance = d.bits | (uint64_t)(back & ((1u << extra) - 1)) << d.n;

	for (size_t n; z->copy > 0; z->copy -= n) {
		/* No less than COPY_LEAST is left for the last one. */
		n = z->copy <= COPY_MOST ? z->copy :
		    z->copy < COPY_MOST + COPY_LEAST ? COPY_MOST - COPY_LEAST : COPY_MOST;
		put(&b, t.copy[n].bits | distance << t.copy[n].n, t.copy[n].n + d.n + extra);
	}
	end(z, &b);
}

/* The text of the next n bytes, COPY_LEAST or more, stood so far back. */
static void copy(struct zip *z, size_t back, size_t n)
{
	if (z->back != back) {
		put_copy(z);
		z->back = back;
	}
	z->copy += n;
	z->at += n;
}

static void spell(struct zip *z, const char *text, size_t n)
{
	struct bits b;

	put_copy(z);
	if (!begin(z, n, &b))
		return;
	z->at += n;
	put_letters(&b, text, n);
	end(z, &b);
}

/* ---- checksums */

/* Keeps the shift by len, while there is place: the lengths of labels are few. */
static void learn(size_t len)
{
	struct shift *s = &t.learnt[t.nlearnt];
	size_t number = len;

	if (t.nlearnt == LEARNT_MOST)
		return;
	*s = t.shift[0][len % 16];
	for (unsigned place = 1; place < COUNT(t.shift); place++) {
		struct shift less = *s;

		len /= 16;
		add_shifts(s, &t.shift[place][len % 16], &less);
	}
	t.known[number] = ++t.nlearnt;
}

/* The register's, as if all that there was were followed by len bytes of 0. */
static uint32_t shift(uint32_t crc, size_t len)
{
	if (len < COUNT(t.known)) {
		if (!t.known[len])
			learn(len);
		if (t.known[len])
			return shifted(&t.learnt[t.known[len] - 1], crc);
	}
	for (; len > 4095; len -= 15 * 256)
		crc = shifted(&t.shift[2][15], crc);
	for (unsigned place = 0; place < COUNT(t.shift); place++, len /= 16)
		crc = shifted(&t.shift[place][len % 16], crc);
	return crc;
}

uint32_t zip_crc(const char *text, size_t len)
{
	return ~(uint32_t)crc32(UINT32_MAX, (const unsigned char *)text, (uInt)len);
}

static void add_crc(struct zip *z, const struct zip_part *part)
{
	z->crc = shift(z->crc, part->len) ^ part->crc;
}

/* ---- texts that come more than once */

bool zip_reaches(const struct zip *z, uint64_t from, size_t len)
{
	return from != ZIP_NOWHERE && len >= COPY_LEAST && z->at + len - from <= WINDOW;
}

void zip_part(struct zip *z, const struct zip_part *part, uint64_t from)
{
	add_crc(z, part);
	if (zip_reaches(z, from, part->len))
		copy(z, (size_t)(z->at - from), part->len);
	else
		spell(z, part->text, part->len);
}

/* A step from one text to another: so many bytes of the first from there on, then some that are spelt out. */
struct step {
	uint16_t from, copy, spelt;
	uint16_t bits; /* of those that are spelt out: they follow */
};

/* Two texts being compared. */
struct pair {
	const char *a, *b;
	size_t alen, blen, i, j; /* compared so far */
};

static size_t field(const char *text, size_t len)
{
	const char *quote = memchr(text, '"', len);

	return quote ? (size_t)(quote - text) : len;
}

/* The next step: what is the same, then what is different up to the next quote. What is the same at the end of that is
 * left for the next step. */
static bool next_step(struct pair *p, struct step *ret)
{
	size_t begin = p->j, same = 0;

	if (p->j == p->blen)
		return false;
	*ret = (struct step){ .from = (uint16_t)p->i };
	while (p->i + same < p->alen && p->j + same < p->blen && p->a[p->i + same] == p->b[p->j + same])
		same++;
	p->i += same;
	p->j += same;
	if (same >= COPY_WORTH) {
		ret->copy = (uint16_t)same;
		begin = p->j;
	}
	size_t an = field(p->a + p->i, p->alen - p->i), bn = field(p->b + p->j, p->blen - p->j);

	same = 0;
	if (p->i == p->alen)
		bn = p->blen - p->j;
	while (same < an && same < bn && p->a[p->i + an - same - 1] == p->b[p->j + bn - same - 1])
		same++;
	p->i += an - same;
	p->j += bn - same;
	ret->spelt = (uint16_t)(p->j - begin);
	return true;
}

int zip_edit(struct buf *edits, const struct zip_part *a, const struct zip_part *b)
{
	struct pair p = { .a = a->text, .b = b->text, .alen = a->len, .blen = b->len };
	struct zip z = { .out = edits };
	struct step s;

	if (a->len > EDIT_MAX || b->len > EDIT_MAX)
		return -1;
	while (next_step(&p, &s)) {
		size_t at = edits->len;
		struct bits bits;

		if (!begin(&z, sizeof s + s.spelt, &bits))
			return -1;
		bits.to += sizeof s;
		put_letters(&bits, b->text + p.j - s.spelt, s.spelt);
		s.bits = (uint16_t)((size_t)(bits.to - edits->data - (ptrdiff_t)(at + sizeof s)) * 8 + bits.n);
		memcpy(edits->data + at, &s, sizeof s);
		fill(&bits);
		end(&z, &bits);
	}
	return 0;
}

/* The first n bits from there on, of bytes that 8 others follow. Returns what is behind them. */
static const char *put_bits(struct bits *b, const char *from, size_t n)
{
	uint64_t le;

	for (; n > 56; n -= 56, from += 7) {
		memcpy(&le, from, sizeof le);
		put(b, le64toh(le) & (UINT64_MAX >> 8), 56);
	}
	memcpy(&le, from, sizeof le);
	put(b, le64toh(le) & ((UINT64_C(1) << n) - 1), (uint32_t)n);
	return from + (n + 7) / 8;
}

void zip_edited(struct zip *z, const struct zip_part *b, const char *edit, uint64_t from)
{
	uint64_t until = z->at + b->len;
	struct bits bits;
	struct step s;

	if (!zip_reaches(z, from, b->len)) {
		zip_part(z, b, ZIP_NOWHERE);
		return;
	}
	add_crc(z, b);
	while (z->at < until) {
		memcpy(&s, edit, sizeof s);
		edit += sizeof s;
		if (s.copy)
			copy(z, (size_t)(z->at - from) - s.from, s.copy);
		if (!s.spelt)
			continue;
		put_copy(z);
		if (!begin(z, s.spelt, &bits))
			return;
		edit = put_bits(&bits, edit, s.bits);
		end(z, &bits);
		z->at += s.spelt;
	}
}

void zip_number(struct zip *z, const char *text, size_t len)
{
	uint32_t crc = shift(z->crc, len);

	for (size_t i = 0; i < len; i++)
		crc ^= t.number[len - 1 - i][text[i] & 15];
	z->crc = crc;
	spell(z, text, len);
}

/* ---- any text */

void zip_text(struct zip *z, const char *text, size_t len)
{
	z->crc = ~(uint32_t)crc32(~z->crc, (const unsigned char *)text, (uInt)len);
	while (len > 0 && !z->out->full) {
		size_t most = len < sizeof z->line ? len : sizeof z->line;
		const char *end = memchr(text, '\n', most);
		size_t n = end ? (size_t)(end - text) + 1 : most;
		struct pair p = { .a = z->line, .alen = z->line_len, .b = text, .blen = n };
		uint64_t begin = z->at;
		struct step s;

		if (begin + n - z->line_at > WINDOW)
			p.alen = 0;
		while (next_step(&p, &s)) {
			if (s.copy)
				copy(z, (size_t)(z->at - z->line_at) - s.from, s.copy);
			if (s.spelt)
				spell(z, text + p.j - s.spelt, s.spelt);
		}
		memcpy(z->line, text, n);
		z->line_len = n;
		z->line_at = begin;
		text += n;
		len -= n;
	}
}

static int drain(void *zip, const char *data, size_t len)
{
	struct zip *z = zip;

	zip_text(z, data, len);
	return z->out->full ? -1 : 0;
}

void zip_buf(struct zip *z, struct buf *text)
{
	buf_init(text, SIZE_MAX / 2);
	text->drain = drain;
	text->drain_arg = z;
	(void)buf_reserve(text, ZIP_PIECE);
}

struct zip *zip_of(const struct buf *text)
{
	return text->drain == drain ? text->drain_arg : NULL;
}

/* ---- the member */

/* The block's head: the lengths of all codes, each in four bits, for the codes of the lengths 0 to 15 have four bits
 * and those of repetitions are not used. */
static void put_lengths(struct bits *b)
{
	put(b, 1 | 2 << 1 | (NLITERALS - 257) << 3 | (NDISTANCES - 1) << 8 | (19 - 4) << 13, 17);
	for (unsigned i = 0; i < 19; i++)
		put(b, i < 3 ? 0 : 4, 3);
	for (size_t i = 0; i < sizeof t.len; i++) {
		unsigned n = t.len[i];

		put(b, (n & 1) << 3 | (n & 2) << 1 | (n & 4) >> 1 | n >> 3, 4);
	}
}

void zip_begin(struct zip *z, struct buf *out)
{
	/* deflated, no names, no time, by the fastest way, nowhere in particular */
	static const char head[] = "\x1f\x8b\x08\0\0\0\0\0\x04\xff";
	struct bits b;

	if (!t.made)
		make_tables();
	z->out = out;
	z->at = z->bits = z->nbits = 0;
	z->copy = z->back = 0;
	z->crc = UINT32_MAX;
	z->line_at = 0;
	z->line_len = 0;
	buf_add(out, head, sizeof head - 1);
	if (!begin(z, sizeof t.len, &b))
		return;
	put_lengths(&b);
	end(z, &b);
}

void zip_end(struct zip *z)
{
	struct bits b;

	spell(z, "", 0);
	if (!begin(z, 0, &b))
		return;
	put(&b, t.literal[END_OF_BLOCK].bits, t.literal[END_OF_BLOCK].n);
	fill(&b);
	put(&b, ~z->crc, 32);
	put(&b, z->at & UINT32_MAX, 32);
	end(z, &b);
	z->out->data[z->out->len] = '\0';
}
