#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The vault verbs of the real binary: files, passwords, editors, signals, terminals; and that no
# plain text is left or shown anywhere.
# shellcheck source=tests/vault/lib.sh
. "$(dirname "$0")/lib.sh"

printf 'correct horse\n' >"$priv/pw"
printf 'battery staple\n' >"$priv/pw2"
# The planted secrets: nothing of them may turn up in $tmp, in arguments or in environments.
cat >"$priv/planted" <<'END'
correct horse
battery staple
Hush-1-value
Hush-2-value
Hush-3-value
END
chmod 600 "$priv/pw" "$priv/pw2"
printf 'Hush-1-value\n' >"$priv/one"
printf 'Hush-2-value\n  deeper: # no comment\n"\x27\\\n' >"$priv/two"

# ---- create, set, get, view

create() {
	vault create --key-cost interactive </dev/null &&
		mode_is 600 vault.yml &&
		head -n 1 vault.yml | grep -q '^\$POWERSTACK;1;xchacha20poly1305-stream;argon2id;ops=2;mem=65536;salt='
}
test_that 'create makes a sealed file that only the user reads' create
cp vault.yml before
refuses_second() { status 1 vault create </dev/null && cmp vault.yml before; }
test_that 'create leaves an existing vault alone' refuses_second

set_get() {
	vault set token <"$priv/one" && vault set cert <"$priv/two" &&
		vault get token </dev/null >"$priv/got" && printf 'Hush-1-value' | cmp - "$priv/got" &&
		vault get cert </dev/null >"$priv/got" && cmp "$priv/two" "$priv/got" &&
		mode_is 600 vault.yml
}
test_that 'set takes a value from standard input, get gives exactly it' set_get

keeps_rest() {
	printf '# head\nansible_vault:\n    a: old   # why\n\n    b: |\n      Hush-3-value\n# tail\n' >"$priv/plain"
	printf '# head\nansible_vault:\n    a: "new"   # why\n\n    b: |\n      Hush-3-value\n# tail\n' >"$priv/want"
	vault encrypt - -o rest.yml --key-cost interactive <"$priv/plain" || return 1
	printf 'new' | vault --vault rest.yml set a &&
		vault --vault rest.yml view </dev/null >"$priv/got" && cmp "$priv/got" "$priv/want"
}
test_that 'set keeps every other byte' keeps_rest

generates() {
	says "'made' is set" vault set made --generate --length 40 </dev/null &&
		vault get made </dev/null >"$priv/got" &&
		grep -qxE '[A-Za-z0-9]{40}' "$priv/got" &&
		! grep -qF -f "$priv/got" "$priv/said"
}
test_that 'set --generate makes a value and does not show it' generates
keeps_cost() { head -n 1 vault.yml | grep -q 'ops=2;mem=65536;'; }
test_that 'a change keeps the cost of the key' keeps_cost

wrong_words() {
	says "did you mean 'token'" status 1 vault get tokne </dev/null &&
		says 'has no value' status 1 vault --vault placeholder.yml get x </dev/null &&
		status 2 vault set 'a b' <"$priv/one" &&
		status 2 vault view --generate </dev/null &&
		status 2 vault set x --length 20 </dev/null &&
		status 2 vault gett x </dev/null &&
		status 2 vault set x </dev/null
}
printf 'x:\n' | vault encrypt - -o placeholder.yml --key-cost interactive
test_that 'what cannot be done is named, with the right status' wrong_words

# ---- passwords

