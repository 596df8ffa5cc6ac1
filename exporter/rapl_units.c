/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/rapl_units.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

uint64_t rapl_uj(struct wide counts, unsigned shift)
{
	struct wide uj = wide_mul(counts.low, 1000000u);

	uj.high += counts.high * 1000000u;
	return wide_shift(uj, shift).low;
}

void rapl_zone(struct zone *ret, enum component c, uint64_t package, const uint64_t *die)
{
	const char *part = c == COMP_CORE ? "/core" : c == COMP_UNCORE ? "/uncore" : c == COMP_DRAM ? "/dram" : "";
	char of_die[32] = "";

	ret->component = c;
	ret->needs_proof = c == COMP_PLATFORM;
	if (c == COMP_PLATFORM) {
		snprintf(ret->name, sizeof ret->name, "psys-%llu", (unsigned long long)package);
		if (package == 0)
			ret->name[strlen("psys")] = '\0';
		memcpy(ret->package, ret->name, sizeof ret->package);
		return;
	}
	if (die)
		snprintf(of_die, sizeof of_die, "-die-%llu", (unsigned long long)*die);
	snprintf(ret->name, sizeof ret->name, "package-%llu%s%s", (unsigned long long)package, of_die, part);
	snprintf(ret->package, sizeof ret->package, "%llu", (unsigned long long)package);
}

int rapl_scale(const char *text, unsigned *ret_shift, struct err *e)
{
	char *end = NULL;
	int exponent = 0;
	double scale = text[strspn(text, "0123456789.eE+-")] == '\0' ? strtod(text, &end) : 0;

	/* frexp: scale = fraction * 2^exponent with the fraction of a power of two 0.5. All doubles that
	 * are powers of two have an exact decimal form, which is what the kernel prints. */
	if (!end || end == text || *end != '\0' || !(scale > 0) || frexp(scale, &exponent) > 0.5 ||
	    exponent > 1 || exponent < -62)
		return err_set(e, ERR_FAILED, "scale '%.40s' is no power of two of a joule", text);
	*ret_shift = (unsigned)(1 - exponent);
	return 0;
}

int rapl_event(const char *text, uint64_t *ret_config, struct err *e)
{
	char *end = NULL;

	if (strncmp(text, "event=0x", 8) == 0 && text[8] != '\0' &&
	    text[8 + strspn(text + 8, "0123456789abcdefABCDEF")] == '\0') {
		unsigned long n = strtoul(text + 8, &end, 16);

		if (n <= 0xff) {
			*ret_config = n;
			return 0;
		}
	}
	return err_set(e, ERR_FAILED, "event '%.40s' is not of the form event=0x02", text);
}

/* ---- registers */

#define PKG 0x611
#define PP0 0x639
#define PP1 0x641
#define RAM 0x619
#define PSYS 0x64d
#define AS_TOLD -1

/* Which Intel processors have which counters, as the kernel knows them (arch/x86/events/rapl.c).
 * On the servers since Haswell the unit of DRAM is 2^-16 J (15.3 uJ) whatever the unit register says
 * (Xeon E5 v3 datasheet volume 2, DRAM_ENERGY_STATUS); of psys on Sapphire Rapids and later 1 J. */
static const struct kind {
	uint32_t status[NRAPL_DOMAINS];
	int dram_shift, psys_shift;
} kinds[] = {
#define CLIENT_OLD 0
	{ { PKG, PP0, PP1, 0, 0 }, AS_TOLD, AS_TOLD },
#define SERVER_OLD 1
	{ { PKG, PP0, 0, RAM, 0 }, AS_TOLD, AS_TOLD },
#define CLIENT 2
	{ { PKG, PP0, PP1, RAM, 0 }, AS_TOLD, AS_TOLD },
#define CLIENT_PSYS 3
	{ { PKG, PP0, PP1, RAM, PSYS }, AS_TOLD, AS_TOLD },
#define SERVER 4
	{ { PKG, PP0, 0, RAM, 0 }, 16, AS_TOLD },
#define KNIGHTS 5
	{ { PKG, 0, 0, RAM, 0 }, 16, AS_TOLD },
#define SERVER_PSYS 6
	{ { PKG, 0, 0, RAM, PSYS }, 16, 0 },
};

