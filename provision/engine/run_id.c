/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/engine/run_id.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/steady.h"

void run_id(char ret[static 17])
{
	unsigned char bytes[8];
	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
		uint64_t t = steady_ns() ^ ((uint64_t)getpid() << 40);
		memcpy(bytes, &t, sizeof(bytes));
	}
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
}
