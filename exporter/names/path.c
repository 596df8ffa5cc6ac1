/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/names/path.h"

#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"

#define UUID_LEN 36
#define POD_HASH_LEN 32 /* a static pod's uid: the hash of its manifest */

/* A run of bytes. */
struct span {
	const char *p;
	size_t n;
};

/* What stands before "-<id>" or ":<id>" in a container's directory. */
static const struct {
	const char *word, *runtime; /* runtime NULL: no container, the runtime's own process */
} words[] = {
	{ "cri-containerd", "containerd" },
	{ "containerd", "containerd" },
	{ "nerdctl", "containerd" },
	{ "crio", "crio" },
	{ "docker", "docker" },
	{ "libpod", "podman" },
	{ "libpod-payload", "podman" },
	{ "crio-conmon", NULL },
	{ "libpod-conmon", NULL },
};

/* The directory above a bare "<id>". */
static const struct {
	const char *dir, *runtime;
} parents[] = {
	{ "docker", "docker" },
	{ "containerd", "containerd" },
	{ "k8s.io", "containerd" }, /* containerd's own namespaces */
	{ "default", "containerd" },
	{ "libpod_parent", "podman" },
};

static bool is(struct span s, const char *text)
{
	return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

static bool strip_end(struct span *s, const char *end)
{
	size_t n = strlen(end);

	if (s->n < n || memcmp(s->p + s->n - n, end, n) != 0)
		return false;
	s->n -= n;
	return true;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static size_t hex_run(struct span s)
{
	size_t n = 0;

	while (n < s.n && is_hex(s.p[n]))
		n++;
	return n;
}

/* "4dc1..._29d2_..." or with dashes, or 32 hex digits. Written with dashes. */
static bool take_uid(struct span s, char ret[POD_UID_MAX + 1])
{
	char uid[UUID_LEN + 1];

	if (s.n == POD_HASH_LEN && hex_run(s) == POD_HASH_LEN) {
		memcpy(ret, s.p, s.n);
		ret[s.n] = '\0';
		return true;
	}
	if (s.n != UUID_LEN)
		return false;
	for (size_t i = 0; i < UUID_LEN; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s.p[i] != '-' && s.p[i] != '_' : !is_hex(s.p[i]))
			return false;
		uid[i] = dash ? '-' : s.p[i];
	}
	memcpy(ret, uid, UUID_LEN);
	ret[UUID_LEN] = '\0';
	return true;
}

/* A pod's directory: "pod<uid>" below kubepods (cgroupfs), or "[...-]kubepods[-qos]-pod<uid>.slice". */
static bool take_pod(struct span s, bool below_kubepods, char ret[POD_UID_MAX + 1])
{
	static const char mark[] = "-pod";

	if (below_kubepods && s.n > 3 && memcmp(s.p, "pod", 3) == 0)
		return take_uid((struct span){ s.p + 3, s.n - 3 }, ret);
	if (!strip_end(&s, ".slice") || !memmem(s.p, s.n, "kubepods", 8))
		return false;
	/* The last "-pod": a uid holds none. */
	for (size_t i = s.n; i-- > 0;) {
		if (s.n - i > sizeof mark - 1 && memcmp(s.p + i, mark, sizeof mark - 1) == 0)
			return take_uid((struct span){ s.p + i + 4, s.n - i - 4 }, ret);
	}
	return false;
}

/* Is the directory a container's? Fills id and runtime. *monitor: it is a runtime's own process. */
static bool take_container(struct span s, struct span above, char id[CONTAINER_ID_LEN + 1],
			   const char **runtime, bool *monitor)
{
	bool scope = strip_end(&s, ".scope");

	if (s.n < CONTAINER_ID_LEN ||
	    hex_run((struct span){ s.p + s.n - CONTAINER_ID_LEN, CONTAINER_ID_LEN }) != CONTAINER_ID_LEN)
		return false;
	struct span word = { s.p, s.n - CONTAINER_ID_LEN };
	const char *who = "";
	bool known = word.n == 0;

	if (known) {
		for (size_t i = 0; i < COUNT(parents); i++) {
			if (is(above, parents[i].dir))
				who = parents[i].runtime;
		}
	} else {
		if (!strip_end(&word, "-") && !strip_end(&word, ":"))
			return false;
		const char *colon = memrchr(word.p, ':', word.n);

		if (colon)
			word = (struct span){ colon + 1, word.n - (size_t)(colon + 1 - word.p) };
		for (size_t i = 0; i < COUNT(words); i++) {
			if (!is(word, words[i].word))
				continue;
			*monitor = !words[i].runtime;
			who = words[i].runtime;
			known = true;
		}
	}
	/* Every runtime with systemd makes "<word>-<id>.scope"; one that is not in the table as well. */
	if (!known && !scope)
		return false;
	if (*monitor)
		return false;
	memcpy(id, s.p + s.n - CONTAINER_ID_LEN, CONTAINER_ID_LEN);
	id[CONTAINER_ID_LEN] = '\0';
	*runtime = who;
	return true;
}

static int hex_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What users may name as they like. */
static bool is_users(struct span path)
{
	static const char slice[] = "user.slice";

	while (path.n > 0 && path.p[0] == '/')
		path = (struct span){ path.p + 1, path.n - 1 };
	return path.n >= sizeof slice - 1 && memcmp(path.p, slice, sizeof slice - 1) == 0;
}

/* libvirt's "machine-qemu\x2d1\x2dname.scope" (systemd), or "/machine/qemu-1-name.libvirt-qemu". */
static bool take_vm(struct span s, struct span above, char ret[VM_ID_MAX + 1])
{
	static const char systemd[] = "machine-qemu";
	char vm[VM_ID_MAX + 1];
	size_t n = 0;

	if (strip_end(&s, ".scope")) {
		if (s.n <= sizeof systemd - 1 || memcmp(s.p, systemd, sizeof systemd - 1) != 0)
			return false;
	} else if (strip_end(&s, ".libvirt-qemu")) {
		if (!is(above, "machine"))
			return false;
		memcpy(vm, "machine-", n = 8);
	} else {
		return false;
	}
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '\\' && s.n - i >= 4 && s.p[i + 1] == 'x' && hex_value(s.p[i + 2]) >= 0 &&
		    hex_value(s.p[i + 3]) >= 0) {
			int code = hex_value(s.p[i + 2]) << 4 | hex_value(s.p[i + 3]);

			/* Others stay as they are written: half a letter must not get into a label. */
			if (code > ' ' && code < 0x7f) {
				c = (char)code;
				i += 3;
			}
		}
		if (n == VM_ID_MAX || c <= ' ' || c >= 0x7f)
			return false;
		vm[n++] = c;
	}
	memcpy(ret, vm, n);
	ret[n] = '\0';
	return true;
}

