/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/sources/sources.h"

#include "base/cleanup.h"
#include "exporter/ledger.h"
#include "tests/unit/exporter/tree.h"

#define RANGE 262143328850ull

struct rig {
	struct tree tree;
	struct config config;
	struct meters meters;
	struct sampler sampler;
	struct tick tick;
	struct ledger *ledger;
};

static const struct source_ops *const only_rapl[] = { &source_rapl };

static void rig_open(struct rig *r)
{
	struct err e = { 0 };

	cr_assert_eq(ledger_new(&r->ledger, &e), 0);
	cr_assert_eq(sampler_open(&r->sampler, only_rapl, 1,
				  &(struct roots){ .sysfs = r->tree.root, .procfs = r->tree.root, .rootfs = "/",
						   .config = &r->config, .meters = &r->meters },
				  &e), 0, "%s", e.msg);
}

static void rig_tick(struct rig *r)
{
	struct err e = { 0 };

	sampler_read(&r->sampler, tick_now_ns(), &r->tick);
	cr_assert_eq(ledger_settle(r->ledger, &r->tick, &e), 0, "%s", e.msg);
}

static void rig_close(struct rig *r)
{
	sampler_close(&r->sampler);
	tick_clear(&r->tick);
	ledger_free(r->ledger);
	config_clear(&r->config);
	tree_remove(&r->tree);
}

struct wanted {
	enum component component;
	const char *package;
	uint64_t uj;
	bool found;
};

static int look(const struct account *a, void *arg)
{
	struct wanted *w = arg;

	if (a->component != w->component || strcmp(a->package, w->package) != 0)
		return 0;
	w->found = true;
	w->uj = a->uj[MODE_UNSPLIT];
	return 1;
}

static struct wanted account(const struct rig *r, enum component c, const char *package)
{
	struct wanted w = { .component = c, .package = package };

	ledger_each(r->ledger, LEVEL_NODE, look, &w);
	return w;
}

static int count_one(const struct account *a, void *arg)
{
	(void)a;
	++*(int *)arg;
	return 0;
}

static int accounts(const struct rig *r)
{
	int n = 0;

	ledger_each(r->ledger, LEVEL_NODE, count_one, &n);
	return n;
}

#define RIG(name)                              \
	struct rig name = { .tick = { 0 } };   \
	config_init(&name.config);             \
	tree_make(&name.tree)

Test(rapl, sockets_and_subdomains_each_have_their_account)
{
	RIG(r);
	tree_zone(&r.tree, "intel-rapl:0", "package-0", 1000, RANGE);
	tree_zone(&r.tree, "intel-rapl:0:0", "core", 600, RANGE);
	tree_zone(&r.tree, "intel-rapl:0:1", "uncore", 50, RANGE);
	tree_zone(&r.tree, "intel-rapl:0:2", "dram", 90, RANGE);
	tree_zone(&r.tree, "intel-rapl:1", "package-1", 5, RANGE);
	rig_open(&r);
	rig_tick(&r);
	tree_zone(&r.tree, "intel-rapl:0", "package-0", 4000, RANGE);
	tree_zone(&r.tree, "intel-rapl:0:2", "dram", 95, RANGE);
	tree_zone(&r.tree, "intel-rapl:1", "package-1", 12, RANGE);
	rig_tick(&r);
	cr_assert_eq(accounts(&r), 5);
	cr_assert_eq(account(&r, COMP_PACKAGE, "0").uj, 3000);
	cr_assert_eq(account(&r, COMP_PACKAGE, "1").uj, 7);
	cr_assert_eq(account(&r, COMP_CORE, "0").uj, 0);
	cr_assert(account(&r, COMP_CORE, "0").found);
	cr_assert(account(&r, COMP_UNCORE, "0").found);
	cr_assert_eq(account(&r, COMP_DRAM, "0").uj, 5);
	cr_assert(r.sampler.v[0].up);
	rig_close(&r);
}

Test(rapl, dies_add_up_under_their_socket)
{
	RIG(r);
	tree_zone(&r.tree, "intel-rapl:0", "package-0-die-0", 100, RANGE);
	tree_zone(&r.tree, "intel-rapl:1", "package-0-die-1", 200, RANGE);
	tree_zone(&r.tree, "intel-rapl:2", "package-11-die-1", 300, RANGE);
	rig_open(&r);
	rig_tick(&r);
	tree_zone(&r.tree, "intel-rapl:0", "package-0-die-0", 110, RANGE);
	tree_zone(&r.tree, "intel-rapl:1", "package-0-die-1", 203, RANGE);
	tree_zone(&r.tree, "intel-rapl:2", "package-11-die-1", 305, RANGE);
	rig_tick(&r);
	cr_assert_eq(accounts(&r), 2);
	cr_assert_eq(account(&r, COMP_PACKAGE, "0").uj, 13);
	cr_assert_eq(account(&r, COMP_PACKAGE, "11").uj, 5);
	rig_close(&r);
}

