/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_IDLE_H
#define EXPORTER_IDLE_H
/*
 * What a component draws while the machine does nothing, learnt from what it draws while it works.
 *
 * Each interval is a point: how busy the CPUs were (0 to 1) and the power drawn. Points are kept as
 * slowly forgotten means of twenty ranges of utilisation. The idle power is where power meets
 * utilisation 0:
 *   - read off the lowest range, if the machine was nearly idle lately;
 *   - else extrapolated by a straight line through the ranges seen, once they lie far enough
 *     apart: so a machine that was busy from the start is not taken for an idle one that draws
 *     much, and power that grows with utilisation does not move it;
 *   - else not known. It is never guessed: such energy stays unsplit.
 * It follows downwards in seconds and upwards in minutes: a fan that spins up for good is learnt,
 * a burst is not. A power, not an energy per interval: it does not depend on the interval's length.
 */
#include <stdbool.h>
#include <stdint.h>

#define IDLE_RANGES 20

struct idle {
	struct {
		double power_uw, busy; /* means */
		double seconds;	       /* how much they stand on, at most a minute */
		double age_s;	       /* since last seen */
	} ranges[IDLE_RANGES];
	bool known;
	double power_uw;
};

/* A point: uj drawn in ns at `busy` (0 to 1). Ignored if ns is 0. */
void idle_learn(struct idle *i, uint64_t uj, uint64_t ns, double busy);
/* What is known otherwise of the idle power: taken over at once. */
void idle_follow(struct idle *i, double power_uw);
/* How much of uj drawn in ns is idle: at most uj. false: not known. */
bool idle_part(const struct idle *i, uint64_t uj, uint64_t ns, uint64_t *ret_uj);

#endif
