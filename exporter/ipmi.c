/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/ipmi.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ipmi.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>

#include "exporter/tick.h"

#define DCMI_GROUP 0xdc
#define MODE_SYSTEM 0x01
/* Offsets in the answer's data. */
#define AT_CODE 0
#define AT_GROUP 1
#define AT_WATTS 2
#define AT_STATE 18
#define ANSWER_LEN 19
#define STATE_ACTIVE 0x40

void dcmi_power_request(uint8_t ret[DCMI_REQUEST_LEN])
{
	ret[0] = DCMI_GROUP;
	ret[1] = MODE_SYSTEM;
	ret[2] = ret[3] = 0;
}

int dcmi_power(const void *data, size_t len, uint64_t *ret_uw, struct err *e)
{
	const uint8_t *d = data;

	if (len == 0)
		return err_set(e, ERR_FAILED, "the BMC's answer is empty");
	switch (d[AT_CODE]) {
	case 0x00:
		break;
	case 0xc1: /* invalid command */
	case 0xcb: /* no such sensor or record */
	case 0xcc: /* invalid data field */
		return err_set(e, ERR_REFUSED, "the BMC has no DCMI power reading (completion code 0x%02x)", d[AT_CODE]);
	default: /* busy, time-out, ... */
		return err_set(e, ERR_FAILED, "the BMC gives no power reading (completion code 0x%02x)", d[AT_CODE]);
	}
	if (len < ANSWER_LEN || d[AT_GROUP] != DCMI_GROUP)
		return err_set(e, ERR_FAILED, "the BMC's answer is no DCMI power reading (%zu bytes)", len);
	if (!(d[AT_STATE] & STATE_ACTIVE))
		return err_set(e, ERR_FAILED, "the BMC does not measure power at present");
	uint64_t watts = (uint64_t)d[AT_WATTS] | (uint64_t)d[AT_WATTS + 1] << 8;

	/* This machine is on: it draws something. */
	if (watts == 0 || watts == 0xffff)
		return err_set(e, ERR_FAILED, "the BMC says %llu watts", (unsigned long long)watts);
	*ret_uw = watts * 1000000;
	return 0;
}

/* ---- the kernel's device */

static int kernel_open(const char *path)
{
	return open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
}

/* Takes one message in. 1: it was the answer to id; 0: it was another, or nothing is there. */
static int receive(int fd, long id, void *answer, size_t *answer_len, struct err *e)
{
	uint8_t data[IPMI_DATA_MAX];
	struct ipmi_addr from;
	struct ipmi_recv r = { .addr = (unsigned char *)&from,
			       .addr_len = sizeof from,
			       .msg = { .data = data, .data_len = sizeof data } };

	/* EMSGSIZE: it was longer and is cut, which is told by its length. */
	if (ioctl(fd, IPMICTL_RECEIVE_MSG_TRUNC, &r) < 0 && errno != EMSGSIZE)
		return errno == EAGAIN || errno == EINTR ? 0 : err_errno(e, ERR_FAILED, "cannot receive from the BMC");
	if (r.recv_type != IPMI_RESPONSE_RECV_TYPE || r.msgid != id)
		return 0;
	size_t len = r.msg.data_len < sizeof data ? r.msg.data_len : sizeof data;

	if (len > *answer_len)
		len = *answer_len;
	memcpy(answer, data, len);
	*answer_len = len;
	return 1;
}

static int kernel_ask(int fd, uint8_t netfn, uint8_t cmd, const void *request, size_t request_len,
		      unsigned timeout_ms, void *answer, size_t *answer_len, struct err *e)
{
	static long last_id;
	struct ipmi_system_interface_addr to = { .addr_type = IPMI_SYSTEM_INTERFACE_ADDR_TYPE,
						 .channel = IPMI_BMC_CHANNEL };
	uint8_t data[IPMI_DATA_MAX];
	struct ipmi_req q = { .addr = (unsigned char *)&to,
			      .addr_len = sizeof to,
			      .msgid = ++last_id,
			      .msg = { .netfn = netfn, .cmd = cmd, .data = data,
				       .data_len = (unsigned short)request_len } };

	if (request_len > sizeof data)
		return err_set(e, ERR_BUG, "a request of %zu bytes", request_len);
	memcpy(data, request, request_len);
	if (ioctl(fd, IPMICTL_SEND_COMMAND, &q) < 0)
		return err_errno(e, ERR_FAILED, "cannot send to the BMC");
	uint64_t until = tick_now_ns() + timeout_ms * UINT64_C(1000000);

	for (;;) {
		uint64_t now = tick_now_ns();
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (now >= until)
			return err_set(e, ERR_TIMEOUT, "the BMC does not answer within %u ms", timeout_ms);
		if (poll(&p, 1, (int)((until - now) / 1000000) + 1) <= 0)
			continue;
		int rc = receive(fd, last_id, answer, answer_len, e);

		if (rc != 0)
			return rc < 0 ? rc : 0;
	}
}

const struct ipmi_ops ipmi_kernel = { .open = kernel_open, .ask = kernel_ask };
