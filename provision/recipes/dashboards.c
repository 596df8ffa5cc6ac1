/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dashboards. What is drawn now comes from the recorded rates (monitoring-rules.yaml.tmpl), energy of a day from the
 * counters themselves: they lose nothing between two readings. Package, memory, GPUs and other have no joule in common and
 * are together what a node draws; a joule that is not yet told apart is mode "unsplit".
 */
#include "provision/recipes/dashboard.h"

#define OURS "job=\"kepler-metrics\""
#define NODE OURS ",instance=~\"$node\""
#define WORK NODE ",container_namespace=~\"$namespace\",pod_name=~\"$pod\""

/* Of a node, by its components: FUNCTION over RANGE. */
#define PART(FUNCTION, METRIC, WHICH, RANGE, COMPONENT) \
	"label_replace(" FUNCTION "(kepler_" METRIC "_" COMPONENT "_joules_total{" WHICH "}[" RANGE \
	"]), \"component\", \"" COMPONENT "\", \"\", \"\")"
#define PARTS(FUNCTION, METRIC, WHICH, RANGE)                                                                        \
	"(" PART(FUNCTION, METRIC, WHICH, RANGE, "package") " or " PART(FUNCTION, METRIC, WHICH, RANGE, "dram") " or " \
		PART(FUNCTION, METRIC, WHICH, RANGE, "gpu") " or " PART(FUNCTION, METRIC, WHICH, RANGE, "other") ")"

#define KWH " / 3600000"
#define COST KWH " * $price"
#define CARBON KWH " * $carbon"
#define NODES_DAY PARTS("increase", "node", NODE, "1d")
#define WORK_DAY "increase(kepler_container_joules_total{" WORK "}[1d])"
#define WORK_RATE "rate(kepler_container_joules_total{" WORK "}[$__rate_interval])"

#define NODES_SHOWN "{instance=~\"$node\"}"

static const struct choice_row of_nodes[] = {
	{ "node", "Node", "label_values(up{" OURS "}, instance)" },
	{ "price", "Price of a kWh", NULL },
	{ "carbon", "g CO₂ per kWh", NULL },
	{ NULL, NULL, NULL },
};

static const struct panel cluster_panels[] = {
	{ "Power", "What the nodes draw now: package, memory, GPUs and other.", LOOK_NUMBER, "watt", 5, 4,
	  { { "sum(instance:kepler_node_watts:rate" NODES_SHOWN ")", "now" } } },
	{ "Caused by work", "The share of the power that is above what the nodes draw idle.", LOOK_NUMBER, "percentunit", 4, 4,
	  { { "sum(instance_component_mode:kepler_node_watts:rate{instance=~\"$node\",mode=\"dynamic\"} or "
	      "0 * instance_component_mode:kepler_node_watts:rate" NODES_SHOWN ") / "
	      "sum(instance:kepler_node_watts:rate" NODES_SHOWN ")",
	      "dynamic" } } },
	{ "Energy of the last day", "From the counters.", LOOK_NUMBER, "kwatth", 5, 4, { { "sum(" NODES_DAY ")" KWH, "kWh" } } },
	{ "Cost of the last day", "Its kWh at the price above.", LOOK_NUMBER, UNIT_MONEY, 5, 4,
	  { { "sum(" NODES_DAY ")" COST, "cost" } } },
	{ "CO₂ of the last day", "Its kWh at the carbon intensity above.", LOOK_NUMBER, "massg", 5, 4,
	  { { "sum(" NODES_DAY ")" CARBON, "CO₂" } } },
	{ "Power by node", "Each node with all its components.", LOOK_STACK, "watt", 12, 10,
	  { { "instance:kepler_node_watts:rate" NODES_SHOWN, "{{instance}}" } } },
	{ "Power by component",
	  "Packages are the processors with their caches; other is what the platform's meter shows beside the rest, and 0 "
	  "without one.",
	  LOOK_STACK, "watt", 12, 10,
	  { { "sum by (component) (instance_component_mode:kepler_node_watts:rate" NODES_SHOWN ")", "{{component}}" } } },
	{ "Idle and dynamic", "What is drawn by doing nothing and by work; unsplit while the exporter still learns the difference.",
	  LOOK_STACK, "watt", 12, 10,
	  { { "sum by (mode) (instance_component_mode:kepler_node_watts:rate" NODES_SHOWN ")", "{{mode}}" } } },
	{ "Energy of the last day by node", "From the counters.", LOOK_BARS, "kwatth", 6, 10,
	  { { "sort_desc(sum by (instance) (" NODES_DAY ")" KWH ")", "{{instance}}" } } },
	{ "Energy of the last day by component", "From the counters.", LOOK_BARS, "kwatth", 6, 10,
	  { { "sort_desc(sum by (component) (" NODES_DAY ")" KWH ")", "{{component}}" } } },
	{ 0 },
};

const struct dashboard dashboard_cluster = { "powerstack-cluster", "Energy / Cluster", of_nodes, cluster_panels };

static const struct choice_row of_work[] = {
	{ "node", "Node", "label_values(up{" OURS "}, instance)" },
	{ "namespace", "Namespace", "label_values(kepler_container_joules_total{" NODE "}, container_namespace)" },
	{ "pod", "Pod",
	  "label_values(kepler_container_joules_total{" NODE ",container_namespace=~\"$namespace\"}, pod_name)" },
	{ "price", "Price of a kWh", NULL },
	{ "carbon", "g CO₂ per kWh", NULL },
	{ NULL, NULL, NULL },
};

