// SPDX-License-Identifier: BSD-2-Clause
#include "k3s.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <openssl/rand.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RECORD 256 // bytes at the end of the file
#define MARK "K3SSTANDIN "

struct release release = { "v1.30.2+k3s1", "00000000", "go1.22.4", "amd64", 0, 0, 0 };
int main_argc;
char **main_argv;

char *strf(const char *format, ...) {
	va_list ap;
	char *s;
	va_start(ap, format);
	if (vasprintf(&s, format, ap) < 0)
		abort();
	va_end(ap);
	return s;
}

// logrus's text format, which journals show
static void log_line(const char *level, const char *format, va_list ap) {
	char msg[4096], line[8300], when[40];
	size_t n = 0;
	time_t now = time(NULL);
	struct tm tm;
	vsnprintf(msg, sizeof(msg), format, ap);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	for (const char *p = msg; *p && n < sizeof(line) - 3; p++) {
		if (*p == '"' || *p == '\\')
			line[n++] = '\\';
		line[n++] = *p == '\n' ? ' ' : *p;
	}
	line[n] = 0;
	dprintf(STDERR_FILENO, "time=\"%s\" level=%s msg=\"%s\"\n", when, level, line);
}

void say(const char *level, const char *format, ...) {
	va_list ap;
	va_start(ap, format);
	log_line(level, format, ap);
	va_end(ap);
}

void fatal(const char *format, ...) {
	va_list ap;
	va_start(ap, format);
	log_line("fatal", format, ap);
	va_end(ap);
	_exit(1);
}

char *file_read(const char *path, size_t *ret_size) {
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *s;
	size_t n = 0;
	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || !(s = malloc((size_t)st.st_size + 1))) {
		close(fd);
		return NULL;
	}
	for (ssize_t got; n < (size_t)st.st_size && (got = read(fd, s + n, (size_t)st.st_size - n)) > 0;)
		n += (size_t)got;
	close(fd);
	s[n] = 0;
	if (ret_size)
		*ret_size = n;
	return s;
}

int file_write(const char *path, int mode, const void *bytes, size_t size) {
	char *temp = strf("%s.XXXXXX", path);
	int fd = mkstemp(temp);
	size_t n = 0;
	for (ssize_t put; fd >= 0 && n < size; n += (size_t)put)
		if ((put = write(fd, (const char *)bytes + n, size - n)) <= 0)
			break;
	if (fd < 0 || n < size || fchmod(fd, (mode_t)mode) || fsync(fd) || close(fd) || rename(temp, path)) {
		int e = errno;
		unlink(temp);
		free(temp);
		errno = e;
		return -1;
	}
	free(temp);
	return 0;
}

int dirs_make(const char *path, int mode) {
	char *copy = strf("%s", path);
	for (char *p = copy + 1; *p; p++)
		if (*p == '/') {
			*p = 0;
			mkdir(copy, 0755);
			*p = '/';
		}
	int rc = mkdir(copy, (mode_t)mode) && errno != EEXIST ? -1 : 0;
	free(copy);
	return rc;
}

char *random_hex(size_t bytes) {
	unsigned char raw[64];
	char *s = calloc(1, 2 * bytes + 1);
	if (bytes > sizeof(raw) || RAND_bytes(raw, (int)bytes) != 1 || !s)
		abort();
	for (size_t i = 0; i < bytes; i++)
		snprintf(s + 2 * i, 3, "%02x", raw[i]);
	return s;
}