wrong_password() {
	says 'the vault password is wrong' \
		status 3 "$powerstack" --vault-password-file "$priv/pw2" vault view </dev/null
}
test_that 'a wrong password is said to be one' wrong_password
damaged() {
	sed '3s/^./=/' vault.yml >damaged.yml
	says 'damaged.yml:3: the vault is damaged' status 3 vault --vault damaged.yml view </dev/null &&
		head -c 300 vault.yml >damaged.yml &&
		says 'cut off' status 3 vault --vault damaged.yml view </dev/null &&
		sed '2s/^..../AAAA/' vault.yml >damaged.yml &&
		says 'the password is right but' status 3 vault --vault damaged.yml view </dev/null &&
		sed '1s/ops=2/ops=1/' vault.yml >damaged.yml &&
		says 'header line is damaged' status 3 vault --vault damaged.yml view </dev/null
}
test_that 'damage is told from a wrong password' damaged
other_sources() {
	printf '#!/bin/sh\nexec cat "$0.txt"\n' >"$priv/run"
	cp "$priv/pw" "$priv/run.txt"
	chmod 700 "$priv/run"
	"$powerstack" --vault-password-file "$priv/run" vault get token </dev/null >"$priv/got" &&
		POWERSTACK_VAULT_PASSWORD_FILE=$priv/pw "$powerstack" vault get token </dev/null >>"$priv/got" &&
		"$powerstack" --vault-password-file - vault get token <"$priv/pw" >>"$priv/got" &&
		printf 'Hush-1-valueHush-1-valueHush-1-value' | cmp - "$priv/got" &&
		cat "$priv/pw" "$priv/one" | "$powerstack" --vault-password-file - vault set piped &&
		vault get piped </dev/null >"$priv/got" && printf 'Hush-1-value' | cmp - "$priv/got"
}
test_that 'the password comes from an executable, the environment, standard input' other_sources
no_terminal() {
	says '--vault-password-file' status 3 setsid -w "$powerstack" vault view </dev/null
}
test_that 'without a terminal or a file it says how to give a password' no_terminal
loose() {
	cp "$priv/pw" "$priv/loose" && chmod 644 "$priv/loose" &&
		says 'chmod 600' status 3 "$powerstack" --vault-password-file "$priv/loose" vault view </dev/null
}
test_that 'a password file that others may read is refused' loose
rekeys() {
	cp vault.yml old.yml
	vault rekey --new-vault-password-file "$priv/pw2" </dev/null &&
		says 'is wrong' status 3 vault view </dev/null &&
		"$powerstack" --vault-password-file "$priv/pw2" vault rekey --new-vault-password-file "$priv/pw" </dev/null &&
		vault get token </dev/null >"$priv/got" && printf 'Hush-1-value' | cmp - "$priv/got"
}
test_that 'rekey changes the password' rekeys

# ---- encrypt, decrypt

in_place() {
	printf 'a: Hush-3-value\n' >"$priv/plain.yml"
	chmod 644 "$priv/plain.yml"
	cp "$priv/plain.yml" "$priv/copy.yml"
	vault encrypt "$priv/plain.yml" --key-cost interactive </dev/null && mode_is 600 "$priv/plain.yml" &&
		! grep -q Hush "$priv/plain.yml" &&
		vault decrypt "$priv/plain.yml" </dev/null >"$priv/got" && cmp "$priv/got" "$priv/copy.yml" &&
		vault decrypt "$priv/plain.yml" -o "$priv/back.yml" </dev/null && cmp "$priv/back.yml" "$priv/copy.yml" &&
		mode_is 600 "$priv/back.yml" &&
		status 1 vault decrypt "$priv/plain.yml" -o "$priv/back.yml" </dev/null &&
		says 'encrypted already' status 1 vault encrypt "$priv/plain.yml" </dev/null
}
test_that 'encrypt in place, decrypt to output and file' in_place
bad_text() {
	printf 'a: b\nc: [Hush-3-value]\n' >"$priv/bad.yml"
	cp "$priv/bad.yml" "$priv/copy.yml"
	says 'bad.yml:2:4: a list or mapping' status 3 vault encrypt "$priv/bad.yml" </dev/null &&
		! grep -q Hush "$priv/said" && cmp "$priv/bad.yml" "$priv/copy.yml"
}
test_that 'a text that is no vault is refused without showing it' bad_text

# ---- edit

# The editor is a script: what it sees goes to $priv/seen.
editor() {
	printf '#!/bin/sh\nf=$1\n%s\n' "$1" >"$priv/editor"
	chmod 700 "$priv/editor"
	EDITOR=$priv/editor
	export EDITOR
}
left_over() { find /dev/shm /run -maxdepth 3 -name 'powerstack-vault-*' 2>/dev/null | grep .; }

