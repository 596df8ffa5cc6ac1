/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/names/json.h"

#include <string.h>

enum state {
	VALUE,		/* a value must come */
	FIRST_VALUE,	/* a value or ']' */
	FIRST_KEY,	/* a key or '}' */
	NEXT_KEY,	/* a key */
	COLON,
	AFTER,		/* ',' or the end of the level */
	STRING,
	ESCAPE,
	UNICODE,
	LITERAL,
	/* A number, by what was read last. */
	MINUS, ZERO, INTEGER, POINT, FRACTION, EXPONENT, SIGN, POWER,
	DONE,
};

void json_begin(struct json *j, json_fn *fn, void *arg)
{
	*j = (struct json){ .fn = fn, .arg = arg, .state = VALUE };
}

static int bad(struct err *e, const char *what)
{
	return err_set(e, ERR_FAILED, "no JSON: %s", what);
}

static int tell(struct json *j, enum json_event event)
{
	bool text = event == JSON_KEY || event == JSON_STRING;

	j->text[j->len] = '\0';
	return j->fn(j->arg, event, text && !j->cut ? j->text : NULL, text && !j->cut ? j->len : 0);
}

static void add(struct json *j, char c)
{
	if (j->len < JSON_TEXT_MAX)
		j->text[j->len++] = c;
	else
		j->cut = true;
}

static void add_code(struct json *j, unsigned c)
{
	if (c < 0x80) {
		add(j, (char)c);
	} else if (c < 0x800) {
		add(j, (char)(0xc0 | c >> 6));
		add(j, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		add(j, (char)(0xe0 | c >> 12));
		add(j, (char)(0x80 | (c >> 6 & 0x3f)));
		add(j, (char)(0x80 | (c & 0x3f)));
	} else {
		add(j, (char)(0xf0 | c >> 18));
		add(j, (char)(0x80 | (c >> 12 & 0x3f)));
		add(j, (char)(0x80 | (c >> 6 & 0x3f)));
		add(j, (char)(0x80 | (c & 0x3f)));
	}
}

static void value_ended(struct json *j)
{
	j->state = j->depth == 0 ? DONE : AFTER;
}

static int open_level(struct json *j, bool object, struct err *e)
{
	if (j->depth == JSON_DEPTH_MAX)
		return bad(e, "it is nested too deep");
	j->is_object[j->depth++] = object;
	j->state = object ? FIRST_KEY : FIRST_VALUE;
	return tell(j, object ? JSON_OBJECT : JSON_ARRAY);
}

static int close_level(struct json *j, char c, struct err *e)
{
	if (j->depth == 0 || j->is_object[j->depth - 1] != (c == '}'))
		return bad(e, "brackets do not match");
	j->depth--;
	value_ended(j);
	return tell(j, JSON_END);
}

static void open_string(struct json *j, bool key)
{
	j->state = STRING;
	j->key = key;
	j->cut = false;
	j->len = 0;
	j->high = 0;
}

static int open_literal(struct json *j, const char *literal)
{
	j->literal = literal;
	j->literal_at = 1;
	j->state = LITERAL;
	return 0;
}

static int begin_value(struct json *j, char c, struct err *e)
{
	switch (c) {
	case '{':
		return open_level(j, true, e);
	case '[':
		return open_level(j, false, e);
	case '"':
		open_string(j, false);
		return 0;
	case 't':
		return open_literal(j, "true");
	case 'f':
		return open_literal(j, "false");
	case 'n':
		return open_literal(j, "null");
	case '-':
		j->state = MINUS;
		return 0;
	case '0':
		j->state = ZERO;
		return 0;
	default:
		if (c < '1' || c > '9')
			return bad(e, "a value is missing");
		j->state = INTEGER;
		return 0;
	}
}

/* A surrogate that no other half follows stands for nothing. */
static int no_half(const struct json *j, struct err *e)
{
	return j->high ? bad(e, "half a surrogate pair") : 0;
}

/* Bytes above 0x7f must be UTF-8 (RFC 3629: shortest form, no surrogates, at most U+10FFFF). */
static int utf8_byte(struct json *j, unsigned char c, struct err *e)
{
	if (j->utf8_left > 0) {
		if (c < j->utf8_low || c > j->utf8_high)
			return bad(e, "a string is no UTF-8");
		j->utf8_left--;
		j->utf8_low = 0x80;
		j->utf8_high = 0xbf;
		add(j, (char)c);
		return 0;
	}
	if (c < 0xc2 || c > 0xf4)
		return bad(e, "a string is no UTF-8");
	j->utf8_left = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
	j->utf8_low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
	j->utf8_high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	add(j, (char)c);
	return 0;
}

static int in_string(struct json *j, char c, struct err *e)
{
	if ((unsigned char)c >= 0x80 || j->utf8_left > 0)
		return no_half(j, e) < 0 ? -(int)ERR_FAILED : utf8_byte(j, (unsigned char)c, e);
	if (c == '\\') {
		j->state = ESCAPE;
		return 0;
	}
	if (no_half(j, e) < 0)
		return -(int)ERR_FAILED;
	if ((unsigned char)c < 0x20)
		return bad(e, "a control character in a string");
	if (c != '"') {
		add(j, c);
		return 0;
	}
	if (j->key)
		j->state = COLON;
	else
		value_ended(j);
	return tell(j, j->key ? JSON_KEY : JSON_STRING);
}

static int in_escape(struct json *j, char c, struct err *e)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at = c ? strchr(from, c) : NULL;

	if (c == 'u') {
		j->state = UNICODE;
		j->code = j->digits = 0;
		return 0;
	}
	if (!at)
		return bad(e, "an unknown escape in a string");
	if (no_half(j, e) < 0)
		return -(int)ERR_FAILED;
	add(j, to[at - from]);
	j->state = STRING;
	return 0;
}

