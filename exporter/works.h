/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_WORKS_H
#define EXPORTER_WORKS_H
/*
 * Who used what, and what joules that makes: the workloads' side of the ledger. No I/O, no clock.
 *
 * A party has an account: a workload (one or more control groups, told by work_mark.workload), a group
 * whose workload is not known yet, or a process. What a party uses gathers as evidence, per component,
 * until that component's energy is booked; then the energy is handed out by it and the evidence starts
 * at nothing. So a meter that tells every minute is handed out by that minute, and one that was silent
 * for a while by that while.
 *
 * Evidence, unless works_attribute chose other: for package, core, uncore and dram what all uses together
 * cost, once that is learnt (cost.h); until then cycles, else instructions, else CPU time for package,
 * core and uncore, and last-level-cache misses, else CPU time for dram; for platform and other what the
 * party has had of package, dram and gpu, else CPU time. Idle energy goes by the part of the machine's CPU time
 * that a party used; the part nobody used is nobody's. It does not depend on how many parties there are.
 *
 * A GPU is booked by itself, as its energy is not another GPU's: by the time it was busy for somebody, and
 * what it draws idle by the part of its memory that a party held. Without such evidence it is nobody's.
 *
 * For each of the two levels, workloads and processes, to the microjoule and always: all accounts, those
 * of retired parties and the residual (nobody's) add up to what was booked. Accounts never step back.
 *
 * A party that has ended retires once it was shown as it was in the end; while nobody looks, at most
 * WORKS_WAITING_MAX of a level wait for that, those with the most energy.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "exporter/tick.h"

/* How far a joule is known to be idle or not; see ledger.h. */
enum mode { MODE_DYNAMIC, MODE_IDLE, MODE_UNSPLIT, NMODES };

#define WORKS_WAITING_MAX 2048

/* What a party had of the GPU of this zone since it was first told to use it: time that the GPU's multiprocessors
 * worked for it, and that the GPU's memory was read or written for it. */
struct gpu_total {
	uint32_t zone;
	uint64_t busy_ns, memory_ns;
};

struct party {
	uint64_t workload; /* which one, or whose process; 0: not known yet */
	uint64_t process;  /* 0 for a workload */
	uint64_t cgroup;   /* of a process, or of a group not known yet */
	uint32_t tgid;
	char comm[16];
	bool gone;	   /* ended; retires once it was shown */
	bool replaced;	   /* a process that ended unnoticed: another one has its tgid now */
	uint64_t born_ns;  /* the tick it came with */
	uint64_t uj[NCOMPONENTS][NMODES];
	uint64_t step_uj[NCOMPONENTS]; /* dynamic energy of the component's last booking */
	uint64_t use[NUSES];
	struct gpu_total *gpus; /* each zone once; the bookkeeper's */
	size_t ngpus;
	/* The bookkeeper's own. */
	size_t members;	   /* groups that feed it */
	size_t place;
	bool shown;
	unsigned due;	   /* bit per component: it is among those due for it */
	uint64_t evidence[NCOMPONENTS], cpu_ns[NCOMPONENTS];
};

struct sums {
	uint64_t uj[NCOMPONENTS][NMODES];
};

/* Adds from's microjoules to to's. */
static inline void uj_add(uint64_t to[NCOMPONENTS][NMODES], const uint64_t from[NCOMPONENTS][NMODES])
{
	for (size_t c = 0; c < NCOMPONENTS; c++) {
		for (size_t m = 0; m < NMODES; m++)
			to[c][m] += from[c][m];
	}
}

/* By what energy is handed out. */
enum attribute {
	ATTRIBUTE_AUTO, /* by the best evidence there is */
	ATTRIBUTE_CYCLES,
	ATTRIBUTE_INSTRUCTIONS,
	ATTRIBUTE_MISSES,
	ATTRIBUTE_TIME,
};
extern const char *const attributes[]; /* their names; ended by NULL */

/* What is wanted: of package, core and uncore; of dram; of platform and other. */
struct attribution {
	enum attribute package, dram, platform;
};

enum works_level { WORKS_WORKLOADS, WORKS_PROCESSES, NWORKS_LEVELS };

struct works;

/* The caller frees it with works_free. -ERR_MEMORY. */
int works_new(struct works **ret, struct err *e);
void works_free(struct works *w);

/* From now on energy goes by this, where it is counted; else by the best evidence there is. What
 * was gathered for a component whose evidence changes by that is forgotten: until the component is booked,
 * CPU time takes its place. */
void works_attribute(struct works *w, const struct attribution *a);
/* Takes in what was used since the tick before. -ERR_MEMORY: some of it is then nobody's. */
int works_use(struct works *w, const struct tick *now, struct err *e);
/* Hands out what a component drew since it was last handed out. sure: that is what all its meters drew
 * in exactly that time, so that something can be learnt of it. -ERR_MEMORY: it is then nobody's. */
int works_book(struct works *w, enum component c, const uint64_t uj[NMODES], bool sure, struct err *e);
/* The same for one GPU: what the zone drew in ns, by its marks of the last works_use. */
int works_book_gpu(struct works *w, uint32_t zone, const uint64_t uj[NMODES], uint64_t ns, struct err *e);
/* Something of this interval is not known: nothing is learnt until each component is booked again. */
void works_doubt(struct works *w);
/* What the component draws without any use, in W. false: that is not known. */
bool works_floor_w(const struct works *w, enum component c, double *ret_w);
/* How much more (or less) than usual the mix of what ran since the component was booked costs, in uJ; 0
 * while that is not known. */
double works_excess_uj(const struct works *w, enum component c);

/* fn hears of every party that retires, as it was in the end. */
void works_on_retire(struct works *w, void (*fn)(void *arg, const struct party *p), void *arg);
/* Calls fn for every party of the level that has ever used anything, until it returns other than 0. */
int works_each(const struct works *w, enum works_level level, int (*fn)(const struct party *, void *),
	       void *arg);
size_t works_count(const struct works *w, enum works_level level);
/* What all of them and nobody have used so far, and which uses have ever been counted (bit per enum use). */
const uint64_t *works_used(const struct works *w);
unsigned works_measured(const struct works *w);
/* The time that the component's last booking was of; 0: not known. */
uint64_t works_step_ns(const struct works *w, enum component c);
/* Parties that retired before anybody had looked at them: more ended than may wait. */
uint64_t works_unseen(const struct works *w);
/* What is nobody's, and what retired parties had. */
const struct sums *works_residual(const struct works *w, enum works_level level);
const struct sums *works_retired(const struct works *w, enum works_level level);
/* All parties have been shown as they are now: those that ended, and that nothing more comes in for,
 * retire at the next tick. */
void works_shown(struct works *w);

#endif
