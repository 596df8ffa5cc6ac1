/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_FAKE_HOST_H
#define TESTS_FAKE_HOST_H
/*
 * Hosts in memory, behind struct session. A script is not interpreted: a row of a table {script
 * name -> C function} does to the host's state what the script does to a machine. Every command is
 * recorded; commands can fail, hang and lose the connection at a chosen count, and the whole run
 * can be "killed": from then on no command of it reaches any host.
 *
 * A fake_net is all hosts of one world; its faults are for one run (fake_net_rearm clears them,
 * the records and the counters, and keeps the hosts' state). Sessions of different hosts may be used by
 * different threads; a session used by two at once aborts the test.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/strv.h"
#include "inventory/inventory.h"
#include "provision/remote/session.h"

struct fake_net;

/* ---- state. Lists keep insertion order; what a getter returns is valid until the next put. */
struct fake_file {
	char *path;
	char kind;		/* 'f' file, 'd' directory, 'l' symlink (data is its target) */
	char *data;
	size_t len;
	unsigned mode;
	char owner[64];		/* "root:root" */
	uint64_t changed_at;	/* fake_host.clock_s */
	char sha256[65];	/* of data once it was asked for; "" before */
};
struct fake_unit {
	char *name;
	bool loaded, enabled, active, failed, masked;
	unsigned starts;	/* how often it was (re)started */
	uint64_t started_at;	/* fake_host.clock_s */
};
struct fake_mount {
	char *target, *source, *fstype, *options;
};
struct fake_block {
	char *path;		/* /dev/vdb, /dev/vdb1 */
	char *serial, *fstype, *uuid, *label, *parttype, *pttype;	/* NULL: none */
	char *parent;		/* of a partition; NULL for a disk */
	uint64_t size;
	bool held, swap, read_only;
};
struct fake_pair {		/* anything else: packages, sysctls, planted answers */
	char *space, *key, *value;
};

struct fake_record {
	char *script;
	struct strv argv;
	char *in;
	size_t in_len;
	unsigned flags;
};

enum fake_fault {
	FAKE_FAIL,		/* status 1, nothing done */
	FAKE_CUT,		/* the connection is lost before the command runs */
	FAKE_CUT_AFTER,		/* it runs, but its answer is lost */
	FAKE_HANG,		/* it never ends: -ERR_INTERRUPTED on cancel, else -ERR_TIMEOUT */
};

struct fake_host {
	char *name;
	struct fake_net *net;
	pthread_mutex_t mutex;	/* held while a script's function runs */
	struct fake_file *files;
	size_t nfiles;
	struct fake_unit *units;
	size_t nunits;
	struct fake_mount *mounts;
	size_t nmounts;
	struct fake_block *blocks;
	size_t nblocks;
	struct fake_pair *pairs;
	size_t npairs;
	uint64_t clock_s;	/* one second passes with every command */

	bool unreachable;	/* cannot be opened */
	char *lock_holder;	/* who holds the node lock; NULL: nobody */
	enum fake_fault fault;
	unsigned fault_at;	/* the n-th command from the last rearm has it; 0: none */
	unsigned delay_us;	/* each command takes so long */

	struct fake_record *records;
	size_t nrecords;
	unsigned opens, commands, changes;	/* since the last rearm; changes: see fake_script */
};

struct fake_cmd {
	const char *script;
	const char *const *argv;	/* NULL-terminated */
	size_t argc;
	const char *in;		/* NUL-terminated behind in_len */
	size_t in_len;
	unsigned flags;
};

struct fake_script {
	const char *name;
	/* Returns the exit status; prints to out and err. */
	int (*run)(struct fake_host *, const struct fake_cmd *, struct buf *out, struct buf *err);
	bool reads_only;	/* not counted in fake_host.changes */
};

/* The kinds of questions that the built-in "probe" answers. */
struct fake_question {
	const char *kind;
	/* 1: present, value written; 0: not there; -1: cannot be answered, the reason written */
	int (*answer)(struct fake_host *, const char *about, struct buf *value);
};

struct fake_net {
	struct fake_host **hosts;
	size_t nhosts;
	const struct fake_script *scripts;	/* name NULL at the end; looked up before "probe", "lock" */
	const struct fake_question *questions;	/* kind NULL at the end */
	struct cancel *cancel;			/* heeded by every command; may be NULL */
	/* as struct ssh_policy.ran; may be NULL */
	void (*ran)(void *ctx, const char *host, const struct cmd *cmd, const struct answer *a,
		    const struct err *e);
	void *ran_ctx;

	pthread_mutex_t mutex;
	unsigned commands;	/* on all hosts since the last rearm */
	unsigned kill_at;	/* the run dies at this command; 0: never */
	bool kill_after;	/* that command still reaches its host, though nobody hears of it */
	bool killed;
	unsigned cancel_at;	/* this command sets *cancel before it runs */
	unsigned running, most_running;	/* commands at one time */
	atomic_uint hanging;	/* commands that hang right now */
	unsigned last_timeout_s;	/* of the newest command */
};

/* A net with a host for each of the inventory's. The tables must outlive it. */
struct fake_net *fake_net_new(const struct inventory *inv, const struct fake_script *scripts,
			      const struct fake_question *questions);
void fake_net_free(struct fake_net *net);
void fake_net_rearm(struct fake_net *net);
struct fake_host *fake_net_host(const struct fake_net *net, const char *name);
/* Commands that changed something, on all hosts, since the last rearm. */
unsigned fake_net_changes(const struct fake_net *net);
/* struct run_options.open; ctx is the net. */
int fake_open(void *ctx, const struct host *host, struct session **ret, struct err *e);

/* Files. put replaces; data is copied. */
struct fake_file *fake_file_get(const struct fake_host *h, const char *path);
struct fake_file *fake_file_put(struct fake_host *h, const char *path, char kind, const void *data,
				size_t len, unsigned mode, const char *owner);
bool fake_file_remove(struct fake_host *h, const char *path);

/* The unit; made (nothing set but its name) when it is not there. */
struct fake_unit *fake_unit_make(struct fake_host *h, const char *name);
struct fake_unit *fake_unit_get(const struct fake_host *h, const char *name);
bool fake_unit_remove(struct fake_host *h, const char *name);

struct fake_mount *fake_mount_get(const struct fake_host *h, const char *target);
void fake_mount_put(struct fake_host *h, const char *target, const char *source,
		    const char *fstype, const char *options);
bool fake_mount_remove(struct fake_host *h, const char *target);

struct fake_block *fake_block_get(const struct fake_host *h, const char *path);
/* A block device of that path, all else unset; fields that are strings are set with fake_str. */
struct fake_block *fake_block_put(struct fake_host *h, const char *path, uint64_t size);
bool fake_block_remove(struct fake_host *h, const char *path);
/* Replaces *field by a copy of s (NULL: none). */
void fake_str(char **field, const char *s);

/* Anything else, by namespace and key: fake_set(h, "pkg", "nfs-common", "1:2.6.2"). A pair in the
 * space "answer" (key "kind:about") is the probe's answer to that question whatever the tables say. */
const char *fake_get(const struct fake_host *h, const char *space, const char *key);
void fake_set(struct fake_host *h, const char *space, const char *key, const char *value);
bool fake_unset(struct fake_host *h, const char *space, const char *key);

/* The whole state as text, sorted, without clock and counters: to compare before and after. */
void fake_host_dump(const struct fake_host *h, struct buf *out);
void fake_net_dump(const struct fake_net *net, struct buf *out);
/* True when the bytes stand in any recorded argv. */
bool fake_net_argv_has(const struct fake_net *net, const char *needle);

#endif
