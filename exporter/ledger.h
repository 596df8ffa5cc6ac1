/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_LEDGER_H
#define EXPORTER_LEDGER_H
/*
 * The books: ticks in, accounts out. No I/O, no clock; the same ticks always give the same books.
 *
 * The law is conservation, in integer microjoules: a joule that a meter counted is booked once, on
 * one account and in one mode, and an account never steps back. What a meter did not tell (first
 * reading, gap longer than its counter can bridge, reset, impossible value) is booked nowhere and
 * counted as unknown; it is never guessed.
 *
 * What a node's component drew is handed out to workloads (works.h), whole and at once: an account of
 * the node is the sum of the workloads' and of what is nobody's.
 *
 * Modes. Kepler splits joules into `idle` (what the machine draws doing nothing) and `dynamic` (the
 * rest), and its users add the two up. A joule that has not been split is neither, and to call it
 * either would be false, so it is booked under a third mode, `unsplit`. The three are disjoint and
 * sum(...) without regard to mode is the node's energy, before and after a split is known.
 */
#include <stdint.h>

#include "base/err.h"
#include "exporter/tick.h"
#include "exporter/works.h"

/* What level of the machine an account stands for. */
enum level { LEVEL_NODE };

/* The energy of one component of one package (for LEVEL_NODE), all its meters added up. */
struct account {
	enum level level;
	enum component component;
	unsigned source;	/* whose meter; for COMP_OTHER that of the components */
	char package[64];
	unsigned modes;		/* bit per mode that is ever used: others have no series */
	uint64_t uj[NMODES];
	/* What was booked last, the time that it was of, and in which tick. */
	uint64_t step_uj[NMODES], step_ns, stepped_ns;
};

/* Why an interval of a zone could not be booked. */
enum doubt {
	DOUBT_GAP,	/* nothing can be said: longer than the counter's reach, or it began anew */
	DOUBT_RESET,	/* it went back by other than a wrap */
	DOUBT_LIE,	/* it rose faster than anything can draw, or beyond its own end */
	NDOUBTS,
};

/* Bookkeeping about one zone. */
struct zone_book {
	bool seen;
	struct zone_mark last;
	uint64_t booked_uj;	/* all deltas accepted since the first mark */
	uint64_t wraps, doubts[NDOUBTS];
};

struct ledger;

/* The caller frees it with ledger_free. -ERR_MEMORY. */
int ledger_new(struct ledger **ret, struct err *e);
void ledger_free(struct ledger *l);

/* Books what happened since the tick before. A zone without a mark in `now` keeps its last one: a
 * meter that answers again within its counter's reach has lost nothing. -ERR_BUG, with the books
 * unchanged; -ERR_MEMORY: every joule is booked, but some that are a workload's are nobody's. */
int ledger_settle(struct ledger *l, const struct tick *now, struct err *e);

/* Calls fn for every account of the level, in a stable order, until it returns other than 0, and
 * returns that. */
int ledger_each(const struct ledger *l, enum level level,
		int (*fn)(const struct account *, void *), void *arg);
/* By what energy is handed out to workloads from now on; see works_attribute. */
void ledger_attribute(struct ledger *l, const struct attribution *a);
/* fn hears of every workload and process that retires; see works_on_retire. */
void ledger_on_retire(struct ledger *l, void (*fn)(void *arg, const struct party *p), void *arg);
/* The workloads' side of the books. */
const struct works *ledger_works(const struct ledger *l);
/* The accounts as they are now were shown to who collects them: those of what is gone may retire. */
void ledger_shown(struct ledger *l);
/* NULL for a zone that was never seen. */
const struct zone_book *ledger_zone(const struct ledger *l, uint32_t zone);

/* What became of the platform meter that needed proof. */
enum proof { PROOF_NONE, PROOF_PENDING, PROOF_GOOD, PROOF_BAD };
/* PROOF_NONE when no zone needs proof. A psys counter may be wired to anything; it is taken for the
 * platform once it has shown over PROOF_TICKS intervals no less than what packages and memory drew,
 * and never otherwise. What it counted meanwhile is booked then. */
enum proof ledger_proof(const struct ledger *l);
#define PROOF_TICKS 10

/* How far a counter moved between two marks of a zone that draws at most power_max_uw. 0, with
 * *ret_wrapped telling whether it passed its end; or -1 - doubt. Pure. */
int zone_delta(const struct zone_mark *was, const struct zone_mark *now, uint64_t power_max_uw,
	       uint64_t *ret_uj, bool *ret_wrapped);

#endif
