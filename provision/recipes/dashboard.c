/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/recipes/dashboard.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#define COLUMNS 24

/* Adds what is given to an object, or an array; json-c keeps it from then on. Returns it. */
static struct json_object *put(struct json_object *into, const char *key, struct json_object *o)
{
	if (json_object_is_type(into, json_type_array))
		json_object_array_add(into, o);
	else
		json_object_object_add(into, key, o);
	return o;
}

static void text(struct json_object *into, const char *key, const char *s)
{
	put(into, key, json_object_new_string(s));
}

static void number(struct json_object *into, const char *key, unsigned n)
{
	put(into, key, json_object_new_int((int)n));
}

static void flag(struct json_object *into, const char *key, bool on)
{
	put(into, key, json_object_new_boolean(on));
}

static struct json_object *object(struct json_object *into, const char *key)
{
	return put(into, key, json_object_new_object());
}

static struct json_object *array(struct json_object *into, const char *key)
{
	return put(into, key, json_object_new_array());
}

static void datasource(struct json_object *into)
{
	struct json_object *o = object(into, "datasource");
	text(o, "type", "prometheus");
	text(o, "uid", "${datasource}");
}

/* ---- choices */

static void datasource_choice(struct json_object *list)
{
	struct json_object *o = object(list, NULL);
	text(o, "name", "datasource");
	text(o, "label", "Prometheus");
	text(o, "type", "datasource");
	text(o, "query", "prometheus");
	number(o, "refresh", 1);
}

static void series_choice(struct json_object *list, const struct choice_row *c)
{
	struct json_object *o = object(list, NULL), *query, *current;
	text(o, "name", c->name);
	text(o, "label", c->label);
	text(o, "type", "query");
	datasource(o);
	query = object(o, "query");
	text(query, "query", c->expr);
	text(query, "refId", c->name);
	text(o, "definition", c->expr);
	number(o, "refresh", 2); /* when the time range changes */
	number(o, "sort", 1);
	flag(o, "multi", true);
	flag(o, "includeAll", true);
	text(o, "allValue", ".*");
	current = object(o, "current");
	text(current, "text", "All");
	text(current, "value", "$__all");
}

static void number_choice(struct json_object *list, const struct choice_row *c, const char *value)
{
	struct json_object *o = object(list, NULL), *current;
	text(o, "name", c->name);
	text(o, "label", c->label);
	text(o, "type", "textbox");
	text(o, "query", value);
	current = object(o, "current");
	text(current, "text", value);
	text(current, "value", value);
}

static void choices(struct json_object *board, const struct dashboard *d, const struct inventory *inv)
{
	struct json_object *list = array(object(board, "templating"), "list");
	datasource_choice(list);
	for (const struct choice_row *c = d->choices; c->name; c++)
		if (c->expr)
			series_choice(list, c);
		else
			number_choice(list, c, strcmp(c->name, "price") == 0 ? inv->energy_price : inv->carbon_intensity);
}

/* ---- panels */

static const char *const types[] = {
	[LOOK_NUMBER] = "stat",	    [LOOK_CURVE] = "timeseries", [LOOK_STACK] = "timeseries",
	[LOOK_BARS] = "bargauge",   [LOOK_TABLE] = "table",
};

static bool is_of_now(enum look look)
{
	return look == LOOK_BARS || look == LOOK_TABLE;
}

static void field_config(struct json_object *panel, const struct panel *p, const struct inventory *inv)
{
	struct json_object *defaults = object(object(panel, "fieldConfig"), "defaults"), *custom;
	char unit[32];
	snprintf(unit, sizeof(unit), "suffix: %s", inv->energy_currency);
	text(defaults, "unit", strcmp(p->unit, UNIT_MONEY) == 0 ? unit : p->unit);
	number(defaults, "min", 0);
	text(object(defaults, "color"), "mode", p->look == LOOK_BARS ? "continuous-GrYlRd" : "palette-classic");
	if (p->look != LOOK_CURVE && p->look != LOOK_STACK)
		return;
	custom = object(defaults, "custom");
	number(custom, "fillOpacity", p->look == LOOK_STACK ? 40 : 5);
	text(custom, "showPoints", "never");
	if (p->look == LOOK_STACK)
		text(object(custom, "stacking"), "mode", "normal");
}

