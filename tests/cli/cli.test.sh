#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The real command from outside, without any host: usage and exit status, help, completion in real
# shells, the manual, init, JSON, questions and the display on a real terminal, install.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
top=$PWD
# shellcheck source=tests/tap.sh
. tests/tap.sh
ps=${POWERSTACK:-$top/out/release/powerstack}
work=$(mktemp -d)
session=powerstack-cli-$$
trap 'tmux kill-session -t "$session" 2>/dev/null; kill $(jobs -p) 2>/dev/null; rm -rf "$work"' EXIT
unset NO_COLOR POWERSTACK_VAULT_PASSWORD_FILE
export HOME=$work/home TERM=xterm
mkdir -p "$HOME" "$work/bin" "$work/empty"
ln -s "$ps" "$work/bin/powerstack"
export PATH=$work/bin:$PATH
cd "$work/empty" || exit 1

# An inventory of three hosts that refuse connections, and its vault.
site=$work/site
mkdir "$site"
(umask 077 && echo 'a vault password' >"$site/password")
cat >"$site/inventory.yml" <<'YAML'
k3s_cluster:
  children:
    server:
      hosts:
        ho1:
          ansible_host: 127.0.0.1
          ansible_port: 1
          internal_ip: 192.168.0.104
          disk_for_persistent_storage: /dev/disk/by-id/virtio-DATA1
    agent:
      hosts:
        ho2: { ansible_host: 127.0.0.1, ansible_port: 2, internal_ip: 192.168.0.105 }
        ho3: { ansible_host: 127.0.0.1, ansible_port: 3, internal_ip: 192.168.0.106 }
  vars:
    cluster_context: testcluster
    nfs_network: 192.168.0.0/24
    airgap_dir: airgap
YAML
# what deploy would bring: here, so that no network is asked
mkdir "$site/airgap"
for f in k3s k3s-airgap-images-amd64.tar.zst; do echo "not a real $f" >"$site/airgap/$f"; done

# run ARGS...: sets rc, out, err
run() {
	"$ps" "$@" >"$work/out" 2>"$work/err" </dev/null
	rc=$?
	out=$(cat "$work/out")
	err=$(cat "$work/err")
}

# ---- usage: arguments | status | what stderr says
while IFS='|' read -r args want pattern; do
	# shellcheck disable=SC2086
	run $args
	is "$rc" "$want" "'powerstack $args' ends with $want"
	like "$err" "$pattern" "'powerstack $args' says: $pattern"
done <<'ROWS'
|2|^usage: powerstack
de|2|unknown verb 'de'; did you mean 'deploy', 'destroy'
verfy|2|unknown verb 'verfy'; did you mean 'verify'
xyzzy|2|unknown verb 'xyzzy'; see 'powerstack help'
help xyzzy|2|unknown verb 'xyzzy'
--jbos 3 deploy|2|did you mean '--jobs'
deploy --chek|2|did you mean '--check'
deploy -j 0|2|'0' is not a number from 1 to 64
deploy -j|2|'-j' needs a value
deploy --timeout soon|2|'soon' is not a duration
deploy --color sometimes|2|none of auto, always, never
deploy nsf|2|unknown part 'nsf'; did you mean 'nfs'
verify B2.33|2|unknown part or check 'B2.33'; did you mean 'B2.3'
inventory|2|'inventory' needs one of: check, show
inventory chek|2|did you mean 'inventory check'
inventory check now|2|does not take 'now'
vault get|2|needs more words
init here|2|'init' does not take 'here'
completion elvish|2|known are: bash, zsh, fish
completion bash --json|2|has no JSON output
deploy|3|no inventory: .*powerstack init
-i nowhere.yml deploy|3|nowhere.yml
ROWS
run --version
like "$out" '^powerstack [0-9]+\.[0-9]+\.[0-9]+$' '--version prints name and version'
run deploy --version
like "$out" '^powerstack [0-9]' '--version works behind a verb too'

