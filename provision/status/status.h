/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_STATUS_STATUS_H
#define PROVISION_STATUS_STATUS_H
/*
 * What every node is and runs, and what it draws now: one look, judged against nothing but itself. No file is compared with the
 * wanted one (deploy --check does that) and nothing is tried out (verify does).
 *
 *	status.c	asks all hosts at once, each by one command
 *	parts.c		the table: what of each part is looked at
 *	power.c		what the exporter's page says of the node's power
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "inventory/inventory.h"
#include "provision/engine/run.h"
#include "provision/engine/step.h"
#include "vault/vault.h"

/* ---- power */

struct power {
	bool known;
	uint64_t mw;		/* milliwatts, on average over the last interval that the exporter has read */
	bool whole;		/* of the whole machine; else of the components that tell */
	bool estimated;		/* by a model: this machine has no meter */
	char of[64];		/* "platform"; "package, dram" */
	char sources[128];	/* "redfish"; "rapl-sysfs, NVML" */
	char why[160];		/* it is not known because */
};

/*
 * Reads the answer to the question for the page (cluster/page.h). What counts is the platform where its source told all it has in that interval, else the
 * sum of package, dram and gpu, which have no joule in common. A component without joules in the interval is not known: no part of
 * a machine that runs draws nothing. Pure.
 */
void power_read(const char *page, struct power *ret);

/* ---- parts */

enum part_is {
	PART_ABSENT,	/* not there, or not powerstack's */
	PART_OK,
	PART_FAILED,	/* there, and it does not work */
	PART_UNKNOWN,	/* it could not be told */
};

struct part_status {
	bool applies;		/* such a host can have it */
	enum part_is is;
	char version[64];	/* "" when the part has none, or it is not known */
	char what[240];		/* one line of evidence; "" when there is nothing to say */
};

/* A row of the table: provision.h's part of that name, on hosts with one of these roles. */
struct part_look {
	const char *part;
	unsigned roles;
	void (*ask)(const struct part_look *, const struct view *, struct probe *);	/* the view has no facts */
	void (*tell)(const struct part_look *, const struct view *, struct part_status *ret);	/* ret: absent */
};
extern const struct part_look part_looks[];	/* contract.md's order; part NULL at the end */
#define STATUS_PARTS 8				/* rows of it */

/* ---- nodes */

struct node_status {
	const struct host *host;
	bool reached;		/* a session was opened */
	bool asked;		/* and it answered: all below is told */
	char why[300];		/* it was not asked because */
	char os[64], kernel[64], arch[24];	/* "debian 12" */
	char ready[16];		/* the node's condition Ready: "True", "False", "Unknown"; "" when it is in no cluster */
	struct part_status parts[STATUS_PARTS];	/* as part_looks */
	struct power power;
};

struct status_report {
	struct node_status *nodes;	/* in the inventory's order */
	size_t n;
	unsigned unasked, failed;	/* nodes that were not asked; parts that are PART_FAILED or PART_UNKNOWN */
	uint64_t ms;
	bool interrupted;
};
void status_report_clear(struct status_report *r);
/* 0: every node answered and all that is there works; else 1. */
int status_exit(const struct status_report *r);

/* Asks the chosen hosts (o->limit) with o->open, o->jobs at once; o->parts is of no meaning. A host that cannot be asked does not
 * keep the others from being shown. -ERR_CONFIG: an unknown host. */
int run_status(const struct inventory *inv, const struct run_options *o, struct status_report *ret, struct err *e);

#endif