static const struct panel workload_panels[] = {
	{ "Power", "What the chosen pods draw now.", LOOK_NUMBER, "watt", 6, 4, { { "sum(" WORK_RATE ")", "now" } } },
	{ "Energy of the last day", "From the counters.", LOOK_NUMBER, "kwatth", 6, 4, { { "sum(" WORK_DAY ")" KWH, "kWh" } } },
	{ "Cost of the last day", "Its kWh at the price above.", LOOK_NUMBER, UNIT_MONEY, 6, 4,
	  { { "sum(" WORK_DAY ")" COST, "cost" } } },
	{ "CO₂ of the last day", "Its kWh at the carbon intensity above.", LOOK_NUMBER, "massg", 6, 4,
	  { { "sum(" WORK_DAY ")" CARBON, "CO₂" } } },
	{ "Power by namespace", "system and kernel are what runs beside pods; unattributed is what nobody's work explains.",
	  LOOK_STACK, "watt", 12, 10, { { "sum by (container_namespace) (" WORK_RATE ")", "{{container_namespace}}" } } },
	{ "Power by pod", "The twenty that draw most.", LOOK_STACK, "watt", 12, 10,
	  { { "topk(20, sum by (container_namespace, pod_name) (" WORK_RATE "))", "{{container_namespace}}/{{pod_name}}" } } },
	{ "Power by container", "The twenty that draw most.", LOOK_CURVE, "watt", 12, 10,
	  { { "topk(20, sum by (container_namespace, pod_name, container_name) (" WORK_RATE "))",
	      "{{container_namespace}}/{{pod_name}}/{{container_name}}" } } },
	{ "Power by component", "Of the chosen pods.", LOOK_STACK, "watt", 6, 10,
	  { { "sum by (component) (" PARTS("rate", "container", WORK, "$__rate_interval") ")", "{{component}}" } } },
	{ "Idle and dynamic", "What their work causes, and their part of what is drawn idle.", LOOK_STACK, "watt", 6, 10,
	  { { "sum by (mode) (" WORK_RATE ")", "{{mode}}" } } },
	{ "Energy of the last day by namespace", "From the counters.", LOOK_BARS, "kwatth", 8, 10,
	  { { "sort_desc(sum by (container_namespace) (" WORK_DAY ")" KWH ")", "{{container_namespace}}" } } },
	{ "Cost of the last day by namespace", "Its kWh at the price above.", LOOK_BARS, UNIT_MONEY, 8, 10,
	  { { "sort_desc(sum by (container_namespace) (" WORK_DAY ")" COST ")", "{{container_namespace}}" } } },
	{ "Energy of the last day by pod", "The fifty that used most.", LOOK_TABLE, "kwatth", 8, 10,
	  { { "topk(50, sum by (container_namespace, pod_name) (" WORK_DAY "))" KWH, NULL } } },
	{ 0 },
};

const struct dashboard dashboard_workloads = { "powerstack-workloads", "Energy / Workloads", of_work, workload_panels };

static const struct choice_row of_exporters[] = {
	{ "node", "Node", "label_values(up{" OURS "}, instance)" },
	{ NULL, NULL, NULL },
};

#define SELF(NAME) "powerstack_exporter_" NAME "{" NODE "}"

static const struct panel exporter_panels[] = {
	{ "Exporters that answer", "Of the nodes of the cluster.", LOOK_NUMBER, "none", 6, 4, { { "sum(up{" NODE "})", "up" } } },
	{ "Nodes of the cluster", "Each should have an exporter.", LOOK_NUMBER, "none", 6, 4,
	  { { "count(up{" NODE "})", "nodes" } } },
	{ "Sources that fail", "Meters that did not give all they have in the last interval.", LOOK_NUMBER, "none", 6, 4,
	  { { "sum(1 - " SELF("source_up") ")", "failing" } } },
	{ "Not attributed", "Share of the power that nobody's work explains.", LOOK_NUMBER, "percentunit", 6, 4,
	  { { "sum(rate(kepler_container_joules_total{" NODE ",container_namespace=\"unattributed\"}[$__rate_interval])) / "
	      "sum(instance:kepler_node_watts:rate" NODES_SHOWN ")",
	      "not attributed" } } },
	{ "Age of what the sources told", "Grows while a source tells nothing.", LOOK_CURVE, "s", 12, 9,
	  { { SELF("source_age_seconds"), "{{instance}} {{source}}" } } },
	{ "Failed readings", "Of the last hour, by source.", LOOK_CURVE, "none", 12, 9,
	  { { "increase(" SELF("source_errors_total") "[1h])", "{{instance}} {{source}}" } } },
	{ "Who measures what", "The source that each component is counted by.", LOOK_TABLE, "none", 12, 9,
	  { { "sum by (instance, component, source) (" SELF("source_used") " == 1)", NULL } } },
	{ "Intervals that were not counted", "Of the last hour: a counter was reset, impossible, or unread too long.", LOOK_CURVE,
	  "none", 12, 9,
	  { { "sum by (instance, zone) (increase(" SELF("meter_unknown_intervals_total") "[1h]))", "{{instance}} {{zone}}" } } },
	{ "Scrapes", "How long Prometheus waits for a page.", LOOK_CURVE, "s", 8, 9,
	  { { "scrape_duration_seconds{" NODE "}", "{{instance}}" } } },
	{ "Processor time of the exporter", "Share of one processor.", LOOK_CURVE, "percentunit", 8, 9,
	  { { "rate(" SELF("cpu_seconds_total") "[$__rate_interval])", "{{instance}}" } } },
	{ "Memory of the exporter", "Resident.", LOOK_CURVE, "bytes", 8, 9, { { SELF("resident_memory_bytes"), "{{instance}}" } } },
	{ 0 },
};

const struct dashboard dashboard_exporters = { "powerstack-exporters", "Energy / Exporters", of_exporters, exporter_panels };
