/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/provision.h"

const struct recipe *const recipes[] = { NULL };
const struct part parts[] = { { NULL, NULL } };
