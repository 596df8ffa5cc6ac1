/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/zip.h"

#include <criterion/criterion.h>

#include "base/cleanup.h"
#include "tests/property/zip.h"

/* zlib refuses codes of which one is missing or too many. */
Test(zip, nothing_and_every_byte)
{
	AUTO_BUF struct buf packed, text;
	struct zip z;

	buf_init(&packed, 1 << 20);
	buf_init(&text, 1 << 20);
	zip_begin(&z, &packed);
	zip_end(&z);
	cr_expect(orders_unpacked(&packed, &text), "an empty text");
	for (unsigned i = 0; i < 256; i++) {
		for (unsigned k = 0; k < 256; k++)
			buf_addc(&text, (char)(i ^ k));
	}
	buf_reset(&packed);
	zip_begin(&z, &packed);
	zip_text(&z, text.data, text.len);
	zip_end(&z);
	cr_expect(orders_unpacked(&packed, &text), "every byte before and after every other");
}

/* A copy of every length from every distance that has a code of its own, and their neighbours. */
Test(zip, every_length_and_distance)
{
	static char noise[40000];
	AUTO_BUF struct buf packed, text;
	struct zip z;
	uint64_t seed = 1;

	for (size_t i = 0; i < sizeof noise; i++)
		noise[i] = "0123456789abcdef\""[(seed = seed * 6364136223846793005u + 1442695040888963407u) >> 33 & 15];
	for (size_t k = 0; k < 17; k++) {
		for (size_t back = (size_t)1 << k; back <= ((size_t)1 << k) + 2; back++) {
			for (size_t len = 3; len <= 600 && len <= back; len += len < 270 || len > 510 ? 1 : 50) {
				struct zip_part copied = { noise, len, zip_crc(noise, len) },
						between = { noise + len, back - len, 0 };

				if (back > sizeof noise)
					continue;
				between.crc = zip_crc(between.text, between.len);
				buf_init(&packed, 1 << 20);
				buf_init(&text, 1 << 20);
				zip_begin(&z, &packed);
				zip_part(&z, &copied, ZIP_NOWHERE);
				zip_part(&z, &between, ZIP_NOWHERE);
				zip_part(&z, &copied, 0);
				zip_end(&z);
				buf_add(&text, noise, back);
				buf_add(&text, noise, len);
				cr_assert(orders_unpacked(&packed, &text), "%zu bytes from %zu bytes before", len, back);
				buf_clear(&packed);
				buf_clear(&text);
			}
		}
	}
	buf_init(&packed, 0);
	buf_init(&text, 0);
}

Test(zip, what_was_ordered_comes_out)
{
	uint64_t seed = 20250101;
	size_t total = 0, edits = 0;

	for (unsigned turn = 0; turn < 1500; turn++) {
		uint8_t orders[4096];
		size_t n = turn % sizeof orders, len = 0, edited = 0;

		for (size_t i = 0; i < n; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			/* Letters for the texts, among orders of all kinds. */
			orders[i] = seed >> 40 & 3 ? (uint8_t)"0123456789abcdef\n\",=_ "[(seed >> 33) % 22] : (uint8_t)(seed >> 33);
		}
		cr_assert(orders_obey(orders, n, &len, &edited), "turn %u: another text", turn);
		total += len;
		edits += edited;
	}
	cr_expect_gt(total, 100u << 20);
	cr_expect_gt(edits, 1000u, "%zu edits", edits);
}

/* A page that does not fit is told, and nothing is written behind what there is room for. */
Test(zip, no_room)
{
	static char text[100000];
	struct zip_part part = { text, sizeof text, 0 };

	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)(i * i >> 3);
	part.crc = zip_crc(text, sizeof text);
	for (size_t max = 0; max < 3000; max += 17) {
		AUTO_BUF struct buf packed, more;
		struct zip z;

		buf_init(&packed, max);
		zip_begin(&z, &packed);
		zip_buf(&z, &more);
		buf_add(&more, text, 5000);
		(void)buf_drain(&more);
		zip_part(&z, &part, 3);
		zip_part(&z, &part, ZIP_NOWHERE);
		zip_number(&z, "1.5\n", 4);
		buf_add(&more, text, 5000);
		cr_expect_lt(buf_drain(&more), 0);
		zip_end(&z);
		cr_expect(packed.full);
		cr_expect_leq(packed.len, max);
	}
}

Test(zip, checksums)
{
	cr_expect_eq(zip_crc("", 0), 0u);
	AUTO_BUF struct buf packed, text;
	struct zip z;

	/* More lengths than are kept, and longer than any that is. */
	buf_init(&packed, 64 << 20);
	buf_init(&text, 64 << 20);
	cr_assert_eq(buf_reserve(&text, 40 << 20), 0);
	zip_begin(&z, &packed);
	for (size_t len = 0; len < 20000; len += len < 600 ? 1 : 977) {
		size_t at = text.len;

		for (size_t i = 0; i < len; i++)
			buf_addc(&text, (char)('a' + (i * len + at) % 26));
		struct zip_part part = { text.data + at, len, zip_crc(text.data + at, len) };

		zip_part(&z, &part, ZIP_NOWHERE);
	}
	zip_end(&z);
	cr_expect(orders_unpacked(&packed, &text));
}