# ---- help
narrow() { # narrow NAME: standard input fits 79 columns and has no blank at line ends
	local bad
	bad=$(grep -nE '^.{80,}$|[[:space:]]$' <<<"$2")
	is "$bad" '' "$1 fits 79 columns"
}
run help
is "$rc" 0 'help ends with 0'
narrow 'help' "$out"
verbs=$("$ps" __complete verb)
for v in $verbs; do
	run help "$v"
	narrow "help $v" "$out"
	by_help=$out
	run "$v" --help
	is "$rc $out" "0 $by_help" "'$v --help' is 'help $v'"
	like "$by_help" "^usage: powerstack \[option...\] $v" "help $v shows its usage"
done
run --help
is "$out" "$("$ps" help)" '--help is help'

# ---- the inventory
cd "$site" || exit 1
run inventory check
is "$rc" 0 'inventory check passes a good inventory'
run inventory show
is "$rc" 0 'inventory show ends with 0'
"$ps" inventory show >"$work/shown.yml"
run -i "$work/shown.yml" inventory show
is "$out" "$(cat "$work/shown.yml")" 'what inventory show prints reads back to the same'
sed 's/nfs_network/nfs_netwrok/' inventory.yml >"$work/bad.yml"
run -i "$work/bad.yml" inventory check
is "$rc" 3 'inventory check finds a misspelt key: status 3'
like "$err" "bad.yml:[0-9]+:[0-9]+: error: .*nfs_network" 'it names file, line, column and the right key'
run -i "$work/bad.yml" --json inventory check
is "$rc $(jq -r '.errors > 0 and (.problems | any(.line > 0 and .column > 0 and .kind == "error"))' "$work/out")" \
	'3 true' 'inventory check --json is one object with places'
run -i "$work/bad.yml" deploy
is "$rc" 3 'deploy on it: status 3'
run -i "$work/bad.yml" --json deploy
is "$rc $(jq -r '.error | type' "$work/out")" '3 string' 'deploy --json on it prints an object with error'
mkdir -p "$work/conf/configs"
cp inventory.yml "$work/conf/configs/"
cd "$work/conf" || exit 1
run inventory check
like "$out" '^configs/inventory.yml: 3 hosts' './configs/inventory.yml is found'
cd "$site" || exit 1

# ---- hosts that cannot be reached
run deploy --limit ho9
is "$rc" 2 '--limit with an unknown host: usage'
like "$err" "no host 'ho9'.*did you mean 'ho" '--limit names the nearest'
# what a ProxyCommand is started with is what the run itself has
printf 'ProxyCommand sh -c "ulimit -Sn >>%s/files; exit 1"\n' "$work" >"$work/ssh_config"
(ulimit -Sn 99 && "$ps" --ssh-config "$work/ssh_config" --log-dir "$work/files.logs" deploy >/dev/null 2>&1)
most=$(ulimit -Hn)
[ "$most" != unlimited ] && [ "$most" -lt 65536 ] || most=65536
is "$(sort -u "$work/files")" "$most" 'a run allows itself as many open files as it may have'
run deploy
is "$rc" 1 'deploy on unreachable hosts: status 1'
like "$out" '3 unreachable' 'its summary counts them'
like "$out" '^  ho1: see whether this works: ssh -p 1 127.0.0.1 true$' 'and says what to try'
log=$(find logs -name 'deploy-*.log')
is "$(stat -c %a logs) $(stat -c %a "$log")" '700 600' 'logs/ is 0700 and the log 0600'
like "$(cat "$log")" 'ho2 row unreachable' 'the log has every row'
run --json deploy --limit ho1,ho3
is "$rc $(jq -r '[.changed, .ok, .failed, .unreachable, (.steps | map(.host) | unique | join(" "))] | join(",")' "$work/out")" \
	'1 0,0,0,2,ho1 ho3' 'deploy --json --limit: the counts and hosts of contract.md'
is "$(jq -r '.steps[0] | [has("host", "part", "step", "was", "now", "changed", "ms", "message")] | all' "$work/out")" \
	true 'each step has the keys of contract.md'
