/* SPDX-License-Identifier: BSD-2-Clause */
/* A node as far as hosts.sh needs one: the ForceCommand of its sshd. "true" does nothing. The probe is answered
 * from the file of answers.c for the address that was called, question by question. While that address
 * has a file in the second folder, a kernel setting is not as wanted; "sysctl-set" puts it right. The lock
 * is held until stdin ends.
 *	node ANSWERS DRIFTED */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANSWERS_MAX (1 << 20)
#define DRIFTS "sysctl:kernel/perf_event_paranoid"

/* The next word of a line that cmdline.c made, every word behind " powerstack " in single quotes and the questions without
 * a quote in them; NULL at the end. Cuts it out in place. */
static char *next_word(char **at)
{
	char *word = strchr(*at, '\'');
	char *end = word ? strchr(word + 1, '\'') : NULL;
	if (!end)
		return NULL;
	*end = '\0';
	*at = end + 1;
	return word + 1;
}

static const char *answer_to(const char *question, const char *answers, size_t len)
{
	size_t n = strlen(question);
	for (const char *r = answers; r < answers + len; r += strlen(r) + 1)
		if (strncmp(r + 1, question, n) == 0 && (r[1 + n] == '=' || r[1 + n] == '\0'))
			return r;
	return NULL;
}

static int probe(char *words, const char *path, bool drifted)
{
	static char answers[ANSWERS_MAX];
	FILE *f = fopen(path, "r");
	size_t len = f ? fread(answers, 1, sizeof(answers) - 1, f) : 0;
	for (char *q; (q = next_word(&words));) {
		const char *a = answer_to(q, answers, len);
		if (!a)
			return fprintf(stderr, "node: no answer to '%s'\n", q), 1;
		if (drifted && strcmp(q, DRIFTS) == 0)
			a = "=" DRIFTS "=2";
		fwrite(a, 1, strlen(a) + 1, stdout);
	}
	fputs("=probe=complete", stdout);
	putchar('\0');
	return 0;
}

int main(int argc, char **argv)
{
	char *line = getenv("SSH_ORIGINAL_COMMAND"), *connection = getenv("SSH_CONNECTION");
	char here[64], path[4096], drift[4096];
	if (argc != 3 || !line || !connection || sscanf(connection, "%*s %*s %63s", here) != 1)
		return 2;
	if (strcmp(line, "true") == 0)
		return 0;
	snprintf(path, sizeof(path), "%s/%s", argv[1], here);
	snprintf(drift, sizeof(drift), "%s/%s", argv[2], here);
	char *words = NULL;
	for (char *p = line; (p = strstr(p, "' powerstack '")); p++)
		words = p + 13;
	if (!words)
		return 2;
	if (strncmp(words, "'/run/powerstack.lock'", 22) == 0) {
		puts("held");
		fflush(stdout);
		while (getchar() != EOF)
			;
		return 0;
	}
	if (strncmp(words, "'/etc/sysctl.d/", 15) == 0)
		return unlink(drift) == 0 ? 0 : 1;
	return probe(words, path, access(drift, F_OK) == 0);
}
