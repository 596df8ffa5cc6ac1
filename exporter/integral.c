/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/integral.h"

#include "base/wide.h"

/* Counts the last value up to `to`, at most as long as it may be held. */
static void count(struct integral *i, uint64_t to, uint64_t hold_ns)
{
	uint64_t end = i->told_ns + hold_ns;

	if (to > end)
		to = end;
	if (!i->told || to <= i->upto_ns)
		return;
	i->uj += wide_carry(i->uw, to - i->upto_ns, 1000000000u, &i->rest);
	i->upto_ns = to;
}

void integral_take(struct integral *i, uint64_t uw, uint64_t at_ns, uint64_t hold_ns)
{
	count(i, at_ns, hold_ns);
	if (!i->told || i->upto_ns != at_ns) {
		/* Nothing is known of the time before. */
		i->anew = true;
		i->upto_ns = at_ns;
		i->rest = 0;
	}
	i->told = true;
	i->uw = uw;
	i->told_ns = at_ns;
}

bool integral_mark(struct integral *i, uint64_t now_ns, uint64_t hold_ns, struct zone_mark *ret)
{
	if (!i->told || now_ns > i->told_ns + hold_ns)
		return false;
	count(i, now_ns, hold_ns);
	*ret = (struct zone_mark){ .anew = i->anew, .uj = i->uj, .at_ns = now_ns, .told_ns = i->told_ns,
				   .told_uw = i->uw };
	i->anew = false;
	return true;
}
