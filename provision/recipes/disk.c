/* SPDX-License-Identifier: BSD-2-Clause */
/* The data disk of the control node: one GPT partition over all of it, Btrfs, mounted at export_path. */
#include "base/cleanup.h"
#include "provision/recipes/recipes.h"
#include "provision/steps/steps.h"

/* nofail: a dead disk must not keep the node from booting. before: NFS starts behind the mount. */
static const struct mount_arg volume = {
	MOUNT_DISK,
	"btrfs",
	"noatime,nofail,x-systemd.device-timeout=300s,x-systemd.before=nfs-server.service",
};

static const struct step steps[] = {
	{ "sfdisk", "package fdisk is installed", &package_ops, "fdisk" },
	{ "btrfs-progs", "package btrfs-progs is installed", &package_ops, "btrfs-progs" },
	{ "disk", "the data disk holds powerstack's Btrfs", &disk_ops, NULL, .flags = STEP_WIPES },
	{ "mount", "the data volume is mounted, now and after a boot", &mount_ops, &volume },
};

static const char *const after[] = { "prereq", NULL };

const struct recipe recipe_disk = {
	.name = "disk",
	.part = "disk",
	.summary = "formats and mounts the data disk",
	.roles = ROLE_CONTROL,
	.after = after,
	.steps = steps,
	.nsteps = COUNT(steps),
};
