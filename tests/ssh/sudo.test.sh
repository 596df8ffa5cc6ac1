#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# sudo and uploads over real sshds, with a user of its own and the machine's real sudo.
# What "to" prints is words by design, and scripts for the node are written in single quotes.
# shellcheck disable=SC2046,SC2086,SC2016
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/ssh/lib.sh
. tests/ssh/lib.sh
user=pst$$
rules=/etc/sudoers.d/powerstack-test-$$
mounted=
cleanup() {
	stop_sshds
	[ -z "${peer_pid:-}" ] || kill "$peer_pid" 2>/dev/null
	[ -z "$mounted" ] || umount "$mounted"
	rm -f "$rules"
	pkill -KILL -u "$user" 2>/dev/null
	userdel -r "$user" 2>/dev/null
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 129' INT TERM HUP

if [ "$(id -u)" != 0 ] || ! command -v sudo >/dev/null; then
	skip "it wants root and an installed sudo, to make a user and a sudoers.d file" "sudo"
	done_testing
	exit 0
fi
make --no-print-directory MODE=asan out/asan/ssh-client >"$tmp/build.log" 2>&1 || { cat "$tmp/build.log" >&2; exit 1; }
useradd -m -s /bin/bash "$user" || exit 1
echo "$user:correct horse" | chpasswd
ssh-keygen -q -t ed25519 -N '' -f "$tmp/key"
cp "$tmp/key.pub" "$tmp/authorized_keys"
start_sshd node || exit 1
know node
as_root=$(to node)
node="$as_root user=$user"

# rules LINE...: the user's sudoers.d file
rules() {
	for line; do echo "$line"; done | sed "s/USER/$user/" >"$tmp/rules"
	chmod 0440 "$tmp/rules"
	visudo -cqf "$tmp/rules" || return 1
	mv "$tmp/rules" "$rules"
	# no password remembered from an earlier test
	rm -f /run/sudo/ts/* 2>/dev/null
}
plain() { "$client" $node "$@"; }
with() { "$client" $node sudo-password='correct horse' "$@"; }
head -c 3000000 /dev/urandom >"$tmp/random"

# ---- without a password
rules 'USER ALL=(ALL) NOPASSWD: ALL'
test_that "NOPASSWD" says root plain run sudo=1 'id -un'
test_that "without sudo asked for it is the user" says "$user" plain run 'id -un'
test_that "root needs no sudo" says "root no" "$client" $as_root run sudo=1 'echo "$(id -un) ${SUDO_USER:-no}"'
test_that "its stdin, arguments and status" ends "status 5: it's" 101 plain run sudo=1 in=/etc/hostname 'cat >/dev/null; echo "$1" >&2; exit 5' "it's"
stderr_is() {
	"$@" 2>"$tmp/e" >/dev/null
	[ "$(cat "$tmp/e")" = "mine" ] || { cat "$tmp/e"; return 1; }
}
test_that "no marker stays on stderr" stderr_is plain run sudo=1 'echo mine >&2'
test_that "a password that is not asked for is not sent" says "" with run sudo=1 'cat'
binary() {
	"$@" run sudo=1 in="$tmp/random" max=4000000 'cat' >"$tmp/back" || return 1
	cmp "$tmp/random" "$tmp/back"
}
test_that "bytes through sudo" binary plain
test_that "bytes through sudo, a password at hand" binary with

# ---- with a password
for pty in use_pty '!use_pty'; do
	rules "Defaults:USER $pty, timestamp_timeout=0" 'USER ALL=(ALL) ALL'
	test_that "a password ($pty)" says root with run sudo=1 'id -un'
	test_that "bytes behind a password ($pty)" binary with
	test_that "two commands, two questions ($pty)" says "rootroot" with run sudo=1 'printf %s "$(id -un)"' + run sudo=1 'printf %s "$(id -un)"'
	test_that "a status behind a password ($pty)" ends "status 6: mine" 101 with run sudo=1 'echo mine >&2; exit 6'
	test_that "no marker stays on stderr ($pty)" stderr_is with run sudo=1 'echo mine >&2'
done
rules 'Defaults:USER timestamp_type=global, timestamp_timeout=5' 'USER ALL=(ALL) ALL'
test_that "a password that sudo remembers is never content" says "xx" with run sudo=1 'cat; printf x' + run sudo=1 'cat; printf x'
test_that "... nor bytes beside it" binary with
rules 'Defaults:USER lecture=always, timestamp_timeout=0' 'USER ALL=(ALL) ALL'
test_that "the lecture disturbs nothing" stderr_is with run sudo=1 'echo mine >&2'
echo 'echo noise of a shell >&2' >>"/home/$user/.bashrc"
test_that "a talking .bashrc disturbs nothing" stderr_is with run sudo=1 'echo mine >&2'
held() { with hold sudo=1 "echo locked; cat >/dev/null; touch '$tmp/freed'" + run sudo=1 'id -un' + drop + run "test -e '$tmp/freed' && echo freed"; }
test_that "a held command behind a password" says "locked
root
freed" held

watch_secret() {
	with run sudo=1 'sleep 1.9' &
	pid=$!
	seen=0
	for _ in 1 2 3 4 5 6 7 8; do
		sleep 0.2
		# the test's own command lines hold it: only sshd's side and sudo's are looked at
		for p in $(pgrep -u "$user" ; pgrep -x sudo; pgrep -f 'slee[p] 1.9' | grep -vx "$pid"); do
			tr '\0' ' ' <"/proc/$p/cmdline" 2>/dev/null | grep -q 'ssh-client' && continue
			if cat "/proc/$p/cmdline" "/proc/$p/environ" 2>/dev/null | grep -aq 'correct horse'; then
				seen=1
				tr '\0' ' ' <"/proc/$p/cmdline"
			fi
		done
	done
	wait $pid || return 1
	[ $seen = 0 ]
}
test_that "the password is in no command line or environment of the node" watch_secret

# ---- refusals
rules "Defaults:USER logfile=$tmp/sudo.log, timestamp_timeout=0" 'USER ALL=(ALL) ALL'
test_that "no password given" ends "error 4: host 'node': user '$user': sudo wants a password and none is given" 104 plain run sudo=1 'true'
test_that "... also when a status is an answer" ends "error 4" 104 plain run sudo=1 any=1 'true'
: >"$tmp/sudo.log"
test_that "a wrong password" ends "error 4: host 'node': sudo does not take the password of '$user'" 104 within 10 plain sudo-password=wrong run sudo=1 'true'
one_try() { wait_for 5 grep -q 'incorrect password' "$tmp/sudo.log"; cat "$tmp/sudo.log"; grep -q '1 incorrect password attempt' "$tmp/sudo.log"; }
test_that "... is tried once" one_try
test_that "... and is in no log of sudo" sh -c "! grep -q 'correct horse' '$tmp/sudo.log'"
test_that "a password with a line break" ends "error 4" 104 plain sudo-password="a
b" run sudo=1 'true'
rules 'Defaults:USER requiretty' 'USER ALL=(ALL) NOPASSWD: ALL'
test_that "requiretty" ends "sudoers has 'requiretty'" 101 plain run sudo=1 'true'
rules 'USER ALL=(ALL) NOPASSWD: /bin/true'
test_that "not every command allowed" ends "error" 104 plain run sudo=1 'true'
rules '# nothing for USER'
test_that "not in sudoers" ends "the user may not use sudo" 101 with run sudo=1 'true'
mkdir "$tmp/bin"
for b in env timeout sh id; do ln -s "$(command -v $b)" "$tmp/bin/$b"; done
start_sshd nosudo "SetEnv PATH=$tmp/bin" || exit 1
know nosudo
mv "/home/$user/.bashrc" "/home/$user/.bashrc.kept"
test_that "sudo is not installed" ends "sudo is not installed there" 101 "$client" $(to nosudo) user="$user" run sudo=1 'true'
usermod -s /usr/sbin/nologin "$user"
test_that "a user without a shell" ends "is nologin" 101 plain run 'true'
if [ -x /bin/tcsh ]; then
	usermod -s /bin/tcsh "$user"
	test_that "a csh user: one line works" says "it's!" plain run 'echo "$1"' "it's!"
	test_that "a csh user: several lines are refused with the reason" ends "is a csh" 101 plain run 'echo a
echo b'
else
	skip "tcsh is not installed" "csh users"
fi
usermod -s /bin/dash "$user"
test_that "a user with dash" says "it's" plain run 'echo "$1"' "it's"

# ---- a password for the login
start_sshd pw 'PasswordAuthentication yes' 'PubkeyAuthentication no' 'KbdInteractiveAuthentication no' || exit 1
know pw
pw="$(to pw) user=$user"
test_that "login with a password" says ok "$client" $pw password='correct horse' run 'echo ok'
test_that "a wrong password for the login" ends "tried the key file '$tmp/key', the password; the server takes password" 105 "$client" $pw password=wrong none
start_sshd kbd 'UsePAM yes' 'PasswordAuthentication no' 'KbdInteractiveAuthentication yes' || exit 1
know kbd
cp "$tmp/authorized_keys" "$tmp/authorized_keys.kept"
: >"$tmp/authorized_keys"
test_that "login by keyboard-interactive through PAM" says ok "$client" $(to kbd) user="$user" password='correct horse' run 'echo ok'
cp "$tmp/authorized_keys.kept" "$tmp/authorized_keys"
start_sshd both 'AuthenticationMethods publickey,password' 'PasswordAuthentication yes' || exit 1
know both
test_that "a key and then a password" says ok "$client" $(to both) user="$user" password='correct horse' run 'echo ok'

# ---- uploads
rules 'Defaults:USER timestamp_timeout=0' 'USER ALL=(ALL) ALL'
up=$tmp/up
mkdir "$up"
chmod 0755 "$tmp" "$up"
clean() {
	left=$(find "$up" -name '*.powerstack.*')
	[ -z "$left" ] || { echo "left behind: $left"; return 1; }
}
is_there() { # FILE MODE OWNER
	cmp "$1" "$up/f" && [ "$(stat -c '%a %U:%G' "$up/f")" = "$2 $3" ] && clean
}
upload() { "$client" $as_root upload "$@"; }
test_that "an upload" says new upload "$tmp/random" "$up/f" 0640 root:root
test_that "... is there with its mode" is_there "$tmp/random" 640 root:root
test_that "once more sends nothing" says same upload "$tmp/random" "$up/f" 0640 root:root
test_that "another mode and owner" says fixed upload "$tmp/random" "$up/f" 04755 "$user:$user"
test_that "... set-uid survives the change of owner" is_there "$tmp/random" 4755 "$user:$user"
test_that "numbers as owner" says same upload "$tmp/random" "$up/f" 04755 "$(id -u "$user"):$(id -g "$user")"
: >"$tmp/empty"
test_that "an empty file" says new upload "$tmp/empty" "$up/f" 0600 root:root
test_that "... is there" is_there "$tmp/empty" 600 root:root
test_that "through sudo with a password" says new with upload sudo=1 "$tmp/random" "$up/f" 0755 root:root
test_that "... is there" is_there "$tmp/random" 755 root:root
test_that "without the right to write" ends "Permission denied" 101 plain upload "$tmp/empty" "$up/f" 0755 root:root
ends_odd() { upload "$tmp/random" "$up/it's \$(odd) !name" 0644 root:root && cmp "$tmp/random" "$up/it's \$(odd) !name" && clean; }
test_that "an odd name" ends_odd
ln -s f "$up/link"
test_that "a link is refused" ends "is a symbolic link" 101 upload "$tmp/empty" "$up/link" 0644 root:root
test_that "a folder is refused" ends "is a directory" 101 upload "$tmp/empty" "$up" 0644 root:root
test_that "a folder that is not there" ends "the folder '$tmp/none/' does not exist" 101 upload "$tmp/empty" "$tmp/none/f" 0644 root:root
test_that "an owner that is not known" ends "invalid user" 101 upload "$tmp/empty" "$up/f" 0644 nobody-here:root
test_that "... left the file alone" is_there "$tmp/random" 755 root:root
wrong=$(echo x | sha256sum | cut -d' ' -f1)
test_that "another content than promised" ends "is not what was sent" 101 upload sha="$wrong" "$tmp/empty" "$up/f" 0644 root:root
test_that "... left the file alone" is_there "$tmp/random" 755 root:root
touch "$up/f.powerstack.abcdef" "$up/f.powerstack.x" "$up/other.powerstack.abcdef"
head -c 2000000 /dev/urandom >"$tmp/two"
test_that "what a cut-off upload left is removed" says new upload "$tmp/two" "$up/f" 0644 root:root
test_that "... and nothing else" sh -c "test ! -e $up/f.powerstack.abcdef && rm $up/f.powerstack.x $up/other.powerstack.abcdef"

tests/ssh/peer.py cut "$(port_of node)" 1000000 >"$tmp/peer_port" &
peer_pid=$!
wait_for 5 test -s "$tmp/peer_port"
echo "[127.0.0.1]:$(cat "$tmp/peer_port") $(cut -d' ' -f1,2 "$tmp/node/host_ed25519.pub")" >>"$tmp/known"
test_that "a connection cut in the middle" ends "error 5: uploading '$up/f'" 105 within 5 \
	"$client" $as_root port="$(cat "$tmp/peer_port")" upload "$tmp/random" "$up/f" 0644 root:root
test_that "... left nothing" wait_for 5 clean
test_that "... and the file alone" is_there "$tmp/two" 644 root:root
test_that "... and the next one is whole" says new upload "$tmp/random" "$up/f" 0644 root:root
kill "$peer_pid"
wait "$peer_pid" 2>/dev/null
: >"$tmp/peer_port"
tests/ssh/peer.py stall "$(port_of node)" 1000000 >"$tmp/peer_port" &
peer_pid=$!
wait_for 5 test -s "$tmp/peer_port"
echo "[127.0.0.1]:$(cat "$tmp/peer_port") $(cut -d' ' -f1,2 "$tmp/node/host_ed25519.pub")" >>"$tmp/known"
killed() {
	"$client" $as_root port="$(cat "$tmp/peer_port")" upload "$tmp/two" "$up/f" 0644 root:root >/dev/null 2>&1 &
	pid=$!
	wait_for 5 sh -c "ls $up/f.powerstack.* 2>/dev/null"
	[ "$(stat -c %a "$up"/f.powerstack.??????)" = 600 ] || echo "the temporary file is not 0600"
	pkill -KILL -f "powerstac[k] $up/f 644" || return 1
	kill "$pid"
	wait "$pid"
	ls "$up"/f.powerstack.?????? && is_there_still=1
	[ "${is_there_still:-0}" = 1 ]
}
test_that "an upload killed on the node with its temporary file" killed
test_that "... the next one takes it away" says new upload "$tmp/two" "$up/f" 0644 root:root
test_that "... and is whole" is_there "$tmp/two" 644 root:root

mkdir "$tmp/small"
if mount -t tmpfs -o size=4m tmpfs "$tmp/small" 2>/dev/null; then
	mounted=$tmp/small
	head -c 5000000 /dev/urandom >"$tmp/five"
	test_that "no space" ends "no space for '$tmp/small/f': it needs 4883 KiB" 101 upload "$tmp/five" "$tmp/small/f" 0644 root:root
	test_that "... and nothing is left" test -z "$(ls -A "$tmp/small")"
	test_that "what fits goes" says new upload "$tmp/two" "$tmp/small/f" 0644 root:root
else
	skip "no tmpfs can be mounted here" "no space"
fi
(ulimit -f 2000 && start_sshd limited) || exit 1
know limited
test_that "a write that fails in the middle" ends "writing '$up/f' failed" 101 "$client" $(to limited) upload "$tmp/random" "$up/f" 0644 root:root
test_that "... leaves nothing" is_there "$tmp/two" 644 root:root

rules 'USER ALL=(ALL) NOPASSWD: ALL' "Defaults:USER logfile=$tmp/sudo.log, loglinelen=0, !syslog"
logged() {
	plain run sudo=1 'echo ran; : a-word-of-the-script' argument >/dev/null || return 1
	grep -q 'COMMAND=.* powerstack argument' "$tmp/sudo.log" || { cat "$tmp/sudo.log"; return 1; }
	! grep -n a-word "$tmp/sudo.log"
}
test_that "sudo's log shows the arguments, not the script" logged
rules 'USER ALL=(ALL) ALL'

head -c 209715200 /dev/urandom >"$tmp/big"
big() {
	with rss=1 upload sudo=1 "$tmp/big" "$up/big" 0644 root:root 2>"$tmp/rss" || { cat "$tmp/rss"; return 1; }
	cat "$tmp/rss"
	cmp "$tmp/big" "$up/big" || return 1
	kib=$(sed -n 's/^maxrss \([0-9]*\) KiB/\1/p' "$tmp/rss")
	# it is built with ASan, whose own share is large
	[ "$kib" -lt 80000 ] || { echo "$kib KiB"; return 1; }
}
test_that "200 MB through sudo, not held in memory" within 60 big

done_testing