int run_quiet(const char *const *argv) {
	pid_t pid = fork();
	int status;
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);
		dup2(null, 0), dup2(null, 1), dup2(null, 2);
		execvp(argv[0], (char *const *)(size_t)argv);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void ready_notify(void) {
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	if (!path || strlen(path) >= sizeof(to.sun_path))
		return;
	size_t len = strlen(path);
	memcpy(to.sun_path, path, len);
	if (to.sun_path[0] == '@')
		to.sun_path[0] = 0;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	sendto(fd, "READY=1\n", 8, 0, (struct sockaddr *)&to, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

// The record: "K3SSTANDIN version commit go arch elf kubectl_at kubectl_size" and blanks
static void release_read(void) {
	char record[RECORD + 1] = "";
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	off_t end = lseek(fd, 0, SEEK_END);
	struct release r = { "", "", "", "", 0, 0, 0 };
	if (fd >= 0 && end > RECORD && pread(fd, record, RECORD, end - RECORD) == RECORD &&
	    !strncmp(record, MARK, strlen(MARK)) &&
	    sscanf(record + strlen(MARK), "%63s %15s %15s %15s %ld %ld %ld", r.version, r.commit, r.go, r.arch,
		   &r.elf, &r.kubectl_at, &r.kubectl_size) == 7)
		release = r;
	close(fd);
}

static int copy_range(long from, long size, const char *to) {
	char *temp = strf("%s.%d", to, getpid());
	static char block[1 << 16];
	int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int out = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	int rc = in < 0 || out < 0 ? -1 : 0;
	for (long n = 0; rc == 0 && n < size;) {
		size_t want = size - n < (long)sizeof(block) ? (size_t)(size - n) : sizeof(block);
		ssize_t got = pread(in, block, want, from + n);
		if (got <= 0 || write(out, block, (size_t)got) != got)
			rc = -1;
		n += got;
	}
	close(in);
	if (close(out) || rc || rename(temp, to)) {
		unlink(temp);
		rc = -1;
	}
	free(temp);
	return rc;
}

char *data_unpack(const char *data_dir) {
	static const char *const links[] = { "containerd", "containerd-shim-runc-v2", "runc", "crictl", "ctr", "cni" };
	char *id = strf("%s %s %ld", release.version, release.commit, release.kubectl_size);
	char *hash = sha256_hex(id, strlen(id));
	char *bin = strf("%s/data/%s/bin", data_dir, hash);
	char *k3s = strf("%s/k3s", bin), *kubectl = strf("%s/kubectl", bin), *current = strf("%s/data/current", data_dir);
	struct stat st;
	long size = release.elf;
	if (!size && !stat("/proc/self/exe", &st))
		size = st.st_size;
	if (access(k3s, X_OK)) {
		if (dirs_make(bin, 0755) || copy_range(0, size, k3s))
			fatal("extracting data: cannot write %s: %s", k3s, strerror(errno));
		for (size_t i = 0; i < COUNT(links); i++) {
			char *link = strf("%s/%s", bin, links[i]);
			if (symlink("k3s", link) && errno != EEXIST)
				fatal("extracting data: %s: %s", link, strerror(errno));
			free(link);
		}
	}
	if (release.kubectl_size && access(kubectl, X_OK) &&
	    copy_range(release.kubectl_at, release.kubectl_size, kubectl))
		fatal("extracting data: cannot write %s: %s", kubectl, strerror(errno));
	unlink(current);
	if (symlink(hash, current) && errno != EEXIST)
		say("warning", "data: %s: %s", current, strerror(errno));
	free(id), free(hash), free(k3s), free(kubectl), free(current);
	return bin;
}

static int version(void) {
	printf("k3s version %s (%s)\ngo version %s\n", release.version, release.commit, release.go);
	return 0;
}

static int token(int argc, char **argv) {
	if (argc > 1 && !strcmp(argv[1], "generate")) {
		char *id = random_hex(3), *secret = random_hex(8);
		printf("%s.%s\n", id, secret);
		return 0;
	}
	if (argc > 1 && !strcmp(argv[1], "list")) {
		puts("TOKEN     TTL         EXPIRES                USAGES           DESCRIPTION");
		return 0;
	}
	fprintf(stderr, "k3s token: this stand-in knows generate and list only\n");
	return 1;
}

static int usage(FILE *to, int status) {
	fputs("NAME:\n   k3s - Kubernetes, but small and simple\n\nUSAGE:\n   k3s [global options] command [command "
	      "options] [arguments...]\n\nCOMMANDS:\n   server   Run management server\n   agent    Run node agent\n   "
	      "kubectl  Run kubectl\n   crictl   Run crictl\n   ctr      Run ctr\n   token    Manage bootstrap "
	      "tokens\n   check-config  Run config check\n",
	      to);
	return status;
}

int main(int argc, char **argv) {
	char *self = basename(strf("%s", argv[0]));
	main_argc = argc;
	main_argv = argv;
	signal(SIGPIPE, SIG_IGN);
	release_read();
	if (!strncmp(self, "containerd-shim", 15) || !strcmp(self, "containerd")) {
		for (;;)
			pause();
	}
	if (!strcmp(self, "kubectl"))
		return kubectl_main(argc, argv);
	if (!strcmp(self, "crictl") || !strcmp(self, "ctr"))
		return crictl_main(self, argc, argv);
	if (argc < 2 || !strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return usage(stdout, 0);
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-v"))
		return version();
	if (strcmp(release.arch, "amd64")) {
		// As the kernel says of another machine's program.
		fprintf(stderr, "k3s: cannot execute binary file: Exec format error (%s)\n", release.arch);
		return 126;
	}
	if (!strcmp(argv[1], "kubectl"))
		return kubectl_main(argc - 1, argv + 1);
	if (!strcmp(argv[1], "crictl") || !strcmp(argv[1], "ctr"))
		return crictl_main(argv[1], argc - 1, argv + 1);
	if (!strcmp(argv[1], "token"))
		return token(argc - 1, argv + 1);
	if (!strcmp(argv[1], "check-config")) {
		puts("STATUS: pass");
		return 0;
	}
	if (!strcmp(argv[1], "server") || !strcmp(argv[1], "agent")) {
		options_read(argv[1], argc - 2, argv + 2);
		return !strcmp(argv[1], "server") ? server_main() : agent_main();
	}
	fprintf(stderr, "No help topic for '%s'\n", argv[1]);
	return 3;
}
