/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_RECIPES_DASHBOARD_H
#define PROVISION_RECIPES_DASHBOARD_H
/*
 * Grafana's dashboards as rows: a panel is its title, how it looks, its unit and its expressions. dashboard.c makes
 * Grafana's JSON of them; the rows are in dashboards.c.
 */
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "inventory/inventory.h"

enum look {
	LOOK_NUMBER,	/* one number, with its curve behind it */
	LOOK_CURVE,	/* lines over time */
	LOOK_STACK,	/* areas over time, one on the other */
	LOOK_BARS,	/* a bar for each series, of now */
	LOOK_TABLE,	/* a line for each series, of now */
};

struct query {
	/* PromQL; variables as $node, and $__rate_interval, $__range. */
	const char *expr;
	const char *legend;	/* "{{instance}}"; NULL: the series' labels */
};

struct panel {
	const char *title;
	const char *tells;	/* shown behind the (i) */
	enum look look;
	const char *unit;	/* of Grafana's; UNIT_MONEY: the inventory's currency */
	unsigned width, height;	/* of 24 columns; rows of about 30 pixels */
	struct query queries[4];
};
#define UNIT_MONEY "money"

/* A row of choices above the panels. */
struct choice_row {
	const char *name, *label;
	const char *expr;	/* label_values(...); NULL: a box with a number, which begins as the inventory says */
};

struct dashboard {
	const char *uid, *title;
	const struct choice_row *choices;	/* ended by a row without a name */
	const struct panel *panels;		/* ended by a row without a title */
};

extern const struct dashboard dashboard_cluster, dashboard_workloads, dashboard_exporters;

/* Appends Grafana's JSON of it (schema version 38, Grafana 9.5 and later). -ERR_MEMORY. */
int dashboard_add(const struct dashboard *d, const struct inventory *inv, struct buf *ret, struct err *e);

#endif