is "$(wc -l <"$work/out") $err" '1 ' '--json prints one line, and nothing on a stderr that is no terminal'
run verify --json --junit "$work/junit.xml" --strict nfs
is "$rc" 1 'verify on unreachable hosts: status 1'
is "$(jq -r '.failed > 0 and (.checks | all(has("id", "where", "what", "status", "evidence", "ms")))' "$work/out")" \
	true 'verify --json has the keys of contract.md'
run_ok 'verify --junit writes well-formed XML' xmllint --noout "$work/junit.xml"
is "$(xmllint --xpath 'string(/testsuites/testsuite/@name)' "$work/junit.xml")" nfs 'a testsuite per part'
run verify B2.1 --strict
like "$out" '^B2.1 +ho1 +failed' 'verify CHECK runs that check'
is "$(grep -c '^[BSX][0-9]' "$work/out")" 1 'and no other'

# ---- verify of a certificate, of a server that is there
served() { # served DAYS: sets server and the inventory's api_port
	: >"$work/s_server"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days "$1" -subj /CN=api -keyout "$work/key.pem" \
		-out "$work/cert.pem" 2>/dev/null
	openssl s_server -accept 127.0.0.1:0 -cert "$work/cert.pem" -key "$work/key.pem" -www >"$work/s_server" 2>&1 </dev/null &
	server=$!
	for _ in $(seq 200); do
		port=$(sed -n 's/^ACCEPT .*:\([0-9]*\)$/\1/p' "$work/s_server")
		[ -z "$port" ] || break
		sleep 0.05
	done
	sed "s/^  vars:/&\n    api_endpoint: 127.0.0.1\n    api_port: $port/" inventory.yml >certificate.yml
}
for days in 10 400; do
	served $days
	run -i certificate.yml verify X4 --strict --json
	is "$(jq -r '.checks[0] | "\(.id) \(.status)"' "$work/out")" "X4 $([ $days = 10 ] && echo failed || echo passed)" \
		"a certificate for $days days"
	like "$(jq -r '.checks[0].evidence' "$work/out")" "127.0.0.1:$port/ ends in ($days|$((days - 1))) days" 'with how long it holds'
	kill $server
	wait $server 2>/dev/null
done
run -i certificate.yml verify X4 --strict --json
like "$(jq -r '.checks[0].evidence' "$work/out")" 'cannot be reached' 'a server that is gone is told'
rm certificate.yml

run deploy --log-dir /proc/none
like "$err" '--log-dir' 'a log that cannot be created names --log-dir'
is "$rc" 1 'and nothing is done without a log'
run deploy -q
is "$(grep -cE '^ho[123] +unreachable' "$work/out") $(grep -c '^host ' "$work/out")" '3 0' '-q shows failures, and no table'

# ---- questions: on a pseudo-terminal made by script(1)
typed() { # typed ANSWER ARGS...: sets rc and out; the answers come one a line
	local answer=$1
	shift
	printf '%b' "$answer" | script -qec "$(printf '%q ' "$ps" "$@")" "$work/typescript" >"$work/out" 2>&1
	rc=$?
	out=$(tr -d '\r' <"$work/out")
}
run destroy
is "$rc" 2 'destroy without a terminal and without --yes: usage'
like "$err" '--yes' 'it names --yes'
typed 'testclusterx\n' destroy
is "$rc" 1 "destroy with another cluster's name typed: status 1"
like "$out" "'testclusterx' is not 'testcluster'; nothing was done" 'and nothing is done'
is "$(find logs -name 'destroy-*' | wc -l)" 0 'not even connected'
typed 'testcluster\n' destroy --no-progress
like "$out" '3 unreachable' "with the cluster's name typed it goes on"
run destroy --yes
is "$rc" 1 'destroy --yes asks nothing'
run destroy --yes --wipe-disk
is "$rc" 2 '--wipe-disk without a terminal wants --disk-serial'
run destroy --yes --disk-serial X
is "$rc" 2 '--disk-serial alone is refused'
typed 'testcluster\n\n' destroy --wipe-disk
like "$out" 'no serial was typed; nothing was done' 'an empty serial wipes nothing'