static void options(struct json_object *panel, enum look look)
{
	struct json_object *o = object(panel, "options");
	if (look == LOOK_CURVE || look == LOOK_STACK) {
		struct json_object *legend = object(o, "legend"), *tooltip = object(o, "tooltip"), *calcs;
		text(legend, "displayMode", "table");
		text(legend, "placement", "bottom");
		flag(legend, "showLegend", true);
		calcs = array(legend, "calcs");
		text(calcs, NULL, "lastNotNull");
		text(calcs, NULL, "mean");
		text(calcs, NULL, "max");
		text(tooltip, "mode", "multi");
		text(tooltip, "sort", "desc");
	} else if (look != LOOK_TABLE) {
		text(array(object(o, "reduceOptions"), "calcs"), NULL, "lastNotNull");
		if (look == LOOK_BARS)
			text(o, "orientation", "horizontal");
		else
			text(o, "graphMode", "area");
	}
}

static void targets(struct json_object *panel, const struct panel *p)
{
	struct json_object *list = array(panel, "targets");
	for (size_t i = 0; i < COUNT(p->queries) && p->queries[i].expr; i++) {
		struct json_object *o = object(list, NULL);
		char id[2] = { (char)('A' + i), '\0' };
		datasource(o);
		text(o, "refId", id);
		text(o, "expr", p->queries[i].expr);
		text(o, "legendFormat", p->queries[i].legend ? p->queries[i].legend : "__auto");
		flag(o, is_of_now(p->look) ? "instant" : "range", true);
		if (p->look == LOOK_TABLE)
			text(o, "format", "table");
	}
}

/* A table's columns are the labels and the value; the time is the same in every line. */
static void without_time(struct json_object *panel)
{
	struct json_object *o = object(array(panel, "transformations"), NULL);
	text(o, "id", "organize");
	flag(object(object(o, "options"), "excludeByName"), "Time", true);
}

/* Panels stand from left to right, and in a new row when they do not fit. */
static void panels(struct json_object *board, const struct dashboard *d, const struct inventory *inv)
{
	struct json_object *list = array(board, "panels");
	unsigned x = 0, y = 0, tallest = 0, id = 1;
	for (const struct panel *p = d->panels; p->title; p++, id++) {
		struct json_object *o = object(list, NULL), *at;
		if (x + p->width > COLUMNS) {
			y += tallest;
			x = tallest = 0;
		}
		number(o, "id", id);
		text(o, "type", types[p->look]);
		text(o, "title", p->title);
		text(o, "description", p->tells);
		datasource(o);
		at = object(o, "gridPos");
		number(at, "x", x);
		number(at, "y", y);
		number(at, "w", p->width);
		number(at, "h", p->height);
		x += p->width;
		tallest = p->height > tallest ? p->height : tallest;
		field_config(o, p, inv);
		options(o, p->look);
		targets(o, p);
		if (p->look == LOOK_TABLE)
			without_time(o);
	}
}

int dashboard_add(const struct dashboard *d, const struct inventory *inv, struct buf *ret, struct err *e)
{
	struct json_object *board = json_object_new_object(), *time;
	text(board, "uid", d->uid);
	text(board, "title", d->title);
	text(array(board, "tags"), NULL, "powerstack");
	number(board, "schemaVersion", 38);
	text(board, "refresh", "30s");
	flag(board, "editable", true);
	number(board, "graphTooltip", 1);
	time = object(board, "time");
	text(time, "from", "now-3h");
	text(time, "to", "now");
	choices(board, d, inv);
	panels(board, d, inv);
	const char *s = json_object_to_json_string_ext(board, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	int rc = s ? buf_adds(ret, s) : -1;
	json_object_put(board);
	return rc < 0 ? err_set(e, ERR_MEMORY, "dashboard '%s' is too long", d->uid) : 0;
}
