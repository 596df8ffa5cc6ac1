#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# secret_expose is the only door to a secret's bytes. Each row: a file that may open it, and what for.
# Whoever needs a new row must say there where the bytes go. No statement may hand them to something
# that formats or logs them, or puts them into an argument vector or the environment.
set -eu
rows=$(mktemp)
trap 'rm -f "$rows"' EXIT
cat >"$rows" <<'ROWS'
base/secret.c			defines it
base/secret.h			declares it
vault/format.c			key derivation and sealing
vault/entries.c			the scanner of the plain text, and its writer
vault/vault.c			the sealed armour to its file
vault/ansible.c			key derivation
cli/vault.c			view, get, decrypt: to standard output or the file that was named
cli/edit.c			the memory-backed file for the editor
cli/redact.c			compared with what is logged, to take it out
exporter/tls.c			to OpenSSL, as the private key of the server
exporter/client.c		to libcurl, as the password or bearer token of a request
provision/checks/secrets.c	compared with what a host's process list shows
provision/engine/tmpl.c		into a file for a node, which travels through stdin
provision/recipes/k3s.c		into the token file, which travels through stdin
provision/recipes/k3s_change.c	into the request that gives the cluster another token, through stdin; the rest looks at its form
provision/recipes/monitoring.c	to the script that gives Grafana its password, through stdin
provision/remote/command.c	to the remote command's stdin, the sudo password before it
provision/remote/login.c	to libssh, as the login password
provision/steps/kube.c		into the manifest of a Secret, which travels through stdin
ROWS
bad=0
for f in $(find base inventory vault provision exporter cli -name '*.[ch]' -exec grep -l 'secret_expose' {} + | sort); do
	grep -q "^${f}[[:blank:]]" "$rows" || {
		echo "$f: uses secret_expose and has no row in tests/lint/secrets.sh; hand the struct secret on, or add a row that says where the bytes go"
		bad=1
	}
done
while read -r f _; do
	[ ! -e "$f" ] || grep -q secret_expose "$f" || {
		echo "tests/lint/secrets.sh: the row of $f is not needed any more"
		bad=1
	}
done <"$rows"

# Statement by statement, so that a call over several lines is one.
find base inventory vault provision exporter cli -name '*.c' | sort | while read -r f; do
	awk -v file="$f" '
		BEGIN {
			formats = "(^|[^a-z_])([a-z]*printf|err_set|err_errno|err_wrap|cli_say|buf_v?addf|fputs|puts|perror|syslog|" \
				"log_[a-z_]+|say_[a-z_]+|strv_pushf?|setenv|putenv|exec[lv]+[pe]*|posix_spawnp?)[ ]*\\("
		}
		# Does an argument list that follows one of the names hold an exposed secret?
		function leaks(s,   depth, i, c, from) {
			while (match(s, formats)) {
				from = RSTART + RLENGTH
				depth = 1
				for (i = from; i <= length(s) && depth > 0; i++) {
					c = substr(s, i, 1)
					depth += (c == "(") - (c == ")")
				}
				if (substr(s, from, i - from) ~ /secret_expose[ ]*\(/)
					return 1
				s = substr(s, from)
			}
			return 0
		}
		{
			sub(/\/\/.*/, "")
			if (text == "")
				from = FNR
			text = text " " $0
			if ($0 ~ /[;{}][ \t]*$/ || $0 ~ /^[ \t]*$/ || $0 ~ /\*\/[ \t]*$/) {
				if (leaks(text)) {
					print file ":" from ": a secret goes into something that formats, logs or passes it on"
					found = 1
				}
				text = ""
			}
		}
		END { exit found }' "$f" || echo found >>"$rows"
done
grep -qx found "$rows" && bad=1
exit $bad