# ---- init
mkdir "$work/init"
cd "$work/init" || exit 1
run --vault-password-file "$site/password" init
is "$rc" 0 'init ends with 0'
is "$(stat -c '%n %a' inventory.yml vault.yml)" $'inventory.yml 644\nvault.yml 600' 'it writes inventory.yml (0644) and vault.yml (0600)'
run inventory check
is "$rc" 3 'its inventory wants to be filled in'
is "$(grep -oE "^inventory.yml:[0-9]+" <<<"$err" | sort -u | while IFS=: read -r _ line; do sed -n "${line}p" inventory.yml; done |
	grep -cvE 'fill in|^ +ho[123]:')" 0 'only lines to fill in, and their hosts, are reported'
is "$("$ps" --vault-password-file "$site/password" vault get token | tr -d '\n' | wc -c)" 32 'its vault has a token of 32 letters'
for name in bootstrapPassword grafanaAdminPassword; do
	like "$("$ps" --vault-password-file "$site/password" vault get "$name")" '^[A-Za-z0-9]{32}$' "its vault has a random $name"
done
sed -i 's/disk_for_persistent_storage:.*/disk_for_persistent_storage: \/dev\/disk\/by-id\/x/' inventory.yml
awk '/ ansible_host:/ { sub(/:.*/, ": 192.0.2." ++h) } / internal_ip:/ { sub(/:.*/, ": 192.168.0." ++n) } 1' inventory.yml >filled.yml
run -i filled.yml inventory check
is "$rc $err" '0 ' 'filled in, it passes without a warning'
sums=$(sha256sum inventory.yml vault.yml)
run --vault-password-file "$site/password" init
is "$rc $(sha256sum inventory.yml vault.yml)" "1 $sums" 'init overwrites nothing'
like "$err" "'inventory.yml' exists" 'and says so'

# ---- output
cd "$site" || exit 1
run --color always -i "$work/bad.yml" inventory check
like "$err" $'\033\\[31m' '--color always colours'
run -i "$work/bad.yml" inventory check
is "$(grep -c $'\033' <<<"$err")" 0 'no colours without a terminal'
typed '' -i "$work/bad.yml" inventory check
like "$out" $'\033\\[31m' 'colours on a terminal'
NO_COLOR=1 typed '' -i "$work/bad.yml" inventory check
is "$(grep -c $'\033' <<<"$out")" 0 'NO_COLOR is heeded'
TERM=dumb typed '' deploy
is "$(grep -c $'\033' <<<"$out")" 0 'TERM=dumb: no escape sequence at all'
"$ps" help >/dev/full 2>"$work/err"
is $? 1 'output that cannot be written: status 1'
like "$(cat "$work/err")" 'No space left' 'and the reason'
"$ps" help 2>"$work/err" | head -1 >/dev/null
is "$(cat "$work/err")" '' 'a reader that leaves early gets no complaint'

# ---- the live display on a real terminal, against a host that never answers
cat >"$work/mute.py" <<'PY'
import socket, time
mute = [socket.socket() for _ in range(3)]
for s in mute:
    s.bind(("127.0.0.1", 0))
    s.listen(16)
print(*(s.getsockname()[1] for s in mute), flush=True)
time.sleep(120)
PY
python3 "$work/mute.py" >"$work/ports" &
for _ in $(seq 50); do [ -s "$work/ports" ] && break || sleep 0.1; done
read -r port1 port2 port3 <"$work/ports"
sed "s/ansible_port: 1\$/ansible_port: $port1/; s/ansible_port: 2,/ansible_port: $port2,/; s/ansible_port: 3,/ansible_port: $port3,/" \
	inventory.yml >mute.yml
