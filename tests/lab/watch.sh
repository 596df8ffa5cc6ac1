#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# watch.sh PATTERNS OUT [DIR...]: until killed, looks for the planted secrets (one per line of the file
# PATTERNS) in every process's command line and environment, and in files below the DIRs that others
# than their owner may read; what it finds goes to OUT, once per place. It runs beside a deploy, on
# the operator's machine and (as root, fed through ssh) on the nodes. The patterns reach grep
# through a file, so that the watcher itself shows none.
set -u
patterns=$1 out=$2
shift 2
rounds=0
trap 'echo "rounds $rounds" >>"$out.rounds"; exit 0' TERM INT
: >"$out"
while :; do
	for p in /proc/[0-9]*; do
		for f in cmdline environ; do
			if tr '\0' '\n' 2>/dev/null <"$p/$f" | grep -qFf "$patterns" 2>/dev/null; then
				found="$f of $(cat "$p/comm" 2>/dev/null || echo gone)"
				grep -qxF "$found" "$out" || echo "$found" >>"$out"
			fi
		done
	done
	if [ $# -gt 0 ]; then
		find "$@" -xdev -type f -size -4096k ! -path "$patterns" -perm /077 -exec grep -lFf "$patterns" {} + 2>/dev/null |
			while read -r f; do
				found="readable file $f"
				grep -qxF "$found" "$out" || echo "$found" >>"$out"
			done
	fi
	rounds=$((rounds + 1))
done
