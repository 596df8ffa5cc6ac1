/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_STEPS_STEPS_H
#define PROVISION_STEPS_STEPS_H
/*
 * The reusable kinds of steps. Each is one `const struct step_ops`; the arg of a row that uses it is
 * a pointer to the const struct named beside it. All follow the same rules:
 *
 *	what is there and not ours is FOREIGN; a re-run continues from what is true; what a node had
 *	before us is recorded on it (/var/lib/powerstack) before it is changed, and destroy gives
 *	exactly that back, so that while destroying "installed, but not by us" is ABSENT.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "provision/artifact/artifact.h"
#include "provision/engine/facts.h"
#include "provision/engine/step.h"
#include "provision/engine/tmpl.h"

/* ---- for writing checks */

/* Fills f; returns 0, so that "return found(ret, PRESENT, ...)" is one line. */
int found(struct finding *f, enum presence is, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* *ret: the answer, or NULL when the thing is not there. -ERR_FAILED when it could not be told. */
int fact(const struct view *v, const char **ret, struct err *e, const char *kind, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/* The text's sha256 in hex, as answers to "file" have it. */
void text_sum(const struct buf *text, char ret[static 65]);
/* "a, b or c (2 more)": room for a list in a finding; list holds one item a line. */
void join_lines(const char *list, char *ret, size_t size);
/* Runs the script of provision/files/<name>.sh as root. args is NULL-terminated. A line that it prints is what it does
 * or waits for just now: it is shown until the next one. */
int step_script(struct hand *h, const char *name, const char *const *args, unsigned timeout_s,
		struct err *e);
/* The same with stdin: in is sent, as a secret when secret is set. */
int step_script_in(struct hand *h, const char *name, const char *const *args, const struct buf *in,
		   bool secret, unsigned timeout_s, struct err *e);

/* The same for one whose output, not longer than ret's cap, is a secret: it is appended to ret, a secret buffer, and
 * nothing is shown. */
int step_script_secret(struct hand *h, const char *name, const char *const *args, struct buf *ret, struct err *e);
/* The bytes of a file on the node that is not larger than ret's cap; ret is a secret buffer. */
int step_read(struct hand *h, const char *path, struct buf *ret, struct err *e);

/* ---- a precondition: only checked */
struct precondition {
	void (*ask)(const struct view *, struct probe *);
	int (*check)(const struct view *, struct finding *ret, struct err *);
};
extern const struct step_ops precondition_ops;

/* ---- a text file of ours, owner root; its second line at the latest is the mark */

#define FILE_MARK "# managed by powerstack\n"
struct file_arg {
	const char *path;		/* may begin with "{k3s}": see node_path */
	unsigned mode;
	/* Its text: the template provision/files/<tmpl> with these names, then what render adds; either
	 * may be NULL. A row whose text is secret is STEP_SECRET. */
	const char *tmpl;
	const struct tmpl_name *names;
	int (*render)(const struct view *, struct buf *ret, struct err *);
	/* What the text depends on beside the inventory; NULL: nothing. */
	void (*ask)(const struct view *, struct probe *);
	/* The file cannot carry the mark: it is ours when the node has this record. NULL: it carries it. */
	const char *claim;
	bool own_dir;		/* its folder is ours: removed when it is empty */
	/* Whether its text is needed; NULL: always. Else one of ours is left with nothing but the mark, and whoever reads it is
	 * told as by any other text, also after a run that was cut off. What is not there or not ours is left alone. (A row
	 * that is not there, by `when`, leaves all alone.) */
	bool (*needed)(const struct inventory *, const struct host *);
	/* What has to be done before the text on the node is another one; NULL: nothing. */
	int (*before)(struct hand *, struct err *);
};
extern const struct step_ops file_ops;
/* The text that the row wants. Secret rows: ret must be a secret buffer. */
int file_wanted(const struct step *, const struct view *, struct buf *ret, struct err *);
/* Appends provision/files/<name>, rendered. */
int template_add(const char *name, const struct tmpl_name *names, const struct view *v, struct buf *out,
		 struct err *e);

/* ---- kernel settings: a drop-in of ours and the live values */
struct sysctl_arg {
	const char *path;		/* the drop-in */
	const struct keyval *values;	/* names with slashes */
	size_t n;
};
extern const struct step_ops sysctl_ops;

/* ---- a package, and what it brought; arg is its name */
extern const struct step_ops package_ops;

/* ---- a unit that is enabled and active */
struct unit_arg {
	const char *unit;
	bool shared;			/* a package brought it and may need it without us */
	/* Rows whose files (file_ops, blob_ops) it reads: it is restarted when one of them is younger
	 * than its main process, or about to change. NULL-terminated; NULL: none. */
	const struct step *const *inputs;
	unsigned start_s;		/* how long it may take to become active */
	/* It does not become active, as e tells: adds what may help. Returns -kind. NULL: nothing does. */
	int (*explain)(const struct view *, struct err *);
};
extern const struct step_ops unit_ops;

/* ---- a binary of ours for the node's architecture */
struct blob_arg {
	const char *path;
	unsigned mode;
	/* The bytes for a Debian architecture, NULL when there are none: as files_exporter. */
	const void *(*bytes)(const char *arch, size_t *ret_len, const char **ret_sha256);
	const char *what;		/* "the exporter", for messages */
	/* Whether a node that has none is to have it, by what `ask` asked; NULL: every one. */
	int (*needed)(const struct view *, bool *ret, struct err *);
	void (*ask)(const struct view *, struct probe *);
};
extern const struct step_ops blob_ops;

/* ---- a file of a release, for the node's architecture: what powerstack.lock says, from the cache */
struct artifact_arg {
	const char *what;		/* "k3s-images": a row of provision/artifact/ */
	const char *path;		/* as file_arg's; "{artifact}" at its end is the file's own name */
	unsigned mode;
	const char *claim;		/* the record that makes it ours; never NULL */
	/* The artifact is a packed tar, and the file is its member of this name, in whatever folder. Then the record is
	 * this row's own: it holds both sums. NULL: the file is the artifact. */
	const char *member;
	bool keep_previous;		/* the file before this one stays beside it as PATH.previous */
};
extern const struct step_ops artifact_ops;
/* Brings an artifact to path on the node, owner root: from the cache, fetched first when it is missing there. Shows how far it
 * is. For rows that are more than one file. */
int artifact_send(struct hand *h, const struct artifact *a, const char *path, unsigned mode, struct err *e);

/* ---- the cluster in the operator's kubeconfig, from K3s' own on the control node. The row stands on the control node,
 * and its check looks into the file here: so that the two are one fact, and no key travels unless it changed. */
extern const struct step_ops kubeconfig_ops;

/* A path on a node: "{k3s}" at its beginning becomes the data directory of K3s. Returns pattern or room. */
const char *node_path(const char *pattern, const struct inventory *inv, char room[STEP_PATH_MAX]);
/* Where the file of such a row stands for this host. */
const char *artifact_path(const struct artifact_arg *a, const struct view *v,
			  char room[STEP_PATH_MAX]);
/* The path of a row that is a file (file_ops, blob_ops, artifact_ops), else NULL; as node_path. */
const char *step_file_path(const struct step *, const struct view *, char room[STEP_PATH_MAX]);

/* ---- a mount: one fstab line of ours, mounted */
enum mount_kind { MOUNT_DISK, MOUNT_NFS };
struct mount_arg {
	enum mount_kind kind;
	const char *type, *options;	/* of the fstab line; "x-powerstack" marks it as ours and is added */
};
extern const struct step_ops mount_ops;

/* ---- the disk of the control node: our partition and Btrfs on it */
extern const struct step_ops disk_ops;

/* Paths, networks and labels of the inventory that go into fstab and exports: true when s needs no
 * escaping there ([A-Za-z0-9/._:+-] only). */
bool plain_word(const char *s);

#endif
