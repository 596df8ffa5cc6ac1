/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/auth.h"

#include <criterion/criterion.h>
#include <crypt.h>
#include <event2/event.h>
#include <sodium.h>
#include <string.h>

#include "base/cleanup.h"
#include "exporter/tick.h"

struct asker {
	int answers, yes;
	enum auth_answer first;
};

static struct event_base *base;
static struct auth *auth;

static void done(void *arg, bool ok)
{
	struct asker *a = arg;

	a->answers++;
	a->yes += ok;
}

static void setup(void)
{
	struct err e = { 0 };

	base = event_base_new();
	cr_assert_eq(auth_new(base, &auth, &e), 0, "%s", e.msg);
}

static void teardown(void)
{
	auth_free(auth);
	event_base_free(base);
}

/* A user whose password has the least cost that there is. */
static struct web_user user(const char *name, const char *password)
{
	struct web_user u = { .name = name };
	struct crypt_data data = { 0 };

	snprintf(u.hash, sizeof u.hash, "%s", crypt_r(password, "$2b$04$abcdefghijklmnopqrstuu", &data));
	return u;
}

static struct in6_addr peer(unsigned char last)
{
	struct in6_addr a = { .s6_addr = { 1 } };

	a.s6_addr[7] = last;
	return a;
}

static enum auth_answer ask(const char *credentials, unsigned char from, struct asker *a)
{
	char header[1024] = "Basic ";
	struct in6_addr p = peer(from);

	sodium_bin2base64(header + 6, sizeof header - 6, (const unsigned char *)credentials, strlen(credentials),
			  sodium_base64_VARIANT_ORIGINAL);
	a->first = auth_ask(auth, header, strlen(header), &p, done, a);
	return a->first;
}

static void wait_for(struct asker *a)
{
	while (a->answers == 0)
		event_base_loop(base, EVLOOP_ONCE);
}

TestSuite(auth, .init = setup, .fini = teardown);

Test(auth, without_users_everybody_may)
{
	struct in6_addr p = peer(1);

	cr_assert_eq(auth_ask(auth, NULL, 0, &p, done, NULL), AUTH_YES);
}

Test(auth, a_password_is_looked_at_once)
{
	struct web_user users[] = { user("a", "one"), user("b", "two:three") };
	struct asker first = { 0 }, again = { 0 }, wrong = { 0 }, other = { 0 };
	struct in6_addr p = peer(1);
	struct err e = { 0 };

	cr_assert_eq(auth_users(auth, users, 2, &e), 0);
	cr_expect_eq(auth_ask(auth, NULL, 0, &p, done, NULL), AUTH_NO);
	cr_expect_eq(auth_ask(auth, "Bearer x", 8, &p, done, NULL), AUTH_NO);
	cr_assert_eq(ask("a:one", 1, &first), AUTH_WAIT);
	wait_for(&first);
	cr_expect_eq(first.yes, 1);
	cr_expect_eq(ask("a:one", 1, &again), AUTH_YES);
	/* right password, wrong user; a password with a colon; nobody's name */
	cr_assert_eq(ask("b:one", 1, &wrong), AUTH_WAIT);
	wait_for(&wrong);
	cr_expect_eq(wrong.yes, 0);
	cr_expect_eq(ask("b:one", 1, &wrong), AUTH_NO);
	cr_assert_eq(ask("b:two:three", 1, &other), AUTH_WAIT);
	wait_for(&other);
	cr_expect_eq(other.yes, 1);
	wrong = (struct asker){ 0 };
	cr_assert_eq(ask("nobody:one", 1, &wrong), AUTH_WAIT);
	wait_for(&wrong);
	cr_expect_eq(wrong.yes, 0);
	cr_expect_eq(ask("a:one", 1, &again), AUTH_YES);
	/* Other users: nothing of that is true any more. */
	cr_assert_eq(auth_users(auth, users + 1, 1, &e), 0);
	again = (struct asker){ 0 };
	cr_assert_eq(ask("a:one", 1, &again), AUTH_WAIT);
	wait_for(&again);
	cr_expect_eq(again.yes, 0);
}

