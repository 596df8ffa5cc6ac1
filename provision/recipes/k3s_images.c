/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/recipes/k3s_images.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define IMPORT_S 900		/* gigabytes, unpacked onto the node's disk */

/* Unpacked, images take about four times what a packed archive does (K3s' own: 190 MB and 700 MB), and as much as one
 * that is not packed; so much is needed beside the archive. */
#define UNPACKED 4

/* The n-th archive that the node gets, the release's first, and where it stands there; NULL beyond the last. */
static const struct artifact *archive_at(const struct view *v, size_t n, char room[STEP_PATH_MAX])
{
	for (size_t i = 0; v->artifacts && i < artifacts_count(v->artifacts); i++) {
		const struct artifact *a = artifacts_at(v->artifacts, i);
		bool here = strcmp(a->what, IMAGE_ARCHIVE) == 0 ||
			    a == artifacts_find(v->artifacts, "k3s-images", v->host->arch);
		if (!here || n-- > 0)
			continue;
		snprintf(room, STEP_PATH_MAX, "%s/agent/images/%s", v->inv->k3s_server_location, a->name);
		return a;
	}
	return NULL;
}

static bool is_own(const struct artifact *a)
{
	return strcmp(a->what, IMAGE_ARCHIVE) == 0;
}

/* *ret: the file on the node has the archive's bytes. */
static int is_there(const struct view *v, const struct artifact *a, const char *path, bool *ret, struct err *e)
{
	const char *file = NULL;
	char sum[72] = "";
	int rc = fact(v, &file, e, "file", "%s", path);
	*ret = file && facts_field(file, "sha256", sum, sizeof(sum)) && strcmp(sum, a->sha256) == 0;
	return rc;
}

/* ---- room for them */

static void room_ask(const struct view *v, struct probe *p)
{
	char path[STEP_PATH_MAX];
	const struct artifact *a;
	probe_ask(p, "free", "/");
	snprintf(path, sizeof(path), "%s", v->inv->k3s_server_location);
	for (char *end = path + strlen(path); end && end > path; end = strrchr(path, '/')) {
		*end = '\0';
		if (path[0])
			probe_ask(p, "free", "%s", path);
	}
	for (size_t i = 0; (a = archive_at(v, i, path)); i++)
		probe_ask(p, "file", "%s", path);
}

/* The file system that the data directory is on, or will be on: that of the deepest folder which exists. */
static int room_free(const struct view *v, const char **ret, char path[STEP_PATH_MAX], struct err *e)
{
	snprintf(path, STEP_PATH_MAX, "%s", v->inv->k3s_server_location);
	for (char *end = path + strlen(path); end && end > path; end = strrchr(path, '/')) {
		*end = '\0';
		int rc = path[0] ? fact(v, ret, e, "free", "%s", path) : 0;
		if (rc < 0 || (path[0] && *ret))
			return rc;
	}
	snprintf(path, STEP_PATH_MAX, "/");
	return fact(v, ret, e, "free", "/");
}

/* Bytes that what is not there yet takes; sizes that are not known count nothing. */
static int room_needed(const struct view *v, uint64_t *ret, struct err *e)
{
	char path[STEP_PATH_MAX];
	const struct artifact *a, *binary = artifacts_find(v->artifacts, "k3s", v->host->arch);
	*ret = 0;
	for (size_t i = 0; (a = archive_at(v, i, path)); i++) {
		const char *end = strrchr(path, '.');
		bool there = false;
		int rc = is_there(v, a, path, &there, e);
		if (rc < 0)
			return rc;
		if (there)
			continue;
		*ret += ((end && strcmp(end, ".tar") == 0 ? 1 : UNPACKED) + 1) * a->size;
		if (!is_own(a) && binary)
			*ret += 2 * binary->size;
	}
	return 0;
}