Test(rapl, one_core_of_an_amd_package_is_not_its_cores)
{
	static const char *const vendors[] = { "AuthenticAMD", "HygonGenuine", "GenuineIntel" };

	for (size_t i = 0; i < COUNT(vendors); i++) {
		RIG(r);
		char text[128];

		snprintf(text, sizeof text, "vendor_id\t: %s\ncpu family\t: 25\nmodel\t\t: 1\n\n", vendors[i]);
		tree_write(&r.tree, "cpuinfo", text);
		tree_zone(&r.tree, "intel-rapl:0", "package-0", 1000, RANGE);
		tree_zone(&r.tree, "intel-rapl:0:0", "core", 10, RANGE);
		rig_open(&r);
		rig_tick(&r);
		cr_expect_eq(account(&r, COMP_CORE, "0").found, i == 2, "%s", vendors[i]);
		cr_expect(account(&r, COMP_PACKAGE, "0").found);
		rig_close(&r);
	}
}

Test(rapl, a_counter_that_passes_its_end_goes_on)
{
	RIG(r);
	tree_zone(&r.tree, "intel-rapl:0", "package-0", RANGE - 30, RANGE);
	rig_open(&r);
	rig_tick(&r);
	tree_zone(&r.tree, "intel-rapl:0", "package-0", 12, RANGE);
	rig_tick(&r);
	cr_assert_eq(account(&r, COMP_PACKAGE, "0").uj, 42);
	cr_assert_eq(ledger_zone(r.ledger, 0)->wraps, 1);
	rig_close(&r);
}

Test(rapl, the_same_package_by_two_ways_counts_once)
{
	RIG(r);
	tree_zone(&r.tree, "intel-rapl-mmio:0", "package-0", 0, RANGE);
	tree_zone(&r.tree, "intel-rapl:0", "package-0", 0, RANGE);
	rig_open(&r);
	rig_tick(&r);
	tree_zone(&r.tree, "intel-rapl-mmio:0", "package-0", 999, RANGE);
	tree_zone(&r.tree, "intel-rapl:0", "package-0", 1000, RANGE);
	rig_tick(&r);
	cr_assert_eq(account(&r, COMP_PACKAGE, "0").uj, 1000);
	cr_assert_eq(r.tick.nmarks, 1);
	rig_close(&r);
}

Test(rapl, mmio_alone_is_used)
{
	RIG(r);
	tree_zone(&r.tree, "intel-rapl-mmio:0", "package-0", 0, RANGE);
	rig_open(&r);
	rig_tick(&r);
	cr_assert_eq(r.tick.nmarks, 1);
	rig_close(&r);
}

Test(rapl, an_unreadable_zone_is_told_and_the_others_count)
{
	RIG(r);
	tree_zone(&r.tree, "intel-rapl:0", "package-0", 10, RANGE);
	tree_zone(&r.tree, "intel-rapl:0:0", "dram", 10, RANGE);
	tree_drop(&r.tree, "class/powercap/intel-rapl:0:0/energy_uj");
	tree_write(&r.tree, "class/powercap/intel-rapl:0:0/energy_uj/x", ""); /* a directory */
	rig_open(&r);
	rig_tick(&r);
	tree_zone(&r.tree, "intel-rapl:0", "package-0", 30, RANGE);
	rig_tick(&r);
	cr_assert_eq(account(&r, COMP_PACKAGE, "0").uj, 20);
	cr_assert_not(account(&r, COMP_DRAM, "0").found, "a zone never read must have no series");
	cr_assert_not(r.sampler.v[0].up);
	cr_assert_eq(r.sampler.v[0].errors, 2);
	cr_assert_eq(r.tick.missing, 1u);
	cr_assert_not_null(strstr(r.sampler.v[0].why.msg, "1 of 2"), "%s", r.sampler.v[0].why.msg);
	rig_close(&r);
}

Test(rapl, garbage_in_a_counter_is_no_reading)
{
	static const char *const bad[] = { "", "-5\n", "12x\n", "99999999999999999999\n", "0x10\n", " 7\n" };

	for (size_t i = 0; i < COUNT(bad); i++) {
		RIG(r);
		tree_zone(&r.tree, "intel-rapl:0", "package-0", 10, RANGE);
		tree_zone(&r.tree, "intel-rapl:1", "package-1", 10, RANGE);
		rig_open(&r);
		rig_tick(&r);
		tree_write(&r.tree, "class/powercap/intel-rapl:0/energy_uj", bad[i]);
		rig_tick(&r);
		cr_assert_eq(r.tick.nmarks, 1, "'%s' was taken for a number", bad[i]);
		rig_close(&r);
	}
}