screen() { tmux capture-pane -t "$session" -p; }
until_screen() { # until_screen PATTERN: waits at most 10 s for it
	for _ in $(seq 100); do
		screen | grep -Eq -- "$1" && return 0
		sleep 0.1
	done
	return 1
}
tmux -f /dev/null new-session -d -s "$session" -x 70 -y 12 "env HOME=$HOME bash --norc --noprofile"
sleep 0.5
tmux send-keys -t "$session" "PS1='prompt> '; clear" Enter
until_screen '^prompt> *$'
tmux send-keys -t "$session" "$ps -i mute.yml deploy; echo status=\$?" Enter
run_ok 'a line per host, updated in place' until_screen '^ho3 +[0-9.]+s  connecting'
is "$(screen | grep -cE '^ho[123] ')" 3 'exactly one per host'
like "$(screen)" '^0 of 3 hosts done, 0 changed, 0 failed' 'and a closing line'
tmux resize-window -t "$session" -x 30 -y 12
sleep 0.5
is "$(screen | grep -cE '^ho[123] ')" 3 'after the terminal became narrow: still one per host'
tmux resize-window -t "$session" -x 70 -y 4
sleep 0.5
like "$(screen)" '^[12] more; 0 of 3 hosts done' 'in few rows, hosts are summed up'
tmux resize-window -t "$session" -x 70 -y 24
sleep 0.5
tmux send-keys -t "$session" C-c
run_ok 'Ctrl-C ends it with status 1' until_screen '^status=1'
like "$(screen)" '^stopping: ' 'Ctrl-C says that it is stopping'
like "$(screen)" '^interrupted; run the same command again' 'and how to go on'
is "$(screen | grep -cE '^[0-9]+ of 3 hosts done')" 0 'nothing of the block stays on the screen'
tmux kill-session -t "$session"

# ---- completion
run_ok 'bash completion parses' bash -n "$top/completion/powerstack.bash"
run_ok 'bash completion is clean' shellcheck -s bash "$top/completion/powerstack.bash"
run_ok 'zsh completion parses' zsh -n "$top/completion/powerstack.zsh"
run_ok 'fish completion parses' fish -n "$top/completion/powerstack.fish"
# line | what bash offers
cat >"$work/bash.want" <<'ROWS'
powerstack de: deploy destroy
powerstack deploy e: exporter
powerstack -i inventory.yml verify B2.1: B2.1 B2.10 B2.11
powerstack --limit ho1,h: ho1,ho1 ho1,ho2 ho1,ho3
powerstack --limit=h: ho1 ho2 ho3
powerstack --color=n: never
powerstack deploy --ch: --check
powerstack deploy --pur: 
powerstack destroy --pur: --purge-data
powerstack inventory : check show
powerstack inventory check : 
powerstack vault imp: import
powerstack vault import inv: inventory.yml
powerstack --inventory inv: inventory.yml
powerstack completion : bash zsh fish
powerstack help ver: verify
ROWS
mapfile -t lines < <(sed 's/: .*//' "$work/bash.want")
is "$(bash "$top/tests/cli/complete.bash" "$top/completion/powerstack.bash" "${lines[@]}" 2>&1)" "$(cat "$work/bash.want")" \
	'bash completes verbs, sub-verbs, options, parts, checks, hosts and files'

in_fish() { fish -c "source $top/completion/powerstack.fish; complete -C '$1'" 2>&1 | cut -f1 | sort | tr '\n' ' '; }
is "$(in_fish 'powerstack de')" 'deploy destroy ' 'fish completes verbs'
is "$(in_fish 'powerstack deploy e')" 'exporter ' 'fish completes parts'
is "$(in_fish 'powerstack verify B2.1')" 'B2.1 B2.10 B2.11 ' 'fish completes checks'
is "$(in_fish 'powerstack -i inventory.yml --limit ho1,h')" 'ho1,ho1 ho1,ho2 ho1,ho3 ' 'fish completes hosts'
is "$(in_fish 'powerstack inventory ')" 'check show ' 'fish completes sub-verbs'
is "$(in_fish 'powerstack destroy --pur')" '--purge-data ' "fish completes a verb's options"
is "$(in_fish 'powerstack deploy --pur')" '' 'and not those of others'
is "$(in_fish 'powerstack --color ')" 'always auto never ' 'fish completes values'