Test(auth, who_asks_the_same_waits_together)
{
	struct web_user users[] = { user("a", "one") };
	struct asker many[5] = { 0 };
	struct err e = { 0 };

	cr_assert_eq(auth_users(auth, users, 1, &e), 0);
	for (size_t i = 0; i < 5; i++)
		cr_assert_eq(ask("a:one", (unsigned char)i, &many[i]), AUTH_WAIT);
	auth_forget(auth, &many[2]);
	wait_for(&many[0]);
	for (size_t i = 0; i < 5; i++)
		cr_expect_eq(many[i].answers, i != 2);
}

Test(auth, guessers_are_bounded)
{
	struct web_user users[] = { user("a", "one") };
	struct asker known = { 0 }, guess[AUTH_JOBS_MAX + 1] = { 0 }, more = { 0 };
	struct err e = { 0 };
	char text[32];

	cr_assert_eq(auth_users(auth, users, 1, &e), 0);
	cr_assert_eq(ask("a:one", 99, &known), AUTH_WAIT);
	wait_for(&known);
	for (size_t i = 0; i <= AUTH_JOBS_MAX; i++) {
		snprintf(text, sizeof text, "a:guess%zu", i);
		cr_expect_eq(ask(text, (unsigned char)i, &guess[i]), i < AUTH_JOBS_MAX ? AUTH_WAIT : AUTH_BUSY);
	}
	/* One at a time for each address; who is known does not notice. */
	cr_expect_eq(ask("a:another", 3, &more), AUTH_BUSY);
	cr_expect_eq(ask("a:one", 3, &known), AUTH_YES);
	/* Who has gone is not worked for. */
	for (size_t i = 1; i < AUTH_JOBS_MAX; i++)
		auth_forget(auth, &guess[i]);
	wait_for(&guess[0]);
	cr_expect_eq(guess[0].yes, 0);
	cr_expect_eq(ask("a:another", 3, &more), AUTH_WAIT);
	wait_for(&more);
	cr_expect_eq(more.yes, 0);
	for (size_t i = 1; i <= AUTH_JOBS_MAX; i++)
		cr_expect_eq(guess[i].answers, 0);
}

Test(auth, freed_while_the_thread_works)
{
	struct web_user users[] = { user("a", "one") };
	struct asker a = { 0 };
	struct err e = { 0 };

	users[0].hash[4] = '0', users[0].hash[5] = '8'; /* a longer work, for nothing */
	cr_assert_eq(auth_users(auth, users, 1, &e), 0);
	cr_assert_eq(ask("a:one", 1, &a), AUTH_WAIT);
	/* teardown frees it */
}

Test(auth, credentials_are_decoded)
{
	static const struct {
		const char *header, *text; /* NULL: none */
	} cases[] = {
		{ "Basic dTpw", "u:p" },     { "bAsIc   dTpw", "u:p" }, { "Basic dTo=", "u:" },
		{ "Basic Og==", ":" },	     { "Basic dXA=", NULL },	{ "Basic dTpw=", NULL },
		{ "Basic d T p w", NULL },   { "Basic ", NULL },	{ "Basic", NULL },
		{ "Basic dToAcA==", NULL },  { "Bearer dTpw", NULL },	{ "", NULL },
		{ "Basic dTp-_w==", NULL },
	};
	char text[64];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(cases); i++) {
		bool ok = auth_decode(cases[i].header, strlen(cases[i].header), text, sizeof text, &n);

		cr_expect_eq(ok, cases[i].text != NULL, "%s", cases[i].header);
		if (ok && cases[i].text)
			cr_expect_str_eq(text, cases[i].text);
	}
	cr_expect_not(auth_decode("Basic dTpw", 10, text, 3, &n), "what does not fit is none");
}