static int room_check(const struct view *v, struct finding *ret, struct err *e)
{
	const char *is = NULL;
	char path[STEP_PATH_MAX], text[32] = "";
	uint64_t need = 0;
	int rc = v->artifacts ? room_needed(v, &need, e) : 0;
	if (rc == 0)
		rc = room_free(v, &is, path, e);
	if (rc < 0)
		return rc;
	if (!is || !facts_field(is, "free", text, sizeof(text)))
		return found(ret, PRESENT, "nothing is known of the room for K3s");
	uint64_t have = strtoull(text, NULL, 10);
	if (have < need)
		return found(ret, FOREIGN,
			     "'%s' has %" PRIu64 " MB left and K3s' images need about %" PRIu64 " MB there: make room, or set "
			     "k3s_server_location to a larger disk",
			     path, have / 1000000, need / 1000000);
	return found(ret, PRESENT, "'%s' has %" PRIu64 " MB left for K3s", path, have / 1000000);
}

const struct precondition k3s_room = { .ask = room_ask, .check = room_check };

/* ---- the inventory's */

bool k3s_has_archives(const struct inventory *inv, const struct host *h)
{
	(void)h;
	return inv->nimage_archives > 0;
}

static void archives_ask(const struct step *s, const struct view *v, struct probe *p)
{
	(void)s;
	char path[STEP_PATH_MAX];
	const struct artifact *a;
	for (size_t i = 0; (a = archive_at(v, i, path)); i++) {
		if (!is_own(a))
			continue;
		probe_ask(p, "file", "%s", path);
		probe_ask(p, "record", "image/%s", a->name);
	}
}

/* *ret: containerd has taken these bytes, or will when it starts. */
static int is_taken(const struct view *v, const struct artifact *a, bool *ret, struct err *e)
{
	const char *record = NULL;
	int rc = fact(v, &record, e, "record", "image/%s", a->name);
	*ret = record && strncmp(record, a->sha256, sizeof(a->sha256) - 1) == 0;
	return rc;
}

static int archives_check(const struct step *s, const struct view *v, struct finding *ret, struct err *e)
{
	(void)s;
	char path[STEP_PATH_MAX];
	const struct artifact *a;
	size_t n = 0;
	if (v->destroying)
		return found(ret, ABSENT, "the archives go with K3s");
	if (!v->artifacts)
		return err_set(e, ERR_BUG, "no archives were opened");
	for (size_t i = 0; (a = archive_at(v, i, path)); i++) {
		bool there = false, taken = false;
		if (!is_own(a))
			continue;
		if (!a->sha256[0])
			return err_set(e, ERR_CONFIG, "powerstack.lock has no '%s': run 'powerstack fetch' where that file is", a->name);
		int rc = is_there(v, a, path, &there, e);
		if (rc == 0)
			rc = is_taken(v, a, &taken, e);
		if (rc < 0)
			return rc;
		if (!there)
			return found(ret, ABSENT, "'%s' does not exist, or is another one", path);
		if (!taken)
			return found(ret, DRIFTED, "containerd has not taken the images of '%s' yet", path);
		n++;
	}
	return found(ret, PRESENT, "%zu archive%s of the inventory's: there and taken", n, n == 1 ? "" : "s");
}

static int archives_apply(const struct step *s, struct hand *h, struct err *e)
{
	(void)s;
	char path[STEP_PATH_MAX];
	const struct artifact *a;
	for (size_t i = 0; (a = archive_at(&h->view, i, path)); i++) {
		bool there = false, taken = false;
		if (!is_own(a))
			continue;
		int rc = is_there(&h->view, a, path, &there, e);
		if (rc == 0)
			rc = is_taken(&h->view, a, &taken, e);
		if (rc == 0 && !there)
			rc = artifact_send(h, a, path, 0644, e);
		const char *const args[] = { path, a->sha256, NULL };
		if (rc == 0 && !(there && taken))
			rc = step_script(h, "k3s-import", args, IMPORT_S, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

const struct step_ops k3s_archives_ops = { .ask = archives_ask, .check = archives_check, .apply = archives_apply };
