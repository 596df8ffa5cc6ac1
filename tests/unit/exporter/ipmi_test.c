/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/ipmi.h"

#include <fcntl.h>

#include "base/cleanup.h"
#include "exporter/sources/sources.h"
#include "tests/unit/exporter/rig.h"

/* 312 W, active, as a server answers. */
static const uint8_t good[19] = { 0, 0xdc, 0x38, 0x01, 0x32, 0, 0xbc, 0x02, 0x2c, 0x01,
				  0x10, 0x20, 0x30, 0x60, 0xe8, 0x03, 0, 0, 0x40 };

Test(dcmi, the_request)
{
	uint8_t q[DCMI_REQUEST_LEN];

	dcmi_power_request(q);
	cr_assert_eq(memcmp(q, "\xdc\x01\x00\x00", 4), 0);
}

Test(dcmi, answers)
{
	static const struct {
		size_t at;
		uint8_t byte;
		size_t len;
		int rc;
	} cases[] = {
		{ 0, 0, 19, 0 },
		{ 0, 0, 18, -(int)ERR_FAILED },	   /* cut */
		{ 0, 0, 1, -(int)ERR_FAILED },
		{ 0, 0, 0, -(int)ERR_FAILED },
		{ 0, 0xc1, 1, -(int)ERR_REFUSED }, /* no such command */
		{ 0, 0xc0, 1, -(int)ERR_FAILED },  /* busy */
		{ 1, 0xdd, 19, -(int)ERR_FAILED }, /* another group */
		{ 18, 0, 19, -(int)ERR_FAILED },   /* not measuring */
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t data[19];
		uint64_t uw = 7;
		struct err e = { 0 };

		memcpy(data, good, sizeof data);
		data[cases[i].at] = cases[i].byte;
		cr_expect_eq(dcmi_power(data, cases[i].len, &uw, &e), cases[i].rc, "%zu: %s", i, e.msg);
		cr_expect_eq(uw, cases[i].rc == 0 ? 312000000 : 7, "%zu", i);
	}
	uint8_t none[19];
	uint64_t uw = 7;
	struct err e = { 0 };

	memcpy(none, good, sizeof none);
	none[2] = none[3] = 0;
	cr_assert_lt(dcmi_power(none, sizeof none, &uw, &e), 0, "a machine that is on draws something");
	none[2] = none[3] = 0xff;
	cr_assert_lt(dcmi_power(none, sizeof none, &uw, &e), 0);
}

/* A device that answers as the test wants: by the name of the file. */
static int fake_open(const char *path)
{
	(void)path;
	return open("/dev/null", O_RDWR);
}

static int fake_ask(int fd, uint8_t netfn, uint8_t cmd, const void *request, size_t request_len,
		    unsigned timeout_ms, void *answer, size_t *answer_len, struct err *e)
{
	static int calls;

	(void)fd, (void)timeout_ms;
	if (netfn != 0x2c || cmd != 2 || request_len != 4 || memcmp(request, "\xdc\x01\x00\x00", 4) != 0)
		return err_set(e, ERR_BUG, "another request");
	memcpy(answer, good, sizeof good);
	*answer_len = sizeof good;
	return calls++ == 0 ? 0 : err_set(e, ERR_TIMEOUT, "the BMC does not answer");
}

static int hang_ask(int fd, uint8_t netfn, uint8_t cmd, const void *request, size_t request_len,
		    unsigned timeout_ms, void *answer, size_t *answer_len, struct err *e)
{
	(void)fd, (void)netfn, (void)cmd, (void)request, (void)request_len, (void)timeout_ms, (void)answer;
	(void)answer_len;
	while (pause() < 0)
		;
	return err_set(e, ERR_BUG, "no signal ends this");
}

static void open_with(struct rig *r, const struct ipmi_ops *ops)
{
	struct err e = { 0 };

	cr_assert_eq(ledger_new(&r->ledger, &e), 0);
	cr_assert_eq(sampler_open(&r->sampler, r->only, 1,
				  &(struct roots){ .rootfs = r->tree.root, .sysfs = "", .procfs = "",
						   .config = &r->config, .base = r->base, .ipmi = ops },
				  &e), 0);
}

Test(ipmi, the_bmc_is_believed_and_its_silence_told)
{
	struct rig r;

	rig_make(&r, &source_ipmi);
	tree_write(&r.tree, "dev/ipmi0", "");
	open_with(&r, &(struct ipmi_ops){ fake_open, fake_ask });
	cr_assert(rig_comes_up(&r), "%s", r.sampler.v[0].why.msg);
	uint64_t from = r.tick.at_ns;

	rig_run(&r, 1000);
	rig_tick(&r);
	uint64_t uj = rig_account(&r, COMP_PLATFORM, "dcmi").uj, want = (r.tick.at_ns - from) / 1000 * 312;

	cr_assert(uj > want - want / 10 && uj < want + want / 10, "%llu of %llu", (unsigned long long)uj,
		  (unsigned long long)want);
	for (int i = 0; i < 200 && r.sampler.v[0].up; i++) {
		rig_run(&r, 50);
		rig_tick(&r);
	}
	cr_assert_not(r.sampler.v[0].up);
	cr_assert_str_eq(r.sampler.v[0].why.msg, "the BMC does not answer");
	rig_close(&r);
}

Test(ipmi, one_that_hangs_delays_nobody)
{
	struct rig r;

	rig_make(&r, &source_ipmi);
	tree_write(&r.tree, "dev/ipmi0", "");
	open_with(&r, &(struct ipmi_ops){ fake_open, hang_ask });
	for (int i = 0; i < 100; i++)
		rig_tick(&r);
	cr_assert_eq(r.tick.nmarks, 0);
	cr_assert_str_eq(r.sampler.v[0].why.msg, "no reading of a power meter yet");
	rig_close(&r);
}

Test(ipmi, a_machine_without_says_so)
{
	struct rig r;

	rig_make(&r, &source_ipmi);
	open_with(&r, NULL);
	cr_assert_not_null(strstr(r.sampler.v[0].why.msg, "ipmi_devintf"), "%s", r.sampler.v[0].why.msg);
	rig_close(&r);
}