static int in_unicode(struct json *j, char c, struct err *e)
{
	int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 :
		c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;

	if (v < 0)
		return bad(e, "an unknown escape in a string");
	j->code = j->code << 4 | (unsigned)v;
	if (++j->digits < 4)
		return 0;
	bool low = j->code >= 0xdc00 && j->code <= 0xdfff;

	j->state = STRING;
	if (low != (j->high != 0))
		return bad(e, "half a surrogate pair");
	if (j->code >= 0xd800 && j->code <= 0xdbff) {
		j->high = j->code;
		return 0;
	}
	add_code(j, low ? 0x10000 + ((j->high - 0xd800) << 10) + (j->code - 0xdc00) : j->code);
	j->high = 0;
	return 0;
}

/* A number goes on with c, or has ended before it (*again). */
static int in_number(struct json *j, char c, bool *again, struct err *e)
{
	bool digit = c >= '0' && c <= '9';

	switch ((enum state)j->state) {
	case MINUS:
		j->state = c == '0' ? ZERO : INTEGER;
		return digit ? 0 : bad(e, "half a number");
	case POINT:
		j->state = FRACTION;
		return digit ? 0 : bad(e, "half a number");
	case EXPONENT:
		j->state = digit ? POWER : SIGN;
		return digit || c == '+' || c == '-' ? 0 : bad(e, "half a number");
	case SIGN:
		j->state = POWER;
		return digit ? 0 : bad(e, "half a number");
	case ZERO:
	case INTEGER:
	case FRACTION:
		if (digit && j->state != ZERO)
			return 0;
		if (c == '.' && j->state != FRACTION) {
			j->state = POINT;
			return 0;
		}
		if (c == 'e' || c == 'E') {
			j->state = EXPONENT;
			return 0;
		}
		break;
	case POWER:
		if (digit)
			return 0;
		break;
	case VALUE:
	case FIRST_VALUE:
	case FIRST_KEY:
	case NEXT_KEY:
	case COLON:
	case AFTER:
	case STRING:
	case ESCAPE:
	case UNICODE:
	case LITERAL:
	case DONE:
		return err_set(e, ERR_BUG, "a number that is none");
	}
	value_ended(j);
	*again = true;
	return tell(j, JSON_OTHER);
}

static int step(struct json *j, char c, bool *again, struct err *e)
{
	bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';

	switch ((enum state)j->state) {
	case VALUE:
		return blank ? 0 : begin_value(j, c, e);
	case FIRST_VALUE:
		return blank ? 0 : c == ']' ? close_level(j, c, e) : begin_value(j, c, e);
	case FIRST_KEY:
	case NEXT_KEY:
		if (blank)
			return 0;
		if (c == '}' && j->state == FIRST_KEY)
			return close_level(j, c, e);
		if (c != '"')
			return bad(e, "a key is missing");
		open_string(j, true);
		return 0;
	case COLON:
		if (blank)
			return 0;
		j->state = VALUE;
		return c == ':' ? 0 : bad(e, "a ':' is missing");
	case AFTER:
		if (blank)
			return 0;
		if (c != ',')
			return c == '}' || c == ']' ? close_level(j, c, e) : bad(e, "a ',' is missing");
		j->state = j->is_object[j->depth - 1] ? NEXT_KEY : VALUE;
		return 0;
	case STRING:
		return in_string(j, c, e);
	case ESCAPE:
		return in_escape(j, c, e);
	case UNICODE:
		return in_unicode(j, c, e);
	case LITERAL:
		if (c != j->literal[j->literal_at])
			return bad(e, "a value is missing");
		if (j->literal[++j->literal_at] != '\0')
			return 0;
		value_ended(j);
		return tell(j, JSON_OTHER);
	case MINUS:
	case ZERO:
	case INTEGER:
	case POINT:
	case FRACTION:
	case EXPONENT:
	case SIGN:
	case POWER:
		return in_number(j, c, again, e);
	case DONE:
		return blank ? 0 : bad(e, "more than one value");
	}
	return err_set(e, ERR_BUG, "a state that is none");
}

int json_feed(struct json *j, const char *bytes, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		bool again = false;
		int rc = step(j, bytes[i], &again, e);

		if (rc == 0 && again)
			rc = step(j, bytes[i], &again, e);
		if (rc != 0)
			return rc;
	}
	return 0;
}

int json_end(const struct json *j, struct err *e)
{
	bool number = j->state == ZERO || j->state == INTEGER || j->state == FRACTION || j->state == POWER;

	/* Only a number by itself has its end there; nothing is told of it. */
	return j->state == DONE || (j->depth == 0 && number) ? 0 : bad(e, "it is cut off");
}
