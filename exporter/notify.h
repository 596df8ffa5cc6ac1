/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_NOTIFY_H
#define EXPORTER_NOTIFY_H
/* What systemd wants to hear (sd_notify(3)), by its socket protocol, without its library. */
#include <stdint.h>

/* Sends state lines ("READY=1\nSTATUS=...") to $NOTIFY_SOCKET. Without one, or when nobody listens,
 * nothing happens: a service manager is optional. */
void notify_send(const char *state);
/* How often WATCHDOG=1 is due, half of what is allowed, or 0 when nobody watches (WATCHDOG_USEC). */
uint64_t notify_watchdog_ns(void);

#endif