timeout 60 zsh "$top/tests/cli/complete.zsh" "$top/completion/powerstack.zsh" 'powerstack de' 'powerstack deploy e' \
	'powerstack verify B2.1' 'powerstack -i inventory.yml --limit ho1,h' 'powerstack inventory ' \
	'powerstack destroy --pur' 'powerstack vault imp' >"$work/zsh" 2>&1
in_zsh() { awk -v want="== $1" '/^== /{on = $0 == want; next} on' "$work/zsh" | sed 's/\x1b\[[0-9;?]*[a-zA-Z]//g' | tr '\r\n' '  '; }
like "$(in_zsh 'powerstack de')" 'deploy +-- .*destroy +--' 'zsh completes verbs, with what they do'
like "$(in_zsh 'powerstack deploy e')" 'deploy exporter' 'zsh completes parts'
like "$(in_zsh 'powerstack verify B2.1')" 'B2.1 +B2.10 +B2.11' 'zsh completes checks'
like "$(in_zsh 'powerstack -i inventory.yml --limit ho1,h')" 'ho1 +ho2 +ho3' 'zsh completes hosts'
like "$(in_zsh 'powerstack inventory ')" 'check +-- .*show +--' 'zsh completes sub-verbs'
like "$(in_zsh 'powerstack destroy --pur')" 'destroy --purge-data' "zsh completes a verb's options"
like "$(in_zsh 'powerstack vault imp')" 'vault import' "zsh completes the vault's words"

# ---- what is generated is what is committed
cd "$top" || exit 1
run_ok 'make generated' make --no-print-directory generated OUT="$work/generated"
for f in man/powerstack.1 man/inventory.yml.5 man/powerstack-exporter.8 completion/powerstack.bash \
	completion/powerstack.zsh completion/powerstack.fish; do
	run_ok "$f is what the tables give ('make generated' writes it)" diff -u "$f" "$work/generated/$f"
done
for page in man/*.[158]; do
	is "$(MANWIDTH=80 man --warnings=all -l "$page" 2>&1 >/dev/null)" '' "$page: man has no warning"
	# the pages name each other, and are not installed here; .Os names powerstack by intent
	is "$(mandoc -T lint "$page" 2>/dev/null | grep -vE 'referenced manual not found|operating system explicitly|typo in section name')" \
		'' "$page: mandoc has no complaint"
done
undocumented=
for word in $("$ps" help | grep -oE -- '--[a-z-]+' | sort -u); do
	grep -qF -- "$(sed 's/-/\\-/g' <<<"$word" | sed 's/^\\-//')" man/powerstack.1 || undocumented+=" $word"
done
is "$undocumented" '' 'every option of the help is in the manual'

# ---- install
make --no-print-directory install DESTDIR="$work/root" PREFIX=/usr >"$work/install" 2>&1
is $? 0 'make install with DESTDIR and PREFIX'
is "$(cd "$work/root" && find . -type f | sort)" './usr/bin/powerstack
./usr/bin/powerstack-exporter
./usr/bin/powerstack-gpu
./usr/share/bash-completion/completions/powerstack
./usr/share/fish/vendor_completions.d/powerstack.fish
./usr/share/man/man1/powerstack.1
./usr/share/man/man5/inventory.yml.5
./usr/share/man/man8/powerstack-exporter.8
./usr/share/zsh/site-functions/_powerstack' 'it installs these files and no others'
if make --no-print-directory deb >"$work/deb" 2>&1; then
	ok 'make deb'
	deb=$(tail -1 "$work/deb")
	like "$(dpkg-deb -f "$deb" Depends)" 'libc6.*libssh-4|libssh-4.*libc6' 'the package depends on the libraries that the command links'
	like "$(dpkg-deb -c "$deb")" 'root/root .* \./usr/bin/powerstack$' 'its files belong to root'
	run_ok 'what it holds runs' sh -c "dpkg-deb -x '$deb' '$work/deb.root' && '$work/deb.root/usr/bin/powerstack' --version"
else
	not_ok 'make deb'
	sed 's/^/# /' "$work/deb" | tail -20
fi
done_testing
