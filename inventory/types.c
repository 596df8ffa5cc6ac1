/* SPDX-License-Identifier: BSD-2-Clause */
#include "inventory/types.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/ydoc.h"

#define ALNUM "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define DIGITS "0123456789"
#define LETTERS_MAX 253		/* of a host name, RFC 1035 */
#define LABEL_MAX 63

bool type_why(struct tctx *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
	return false;
}

static bool is_only(const char *s, const char *set)
{
	return *s && s[strspn(s, set)] == '\0';
}

static bool has_control(const char *s)
{
	for (; *s; s++)
		if (iscntrl((unsigned char)*s))
			return true;
	return false;
}

/* A plain decimal number; YAML 1.1 would read a leading zero as octal, so it is refused. */
static bool number(struct tctx *c, const char *s, uint64_t *ret)
{
	if (!is_only(s, DIGITS) || strlen(s) > 18)
		return false;
	if (s[0] == '0' && s[1])
		return type_why(c, "a number does not begin with 0 (YAML would read it as octal)");
	*ret = strtoull(s, NULL, 10);
	return true;
}

static bool parse_text(struct tctx *c, const struct field *f, const char *s, struct fvalue *ret)
{
	(void)f;
	ret->s = arena_str(c->a, s);
	return true;
}

static bool parse_string(struct tctx *c, const struct field *f, const char *s, struct fvalue *ret)
{
	if (has_control(s))
		return type_why(c, "one line without control characters is wanted");
	if (f->max && strlen(s) > f->max)
		return type_why(c, "at most %llu letters", (unsigned long long)f->max);
	if (f->min && strlen(s) < f->min)
		return type_why(c, "it is empty");
	return parse_text(c, f, s, ret);
}

static bool parse_yaml(struct tctx *c, const struct field *f, const char *s, struct fvalue *ret)
{
	struct err e = { 0 };
	struct ydoc doc = { 0 };
	if (ydoc_parse("line", s, strlen(s), &doc, &e) < 0)
		return type_why(c, "%s", e.msg);
	bool is_map = !doc.root || doc.root->kind == YDOC_MAP;
	ydoc_free(&doc);
	return is_map ? parse_text(c, f, s, ret) : type_why(c, "it holds no 'key: value' lines");
}

static bool parse_bool(struct tctx *c, const struct field *f, const char *s, struct fvalue *ret)
{
	static const char *const yes[] = { "yes", "true", "on", "1", "y", "t" };
	static const char *const no[] = { "no", "false", "off", "0", "n", "f" };
	(void)c, (void)f;
	for (size_t i = 0; i < COUNT(yes); i++)
		if (strcasecmp(s, yes[i]) == 0)
			return ret->b = true;
	for (size_t i = 0; i < COUNT(no); i++)
		if (strcasecmp(s, no[i]) == 0)
			return true;
	return false;
}

static bool parse_int(struct tctx *c, const struct field *f, const char *s, struct fvalue *ret)
{
	uint64_t n;
	if (!number(c, s, &n))
		return false;
	if (n < f->min || (f->max && n > f->max))
		return type_why(c, "%llu to %llu are possible", (unsigned long long)f->min,
			   (unsigned long long)f->max);
	ret->n = n;
	return true;
}

static bool parse_decimal(struct tctx *c, const struct field *f, const char *s, struct fvalue *ret)
{
	size_t whole = strspn(s, DIGITS), frac = s[whole] == '.' ? strspn(s + whole + 1, DIGITS) : 0;
	if (!whole || whole > 9 || frac > 6 || (s[whole] == '.' && !frac) || s[whole + (frac ? frac + 1 : 0)])
		return false;
	return parse_text(c, f, s, ret);
}

static bool parse_port(struct tctx *c, const struct field *f, const char *s, struct fvalue *ret)
{
	(void)f;
	return number(c, s, &ret->n) && ret->n >= 1 && ret->n <= 65535;
}

static bool parse_nodeport(struct tctx *c, const struct field *f, const char *s, struct fvalue *ret)
{
	(void)f;
	return number(c, s, &ret->n) && ret->n >= 30000 && ret->n <= 32767;
}

/* Kubernetes' quantity (its API documentation, "Quantity"): number, then a binary or decimal
 * suffix or a decimal exponent; rounded up to a whole byte. */