edits() {
	editor 'stat -f -c %T "$f" >'"$priv"'/seen; stat -c %a "$f" "${f%/*}" >>'"$priv"'/seen; echo "$TMPDIR" | grep -qx "${f%/*}" || exit 9; echo x >"${f%/*}/backup~"; sed -i s/Hush-1-value/Hush-2-value/ "$f"'
	printf 'tmpfs\n600\n700\n' >"$priv/want"
	vault edit </dev/null && cmp "$priv/seen" "$priv/want" && ! left_over &&
		vault get token </dev/null >"$priv/got" && printf 'Hush-2-value' | cmp - "$priv/got" &&
		vault get cert </dev/null >"$priv/got" && cmp "$priv/got" "$priv/two" &&
		mode_is 600 vault.yml
}
test_that 'edit works in memory, with editors that rename, and leaves nothing there' edits
cp vault.yml before
no_change() {
	editor 'touch "$f"' && says 'not changed' vault edit </dev/null && cmp vault.yml before &&
		editor 'echo x >"$f"; exit 3' && says 'ended with status 3' status 1 vault edit </dev/null &&
		cmp vault.yml before && ! left_over &&
		editor 'rm "$f"' && says 'left no file' status 1 vault edit </dev/null && cmp vault.yml before
}
test_that 'an edit without a change or with a failing editor writes nothing' no_change
words() {
	editor 'echo "$f" >'"$priv"'/seen; echo "arg: 1" >>"$2"; f=$2'
	EDITOR="'$priv/editor' --wait" vault edit </dev/null && grep -qx -e --wait "$priv/seen" &&
		says 1 vault get arg </dev/null
}
flat() {
	printf 'a: 1\n' | vault encrypt - -o flat.yml --key-cost interactive && mv vault.yml nested.yml && mv flat.yml vault.yml
	words
	rc=$?
	mv nested.yml vault.yml
	return $rc
}
test_that 'EDITOR may have arguments and quotes' flat
invalid_kept() {
	editor 'echo "  bad: [Hush-3-value" >>"$f"'
	says 'is sealed in' status 3 vault edit </dev/null && ! grep -q Hush "$priv/said" &&
		cmp vault.yml before && mode_is 600 vault.yml.edited && ! left_over &&
		vault decrypt vault.yml.edited </dev/null | grep -q Hush-3-value && rm vault.yml.edited
}
test_that 'an invalid edit that nobody can answer for is kept, sealed' invalid_kept
again() {
	editor 'if grep -q bad "$f"; then sed -i "s/\[Hush/Hush/" "$f"; else echo "  bad: [Hush-3-value" >>"$f"; fi'
	printf 'see Edit again?\ntype y\\n\nsee written\n' >"$priv/script"
	"$here/terminal.py" "$priv/script" "$powerstack" --vault-password-file "$priv/pw" vault edit &&
		vault get bad </dev/null >"$priv/got" && printf 'Hush-3-value' | cmp - "$priv/got" && ! left_over
}
test_that 'an invalid edit can be edited again, and nothing of it is lost' again
cp vault.yml before
not_again() {
	editor 'echo "  worse: [" >>"$f"'
	printf 'see Edit again?\ntype n\\n\n' >"$priv/script"
	status 3 "$here/terminal.py" "$priv/script" "$powerstack" --vault-password-file "$priv/pw" vault edit &&
		cmp vault.yml before && [ ! -e vault.yml.edited ] && ! left_over
}
test_that 'an invalid edit can be given up' not_again
meanwhile() {
	editor 'printf "Hush-1-value" >>"$f.x"; echo "  mine: x" >>"$f"; cp '"$tmp"'/work/old.yml '"$tmp"'/work/vault.yml'
	says 'changed by something else' status 1 vault edit </dev/null && cmp vault.yml old.yml &&
		vault decrypt vault.yml.edited </dev/null | grep -q 'mine: x' && rm vault.yml.edited
	rc=$?
	cp before vault.yml
	return $rc
}
test_that 'an edit does not overwrite what changed meanwhile, and is kept' meanwhile

