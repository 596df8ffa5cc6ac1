/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_ENGINE_RUN_ID_H
#define PROVISION_ENGINE_RUN_ID_H
/* The name of a run. */

/* 16 random hex digits (struct view.run_id). */
void run_id(char ret[static 17]);

#endif