/* Skips the "12:cpu,cpuacct:" of a line of /proc/PID/cgroup. */
static struct span without_number(struct span s)
{
	size_t digits = 0;

	while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9')
		digits++;
	if (digits == 0 || digits == s.n || s.p[digits] != ':')
		return s;
	const char *colon = memchr(s.p + digits + 1, ':', s.n - digits - 1);

	return colon ? (struct span){ colon + 1, s.n - (size_t)(colon + 1 - s.p) } : s;
}

void path_identify(const char *path, size_t len, struct path_identity *ret)
{
	struct span rest = without_number((struct span){ path, len }), above = { "", 0 };
	bool below_kubepods = false, in_pod = false, monitor = false, any = false, users = is_users(rest);
	struct path_identity best = { .kind = PATH_SYSTEM, .runtime = "" };

	while (rest.n > 0 && !monitor) {
		const char *slash = memchr(rest.p, '/', rest.n);
		struct span dir = { rest.p, slash ? (size_t)(slash - rest.p) : rest.n };
		size_t root_len = (size_t)(dir.p + dir.n - path);
		char id[CONTAINER_ID_LEN + 1];
		const char *runtime = "";

		rest = slash ? (struct span){ slash + 1, rest.n - dir.n - 1 } : (struct span){ rest.p, 0 };
		if (dir.n == 0)
			continue;
		any = true;
		/* containerd's old form has both in one name: <pod's slice>:cri-containerd:<id> */
		const char *colon = memchr(dir.p, ':', dir.n);
		struct span slice = { dir.p, colon ? (size_t)(colon - dir.p) : dir.n };

		/* Within a pod's container, what looks like a pod is that container's business. */
		if (!in_pod && !users && take_pod(slice, below_kubepods, best.pod_uid)) {
			in_pod = true;
			best.kind = PATH_POD;
			best.id[0] = '\0';
			best.runtime = "";
			best.root_len = root_len;
		}
		if (take_container(dir, above, id, &runtime, &monitor)) {
			if (best.kind == PATH_SYSTEM || best.kind == PATH_POD) {
				memcpy(best.id, id, sizeof id);
				best.kind = PATH_CONTAINER;
				best.runtime = runtime;
				best.root_len = root_len;
			}
			if (in_pod)
				break;
		} else if (best.kind == PATH_SYSTEM && !users && take_vm(dir, above, best.vm)) {
			best.kind = PATH_VM;
			best.root_len = root_len;
			break;
		}
		below_kubepods = below_kubepods || is(dir, "kubepods");
		above = dir;
	}
	if (!any)
		best.kind = PATH_ROOT;
	if (monitor && best.kind != PATH_CONTAINER)
		best = (struct path_identity){ .kind = PATH_SYSTEM, .runtime = "" };
	*ret = best;
}

const char *path_charged(const char *text, size_t *ret_len)
{
	const char *found = NULL;

	/* lines of id:controllers:path; the unified one has no controllers */
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *c = line + strcspn(line, ":\n");
		bool cpu = false, unified = c[0] == ':' && c[1] == ':';

		while (*c == ':' || *c == ',') {
			size_t len = strcspn(++c, ",:\n");

			cpu |= len == 3 && memcmp(c, "cpu", 3) == 0;
			c += len;
			if (*c == ':')
				break;
		}
		if (*c != ':' || (!cpu && !(unified && !found)))
			continue;
		found = c + 1;
		*ret_len = strcspn(found, "\n");
		if (cpu)
			break;
	}
	return found;
}
