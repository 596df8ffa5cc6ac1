/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes for the exporter to tell apart, as cheap as there are: each wakes up now and then and sleeps again.
 *	sleepers PERIOD_MS EACH <DIRS
 * EACH of them in every control group of standard input, one directory a line; says "ready" when all are there. They end
 * with this process, which ends when it is told to. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

static void sleeper(long period_ms, unsigned number)
{
	struct timespec period = { .tv_sec = period_ms / 1000, .tv_nsec = period_ms % 1000 * 1000000 };
	/* Not all at one instant. */
	struct timespec first = { .tv_nsec = (long)(number * 2654435761u % 1000000000u) };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == 1)
		_exit(1);
	close(STDOUT_FILENO); /* the reader of "ready" waits for nobody else */
	for (nanosleep(&first, NULL);;)
		nanosleep(&period, NULL);
}

int main(int argc, char **argv)
{
	char dir[4096];
	unsigned number = 0;
	long period_ms = argc == 3 ? strtol(argv[1], NULL, 10) : 0, each = argc == 3 ? strtol(argv[2], NULL, 10) : 0;

	if (period_ms <= 0 || each <= 0) {
		fprintf(stderr, "sleepers PERIOD_MS EACH <DIRS\n");
		return 2;
	}
	while (fgets(dir, sizeof dir - sizeof "/cgroup.procs", stdin)) {
		memcpy(dir + strcspn(dir, "\n"), "/cgroup.procs", sizeof "/cgroup.procs");
		int fd = open(dir, O_WRONLY | O_CLOEXEC);

		if (fd < 0) {
			perror(dir);
			return 1;
		}
		for (long i = 0; i < each; i++, number++) {
			pid_t pid = fork();
			char text[16];

			if (pid == 0)
				sleeper(period_ms, number);
			int len = snprintf(text, sizeof text, "%d", (int)pid);

			if (pid < 0 || write(fd, text, (size_t)len) != len) {
				perror("sleepers");
				return 1;
			}
		}
		close(fd);
	}
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}
