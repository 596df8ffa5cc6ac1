/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_FUSE_H
#define EXPORTER_FUSE_H
/*
 * A slow meter of the whole beside fast ones of its parts.
 *
 * A BMC tells now and then what the platform draws; RAPL tells in every interval what package and memory
 * draw. To hold the last reading until the next one would charge a load that came in between to nobody
 * and one that ended to whoever runs then. So each reading is set beside the parts' power at its own time:
 * whole = rest + slope * parts, slowly forgotten least squares; the slope is what power supplies and fans add to
 * it. Between readings the whole follows its parts along that line, moved to where the last readings were.
 *
 * A BMC measures in its own time, often once a minute, and says what it had until then: such an answer is no
 * reading of now (fuse_is_old).
 */
#include <stdbool.h>

struct fuse {
	double seconds;		    /* what the means stand on */
	double x, y, xx, xy;	    /* means: parts, whole, products */
	double off_w;		    /* how far the last readings were from the line */
	double slope, rest_w;
	double last_parts_w, last_whole_w; /* of the reading that counted last */
	double since_s;		    /* how long the whole has been told like that */
};

/* Is this answer, that long after the one before, an old reading? The whole is told as before though its parts
 * have moved; after a minute it is believed. To be asked once for each answer. */
bool fuse_is_old(struct fuse *f, double parts_w, double whole_w, double seconds);
/* A reading of the whole, and the power of its parts at that time; seconds since the one before. */
void fuse_learn(struct fuse *f, double parts_w, double whole_w, double seconds);
/* The whole's power while its parts draw this. false: no reading yet. */
bool fuse_whole(const struct fuse *f, double parts_w, double *ret_w);

#endif