Test(rapl, a_zone_that_vanishes_and_returns_loses_nothing)
{
	RIG(r);
	tree_zone(&r.tree, "intel-rapl:0", "package-0", 10, RANGE);
	tree_zone(&r.tree, "intel-rapl:1", "package-1", 10, RANGE);
	rig_open(&r);
	rig_tick(&r);
	tree_drop(&r.tree, "class/powercap/intel-rapl:1");
	rig_tick(&r);
	cr_assert_eq(r.tick.nmarks, 1);
	cr_assert_eq(account(&r, COMP_PACKAGE, "1").uj, 0);
	tree_zone(&r.tree, "intel-rapl:1", "package-1", 75, RANGE);
	rig_tick(&r);
	cr_assert_eq(account(&r, COMP_PACKAGE, "1").uj, 65);
	rig_close(&r);
}

Test(rapl, no_powercap_says_so_and_is_looked_for_again)
{
	RIG(r);
	rig_open(&r);
	cr_assert_null(r.sampler.v[0].state);
	cr_assert(r.sampler.v[0].wanted);
	cr_assert_not_null(strstr(r.sampler.v[0].why.msg, "virtual machine"));
	rig_tick(&r);
	cr_assert_eq(r.tick.missing, 1u);
	cr_assert_eq(accounts(&r), 0);

	tree_zone(&r.tree, "intel-rapl:0", "package-0", 10, RANGE);
	sampler_read(&r.sampler, tick_now_ns() + SOURCE_RETRY_NS, &r.tick);
	cr_assert_eq(r.tick.nmarks, 1, "the driver was loaded later");
	rig_close(&r);
}

/* Ten ticks of psys and package growing by these steps. */
static void grow(struct rig *r, unsigned psys, unsigned package, unsigned ticks)
{
	for (unsigned i = 1; i <= ticks; i++) {
		tree_zone(&r->tree, "intel-rapl:1", "psys", 1000 + i * psys, RANGE);
		tree_zone(&r->tree, "intel-rapl:0", "package-0", 1000 + i * package, RANGE);
		rig_tick(r);
	}
}

Test(rapl, psys_that_counts_more_than_its_parts_is_the_platform)
{
	RIG(r);
	tree_zone(&r.tree, "intel-rapl:1", "psys", 1000, RANGE);
	tree_zone(&r.tree, "intel-rapl:0", "package-0", 1000, RANGE);
	rig_open(&r);
	rig_tick(&r);
	grow(&r, 10, 4, PROOF_TICKS - 1);
	cr_assert_eq(ledger_proof(r.ledger), PROOF_PENDING);
	cr_assert_not(account(&r, COMP_PLATFORM, "psys").found);
	grow(&r, 10, 4, PROOF_TICKS); /* steps back and on: one reset, then nine steps */
	grow(&r, 10, 4, PROOF_TICKS);
	cr_assert_eq(ledger_proof(r.ledger), PROOF_GOOD);
	struct wanted w = account(&r, COMP_PLATFORM, "psys");

	cr_assert(w.found);
	cr_assert_eq(w.uj, (PROOF_TICKS - 1) * 3 * 10);
	cr_assert_eq(account(&r, COMP_OTHER, "socket0").uj, (PROOF_TICKS - 1) * 3 * 6);
	rig_close(&r);
}

Test(rapl, psys_that_counts_less_than_its_parts_is_not_exported)
{
	RIG(r);
	tree_zone(&r.tree, "intel-rapl:1", "psys", 1000, RANGE);
	tree_zone(&r.tree, "intel-rapl:0", "package-0", 1000, RANGE);
	rig_open(&r);
	rig_tick(&r);
	grow(&r, 3, 4, PROOF_TICKS + 5);
	cr_assert_eq(ledger_proof(r.ledger), PROOF_BAD);
	cr_assert_not(account(&r, COMP_PLATFORM, "psys").found);
	cr_assert_not(account(&r, COMP_OTHER, "socket0").found);
	cr_assert_eq(account(&r, COMP_PACKAGE, "0").uj, (PROOF_TICKS + 5) * 4);
	rig_close(&r);
}

Test(rapl, psys_stays_out_when_it_is_in_no_order)
{
	RIG(r);
	tree_zone(&r.tree, "intel-rapl:1", "psys", 1000, RANGE);
	tree_zone(&r.tree, "intel-rapl:0", "package-0", 1000, RANGE);
	r.meters.platform = "";
	rig_open(&r);
	rig_tick(&r);
	cr_assert_eq(r.tick.nmarks, 1);
	rig_close(&r);
}
