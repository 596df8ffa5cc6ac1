/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/fuse.h"

#include <math.h>

#define MEMORY_S 1800.0
#define OFF_MEMORY_S 60.0
/* A slope needs parts that moved by so many watts (standard deviation); until then, and never outside of these
 * bounds: what a part draws more the whole draws more, and a supply that wastes a half does not exist. */
#define LEAST_SPREAD_W 1.0
#define SLOPE_LEAST 1.0
#define SLOPE_MOST 1.5
/* BMCs tell whole watts: parts that moved by more than this move the whole as well. */
#define MOVED_W 2.0
#define OLD_MOST_S 60.0

bool fuse_is_old(struct fuse *f, double parts_w, double whole_w, double seconds)
{
	if (f->seconds <= 0 || whole_w < f->last_whole_w || whole_w > f->last_whole_w)
		return false;
	f->since_s += seconds;
	return fabs(parts_w - f->last_parts_w) > MOVED_W && f->since_s < OLD_MOST_S;
}

void fuse_learn(struct fuse *f, double parts_w, double whole_w, double seconds)
{
	double part = seconds > 0 ? seconds / (f->seconds + seconds) : 1;

	f->x += (parts_w - f->x) * part;
	f->y += (whole_w - f->y) * part;
	f->xx += (parts_w * parts_w - f->xx) * part;
	f->xy += (parts_w * whole_w - f->xy) * part;
	f->seconds = f->seconds + seconds < MEMORY_S ? f->seconds + seconds : MEMORY_S;
	double spread = f->xx - f->x * f->x;
	double slope = spread > LEAST_SPREAD_W * LEAST_SPREAD_W ? (f->xy - f->x * f->y) / spread : SLOPE_LEAST;

	f->slope = slope < SLOPE_LEAST ? SLOPE_LEAST : slope > SLOPE_MOST ? SLOPE_MOST : slope;
	f->rest_w = f->y - f->slope * f->x;
	double off = whole_w - f->rest_w - f->slope * parts_w;

	f->off_w += (off - f->off_w) * (seconds / (seconds + OFF_MEMORY_S));
	f->last_parts_w = parts_w;
	f->last_whole_w = whole_w;
	f->since_s = 0;
}

bool fuse_whole(const struct fuse *f, double parts_w, double *ret_w)
{
	if (f->seconds <= 0)
		return false;
	double w = f->rest_w + f->slope * parts_w + f->off_w;

	*ret_w = w < 0 ? 0 : w;
	return true;
}
