/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_IPMI_H
#define EXPORTER_IPMI_H
/* The BMC of this machine, asked in-band: DCMI's power reading (DCMI 1.5, 6.6.1 "Get Power Reading")
 * through the kernel's IPMI device (Documentation/driver-api/ipmi.rst). */
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define DCMI_NETFN 0x2c	/* group extension; the group is the first byte of the data */
#define DCMI_POWER 0x02
#define DCMI_REQUEST_LEN 4
#define IPMI_DATA_MAX 64 /* bytes of an answer's data that are looked at */

/* The data of a request for the system's power. */
void dcmi_power_request(uint8_t ret[DCMI_REQUEST_LEN]);
/* Microwatts from the data of its answer, completion code first. Pure; any bytes give a value or an
 * error. -ERR_REFUSED: this BMC never will (it has no DCMI, or no power sensor); -ERR_FAILED: not now. */
int dcmi_power(const void *data, size_t len, uint64_t *ret_uw, struct err *e);

/* How the BMC is reached. */
struct ipmi_ops {
	/* A descriptor, or -1 with errno. */
	int (*open)(const char *path);
	/* Sends a request and waits for its answer, timeout_ms at most. -ERR_FAILED, -ERR_TIMEOUT. */
	int (*ask)(int fd, uint8_t netfn, uint8_t cmd, const void *request, size_t request_len,
		   unsigned timeout_ms, void *answer, size_t *answer_len, struct err *e);
};
extern const struct ipmi_ops ipmi_kernel;

#endif