# ended SIGNAL STATUS: the signal comes while the editor is open
ended() {
	editor 'echo "  late: Hush-3-value" >>"$f"; echo $$ >'"$priv"'/open; exec sleep 30'
	rm -f "$priv/open"
	setsid "$powerstack" --vault-password-file "$priv/pw" vault edit </dev/null >"$priv/said" 2>&1 &
	pid=$!
	for _ in $(seq 200); do [ -s "$priv/open" ] && break; sleep 0.05; done
	[ -s "$priv/open" ] || return 1
	kill -s "$1" $pid
	wait $pid
	got=$?
	cat "$priv/said"
	[ $got = "$2" ]
}
signalled() {
	ended "$1" "$2" && ! left_over && cmp vault.yml before &&
		vault decrypt vault.yml.edited </dev/null | grep -q 'late: Hush-3-value' && rm vault.yml.edited
}
test_that 'SIGTERM ends edit and editor, removes the text, keeps the edit sealed' signalled TERM 143
test_that 'SIGHUP does the same' signalled HUP 129
killed() {
	ended KILL 137 && left_over && kill "$(cat "$priv/open")" && editor 'true' && vault edit </dev/null && ! left_over
}
test_that 'what a SIGKILL leaves is removed by the next edit' killed
one_at_a_time() {
	editor 'touch '"$priv"'/open; while [ -e '"$priv"'/open ]; do sleep 0.1; done'
	rm -f "$priv/open"
	vault edit </dev/null &
	for _ in $(seq 200); do [ -e "$priv/open" ] && break; sleep 0.05; done
	says 'is being changed by another powerstack' status 1 vault set x <"$priv/one"
	rc=$?
	rm -f "$priv/open"
	wait $!
	return $rc
}
test_that 'a set during an edit is refused, not lost' one_at_a_time
parallel() {
	for i in 1 2 3 4 5 6 7 8; do
		printf '%s' "v$i" | vault set "p$i" &
	done
	wait
	for i in 1 2 3 4 5 6 7 8; do
		[ "$(vault get "p$i" </dev/null)" = "v$i" ] || return 1
	done
}
test_that 'sets at the same time all count' parallel

# ---- real editors, told by the user to keep everything
mkdir "$HOME/keep"
for d in swap backup undo; do mkdir "$HOME/keep/$d"; done
cat >"$HOME/.vimrc" <<END
set nocompatible backup writebackup undofile swapfile viminfo='100,<50,n$HOME/keep/viminfo
set directory=$HOME/keep/swap backupdir=$HOME/keep/backup undodir=$HOME/keep/undo
END
printf 'set backup\nset backupdir "%s/keep/backup"\nset historylog\nset positionlog\n' "$HOME" >"$HOME/.nanorc"
with_vim() {
	printf 'see token\ntype :%%s/Hush-2-value/Hush-3-value/\\r\ntype :wq\\r\nend\n' >"$priv/script"
	EDITOR=$1 TERM=xterm "$here/terminal.py" "$priv/script" "$powerstack" --vault-password-file "$priv/pw" vault edit &&
		vault get token </dev/null >"$priv/got" && printf 'Hush-3-value' | cmp - "$priv/got" &&
		[ -z "$(find "$HOME/keep" -type f)" ] && ! left_over
}
with_nano() {
	printf 'see token\ntype # note Hush-1-value\\r\ntype \\x0f\nsee Write\ntype \\r\nsee Wrote\ntype \\x18\nend\n' >"$priv/script"
	EDITOR=nano TERM=xterm "$here/terminal.py" "$priv/script" "$powerstack" --vault-password-file "$priv/pw" vault edit &&
		vault view </dev/null | grep -q '^# note Hush-1-value' &&
		! grep -rqF -f "$priv/planted" "$HOME" && ! left_over
}
vim=$(command -v vim.tiny || command -v vim.basic || command -v vim) || vim=
if [ -n "$vim" ]; then test_that 'vim keeps no swap, backup, undo or viminfo' with_vim "$vim"; else skip 'vim is not installed' 'vim keeps nothing'; fi
if command -v nano >/dev/null; then test_that 'nano keeps no backup or history' with_nano; else skip 'nano is not installed' 'nano keeps nothing'; fi