static bool parse_size(struct tctx *c, const struct field *f, const char *s, struct fvalue *ret)
{
	static const struct {
		const char *suffix;
		uint64_t factor;
	} rows[] = {
		{ "", 1 }, { "k", 1000 }, { "M", 1000000 }, { "G", 1000000000 },
		{ "T", 1000000000000 }, { "P", 1000000000000000 }, { "E", 1000000000000000000 },
		{ "Ki", 1ull << 10 }, { "Mi", 1ull << 20 }, { "Gi", 1ull << 30 },
		{ "Ti", 1ull << 40 },
		{ "Pi", 1ull << 50 }, { "Ei", 1ull << 60 },
	};
	size_t whole = strspn(s, DIGITS), frac = 0;
	const char *p = s + whole;
	unsigned __int128 num = 0, den = 1;
	if (*p == '.')
		frac = strspn(++p, DIGITS);
	if (whole + frac == 0 || whole > 18 || frac > 9)
		return false;
	for (size_t i = 0; i < whole; i++)
		num = num * 10 + (unsigned)(s[i] - '0');
	for (size_t i = 0; i < frac; i++, den *= 10)
		num = num * 10 + (unsigned)(p[i] - '0');
	p += frac;
	uint64_t factor = 0;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (strcmp(p, rows[i].suffix) == 0)
			factor = rows[i].factor;
	if ((*p == 'e' || *p == 'E') && is_only(p + 1, DIGITS) && strlen(p + 1) <= 2) {
		long exponent = strtol(p + 1, NULL, 10);
		factor = exponent <= 18;
		for (long i = 0; factor && i < exponent; i++)
			factor *= 10;
	}
	if (!factor &&
	    (strcmp(p, "K") == 0 || strcasecmp(p, "kb") == 0 || strcasecmp(p, "mb") == 0 ||
	     strcasecmp(p, "gb") == 0 || strcasecmp(p, "tb") == 0 || strcasecmp(p, "kib") == 0 ||
	     strcasecmp(p, "mib") == 0 || strcasecmp(p, "gib") == 0 || strcasecmp(p, "tib") == 0))
		return type_why(c, "Kubernetes writes it without 'B': %.*s%c%s", (int)(p - s), s,
			   *p == 'k' || *p == 'K' ? (p[1] == 'i' ? 'K' : 'k') : toupper(*p),
			   p[1] == 'i' || p[1] == 'I' ? "i" : "");
	if (!factor)
		return false;
	num = (num * factor + den - 1) / den;
	if (num > INT64_MAX)
		return type_why(c, "it is too big");
	if (num < f->min)
		return type_why(c, "it is too small to be meant");
	ret->n = (uint64_t)num;
	return true;
}

void type_print_size(uint64_t bytes, struct buf *out)
{
	static const char suffix[] = "KMGTPE";
	size_t i = 0;
	for (; bytes && bytes % 1024 == 0 && i < strlen(suffix); i++)
		bytes /= 1024;
	buf_addf(out, "%llu", (unsigned long long)bytes);
	if (i)
		buf_addf(out, "%ci", suffix[i - 1]);
}

