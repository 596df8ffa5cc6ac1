/* SPDX-License-Identifier: BSD-2-Clause */
/* The only file that names all checks: their order in every listing. Ids and meaning:
 * Appendix B of the thesis (B...), its chapters 2 and 3 (S...), and what good operators add (X...). */
#include "provision/checks/checks.h"

const struct check *const checks[] = {
	&check_s1, &check_x1, &check_x3,
	&check_b1_1, &check_b1_2, &check_b1_3, &check_b1_4, &check_b1_5, &check_b1_6, &check_b1_7, &check_b1_8,
	&check_b1_9, &check_b1_10, &check_b1_11, &check_b1_12, &check_b1_13, &check_x2_overlay, &check_x2_dns, &check_x4_k3s, &check_x5,
	&check_b2_1, &check_b2_2, &check_b2_3, &check_b2_4, &check_b2_5, &check_b2_6,
	&check_b2_7, &check_b2_8, &check_b2_9_deleted, &check_b2_9_gone, &check_b2_10, &check_b2_11,
	&check_s2, &check_s3, &check_s4, &check_s5, &check_s7, &check_x10,
	&check_b3_1, &check_b3_2, &check_b3_3, &check_b3_4, &check_b3_5, &check_b3_6, &check_b3_7, &check_b3_8, &check_b3_9,
	&check_b3_10, &check_x4_rancher, &check_x7_rancher,
	&check_b4_1, &check_b4_2, &check_b4_3, &check_b4_4, &check_b4_5, &check_b4_6, &check_b4_7, &check_b4_8, &check_b4_9, &check_s6,
	&check_s8, &check_x6, &check_x7_monitoring, &check_x8, &check_x9,
	NULL,
};