# ---- the terminal

typed() {
	rm -f typed.yml
	printf 'see New password of typed.yml: \necho off\ntype correct horse\\n\nsee The same again: \necho off\ntype wrong\\n\nsee differ\nsee New password\necho off\ntype correct horse\\n\nsee again\necho off\ntype correct horse\\n\nsee created\necho on\nunseen correct\n' >"$priv/script"
	"$here/terminal.py" "$priv/script" "$powerstack" --vault typed.yml vault create --key-cost interactive &&
		printf 'see Password of typed.yml: \necho off\ntype nope\\n\nsee is wrong; try again\nsee Password\necho off\ntype correct horse\\n\nsee Value of t: \necho off\ntype Hush-1-value\\n\nsee again\necho off\ntype Hush-1-value\\n\nsee is set\necho on\nunseen Hush\n' >"$priv/script" &&
		"$here/terminal.py" "$priv/script" "$powerstack" --vault typed.yml vault set t &&
		vault --vault typed.yml get t </dev/null >"$priv/got" && printf 'Hush-1-value' | cmp - "$priv/got"
}
test_that 'typed passwords and values are asked twice and never shown' typed
three_times() {
	printf 'see Password\necho off\ntype a\\n\nsee try again\necho off\ntype b\\n\nsee try again\necho off\ntype c\\n\nsee is wrong\nend\n' >"$priv/script"
	status 3 "$here/terminal.py" "$priv/script" "$powerstack" vault view
}
test_that 'a wrong password can be typed three times' three_times
interrupted() {
	printf 'see Password\necho off\ntype half\ntype \\x03\necho on\nend\n' >"$priv/script"
	status 130 "$here/terminal.py" "$priv/script" "$powerstack" vault view &&
		printf 'see Password\necho off\nsignal SIGTERM\necho on\nend\n' >"$priv/script" &&
		status 143 "$here/terminal.py" "$priv/script" "$powerstack" vault view
}
test_that 'Ctrl-C and SIGTERM at a prompt give the terminal back' interrupted
stopped() {
	printf 'see Password\necho off\ntype \\x1a\nsee stopped\necho on\nsee Password\necho off\ntype correct horse\\n\nsee token\nend\n' >"$priv/script"
	"$here/terminal.py" "$priv/script" sh -mc '"$@"; echo stopped; sleep 1; fg' sh "$powerstack" vault view
}
test_that 'a stop at a prompt gives the terminal back and asks again' stopped

# ---- nothing is shown or left

traced() {
	editor 'sed -i "s/^# note.*/# noted/" "$f"'
	strace -f -v -s 100000 -o "$priv/trace" -e trace=execve,open,openat,creat,chmod,fchmod,fchmodat,mkdir \
		"$powerstack" --vault-password-file "$priv/run" vault "$@"
}
quiet_in_processes() {
	traced set seen <"$priv/one" || return 1
	cp "$priv/trace" "$priv/trace1"
	traced edit </dev/null || return 1
	cat "$priv/trace" >>"$priv/trace1"
	traced get seen </dev/null >"$priv/got" || return 1
	cat "$priv/trace" >>"$priv/trace1"
	! grep -F -f "$priv/planted" "$priv/trace1"
}
# Every file that `set` makes is 0600 when it is made.
private_from_the_start() {
	traced set seen <"$priv/two" || return 1
	grep -q O_CREAT "$priv/trace" || return 1
	! grep O_CREAT "$priv/trace" | grep -v ', 0600) = '
}
if strace -o /dev/null true 2>/dev/null; then
	test_that 'no secret is in an argument or environment of any process' quiet_in_processes
	test_that 'files are private from their first byte' private_from_the_start
else
	skip 'strace may not trace here' 'no secret is in an argument or environment of any process'
	skip 'strace may not trace here' 'files are private from their first byte'
fi
nothing_left() { ! grep -raF -f "$priv/planted" "$tmp" && ! left_over; }
test_that 'no planted secret is in any file that is left' nothing_left
done_testing