/* Family 6, by model. */
static const struct {
	unsigned char model, kind;
} intel_models[] = {
	{ 0x2a, CLIENT_OLD },	/* Sandy Bridge */
	{ 0x3a, CLIENT_OLD },	/* Ivy Bridge */
	{ 0x2d, SERVER_OLD },	/* Sandy Bridge-E */
	{ 0x3e, SERVER_OLD },	/* Ivy Bridge-E */
	{ 0x3c, CLIENT },	/* Haswell */
	{ 0x45, CLIENT },
	{ 0x46, CLIENT },
	{ 0x3d, CLIENT },	/* Broadwell */
	{ 0x47, CLIENT },
	{ 0x3f, SERVER },	/* Haswell-X */
	{ 0x4f, SERVER },	/* Broadwell-X */
	{ 0x56, SERVER },	/* Broadwell-D */
	{ 0x55, SERVER },	/* Skylake-X, Cascade Lake */
	{ 0x6a, SERVER },	/* Ice Lake-X */
	{ 0x6c, SERVER },	/* Ice Lake-D */
	{ 0x57, KNIGHTS },	/* Knights Landing */
	{ 0x85, KNIGHTS },	/* Knights Mill */
	{ 0x4e, CLIENT_PSYS },	/* Skylake */
	{ 0x5e, CLIENT_PSYS },
	{ 0x8e, CLIENT_PSYS },	/* Kaby Lake, Coffee Lake */
	{ 0x9e, CLIENT_PSYS },
	{ 0xa5, CLIENT_PSYS },	/* Comet Lake */
	{ 0xa6, CLIENT_PSYS },
	{ 0x7d, CLIENT_PSYS },	/* Ice Lake */
	{ 0x7e, CLIENT_PSYS },
	{ 0x8c, CLIENT_PSYS },	/* Tiger Lake */
	{ 0x8d, CLIENT_PSYS },
	{ 0xa7, CLIENT_PSYS },	/* Rocket Lake */
	{ 0x97, CLIENT_PSYS },	/* Alder Lake */
	{ 0x9a, CLIENT_PSYS },
	{ 0xb7, CLIENT_PSYS },	/* Raptor Lake */
	{ 0xba, CLIENT_PSYS },
	{ 0xbf, CLIENT_PSYS },
	{ 0xaa, CLIENT_PSYS },	/* Meteor Lake */
	{ 0xac, CLIENT_PSYS },
	{ 0x5c, CLIENT },	/* Goldmont */
	{ 0x5f, CLIENT },
	{ 0x7a, CLIENT },
	{ 0x8f, SERVER_PSYS },	/* Sapphire Rapids */
	{ 0xcf, SERVER_PSYS },	/* Emerald Rapids */
};

bool rapl_registers(const struct cpu *cpu, struct rapl_registers *ret)
{
	struct rapl_registers r = { .shift = { AS_TOLD, AS_TOLD, AS_TOLD, AS_TOLD, AS_TOLD } };

	/* Zen and all that came after it. */
	if (cpu_is_amd(cpu) && cpu->family >= 0x17 && cpu->family <= 0x1a) {
		r.unit = 0xc0010299;
		r.status[RAPL_PACKAGE] = 0xc001029b;
		r.status[RAPL_CORE] = 0xc001029a;
		r.core_by_core = true;
		*ret = r;
		return true;
	}
	for (size_t i = 0; cpu_is_intel(cpu) && cpu->family == 6 && i < COUNT(intel_models); i++) {
		const struct kind *k = &kinds[intel_models[i].kind];

		if (intel_models[i].model != cpu->model)
			continue;
		r.unit = 0x606;
		memcpy(r.status, k->status, sizeof r.status);
		r.shift[RAPL_DRAM] = k->dram_shift;
		r.shift[RAPL_PSYS] = k->psys_shift;
		r.by_die = true;
		*ret = r;
		return true;
	}
	return false;
}

unsigned rapl_unit_shift(uint64_t unit)
{
	return (unsigned)(unit >> 8 & 0x1f);
}