/* Prometheus' duration (its documentation, "Configuration", <duration>). */
static bool parse_duration(struct tctx *c, const struct field *f, const char *s, struct fvalue *ret)
{
	static const struct {
		const char *unit;
		uint64_t ms;
	} rows[] = {
		{ "y", 365ull * 86400000 }, { "w", 7ull * 86400000 }, { "d", 86400000 },
		{ "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 },
	};
	uint64_t total = 0;
	size_t row = 0;
	const char *p = s;
	while (*p) {
		size_t digits = strspn(p, DIGITS), letters = strspn(p + digits, "ywdhms");
		if (!digits || digits > 9 || !letters)
			return false;
		uint64_t n = strtoull(p, NULL, 10);
		for (; row < COUNT(rows); row++)
			if (strlen(rows[row].unit) == letters &&
			    strncmp(p + digits, rows[row].unit, letters) == 0)
				break;
		if (row == COUNT(rows))
			return false;
		total += n * rows[row++].ms;
		p += digits + letters;
	}
	if (p == s)
		return false;
	if (total < f->min || (f->max && total > f->max))
		return type_why(c, "%llu to %llu seconds are possible",
			   (unsigned long long)f->min / 1000, (unsigned long long)f->max / 1000);
	ret->n = total;
	ret->s = arena_str(c->a, s);
	return true;
}

/* ---- addresses and names */

bool net_parse(const char *text, struct net *ret)
{
	char host[64];
	struct net n = { 0 };
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	if (len >= sizeof(host))
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	n.v6 = strchr(host, ':');
	if (inet_pton(n.v6 ? AF_INET6 : AF_INET, host, n.addr) != 1)
		return false;
	n.bits = n.v6 ? 128 : 32;
	if (slash) {
		if (!is_only(slash + 1, DIGITS) || strlen(slash + 1) > 3)
			return false;
		unsigned long bits = strtoul(slash + 1, NULL, 10);
		if (bits > n.bits)
			return false;
		n.bits = (unsigned)bits;
	}
	*ret = n;
	return true;
}

static bool is_same_to(const unsigned char *a, const unsigned char *b, unsigned bits)
{
	if (memcmp(a, b, bits / 8) != 0)
		return false;
	unsigned rest = bits % 8;
	return !rest || ((a[bits / 8] ^ b[bits / 8]) >> (8 - rest)) == 0;
}

bool net_holds(const struct net *net, const struct net *inner)
{
	return net->v6 == inner->v6 && net->bits <= inner->bits &&
	       is_same_to(net->addr, inner->addr, net->bits);
}

bool net_overlaps(const struct net *a, const struct net *b)
{
	return net_holds(a, b) || net_holds(b, a);
}

void net_print_network(const struct net *n, char out[64])
{
	unsigned char addr[16];
	memcpy(addr, n->addr, sizeof(addr));
	for (unsigned i = n->bits; i < 128; i++)
		addr[i / 8] &= (unsigned char)~(0x80u >> (i % 8));
	char text[INET6_ADDRSTRLEN] = "";
	inet_ntop(n->v6 ? AF_INET6 : AF_INET, addr, text, sizeof(text));
	snprintf(out, 64, "%s/%u", text, n->bits);
}

bool net_parse_nth(const char *list, size_t i, struct net *ret)
{
	char one[64];
	for (; i && list; i--) {
		list = strchr(list, ',');
		list = list ? list + 1 : NULL;
	}
	if (!list)
		return false;
	size_t len = strcspn(list, ",");
	if (len >= sizeof(one))
		return false;
	memcpy(one, list, len);
	one[len] = '\0';
	return net_parse(one, ret);
}

/* An address that a machine can have; written the usual way into *ret. */
static bool usable_ip(struct tctx *c, const char *s, const char **ret)
{
	struct net n;
	if (strchr(s, '/') || !net_parse(s, &n))
		return false;
	static const unsigned char zero[16];
	if (memcmp(n.addr, zero, n.v6 ? 16 : 4) == 0)
		return type_why(c, "no machine has this address");
	if (n.v6 ? n.addr[0] == 0xff : n.addr[0] >= 224)
		return type_why(c, "it is a multicast or reserved address");
	char text[INET6_ADDRSTRLEN] = "";
	inet_ntop(n.v6 ? AF_INET6 : AF_INET, n.addr, text, sizeof(text));
	*ret = arena_str(c->a, text);
	return true;
}

static bool parse_ip(struct tctx *c, const struct field *f, const char *s, struct fvalue *ret)
{
	(void)f;
	if (strchr(s, '/'))
		return type_why(c, "an address without '/' is wanted");
	return usable_ip(c, s, &ret->s);
}

/* Labels of letters, digits and '-' (and '_' where allowed) with dots between, RFC 1123. */
static bool is_name(const char *s, bool underscore)
{
	if (strlen(s) > LETTERS_MAX)
		return false;
	for (;;) {
		size_t n = strspn(s, underscore ? ALNUM "-_" : ALNUM "-");
		if (n == 0 || n > LABEL_MAX || s[0] == '-' || s[n - 1] == '-')
			return false;
		if (!s[n])
			return true;
		if (s[n] != '.')
			return false;
		s += n + 1;
	}
}

static bool looks_numeric(const char *s)
{
	return is_only(s, DIGITS ".");
}

static bool parse_dns(struct tctx *c, const struct field *f, const char *s, struct fvalue *ret)
{
	if (strstr(s, "://"))
		return type_why(c, "the name alone, without 'https://'");
	struct net n;
	if (net_parse(s, &n) || looks_numeric(s))
		return type_why(c, "a name is wanted, not an address");
	return is_name(s, false) && parse_text(c, f, s, ret);
}

static bool parse_host(struct tctx *c, const struct field *f, const char *s, struct fvalue *ret)
{
	if (strstr(s, "://"))
		return type_why(c, "the name or address alone, without 'https://'");
	if (s[0] == '[')
		return type_why(c, "an IPv6 address is written without brackets");
	struct net n;
	if (net_parse(s, &n) && !strchr(s, '/'))
		return usable_ip(c, s, &ret->s);
	const char *colon = strchr(s, ':');
	if (colon && is_only(colon + 1, DIGITS))
		return type_why(c, "without a port");
	if (strchr(s, '/'))
		return type_why(c, "without '/'");
	if (looks_numeric(s))
		return type_why(c, "an IPv4 address has four numbers of 0 to 255 without leading zeros");
	return is_name(s, true) && parse_text(c, f, s, ret);
}

static bool check_cidr(struct tctx *c, const char *s)
{
	struct net n;
	char right[64];
	if (!net_parse(s, &n))
		return false;
	net_print_network(&n, right);
	if (!strchr(s, '/'))
		return type_why(c, "the length is missing, e.g. '%s/%d'", s, n.v6 ? 64 : 24);
	struct net masked;
	if (net_parse(right, &masked) && memcmp(masked.addr, n.addr, sizeof(n.addr)) != 0)
		return type_why(c, "it has bits behind its length; the network is '%s'", right);
	if (n.bits == 0)
		return type_why(c, "that is the whole internet");
	return true;
}

static bool parse_cidr(struct tctx *c, const struct field *f, const char *s, struct fvalue *ret)
{
	return check_cidr(c, s) && parse_text(c, f, s, ret);
}

static bool parse_cidrs(struct tctx *c, const struct field *f, const char *s, struct fvalue *ret)
{
	const char *comma = strchr(s, ',');
	if (!comma)
		return parse_cidr(c, f, s, ret);
	const char *first = arena_strn(c->a, s, (size_t)(comma - s));
	struct net a, b;
	if (!check_cidr(c, first) || !check_cidr(c, comma + 1))
		return false;
	if (!net_parse(first, &a) || !net_parse(comma + 1, &b) || a.v6 == b.v6)
		return type_why(c, "two networks must be one IPv4 and one IPv6");
	return parse_text(c, f, s, ret);
}

static bool parse_node(struct tctx *c, const struct field *f, const char *s, struct fvalue *ret)
{
	if (strlen(s) > LABEL_MAX)
		return type_why(c, "at most %d letters", LABEL_MAX);
	if (!is_name(s, false) || !parse_text(c, f, s, ret))
		return false;
	char *low = arena_alloc(c->a, strlen(s) + 1);
	for (size_t i = 0; low && s[i]; i++)
		low[i] = (char)tolower((unsigned char)s[i]);
	ret->s = low ? low : "";
	return true;
}

static bool parse_name(struct tctx *c, const struct field *f, const char *s, struct fvalue *ret)
{
	size_t max = f->max ? (size_t)f->max : LABEL_MAX;
	if (strlen(s) > max)
		return type_why(c, "at most %zu letters", max);
	for (const char *p = s; *p; p++)
		if (isupper((unsigned char)*p))
			return type_why(c, "capital letters are not possible");
	return is_name(s, false) && !strchr(s, '.') && parse_text(c, f, s, ret);
}

/* ---- paths */

static bool check_path(struct tctx *c, const char *s)
{
	if (has_control(s))
		return type_why(c, "control characters");
	for (const char *p = s; (p = strstr(p, "..")); p += 2)
		if ((p == s || p[-1] == '/') && (p[2] == '/' || !p[2]))
			return type_why(c, "'..' inside");
	return true;
}

static bool parse_path(struct tctx *c, const struct field *f, const char *s, struct fvalue *ret)
{
	if (s[0] != '/')
		return type_why(c, "it must begin with '/'");
	if (strstr(s, "//"))
		return type_why(c, "'//' inside");
	const char *odd = s + strspn(s, ALNUM "/._+@:-");
	if (*odd)
		return type_why(c, "the character '%c' is not possible: letters, digits and /._+@:- are",
			   isprint((unsigned char)*odd) ? *odd : '?');
	return check_path(c, s) && parse_text(c, f, s, ret);
}

static bool parse_local(struct tctx *c, const struct field *f, const char *s, struct fvalue *ret)
{
	(void)f;
	if (!*s)
		return type_why(c, "it is empty");
	if (has_control(s))
		return type_why(c, "control characters");
	if (s[0] == '~' && s[1] && s[1] != '/')
		return type_why(c, "only '~/' is expanded, not another user's home");
	if (s[0] == '~' && !c->home)
		return type_why(c, "there is no home directory (HOME is not set); write the whole path");
	if (s[0] == '~')
		ret->s = arena_printf(c->a, "%s%s", c->home, s + 1);
	else if (s[0] == '/')
		ret->s = arena_str(c->a, s);
	else
		ret->s = arena_printf(c->a, "%s/%s", strcmp(c->dir, "/") == 0 ? "" : c->dir, s);
	return true;
}

static bool parse_device(struct tctx *c, const struct field *f, const char *s, struct fvalue *ret)
{
	if (strncmp(s, "/dev/", 5) != 0 || !s[5])
		return type_why(c, "it must begin with '/dev/'");
	return parse_path(c, f, s, ret);
}

/* ---- the rest */

static bool parse_version(struct tctx *c, const struct field *f, const char *s, struct fvalue *ret)
{
	const char *p = s;
	if (*p != 'v')
		return isdigit((unsigned char)*p) ? type_why(c, "it begins with 'v': 'v%.40s'", s)
						  : false;
	p++;
	for (int i = 0; i < 3; i++) {
		size_t n = strspn(p, DIGITS);
		if (!n || n > 4 || (i < 2 && p[n] != '.'))
			return false;
		p += n + (i < 2);
	}
	if (strncmp(p, "-rc", 3) == 0)
		p += 3 + strspn(p + 3, DIGITS);
	if (!*p)
		return type_why(c, "the K3s part is missing, e.g. '%.40s+k3s1'", s);
	if (strncmp(p, "+k3s", 4) != 0 || !is_only(p + 4, DIGITS))
		return false;
	return parse_text(c, f, s, ret);
}

/* It becomes part of file names and addresses, and of powerstack.lock (is_pin_name). */
static bool parse_release(struct tctx *c, const struct field *f, const char *s, struct fvalue *ret)
{
	const char *p = s + (*s == 'v');
	size_t n = strspn(p, DIGITS);
	if (!n || p[n] != '.' || !isdigit((unsigned char)p[n + 1]) || strlen(s) > 64)
		return false;
	for (; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("._+-", *p))
			return type_why(c, "the character '%c' is not possible", isprint((unsigned char)*p) ? *p : '?');
	return parse_text(c, f, s, ret);
}

static bool parse_url(struct tctx *c, const struct field *f, const char *s, struct fvalue *ret)
{
	const char *host = strncmp(s, "https://", 8) == 0 ? s + 8 :
			   strncmp(s, "http://", 7) == 0 ? s + 7 : NULL;
	if (!host)
		return type_why(c, "it must begin with 'https://' or 'http://'");
	for (const char *p = s; *p; p++)
		if (isspace((unsigned char)*p) || iscntrl((unsigned char)*p) ||
		    strchr("\"'<>\\`{}", *p))
			return type_why(c, "the character '%c' is not possible",
				   isprint((unsigned char)*p) ? *p : '?');
	size_t n = strcspn(host, "/?#");
	if (memchr(host, '@', n)) {
		snprintf(c->why, sizeof(c->why), "a user or password does not belong into it");
		return false;
	}
	return n && parse_text(c, f, s, ret);
}

static bool parse_user(struct tctx *c, const struct field *f, const char *s, struct fvalue *ret)
{
	if (!*s || *s == '-' || strlen(s) > 255)
		return false;
	for (const char *p = s; *p; p++)
		if (isspace((unsigned char)*p) || iscntrl((unsigned char)*p) ||
		    strchr(":,'\"/`$;&|<>(){}", *p))
			return type_why(c, "the character '%c' is not possible",
				   isprint((unsigned char)*p) ? *p : '?');
	return parse_text(c, f, s, ret);
}

static bool parse_choice(struct tctx *c, const struct field *f, const char *s, struct fvalue *ret)
{
	size_t len = 0;
	for (const char *const *p = f->choices; *p; p++) {
		if (strcmp(s, *p) == 0) {
			ret->s = *p;
			return true;
		}
		int n = snprintf(c->why + len, sizeof(c->why) - len, "%s'%s'", len ? ", " : "", *p);
		if (n > 0 && len + (size_t)n < sizeof(c->why))
			len += (size_t)n;
	}
	return false;
}

bool jump_check(struct tctx *c, const char *text)
{
	for (const char *p = text;;) {
		size_t len = strcspn(p, ",");
		const char *one = arena_strn(c->a, p, len), *host = strrchr(one, '@');
		struct fvalue v = { 0 };
		if (host && !parse_user(c, NULL, arena_strn(c->a, one, (size_t)(host - one)), &v))
			return type_why(c, "'%.80s': the user before '@' is not possible", one);
		host = host ? host + 1 : one;
		const char *close = host[0] == '[' ? strchr(host, ']') : NULL;
		const char *colon =
			close ? (close[1] == ':' ? close + 1 : NULL) : strrchr(host, ':');
		struct net n;
		if (!close && net_parse(host, &n))
			colon = NULL;
		uint64_t port = 22;
		if (colon && (!number(c, colon + 1, &port) || port < 1 || port > 65535))
			return type_why(c, "'%.80s': the port is not possible", one);
		const char *name = close ? arena_strn(c->a, host + 1, (size_t)(close - host - 1)) :
				   colon ? arena_strn(c->a, host, (size_t)(colon - host)) : host;
		if (!parse_host(c, NULL, name, &v))
			return type_why(c, "'%.80s' is not [user@]host[:port]", one);
		if (!p[len])
			return true;
		p += len + 1;
	}
}

static bool parse_jump(struct tctx *c, const struct field *f, const char *s, struct fvalue *ret)
{
	if (strcmp(s, "none") == 0)
		return true;
	return jump_check(c, s) && parse_text(c, f, s, ret);
}

/* ---- items of lists */

static bool parse_env(struct tctx *c, const struct field *f, const char *s, struct fvalue *ret)
{
	const char *eq = strchr(s, '=');
	if (!eq || eq == s)
		return type_why(c, "NAME=VALUE is wanted");
	const char *name = arena_strn(c->a, s, (size_t)(eq - s));
	if (!is_only(name, ALNUM "_") || isdigit((unsigned char)*name))
		return type_why(c, "'%.60s' is no name of an environment variable", name);
	return !has_control(s) ? parse_text(c, f, s, ret) : type_why(c, "control characters");
}

/* A qualified name: [dns prefix/]name, Kubernetes documentation "Labels and Selectors". */
static bool is_qualified(const char *s)
{
	const char *slash = strchr(s, '/'), *name = slash ? slash + 1 : s;
	size_t n = strlen(name);
	if (slash) {
		char prefix[LETTERS_MAX + 1];
		size_t len = (size_t)(slash - s);
		if (len >= sizeof(prefix))
			return false;
		memcpy(prefix, s, len);
		prefix[len] = '\0';
		if (!is_name(prefix, false))
			return false;
	}
	return n && n <= LABEL_MAX && is_only(name, ALNUM "-_.") &&
	       isalnum((unsigned char)name[0]) && isalnum((unsigned char)name[n - 1]);
}

static bool is_label_value(const char *s)
{
	size_t n = strlen(s);
	return n == 0 || (n <= LABEL_MAX && is_only(s, ALNUM "-_.") &&
			  isalnum((unsigned char)s[0]) && isalnum((unsigned char)s[n - 1]));
}

static bool parse_label(struct tctx *c, const struct field *f, const char *s, struct fvalue *ret)
{
	const char *eq = strchr(s, '=');
	if (!eq)
		return type_why(c, "key=value is wanted");
	const char *key = arena_strn(c->a, s, (size_t)(eq - s));
	if (!is_qualified(key))
		return type_why(c,
			   "'%.80s' is no label key: [prefix/]name of letters, digits, '-', '_' "
			   "and '.'",
			   key);
	if (!is_label_value(eq + 1))
		return type_why(
			c,
			"'%.80s' is no label value: at most 63 letters, digits, '-', '_' and '.'",
			eq + 1);
	return parse_text(c, f, s, ret);
}

static bool parse_taint(struct tctx *c, const struct field *f, const char *s, struct fvalue *ret)
{
	const char *colon = strrchr(s, ':');
	if (!colon)
		return type_why(c, "the effect is missing: ':NoSchedule', ':PreferNoSchedule' or "
			      "':NoExecute'");
	if (strcmp(colon, ":NoSchedule") != 0 && strcmp(colon, ":PreferNoSchedule") != 0 &&
	    strcmp(colon, ":NoExecute") != 0)
		return type_why(c, "the effect is NoSchedule, PreferNoSchedule or NoExecute");
	const char *head = arena_strn(c->a, s, (size_t)(colon - s)), *eq = strchr(head, '=');
	const char *key = eq ? arena_strn(c->a, head, (size_t)(eq - head)) : head;
	if (!is_qualified(key))
		return type_why(c,
			   "'%.80s' is no taint key: [prefix/]name of letters, digits, '-', '_' "
			   "and '.'",
			   key);
	if (eq && !is_label_value(eq + 1))
		return type_why(c, "'%.80s' is no taint value", eq + 1);
	return parse_text(c, f, s, ret);
}

static const struct ftype_row rows[] = {
	[T_STRING] = { "text", "one line of text", parse_string },
	[T_TEXT] = { "text", "text", parse_text },
	[T_YAML] = { "YAML text", "YAML text (key: value lines below '|')", parse_yaml },
	[T_BOOL] = { "yes/no", "yes or no", parse_bool },
	[T_INT] = { "number", "a whole number", parse_int },
	[T_DECIMAL] = { "decimal", "a number such as 0.25: at most 9 digits, and 6 behind the point", parse_decimal },
	[T_PORT] = { "port", "a port: 1 to 65535", parse_port },
	[T_NODEPORT] = { "NodePort", "a NodePort: 30000 to 32767", parse_nodeport },
	[T_SIZE] = { "size", "a size such as 50Gi, 500M, 1.5Ti or plain bytes", parse_size },
	[T_DURATION] = { "duration", "a duration such as 10s or 1m30s", parse_duration },
	[T_IP] = { "IP address", "an IPv4 or IPv6 address", parse_ip },
	[T_HOST] = { "host", "an IP address or host name", parse_host },
	[T_DNS] = { "host name", "a host name", parse_dns },
	[T_CIDR] = { "network", "a network such as 192.168.0.0/24", parse_cidr },
	[T_CIDRS] = { "network", "a network such as 10.42.0.0/16", parse_cidrs },
	[T_PATH] = { "path", "an absolute path on the nodes", parse_path },
	[T_LOCAL] = { "local path", "a path on this machine", parse_local },
	[T_DEVICE] = { "device", "a disk below /dev", parse_device },
	[T_NODE] = { "node name", "a node name: letters, digits, '-' and '.'", parse_node },
	[T_NAME] = { "Kubernetes name", "a Kubernetes name: lower-case letters, digits and '-'",
		     parse_name },
	[T_VERSION] = { "K3s version", "a K3s version such as v1.30.2+k3s1", parse_version },
	[T_RELEASE] = { "version", "a version such as v1.2.3 or 1.2.3", parse_release },
	[T_URL] = { "URL", "a URL", parse_url },
	[T_USER] = { "user", "a user name", parse_user },
	[T_CHOICE] = { "choice", "one of", parse_choice },
	[T_JUMP] = { "jump hosts", "a jump host: [user@]host[:port], several with commas between",
		     parse_jump },
	[T_SSHARGS] = { "ssh arguments", "understood as ssh arguments", sshargs_parse },
	[T_LOCALS] = { "list of local paths", "a path on this machine", parse_local },
	[T_ENVS] = { "NAME=VALUE list", "an environment variable", parse_env },
	[T_LABELS] = { "labels", "a Kubernetes label", parse_label },
	[T_TAINTS] = { "taints", "a taint: key=value:Effect", parse_taint },
	[T_SECRET] = { "secret", "a vault entry: \"{{ ansible_vault.NAME }}\"", NULL },
	[T_ANY] = { "anything", "anything", parse_text },
};

const struct ftype_row *type_row(enum ftype t)
{
	return &rows[t];
}

bool type_parse(struct tctx *c, const struct field *f, const char *text, struct fvalue *ret)
{
	*ret = (struct fvalue){ 0 };
	c->why[0] = '\0';
	return rows[f->type].parse(c, f, text, ret);
}
