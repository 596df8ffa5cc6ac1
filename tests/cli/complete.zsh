# SPDX-License-Identifier: BSD-2-Clause
# complete.zsh SCRIPT LINE...: prints what an interactive zsh offers and completes when Tab is typed
# behind each LINE, after "== LINE". powerstack must be in PATH.
zmodload zsh/zpty
script=$1
shift
zpty z zsh -f -i
# a prompt that is no part of any line, no colours, no pager
zpty -w z "PS1='%% '; autoload -Uz compinit; compinit -u -D; source $script; LISTMAX=10000; unsetopt beep; stty columns 200 rows 60; print READY"
out=
while [[ $out != *READY*READY* ]]; do zpty -r z more || exit 1; out+=$more; done
for line; do
	zpty -w -n z "$line"$'\t\t'
	out=
	# until nothing comes for half a second, five at most
	for ((idle = 0, i = 0; idle < 5 && i < 50; i++)); do
		if zpty -r -t z more; then out+=$more idle=0; else ((idle++)); sleep 0.1; fi
	done
	print -r -- "== $line"
	print -r -- "$out"
	zpty -w -n z $'\C-u'
	sleep 0.1
	while zpty -r -t z more; do :; done
done
zpty -d z
