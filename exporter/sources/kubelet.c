/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the kubelet does, as a source among the others: it is asked by the registry of names
 * (exporter/names), which needs no turn here; what is read is only whether it answers.
 */
#include "exporter/names/names.h"
#include "exporter/sources/sources.h"

static int kubelet_open(struct source *s, const struct roots *roots, struct zones *zones, struct err *e)
{
	struct names_stats stats = { .kubelet_why = "" };

	(void)zones;
	if (roots->names)
		names_stats(roots->names, &stats);
	if (!stats.kubelet_wanted)
		return err_set(e, ERR_REFUSED, "no kubelet is configured ('kubelet.endpoint')");
	s->state = roots->names;
	return 0;
}

static int kubelet_read(struct source *s, struct tick *into, struct err *e)
{
	struct names_stats stats;

	(void)into;
	names_stats(s->state, &stats);
	s->ok_ns = stats.kubelet_ok_ns;
	s->errors = stats.kubelet_errors;
	if (stats.kubelet_why[0] != '\0')
		return err_set(e, ERR_FAILED, "%s", stats.kubelet_why);
	if (!stats.kubelet_up)
		return err_set(e, ERR_FAILED, "the kubelet has not answered yet");
	return 0;
}

static void kubelet_close(struct source *s)
{
	(void)s; /* the registry is not the source's */
}

const struct source_ops source_kubelet = {
	.name = "kubelet",
	.what = "names of pods and containers",
	.asynchronous = true,
	.open = kubelet_open,
	.read = kubelet_read,
	.close = kubelet_close,
};
