/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_ENGINE_NOW_H
#define PROVISION_ENGINE_NOW_H
/* The steady clock, and the name of a run. */
#include <stdint.h>

/* Milliseconds of CLOCK_MONOTONIC. */
uint64_t now_ms(void);
/* 16 random hex digits (struct view.run_id). */
void now_run_id(char ret[static 17]);

#endif
