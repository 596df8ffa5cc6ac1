#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The scripts that travel to nodes, run for real: the probe for every kind in dash and bash; files, kernel
# settings, packages, mounts, units and firewall rules in a world of their own (mount and network
# namespaces over copies of /etc and /var/lib), with systemctl, ufw and exportfs replaced by small shims. TAP.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/tap.sh
. tests/tap.sh

scripts=$(cd provision/files && echo *.sh | tr ' ' '\n' | grep -v '\.lib\.sh$')
# shellcheck disable=SC2046
make -s $(for s in $scripts; do echo "out/release/provision/files/$s"; done) || exit 1

if [ "${1-}" != inside ]; then
	if [ "$(id -u)" != 0 ] || ! unshare -m -n true 2>/dev/null; then
		skip 'not root, or no namespaces here' 'the scripts in a world of their own'
		done_testing
		exit
	fi
	tmp=$(mktemp -d)
	trap 'rm -rf "$tmp"' EXIT
	trap 'exit 129' INT TERM HUP
	unshare -m -n "$0" inside "$tmp"
	exit
fi

# ---- inside: a world of our own
tmp=$2
mount --make-rprivate /
ip link set lo up 2>/dev/null
mkdir -p "$tmp/etc" "$tmp/lib/nfs" "$tmp/bin" "$tmp/repo" "$tmp/log" "$tmp/cache"
chmod 755 "$tmp"
cp -a /etc/. "$tmp/etc/"
cp -a /var/lib/dpkg /var/lib/apt "$tmp/lib/"
mount --bind "$tmp/etc" /etc
mount --bind "$tmp/lib" /var/lib
mount --bind "$tmp/log" /var/log
mount --bind "$tmp/cache" /var/cache
mkdir -p /var/cache/apt/archives/partial
mount --bind "$tmp/bin" /usr/local/sbin

run() { # run NAME ARG...: as a node runs it; its last line of errors is its message
	script=$1
	shift
	"${shell:-dash}" -euc "$(cat "out/release/provision/files/$script.sh")" powerstack "$@"
}
probe() { run probe "$@" | tr '\0' '\n'; }
put() { # put PATH MODE: the content from stdin
	cat >"$tmp/content"
	sum=$(sha256sum <"$tmp/content")
	{
		echo "${sum%% *}"
		cat "$tmp/content"
	} | run file-put "$@"
}

# ---- the scripts as texts
wrong=
for s in $scripts; do
	head -1 "provision/files/$s" | grep -qx '#!/bin/sh' || wrong="$wrong $s"
	dash -n "out/release/provision/files/$s" || wrong="$wrong $s"
done
is "$wrong" '' 'every script is one for sh'
used=$(grep -rho 'script[a-z_]*(&*[a-z]*, "[a-z0-9-]*"\|on_control(h, "[a-z0-9-]*"\|script_text("[a-z0-9-]*\|run_on_disk(h, "[a-z-]*"\|files_text("[a-z-]*\.sh")' provision --include='*.c' |
	sed 's/.*("*\(&*[a-z]*, \)*"*\([a-z0-9.-]*\).*/\2/; s/\.sh$//' | sort -u)
is "$(grep -l '^[[:space:]]*\. ' out/release/provision/files/*.sh)" '' 'what is embedded reads no other file'
is "$(for s in $used; do [ -e "provision/files/$s.sh" ] || echo "$s"; done)" '' 'every script that is run is there'
is "$(for s in $scripts; do echo "${s%.sh}"; done | grep -vxF "$used")" '' 'every script that is there is run'
# one argument of a command line holds 128 KiB, quoting included
is "$(find out/release/provision/files -name '*.sh' -size +60k)" '' 'no script comes near the limit of one argument'

# ---- the sums of uploaded files
upload() { # upload PATH: the content from stdin
	cat >"$tmp/content"
	sum=$(sha256sum <"$tmp/content")
	run put "$1" 644 root:root "${sum%% *}" "$(stat -c %s "$tmp/content")" remember <"$tmp/content"
}
sum_told() { probe "file:$1" | sed -n 's/^sha256=//p'; }
read_files() { # how often the probe opens the file
	strace -f -e trace=openat -o "$tmp/trace" dash -euc "$(cat out/release/provision/files/probe.sh)" powerstack "file:$1" >/dev/null
	grep -c "\"$1\"" "$tmp/trace"
}
is "$(echo first | upload "$tmp/big")" new 'a file is uploaded'
is "$(sum_told "$tmp/big")" "$(sha256sum <"$tmp/big" | cut -d' ' -f1)" 'its sum is told'
if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
	is "$(read_files "$tmp/big")" 1 '(but for the mark of a small file) without reading it'
else
	skip 'strace does not work here' 'without reading it'
fi
touch -r "$tmp/big" "$tmp/time"
echo other >"$tmp/big"
touch -r "$tmp/time" "$tmp/big"
is "$(sum_told "$tmp/big")" "$(echo other | sha256sum | cut -d' ' -f1)" 'changed in place, its old time put back: found'
is "$(echo first | upload "$tmp/big")" new 'and put right'
cp "$tmp/big" "$tmp/big.copy"
echo 2nd.. >"$tmp/big.copy"
mv "$tmp/big.copy" "$tmp/big"
is "$(sum_told "$tmp/big")" "$(echo 2nd.. | sha256sum | cut -d' ' -f1)" 'another file in its place is found'
echo "$(echo x | sha256sum | cut -d' ' -f1) rubbish" >"/var/lib/powerstack/sum/$(echo "${tmp#/}/big" | tr / %)"
is "$(sum_told "$tmp/big")" "$(echo 2nd.. | sha256sum | cut -d' ' -f1)" 'a damaged record counts as none'
run file-remove "$tmp/big"
is "$(find /var/lib/powerstack 2>/dev/null)" '' 'the record goes with the file'

# ---- the probe
for shell in dash bash; do
	mkdir -p "$tmp/p/full" "$tmp/p/empty" /var/lib/powerstack/added
	touch "$tmp/p/full/.hidden"
	odd="$tmp/p/a b'c\"d\$e\\f
g"
	printf '# managed by powerstack\nx\n' >"$odd"
	chmod 0640 "$odd"
	printf 'one\ntwo\n' >/var/lib/powerstack/added/pkg
	printf 'UUID=1 /mnt/one ext4 defaults 0 2\n# UUID=9 /mnt/two x y 0 0\nUUID=2\t/mnt/two/ btrfs  nofail,x-powerstack 0 0\nsrv:/x /mnt/two nfs4 bg 0 0\n' >/etc/fstab
	printf '/mnt/two\t192.168.0.0/24(rw,sync)\n/mnt/two\t10.0.0.1(ro)\n/mnt/twox\t*(ro)\n' >/var/lib/nfs/etab
	mkdir -p /etc/ufw
	echo 'ENABLED=yes' >/etc/ufw/ufw.conf
	echo '### tuple ### allow tcp 2049 0.0.0.0/0 any 192.168.0.0/24 in comment=706f776572737461636b' >/etc/ufw/user.rules
	echo '### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in' >>/etc/ufw/user.rules
	set -- host:os addr:127.0.0.1 addr:192.0.2.9 "file:$odd" "file:$tmp/nope" "file:$tmp/p" "text:/etc/fstab" text:/nope \
		"text:$tmp/p" "dir:$tmp/p/full" "dir:$tmp/p/empty" dir:/nope dir:/proc dir:/etc/fstab record:added/pkg \
		record:added/nope records:added sysctl:net/ipv4/ip_forward sysctl:net/nope unit:nope.service pkg:dash pkg:nope-x \
		mount:/etc mount:/mnt/nope fstab:/mnt/two fstab:/mnt/one fstab:/mnt/nope free:/ free:/nope exports:/mnt/two \
		exports:/mnt/nope listen:tcp/9 firewall:- clock:- blk:/dev/nosuch clock-offset:- fstab-check:- nfs-read:r1:/tmp \
		nfs-write:r1:n1:/mnt/nope nfs-delete:r1:n1:/mnt/nope statfs:/ nfsd:- journal:nfs journal:exporter http:9:/ zones:- pressure:- \
		btrfs:/mnt/nope ps:- kubelet:/nope:/nope nonsense:1
	run probe "$@" >"$tmp/answers"
	is "$?" 0 "$shell: the probe ends well"
	# by record: = - or ! and the question, each exactly once, then the end
	got=$(perl -0ne 'chomp; s/^([=!-])//; my $k = $1; for my $q (@ARGV) {}; print "$k$_\0"' <"$tmp/answers" | tr '\0' '\036')
	n=$(tr -cd '\0' <"$tmp/answers" | wc -c)
	is "$n" $(($# + 1)) "$shell: one answer for each question, and the end"
	missing=
	for q; do
		case $(printf '\036%s' "$got") in
		*"$(printf '\036')=""$q="* | *"$(printf '\036')-$q$(printf '\036')"* | *"$(printf '\036')!$q="*) ;;
		*) missing="$missing $q" ;;
		esac
	done
	is "$missing" '' "$shell: every question is answered"
	a=$(tr '\0' '\n' <"$tmp/answers" | tr -cd '\t\n -~')
	like "$a" '^!nonsense:1=no such kind' "$shell: a kind that is none is told"
	like "$a" '^=host:os=id=' "$shell: host"
	like "$a" '^arch=[a-z0-9]+$' "$shell: architecture"
	like "$a" '^=addr:127.0.0.1=local' "$shell: an address of ours"
	like "$a" '^-addr:192.0.2.9' "$shell: an address that is not ours"
	like "$a" "^sha256=$(sha256sum <"$odd" | cut -d' ' -f1)\$" "$shell: a file with an odd name"
	like "$a" '^mode=640$' "$shell: its mode"
	like "$a" '^mark=yes$' "$shell: its mark"
	like "$a" '^-file:.*/nope' "$shell: a file that is not there"
	like "$a" '^!text:.*=not a regular file' "$shell: a folder has no text"
	like "$a" '^=dir:.*/full=full' "$shell: a folder with a hidden file is full"
	like "$a" '^=dir:.*/empty=empty' "$shell: an empty folder"
	like "$a" '^=dir:/proc=mounted' "$shell: a mount point is not looked into"
	like "$a" '^!dir:/etc/fstab=' "$shell: a file is no folder"
	like "$(printf '%s\n' "$a" | grep -A1 '^=record:added/pkg=')" '^two$' "$shell: a record of two lines"
	like "$a" '^=records:added=pkg' "$shell: the records of a folder"
	like "$a" '^=sysctl:net/ipv4/ip_forward=0$' "$shell: a kernel setting"
	like "$a" '^=pkg:dash=status=ii' "$shell: a package"
	like "$a" '^-pkg:nope-x' "$shell: a package that is not there"
	like "$a" '^=mount:/etc=source=' "$shell: a mount"
	like "$(printf '%s\n' "$a" | grep -A3 '^=fstab:/mnt/two=')" '^spec=UUID=2$' "$shell: of two lines of fstab, ours is told"
	like "$a" '^=fstab:/mnt/two=n=2$' "$shell: and both are counted, the comment is not"
	like "$(printf '%s\n' "$a" | grep -A1 '^=exports:/mnt/two=')" '^10.0.0.1\(ro\)$' "$shell: the exports of one path"
	like "$a" '^ufw_rules=allow tcp 2049 0.0.0.0/0 any 192.168.0.0/24 in$' "$shell: ufw's rules, ours only"
	like "$a" '^!nfs-write:r1:n1:/mnt/nope=nothing is mounted there' "$shell: no test file beside the share"
	like "$a" '^=pressure:-=memory=[0-9]+$' "$shell: memory"
	rm -rf "$tmp/p" /var/lib/powerstack /etc/ufw /var/lib/nfs/etab
done

# ---- a page of this node, asked by a shell that sshd has started: bash would read these files then
echo 'echo noise' | tee -a /etc/bash.bashrc >"$tmp/.bashrc"
(cd "$tmp/log" && exec python3 -u -m http.server --bind 127.0.0.1 0) >"$tmp/serving" 2>/dev/null &
server=$!
wait_for 60 test -s "$tmp/serving"
port=$(sed -n 's/.* port \([0-9]*\).*/\1/p' "$tmp/serving")
page=$(unset SHLVL && export SSH_CLIENT='127.0.0.1 1 2' HOME="$tmp" && shell=dash probe "http:$port:/")
like "$page" "^=http:$port:/=HTTP/1.0 200 OK" "no rc file's word is in a page"
# by TLS, as K3s lays out a node's certificate, when there is a curl
if command -v curl >/dev/null && command -v openssl >/dev/null; then
	mkdir -p "$tmp/k3s/agent" "$tmp/other/agent"
	for d in k3s other; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca -keyout "$tmp/$d/ca.key" \
			-out "$tmp/$d/agent/server-ca.crt" 2>/dev/null
	done
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=n1 -keyout "$tmp/k3s/key" -out "$tmp/k3s/csr" 2>/dev/null
	echo 'subjectAltName=DNS:n1,DNS:localhost,IP:127.0.0.1' >"$tmp/k3s/ext"
	openssl x509 -req -in "$tmp/k3s/csr" -days 2 -CA "$tmp/k3s/agent/server-ca.crt" -CAkey "$tmp/k3s/ca.key" -CAcreateserial \
		-extfile "$tmp/k3s/ext" -out "$tmp/k3s/crt" 2>/dev/null
	python3 -u -c 'import http.server, ssl, sys
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/metrics" else 503)
        self.end_headers()
        self.wfile.write(b"a 1\n" * 262144 + b"z 1\n" if self.path == "/metrics" else b"no\n")
    def log_message(self, *said):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1] + "/crt", sys.argv[1] + "/key")
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1])
server.serve_forever()' "$tmp/k3s" >"$tmp/tls_port" 2>/dev/null &
	tls_server=$!
	wait_for 60 test -s "$tmp/tls_port"
	tls=$(cat "$tmp/tls_port")
	for shell in dash bash; do
		q=http:$tls:/metrics:$tmp/k3s
		page=$(probe "$q")
		like "$page" "^=$q=HTTP/1.[01] 200 OK" "$shell: a page by TLS"
		like "$page" '^a 1$' "$shell: with its body"
		[ ${#page} -lt 530000 ] && ! printf '%s' "$page" | grep -q '^z' && ok "$shell: of 512 KiB" || not_ok "$shell: of 512 KiB"
		like "$(probe "http:$tls:/healthz:$tmp/k3s")" "^=http:$tls:/healthz:$tmp/k3s=HTTP/1.[01] 503 " "$shell: the status that is not 200 is told"
		like "$(probe "http:$tls:/metrics:$tmp/other")" "^!http:$tls:/metrics:$tmp/other=curl: .*certificate" \
			"$shell: a certificate of another authority is not taken"
		like "$(probe "http:$tls:/metrics:$tmp/none")" "^!http:$tls:/metrics:$tmp/none=curl: " "$shell: nor any without an authority"
		is "$(probe "http:$port:/:$tmp/k3s" | head -1)" "!http:$port:/:$tmp/k3s=it answers by plain HTTP, not by TLS" \
			"$shell: plain HTTP where TLS is asked for is told"
		is "$(probe "http:$tls:/metrics" | head -1)" "!http:$tls:/metrics=it answers by TLS, not by plain HTTP" \
			"$shell: TLS where it is not asked for is told"
	done
	kill $tls_server
else
	skip 'no curl or no openssl' 'a page by TLS'
fi
kill $server
shell=dash
# a node may be slow: what a deploy with nothing to do asks costs few processes
if command -v strace >/dev/null; then
	strace -f -qq -e trace=execve -o "$tmp/strace" dash -euc "$(cat out/release/provision/files/probe.sh)" powerstack host:os \
		addr:127.0.0.1 file:/etc/fstab file:/usr/bin/dash text:/etc/fstab dir:/mnt record:added/x sysctl:kernel/perf_event_paranoid \
		sysctl:net/ipv4/ip_forward unit:a.service unit:b.service pkg:dash pkg:bash mount:/mnt/data fstab:/mnt/data free:/ free:/var \
		exports:/mnt/data listen:tcp/22 listen:udp/8472 firewall:- clock:- >/dev/null
	n=$(grep -c 'execve(.*= 0' "$tmp/strace")
	[ "$n" -le 15 ] && ok "the questions of a deploy cost $n processes" || not_ok "the questions of a deploy cost $n processes"
else
	skip 'no strace' 'the questions of a deploy cost few processes'
fi

# ---- files
f=/etc/powerstack/exporter.yml
echo secret | put $f 0600
is "$(cat $f) $(stat -c '%a %u:%g' $f)" 'secret 600 0:0' 'a file is put'
is "$(echo changed | put $f 0644; cat $f; stat -c %a $f)" 'changed
644' 'and replaced'
printf '%064d\npart of it' 0 | run file-put $f 0600 2>"$tmp/err"
is "$? $(cat $f) $(ls -A /etc/powerstack)" '1 changed exporter.yml' 'content that was damaged on the way changes nothing'
: | run file-put $f 0600 2>"$tmp/err"
is "$? $(cat $f) $(ls -A /etc/powerstack)" '1 changed exporter.yml' 'nothing that arrives changes nothing'
# from the first byte: while the content is still coming
mkfifo "$tmp/pipe"
run file-put $f 0644 <"$tmp/pipe" &
exec 8>"$tmp/pipe"
printf '%064d\nsecr' 0 >&8
for i in 1 2 3 4 5 6 7 8 9 10; do
	ls $f.powerstack.* >/dev/null 2>&1 && break
	sleep 0.2
done
: "$i"
is "$(stat -c '%a %u' $f.powerstack.*)" '600 0' 'what is on its way is 0600'
exec 8>&-
wait
touch $f.powerstack.AbC123 $f.backup
run file-remove $f dir
is "$(ls -A /etc/powerstack)" exporter.yml.backup 'a file goes with what was left beside it, and nothing else'
rm -f $f.backup
echo x | put $f 0600
run file-remove $f dir
is "$([ -e /etc/powerstack ] || echo gone)" gone 'its folder goes when it is empty'

# ---- kernel settings (of our own network namespace)
s=/etc/sysctl.d/90-powerstack.conf
run sysctl-set $s net/ipv4/ip_forward 1 net/ipv4/ip_default_ttl 70
is "$(cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/ip_default_ttl | tr '\n' ' ')" '1 70 ' 'settings are live'
is "$(sed -n '1p;3,$p' $s)" '# managed by powerstack
# before: net.ipv4.ip_forward = 0
# before: net.ipv4.ip_default_ttl = 64
net.ipv4.ip_forward = 1
net.ipv4.ip_default_ttl = 70' 'and in the drop-in, with what was before'
run sysctl-set $s net/ipv4/ip_forward 1 net/ipv4/ip_default_ttl 71
is "$(grep ttl $s)" '# before: net.ipv4.ip_default_ttl = 64
net.ipv4.ip_default_ttl = 71' 'what was before the first time is kept'
run sysctl-undo $s
is "$(cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/ip_default_ttl | tr '\n' ' ')$(ls $s 2>/dev/null)" '0 64 ' 'and put back'
run sysctl-undo $s
is "$?" 0 'twice is nothing'

# ---- packages: psx-a needs psx-b and psx-c, psx-u (the owner's) needs psx-b, psx-d needs psx-c
package() { # package NAME VERSION DEPENDS
	mkdir -p "$tmp/build/$1/DEBIAN"
	printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n%s' "$1" "$2" \
		"${3:+Depends: $3
}" >"$tmp/build/$1/DEBIAN/control"
	dpkg-deb --root-owner-group -b "$tmp/build/$1" "$tmp/repo/$1.deb" >/dev/null
	sed '/^Description/d' "$tmp/build/$1/DEBIAN/control"
	printf 'Filename: ./%s.deb\nSize: %s\nSHA256: %s\nDescription: x\n\n' "$1" "$(stat -c %s "$tmp/repo/$1.deb")" \
		"$(sha256sum <"$tmp/repo/$1.deb" | cut -d' ' -f1)"
}
{
	package psx-a 1 'psx-b, psx-c'
	package psx-b 1
	package psx-c 1
	package psx-d 1 psx-c
	mkdir -p "$tmp/build/psx-r/etc" "$tmp/build/psx-r/DEBIAN"
	echo /etc/psx-r.conf >"$tmp/build/psx-r/DEBIAN/conffiles"
	echo default >"$tmp/build/psx-r/etc/psx-r.conf"
	package psx-r 1
	package psx-u 1 psx-b
} >"$tmp/repo/Packages"
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/apt.conf.d /etc/apt/apt.conf /var/lib/apt/lists
mkdir -p /etc/apt/sources.list.d /etc/apt/apt.conf.d /var/lib/apt/lists/partial
echo "deb [trusted=yes] file:$tmp/repo ./" >/etc/apt/sources.list
echo 'APT::Sandbox::User "root";' >/etc/apt/apt.conf.d/90test
have() { dpkg-query -W -f '${Package} ${db:Status-Abbrev}\n' 'psx-*' 2>/dev/null | grep 'ii ' | cut -d' ' -f1 | tr '\n' ' '; }
quiet_apt() { apt-get -qq -y --no-install-recommends "$@" >/dev/null 2>&1; }
records() { (cd /var/lib/powerstack/added 2>/dev/null && grep . ./* /dev/null | sed 's|^\./||' | tr '\n' ' '); }
added=/var/lib/powerstack/added

out=$(run package-install psx-a 5 2>&1)
is "$? $out$(have)" '0 psx-a psx-b psx-c ' 'a package is installed, by lists that had to be fetched first'
is "$(records)" 'psx-a:psx-a psx-a:psx-b psx-a:psx-c ' 'what it brought is recorded'
run package-install psx-a 5
is "$? $(records)" '0 psx-a:psx-a psx-a:psx-b psx-a:psx-c ' 'again: nothing'
out=$(run package-remove psx-a 5 2>&1)
is "$? $out$(have)$(ls -d /var/lib/powerstack 2>/dev/null)" '0 ' 'all of it goes, and the records'

quiet_apt install psx-b
run package-install psx-a 5
is "$(records)" 'psx-a:psx-a psx-a:psx-c ' 'what was there before is not recorded'
run package-remove psx-a 5
is "$(have)" 'psx-b ' 'and stays'
quiet_apt purge psx-b

run package-install psx-a 5
quiet_apt install psx-u
run package-remove psx-a 5
is "$? $(have)$(records)" '0 psx-b psx-u ' 'what the owner needs by now stays'
quiet_apt purge psx-u psx-b

run package-install psx-a 5
run package-install psx-d 5
is "$(records)" 'psx-a:psx-a psx-a:psx-b psx-a:psx-c psx-d:psx-d ' 'two of ours share a dependency'
run package-remove psx-a 5
is "$? $(have)$(records)" '0 psx-c psx-d psx-d:psx-c psx-d:psx-d ' 'which goes over to the one that needs it'
run package-remove psx-d 5
is "$(have)$(ls -d /var/lib/powerstack 2>/dev/null)" '' 'and with that one'

quiet_apt install psx-r
echo mine >/etc/psx-r.conf
quiet_apt remove psx-r
run package-install psx-r 5
is "$? $(have)$(records)" '0 psx-r psx-r:keep:psx-r psx-r:psx-r ' 'a package of which configuration was left'
run package-remove psx-r 5
is "$? $(have)$(cat /etc/psx-r.conf)" '0 mine' 'goes without it'
quiet_apt purge psx-r

# cut off in the middle: recorded, unpacked, not configured
mkdir -p $added
printf 'psx-a\npsx-b\npsx-c\n' >$added/psx-a
dpkg --unpack "$tmp/repo/psx-b.deb" "$tmp/repo/psx-a.deb" >/dev/null 2>&1
run package-install psx-a 5 2>"$tmp/err"
is "$? $(have)$(records)" '0 psx-a psx-b psx-c psx-a:psx-a psx-a:psx-b psx-a:psx-c ' 'an installation that was cut off is completed'
run package-remove psx-a 5
mkdir -p $added
printf 'psx-a\npsx-b\npsx-c\n' >$added/psx-a
dpkg --unpack "$tmp/repo/psx-b.deb" >/dev/null 2>&1
run package-remove psx-a 5
is "$? $(dpkg-query -W 'psx-*' 2>/dev/null | grep -c .)$(records)" '0 0' 'or taken back'
out=$(run package-install psx-none 5 2>&1)
is "$?" 1 'a package that is none is an error'
like "$out" "psx-none" 'that names it'
perl -e 'use Fcntl; open(my $f, "+>", "/var/lib/dpkg/lock-frontend") or die; my $l = pack("s s l! l! i x256", F_WRLCK, 0, 0, 0, 0);
fcntl($f, F_SETLK, $l) or die; sleep 30' &
p=$!
sleep 1
out=$(run package-install psx-a 2 2>&1)
rc=$?
kill $p
is "$rc" 1 'another package manager is waited for, but not for ever'
like "$out" "held by process $p, perl" 'and named'
rm -rf /var/lib/powerstack

# ---- mounts: systemctl starts and stops a mount unit by fstab
cat >"$tmp/bin/systemctl" <<'SHIM'
#!/bin/sh
echo "systemctl $*" >>/var/log/shims
for last; do :; done
at=$(systemd-escape -u -p "${last%.mount}" 2>/dev/null)
case "$1 $*" in
start*.mount) mount "$at" ;;
stop*.mount) umount "$at" ;;
show*ActiveState*.mount) if mountpoint -q "$at"; then echo active; else echo failed; fi ;;
esac
SHIM
printf '#!/bin/sh\necho "ufw $*" >>/var/log/shims\n' >"$tmp/bin/ufw"
printf '#!/bin/sh\necho "exportfs $*" >>/var/log/shims\n' >"$tmp/bin/exportfs"
chmod +x "$tmp/bin"/*
disk() { # a disk of ours
	truncate -s 300M "$tmp/disk.img"
	dev=$(losetup -f --show "$tmp/disk.img" 2>/dev/null) || return 1
	name=${dev#/dev/}
	run disk-format "$dev" "$name" "$(cat "/sys/class/block/$name/dev")" '' 2>"$tmp/err"
}
if command -v mkfs.btrfs >/dev/null && command -v sfdisk >/dev/null && disk; then
	at=$tmp/mnt/data
	printf '# a comment, and no newline at the end\nUUID=0-1 /nowhere ext4 noauto,nofail\t0\t2' >/etc/fstab
	cp /etc/fstab "$tmp/fstab"
	chmod 0640 /etc/fstab
	run mount-add disk "$dev" "$at" btrfs noatime,nofail
	is "$?" 0 'a disk of ours is mounted'
	is "$(findmnt -no SOURCE,FSTYPE --target "$at" | tr -s ' ')" "${dev}p1 btrfs" 'it is'
	is "$(sed '$d' /etc/fstab)" "$(cat "$tmp/fstab")" 'every other line of fstab is as it was'
	like "$(tail -1 /etc/fstab)" "^UUID=[0-9a-f-]{36} $at btrfs noatime,nofail,x-powerstack 0 0\$" 'ours is by UUID'
	is "$(stat -c %a /etc/fstab)" 640 'and fstab has the mode it had'
	run mount-add disk "$dev" "$at" btrfs nofail
	is "$? $(grep -c x-powerstack /etc/fstab)" '0 1' 'with other options it is still one line'
	echo precious >"$at/file"
	(cd "$at" && exec sleep 60) &
	p=$!
	sleep 0.3
	out=$(run mount-remove disk "$at" 2>&1)
	is "$? $(cat "$at/file")" '1 precious' 'what is busy is not unmounted'
	like "$out" "in use by sleep \($p\)" 'and who keeps it busy is named'
	like "$(tail -1 /etc/fstab)" x-powerstack 'and the line stays'
	kill $p
	wait $p 2>/dev/null
	run mount-remove disk "$at"
	is "$? $(ls -d "$at" /var/lib/powerstack 2>/dev/null)" '0 ' 'unmounted; the folder that we made and the record are gone'
	is "$(cat /etc/fstab)" "$(cat "$tmp/fstab")" 'and fstab is what it was'
	mkdir -p "$at"
	touch "$at/mine"
	out=$(run mount-add disk "$dev" "$at" btrfs nofail 2>&1)
	is "$? $(cat /etc/fstab)" "1 $(cat "$tmp/fstab")" 'a folder with files is not covered'
	rm "$at/mine"
	run mount-add disk "$dev" "$at" btrfs nofail
	is "$(cat "$at/file")" precious 'the data is there again'
	run mount-remove disk "$at"
	is "$(ls -d "$at")" "$at" 'a folder that was there before stays'
	echo "LABEL=mine $at ext4 noauto 0 0" >>/etc/fstab
	out=$(run mount-add disk "$dev" "$at" btrfs nofail 2>&1)
	is "$? $(tail -1 /etc/fstab)" "1 LABEL=mine $at ext4 noauto 0 0" "somebody's line for the same place is left alone"
	partx -d "$dev" 2>/dev/null
	losetup -d "$dev"
else
	skip 'no loop device, sfdisk or mkfs.btrfs here' 'mounts by fstab'
fi

# ---- firewall and exports: what the tools are told
mkdir -p /etc/ufw
echo '### tuple ### allow tcp 9102 0.0.0.0/0 any 10.0.0.0/8 in comment=706f776572737461636b' >/etc/ufw/user.rules
echo '### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in' >>/etc/ufw/user.rules
echo '### tuple ### deny tcp 23 0.0.0.0/0 any 0.0.0.0/0 in comment=706f776572737461636b' >>/etc/ufw/user.rules
: >/var/log/shims
run ufw-set 'tcp 2049 192.168.0.0/24'
is "$(cat /var/log/shims)" 'ufw delete allow proto tcp from 10.0.0.0/8 to any port 9102
ufw allow proto tcp from 192.168.0.0/24 to any port 2049 comment powerstack' 'rules of ours are put right, others left alone'
: >/var/log/shims
run ufw-set
is "$(cat /var/log/shims)" 'ufw delete allow proto tcp from 10.0.0.0/8 to any port 9102' 'and taken away'
printf '/mnt/data\t192.168.0.0/24(rw,sync)\n/home\t*(ro)\n' >/var/lib/nfs/etab
: >/var/log/shims
run export-set on /mnt/data
run export-set off /mnt/data
is "$(cat /var/log/shims)" 'exportfs -ra
exportfs -u 192.168.0.0/24:/mnt/data' 'exports of our path only are taken back'

# ---- K3s: what it leaves running, mounted and configured, and what is not its own
mkdir -p "$tmp/run" "$tmp/local" "$tmp/far" "$tmp/volume"
mount --bind "$tmp/run" /run
mount --bind "$tmp/local" /usr/local/bin
cat >"$tmp/bin/systemctl" <<'SHIM'
#!/bin/sh
echo "systemctl $*" >>/var/log/shims
SHIM
chmod 755 "$tmp/bin/systemctl"
data=/var/lib/rancher/k3s
touch /usr/local/bin/k3s
out=$(run k3s-claim $data server 2>&1)
is "$? $(ls /var/lib/powerstack 2>/dev/null)" '1 ' "somebody else's K3s is not claimed"
like "$out" '/usr/local/bin/k3s.* is there already' 'and named'
rm -f /usr/local/bin/k3s
run k3s-claim $data server
is "$? $(cat /var/lib/powerstack/k3s)" "0 data=$data
role=server" 'a free node is claimed'
touch /usr/local/bin/k3s $data/server/db
run k3s-claim $data server
is "$?" 0 'twice is nothing'
printf '#!/bin/sh\n' >/usr/local/bin/crictl
chmod 755 /usr/local/bin/crictl
run k3s-links
for l in kubectl crictl ctr; do
	case $l$(PATH=/usr/sbin:/usr/bin:/sbin:/bin command -v $l) in kubectl | ctr) want=k3s ;; *) want= ;; esac
	is "$(readlink /usr/local/bin/$l)" "$want" "$l is linked only where no such command is"
done

leave_running() { # as K3s does when it is stopped
	mkdir -p $data/data/1/bin $data/agent/etc $data/storage/pvc-1 /var/lib/kubelet/pods/1/volumes/nfs /run/k3s/containerd/x
	bash -c "exec -a $data/data/1/bin/containerd-shim-runc-v2 bash -c 'sleep 300 & echo \$! >$tmp/child; wait'" &
	shim=$!
	mount -t tmpfs shm /run/k3s/containerd/x
	mount --bind "$tmp/far" /var/lib/kubelet/pods/1/volumes/nfs
	echo kept >"$tmp/far/file"
	ip link add cni0 type dummy 2>/dev/null || ip link add cni0 type bridge 2>/dev/null
	until [ -s "$tmp/child" ]; do sleep 0.1; done
}
gone() { # within three seconds
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
		: "$i"
		[ -e "/proc/$1" ] && [ "$(sed -n 's/^State:.\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null)" != Z ] || return 0
		sleep 0.2
	done
	return 1
}
leave_running
sleep 300 &
bystander=$!
run k3s-killall $data
is "$?" 0 'what K3s left running is ended'
run_ok 'a shim' gone "$shim"
run_ok 'and what it started' gone "$(cat "$tmp/child")"
run_ok 'no other process' kill -0 $bystander
kill $bystander
is "$(grep -c -e /run/k3s -e /var/lib/kubelet /proc/self/mountinfo)" 0 'nothing of it is mounted'
is "$(cat "$tmp/far/file")" kept 'what was mounted is untouched'
is "$(ip link show cni0 2>/dev/null)" '' 'its interfaces are gone'
run_ok 'its data is not' test -e $data/server/db

rm -f "$tmp/child"
leave_running
echo volume >$data/storage/pvc-1/file
mkdir -p /etc/rancher/node /var/lib/powerstack/image
touch /var/lib/powerstack/image/app.tar /etc/rancher/node/password /etc/systemd/system/k3s.service /etc/rancher/k3s/k3s.yaml
run k3s-uninstall $data ''
is "$?" 0 'K3s is taken off'
is "$(cd $data && find . -type f)" './storage/pvc-1/file' 'but the volumes of its storage'
is "$(cat "$tmp/far/file")" kept 'what pods had mounted is untouched'
is "$(ls -A /usr/local/bin) $(ls -d /etc/rancher /var/lib/kubelet /run/k3s /etc/systemd/system/k3s.service /var/lib/powerstack 2>/dev/null)" \
	'crictl ' 'and nothing else of it is left'
gone "$shim"
# a disk of the owner's as the data directory, another below the storage
mkdir -p $data
mount -t tmpfs disk $data
run k3s-claim $data agent
mkdir -p $data/storage $data/agent/containerd
mount --bind "$tmp/volume" $data/storage
echo volume >$data/storage/file
run k3s-uninstall $data ''
is "$? $(ls -A $data) $(cat "$tmp/volume/file")" '0 storage volume' "what the owner mounted there stays mounted, and the volumes' data stays"
run k3s-uninstall $data data
is "$? $(ls -A $data) $(ls -A "$tmp/volume")" '0 storage ' 'until its removal is asked for'
umount $data/storage $data
run k3s-uninstall /var ''
is "$?" 1 'no folder of the system is taken for its data'

# ---- who listens: a process that ends while ss looks for it leaves its socket without a name
cat >"$tmp/bin/ss" <<'S'
#!/bin/sh
echo "$*" >>/var/log/ss.args
if [ "$(wc -l </var/log/ss.args)" = 1 ]; then echo 'tcp LISTEN 0 9 0.0.0.0:10250 0.0.0.0:*'; fi
echo 'tcp LISTEN 0 9 0.0.0.0:2049 0.0.0.0:*'
echo 'tcp LISTEN 0 9 *:9102 *:* users:(("powerstack-expo",pid=1,fd=9))'
S
chmod 755 "$tmp/bin/ss"
is "$(probe listen:tcp/2049 listen:tcp/9102 | grep -v complete)" '=listen:tcp/2049=0.0.0.0:2049 kernel
=listen:tcp/9102=*:9102 users:(("powerstack-expo",pid=1,fd=9))' 'sockets of the kernel and of a process'
is "$(wc -l </var/log/ss.args)" 1 'are looked at once'
rm /var/log/ss.args
is "$(probe listen:tcp/10250 listen:tcp/9102 | grep -v complete)" '-listen:tcp/10250
=listen:tcp/9102=*:9102 users:(("powerstack-expo",pid=1,fd=9))' 'one of nobody is looked at again, and is gone'
rm /var/log/ss.args
sed -i '1a [ ! -e /var/log/ss.args ] || exit 1' "$tmp/bin/ss"
is "$(probe listen:tcp/10250 | grep -v complete)" '=listen:tcp/10250=0.0.0.0:10250 kernel' 'and counts as there if it cannot be looked at again'
rm "$tmp/bin/ss" /var/log/ss.args

# ---- who reaches whom
is "$(probe 'reach:127.0.0.1 127.0.0.2')" '=reach:127.0.0.1 127.0.0.2=ping
=probe=complete' 'an address that answers'
ip addr add 198.51.100.1/24 dev lo
is "$(probe 'reach:198.51.100.1 198.51.100.9' 'reach:127.0.0.1 127.0.0.3' | grep -v complete)" '=reach:198.51.100.1 198.51.100.9=ping
=reach:127.0.0.1 127.0.0.3=ping' 'several at once'
printf '#!/bin/sh\nexit 1\n' >"$tmp/bin/ping"
chmod 755 "$tmp/bin/ping"
perl -MIO::Socket::INET -e 'my $l = IO::Socket::INET->new(LocalAddr => "127.0.0.2", LocalPort => 22, Listen => 1) or die; $l->accept' &
listener=$!
sleep 0.5
is "$(probe 'reach:127.0.0.1 127.0.0.2')" '=reach:127.0.0.1 127.0.0.2=port 22
=probe=complete' 'without pings, a port that answers'
kill $listener 2>/dev/null
like "$(probe 'reach:127.0.0.1 203.0.113.9' | head -1)" '^[-!]reach:127.0.0.1 203.0.113.9' 'one that does not is told'

# ---- a unit that runs is restarted for what it reads
cp "$tmp/bin/systemctl" "$tmp/systemctl.kept"
cat >"$tmp/bin/systemctl" <<'SHIM'
#!/bin/sh
echo "$*" >>/var/log/systemctl.args
case "$*" in
*LoadState*)
	stale=no load=loaded
	[ ! -e /var/log/stale ] || stale=yes
	[ ! -e /var/log/unread ] || load=not-found
	printf 'LoadState=%s\nActiveState=active\nUnitFileState=enabled\nNeedDaemonReload=%s\n' $load $stale
	echo "ExecMainStartTimestampMonotonic=$(cat /var/log/started)" ;;
*ActiveState*) echo active ;;
daemon-reload) rm -f /var/log/stale /var/log/unread ;;
esac
SHIM
echo 1 >/var/log/started
touch "$tmp/young"
run_ok 'a file that this node has no need of is no reason to fail' run unit-start u.service ours 5 "$tmp/none" "$tmp/young"
is "$(grep -c '^restart -- u.service$' /var/log/systemctl.args)" 1 'one that is younger than the process is a reason to restart'
: >/var/log/systemctl.args
echo $((($(cut -d. -f1 /proc/uptime) + 1000) * 1000000)) >/var/log/started
run_ok 'an older one is not' run unit-start u.service ours 5 "$tmp/none" "$tmp/young"
is "$(grep -c '^restart' /var/log/systemctl.args)" 0 'and nothing is restarted'
is "$(grep -c '^daemon-reload' /var/log/systemctl.args)" 0 'nor are all units read again'
for v in stale unread; do
	touch /var/log/$v
	: >/var/log/systemctl.args
	run_ok "a unit that systemd has not read as it is now ($v)" run unit-start u.service ours 5 "$tmp/none"
	is "$(grep -c '^daemon-reload' /var/log/systemctl.args)" 1 'is read again, once'
done
mv "$tmp/systemctl.kept" "$tmp/bin/systemctl"

# ---- the node in the cluster, as a kubectl tells it, and as a curl does
! curl=$(command -v curl) || mount --bind /dev/null "$(readlink -f "$curl")"
mkdir -p $data/agent
ip addr add 192.0.2.7/24 dev lo
is "$(probe iface:192.0.2.7 iface:192.0.2.8)" '=iface:192.0.2.7=lo
-iface:192.0.2.8
=probe=complete' 'the interface of an address'
is "$(probe node:$data:n1)" '-node:/var/lib/rancher/k3s:n1
=probe=complete' 'a node that never joined'
touch $data/agent/kubelet.kubeconfig
cat >/usr/local/bin/k3s <<'SHIM'
#!/bin/sh
echo "$*" >/var/log/k3s.args
[ ! -e /var/log/refused ] || { echo 'The connection to the server was refused' >&2; exit 1; }
cat /var/log/k3s.says
SHIM
chmod 755 /usr/local/bin/k3s
# says STATUS REASON MESSAGE VERSION: an API's answer, with what could be taken for the fields that count
says() {
	printf '%s' '{"kind":"Node","apiVersion":"v1","metadata":{"name":"n1","annotations":{"is":"{\"type\":\"Ready\",\"status\":\"Odd\"}"},' \
		'"managedFields":[{"fieldsV1":{"f:status":{"f:conditions":{"k:{\"type\":\"Ready\"}":{"f:status":{}}}}}}]},' \
		'"status":{"conditions":[{"type":"DiskPressure","status":"False","reason":"KubeletHasNoDiskPressure","message":"none"},' \
		"{\"type\":\"Ready\",\"status\":\"$1\",\"lastHeartbeatTime\":\"2026-01-02T03:04:05Z\",\"reason\":\"$2\",\"message\":\"$3\"}]," \
		'"addresses":[{"type":"ExternalIP","address":"203.0.113.7"},{"type":"InternalIP","address":"192.0.2.7"},' \
		'{"type":"Hostname","address":"n1"}],"nodeInfo":{"bootID":"b","kubeletVersion":"'"$4"'","kubeProxyVersion":"v9"}}}' >/var/log/k3s.says
}
says True KubeletReady fine v1
is "$(probe node:$data:n1 | sort)" '=node:/var/lib/rancher/k3s:n1=ready=True
=probe=complete
ip=192.0.2.7
version=v1
why=KubeletReady: fine' 'a node that is Ready'
like "$(cat /var/log/k3s.args)" "get --raw /api/v1/nodes/n1$" 'is asked for in one request'
cat >$data/agent/kubelet.kubeconfig <<YAML
clusters:
- cluster:
    server: https://[::1]:6444
    certificate-authority: $data/agent/ca.crt
users:
- name: user
  user:
    client-certificate: $data/agent/kubelet.crt
    client-key: $data/agent/kubelet.key
YAML
touch $data/agent/ca.crt $data/agent/kubelet.crt
cat >"$tmp/curl" <<'SHIM'
#!/bin/sh
echo "$*" >>/var/log/curl.args
case " $* " in
*' -K - '*) ;;
*)
	case " $* " in *' @- '*) cat >/var/log/curl.in ;; esac
	[ ! -e /var/log/refused ] || { echo 'curl: (22) The requested URL returned error: 401' >&2; exit 22; }
	cat /var/log/k3s.says
	exit ;;
esac
cat >/var/log/curl.in
sed -n 's/^url = "\(.*\)"$/\1/p' /var/log/curl.in | while read -r url; do
	if [ -e /var/log/refused ]; then
		printf '\036000 Failed to connect\036'
		continue
	fi
	case $url in
	*/none) printf '{"kind":"Status","message":"none"}\n\036404 \036' ;;
	*/ill) printf '{"kind":"Status","message":"etcd is ill"}\n\036500 \036' ;;
	*/healthz) if [ -e /var/log/unknown ]; then printf 'Unauthorized\036401 \036'; else printf 'ok\036200 \036'; fi ;;
	*) cat /var/log/k3s.says; printf '\036200 \036' ;;
	esac
done
SHIM
chmod 755 "$tmp/curl"
cp "$tmp/curl" "$tmp/bin/curl"
probe node:$data:n1 >/dev/null
is "$(cat /var/log/curl.args 2>&1)" 'cat: /var/log/curl.args: No such file or directory' 'by kubectl where a file that the kubeconfig names is missing'
touch $data/agent/kubelet.key
rm /var/log/k3s.args
like "$(probe node:$data:n1)" '^ip=192.0.2.7$' 'by curl where there is one'
is "$(cat /var/log/curl.args; grep -e '^c' -e '^key' -e '^url' /var/log/curl.in; cat /var/log/k3s.args 2>/dev/null)" "-q -K -
cacert = \"$data/agent/ca.crt\"
cert = \"$data/agent/kubelet.crt\"
key = \"$data/agent/kubelet.key\"
url = \"https://[::1]:6444/api/v1/nodes/n1\"" 'with the files that the kubeconfig names'
rm -f "$tmp/bin/curl"
: >$data/agent/kubelet.kubeconfig
touch /var/log/refused
like "$(probe node:$data:n1)" '^why=The connection to the server was refused$' 'a server that cannot be reached is told'
cat >"$tmp/bin/systemctl" <<'SHIM'
#!/bin/sh
cat /var/log/restarts 2>/dev/null || echo 0
SHIM
out=$(run k3s-wait k3s.service $data n1 v1 3 2>&1)
is "$?" 1 'a node that does not become Ready is waited for, but not for ever'
like "$out" "node 'n1' is not Ready with v1 after 3 s: The connection" 'with the last reason'
rm -f /var/log/refused
says True KubeletReady fine v0
# the API as its administrator: by curl one request for all, and no secret in a file or an argument
mkdir -p /etc/rancher/k3s $data/server/cred
touch /etc/rancher/k3s/k3s.yaml
echo '{"kind":"Secret","data":{"a":"Z2VoZWlt"},"type":"Opaque"}' >/var/log/k3s.says
asked='api:/api/v1/namespaces/a/secrets/b api:/version secret:a/b'
sum=$(printf '"a":"Z2VoZWlt"' | sha256sum)
# shellcheck disable=SC2086
by_kubectl=$(probe $asked | sort)
like "$by_kubectl" "^=secret:a/b=data=${sum%% *}\$" 'a Secret is told by its sum'
is "$(printf '%s\n' "$by_kubectl" | grep -c 'secrets/b={"kind":"Secret","data":{},"type":"Opaque"}')" 1 'and shown without what it holds'
cp "$tmp/curl" "$tmp/bin/curl"
cat >$data/server/cred/admin.kubeconfig <<YAML
    server: https://127.0.0.1:6443
    certificate-authority: $data/agent/ca.crt
    client-certificate: $data/agent/kubelet.crt
    client-key: $data/agent/kubelet.key
YAML
mkdir -p /var/lib/powerstack
printf 'data=%s\nrole=server\n' $data >/var/lib/powerstack/k3s
: >/var/log/curl.args
# shellcheck disable=SC2086
is "$(probe $asked | sort)" "$by_kubectl" 'by curl the answers are the same'
is "$(wc -l </var/log/curl.args)" 1 'of one process'
is "$(probe api:/none api:/version api:/ill)" '-api:/none
=api:/version={"kind":"Secret","data":{"a":"Z2VoZWlt"},"type":"Opaque"}
!api:/ill=etcd is ill
=probe=complete' 'what is not there and what goes wrong is told apart, each for itself'
touch /var/log/refused
is "$(probe api:/none api:/version)" '!api:/none=Failed to connect
!api:/version=Failed to connect
=probe=complete' 'a server that cannot be reached is told by curl, too'
rm -f /var/log/refused "$tmp/bin/curl" /var/lib/powerstack/k3s
rm -r $data/server/cred
says True KubeletReady fine v0
# the exporter's page by TLS, where there is no curl
printf '# a page\nb 1\n' >/var/log/k3s.says
is "$(probe "http:9102:/metrics:$data")" "=http:9102:/metrics:$data=HTTP/1.1 200 OK

# a page
b 1
=probe=complete" 'a page by TLS, by kubectl'
is "$(cat /var/log/k3s.args)" "kubectl --kubeconfig /dev/null --server https://127.0.0.1:9102 --certificate-authority $data/agent/server-ca.crt \
--token none --request-timeout=10s get --raw /metrics" 'without rights, and verified'
touch /var/log/refused
is "$(probe "http:9102:/metrics:$data" | head -1)" "!http:9102:/metrics:$data=The connection to the server was refused" 'what kubectl says against it is told'
rm /var/log/refused
says True KubeletReady fine v0
# a kubelet and the exporter's token
printf 'geheim-9\n' >"$tmp/token"
is "$(probe "kubelet:$data:$tmp/token" "kubelet:$data:$tmp/none")" "-kubelet:$data:$tmp/none
=kubelet:$data:$tmp/token=yes
=probe=complete" 'a token that the kubelet takes, and one that is not there'
like "$(cat /var/log/k3s.args)" ' get --raw /healthz$' 'it is tried with what costs the kubelet nothing'
is "$(grep -c geheim /var/log/k3s.args)" 0 'and is in no argument'
run_ok 'one that is taken is not waited for' run kubelet-wait "$tmp/token" $data 3
touch /var/log/refused
is "$(probe "kubelet:$data:$tmp/token" | head -1)" "=kubelet:$data:$tmp/token=The connection to the server was refused" \
	'what the kubelet says against it is told'
out=$(run kubelet-wait "$tmp/token" $data 3 2>&1)
is "$? $(printf '%s\n' "$out" | tail -1)" '1 the kubelet does not take the token after 3 s: The connection to the server was refused' \
	'one that it does not take is waited for, but not for ever'
cp "$tmp/curl" "$tmp/bin/curl"
is "$(probe "kubelet:$data:$tmp/token" | head -1)" "=kubelet:$data:$tmp/token=Failed to connect" 'also by curl'
rm /var/log/refused
touch /var/log/unknown
is "$(probe "kubelet:$data:$tmp/token" | head -1)" "=kubelet:$data:$tmp/token=the kubelet answers with status 401" 'and one that it refuses'
rm /var/log/unknown
: >/var/log/curl.args
is "$(probe "kubelet:$data:$tmp/token" | head -1)" "=kubelet:$data:$tmp/token=yes" 'which asks it'
is "$(cat /var/log/curl.args; grep -e cacert -e header -e url /var/log/curl.in)" "-q -K -
cacert = \"$data/agent/server-ca.crt\"
header = \"Authorization: Bearer geheim-9\"
url = \"https://127.0.0.1:10250/healthz\"" 'with the token in no argument'
: >/var/log/curl.args
run_ok 'one that curl tries is not waited for either' run kubelet-wait "$tmp/token" $data 3
is "$(cat /var/log/curl.args /var/log/curl.in)" "-q -g -sS -f -A powerstack --noproxy * --max-time 15 --cacert $data/agent/server-ca.crt -H @- https://127.0.0.1:10250/healthz
Authorization: Bearer geheim-9" 'with the token in no argument'
rm -f "$tmp/bin/curl"
like "$(run k3s-wait k3s.service $data n1 v1 1 2>&1)" 'it is Ready, but runs v0' 'nor one with another version'
cat >"$tmp/bin/journalctl" <<'SHIM'
#!/bin/sh
echo 'level=info msg="Waiting to retrieve agent configuration; server is not ready: Node password rejected, duplicate hostname"'
SHIM
chmod +x "$tmp/bin/journalctl"
is "$(probe node:$data:n1 | grep refused)" '' 'the journal of a node that is Ready is not asked'
says Unknown NodeStatusUnknown 'Kubelet stopped posting node status.' v1
like "$(probe node:$data:n1)" '^refused=yes$' 'a node whose password the servers refuse is told'
rm "$tmp/bin/journalctl"
(sleep 1; says True KubeletReady fine v1) &
run k3s-wait k3s.service $data n1 v1 10
is "$?" 0 'one that becomes Ready is'
says False KubeletNotReady 'no network' v1
like "$(run k3s-wait k3s.service $data n1 v1 1 2>&1)" 'it is not Ready: KubeletNotReady: no network' 'one that is not Ready says why'
echo 1 >/var/log/restarts
(sleep 1; echo 4 >/var/log/restarts) &
out=$(run k3s-wait k3s.service $data n1 v1 30 2>&1)
is "$?" 1 'a unit that starts again and again is not waited for'
like "$out" "started 3 times" 'and told'
wait

# ---- what the exporter said, of this run only
mv "$tmp/bin/systemctl" "$tmp/systemctl"
cat >"$tmp/bin/systemctl" <<'SHIM'
#!/bin/sh
[ "$*" = 'show -P InvocationID powerstack-exporter.service' ] && cat /var/log/invocation
SHIM
cat >"$tmp/bin/journalctl" <<'SHIM'
#!/bin/sh
case " $* " in *' _SYSTEMD_INVOCATION_ID=0a1b '*) printf 'level=info msg="component measured"\nlevel=info msg=listening\n' ;; esac
SHIM
chmod +x "$tmp/bin/systemctl" "$tmp/bin/journalctl"
: >/var/log/invocation
is "$(probe journal:exporter | head -1)" '-journal:exporter' 'an exporter that never ran said nothing'
echo 0a1c >/var/log/invocation
is "$(probe journal:exporter | head -1)" '-journal:exporter' 'nor one whose lines are gone'
echo 0a1b >/var/log/invocation
is "$(probe journal:exporter)" '=journal:exporter=level=info msg="component measured"
level=info msg=listening
=probe=complete' 'what it said since it was started'
mv "$tmp/systemctl" "$tmp/bin/systemctl"
rm "$tmp/bin/journalctl"

# ---- Grafana's login: what is in the Secret goes to Grafana, and into no process' arguments
cp /usr/local/bin/k3s "$tmp/k3s.kept"
cat >/usr/local/bin/k3s <<'SHIM'
#!/bin/sh
case "$*" in *' get --raw /api/v1/namespaces/mon/secrets/admin') ;; *) echo 'Error from server (NotFound): no' >&2; exit 1 ;; esac
cat <<JSON
{"metadata":{"managedFields":[{"fieldsV1":{"f:data":{"f:admin-user":{},"f:admin-password":{}}}}]},
"data":{"admin-password":"$(printf 'pl"anted p:w %%s' | base64 -w 0)","admin-user":"$(printf admin | base64 -w 0)"}}
JSON
SHIM
mkdir -p /etc/rancher/k3s
touch /etc/rancher/k3s/k3s.yaml
cat >"$tmp/grafana.py" <<'PY'
import base64, os, socket, sys
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen(4)
print(s.getsockname()[1], flush=True)
want = b"Basic " + base64.b64encode(sys.stdin.buffer.read())
while True:
    c, _ = s.accept()
    data = b""
    while b"\r\n\r\n" not in data:
        data += c.recv(4096)
    known = b"\r\nAuthorization: " + want + b"\r\n" in data and data.startswith(b"GET /api/org ")
    c.sendall(b"HTTP/1.0 200 OK\r\n\r\n{}" if known else b"HTTP/1.0 401 Unauthorized\r\n\r\n{}")
    c.close()
PY
grafana() { # grafana USER:PASSWORD: one that knows them; sets port and server
	rm -f "$tmp/port"
	printf '%s' "$1" | python3 "$tmp/grafana.py" >"$tmp/port" &
	server=$!
	for _ in $(seq 200); do [ ! -s "$tmp/port" ] || break; sleep 0.05; done
	port=$(cat "$tmp/port")
}
grafana 'admin:pl"anted p:w %s'
is "$(probe "grafana:mon/admin 127.0.0.1 $port" | head -1)" "=grafana:mon/admin 127.0.0.1 $port=HTTP/1.0 200 OK" 'who is known logs in'
strace -f -qq -e trace=execve -s 4000 -o "$tmp/strace" dash -euc "$(cat out/release/provision/files/probe.sh)" powerstack \
	"grafana:mon/admin 127.0.0.1 $port" >/dev/null 2>&1
is "$(grep -cF -e 'anted p' -e "$(printf 'admin:pl"anted p:w %%s' | base64 -w 0)" -e "$(printf 'pl"anted p:w %%s' | base64 -w 0)" "$tmp/strace")" 0 \
	'and no process has the password as an argument'
kill $server
wait $server 2>/dev/null
grafana 'admin:other'
is "$(probe "grafana:mon/admin 127.0.0.1 $port" | head -1)" "=grafana:mon/admin 127.0.0.1 $port=HTTP/1.0 401 Unauthorized" 'who is not, does not'
kill $server
wait $server 2>/dev/null
like "$(probe "grafana:mon/admin 127.0.0.1 $port" | head -1)" "^!grafana:mon/admin 127.0.0.1 $port=.*refused" 'a Grafana that is not there is told'
like "$(probe "grafana:mon/none 127.0.0.1 $port" | head -1)" '^!grafana:mon/none .*NotFound' 'and a Secret that is not'

# ---- the network of pods: a VXLAN between here and another world
rm -f "$tmp/bin/ping"
unshare -n sleep 600 &
world=$!
for _ in $(seq 100); do [ "$(readlink /proc/$world/ns/net)" = "$(readlink /proc/$$/ns/net)" ] || break; sleep 0.05; done
there() { nsenter -t $world -n "$@"; }
is "$(probe overlay:flannel.1 | head -1)" '-overlay:flannel.1' 'without flannel there is none'
end() { # end LINK OWN OTHER OUR-PODS THEIR-PODS: one end of it, on the machine where it is run
	ip link set lo up
	ip addr add "$2/24" dev "$1"
	ip link set "$1" up
	ip link add flannel.1 type vxlan id 1 local "$2" remote "$3" dev "$1" dstport 8472
	ip addr add "$4.0/32" dev flannel.1
	ip link set flannel.1 up
	ip route add "$5.0/24" via "$5.0" dev flannel.1 onlink
}
if ip link add name pods0 type veth peer name pods1 netns $world 2>/dev/null && end pods0 172.31.9.1 172.31.9.2 10.42.0 10.42.1; then
	there sh -euc "$(sed -n '/^end() /,/^}/p' "$0")"'
end pods1 172.31.9.2 172.31.9.1 10.42.1 10.42.0'
	is "$(probe overlay:flannel.1)" '=overlay:flannel.1=mtu=1450
local=172.31.9.1
10.42.1.0/24=reached
=probe=complete' 'a packet of full size comes through, by the device that has no pod yet'
	there ip link add name cni0 type bridge 2>/dev/null && there ip addr add 10.42.1.1/24 dev cni0 && there ip link set cni0 up
	like "$(probe overlay:flannel.1)" '^10.42.1.0/24=reached$' 'and by the bridge of its pods'
	there ip link set pods1 mtu 1400
	like "$(probe overlay:flannel.1)" '^10.42.1.0/24=lost$' 'one that is too long for the network between is told'
	ip link del pods0
else
	skip 'no VXLAN or veth here' 'the network of pods'
fi
kill $world
wait $world 2>/dev/null

# ---- the cluster's DNS
cat >/usr/local/bin/k3s <<'SHIM'
#!/bin/sh
case "$*" in *' get --raw /api/v1/namespaces/kube-system/services/kube-dns') ;; *) exit 9 ;; esac
echo '{"kind":"Service","spec":{"clusterIP":"127.0.0.77","clusterIPs":["127.0.0.77"]}}'
SHIM
ip link set lo up
cat >"$tmp/dns.py" <<'PY'
import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.77", 53))
print("ready", flush=True)
while True:
    q, who = s.recvfrom(512)
    names, at = [], 12
    while q[at]:
        names.append(q[at + 1:at + 1 + q[at]].decode())
        at += 1 + q[at]
    name, kind = ".".join(names), q[at + 1:at + 5]
    known = name == "kubernetes.default.svc.cluster.local" and kind == b"\0\1\0\1" and len(q) == at + 5
    head = q[:2] + struct.pack(">HHHHH", 0x8180 if known or name == "empty" else 0x8183, 1, known, 0, 0)
    s.sendto(head + q[12:] + (b"\xc0\x0c\0\1\0\1\0\0\0\5\0\4" + bytes([10, 43, 0, 1]) if known else b""), who)
PY
like "$(probe dns:a.b | head -1)" "^!dns:a.b=the cluster's DNS at 127.0.0.77 does not answer" 'a DNS that is not there is told'
python3 "$tmp/dns.py" >"$tmp/dns.ready" &
server=$!
for _ in $(seq 200); do [ ! -s "$tmp/dns.ready" ] || break; sleep 0.05; done
is "$(probe dns:kubernetes.default.svc.cluster.local | head -1)" '=dns:kubernetes.default.svc.cluster.local=address=10.43.0.1' 'a name is resolved'
is "$(probe dns:other.default | head -1)" '=dns:other.default=rcode=3' 'one that is not there is told'
is "$(probe dns:empty | head -1)" '=dns:empty=rcode=0' 'and one without an address'
kill $server
wait $server 2>/dev/null

# ---- Rancher's login, by kubectl: the same, and what the login gives is taken back
cat >/usr/local/bin/k3s <<'SHIM'
#!/bin/sh
printf '%s\n' "$*" >>/var/log/k3s.args
proxy=/api/v1/namespaces/cattle-system/services/https:rancher:443/proxy
case "$*" in
*' get --raw /apis/management.cattle.io/v3/settings/first-login') cat /var/log/first-login ;;
*' get --raw /api/v1/namespaces/cattle-system/secrets/first')
	printf '{"data":{"bootstrapPassword":"%s"},"type":"Opaque"}\n' "$(printf 'pl"anted \\ p%%s' | base64 -w 0)" ;;
*" create -f - --raw $proxy/v1-public/login")
	cat >/var/log/login.in
	[ ! -e /var/log/old ] || { echo 'Error from server (NotFound): the server could not find the requested resource' >&2; exit 1; }
	[ ! -e /var/log/refused ] || { echo 'error: You must be logged in to the server (Unauthorized)' >&2; exit 1; }
	cat /var/log/login.out ;;
*" create -f - --raw $proxy/v3-public/localProviders/local?action=login") cat >/var/log/login.in; cat /var/log/login.out ;;
*' delete --raw '*) ;;
*) echo 'Error from server (NotFound): no' >&2; exit 1 ;;
esac
SHIM
rancher() { probe rancher:cattle-system/first | head -1; }
: >/var/log/k3s.args
echo '{"baseType":"token","token":"token-ab1cd:geheim-8","type":"token"}' >/var/log/login.out
is "$(rancher)" '=rancher:cattle-system/first=taken' "Rancher's first password is tried"
is "$(python3 -c 'import json; d = json.load(open("/var/log/login.in")); print(d["type"], d["username"], d["password"], d["responseType"])')" \
	'localProvider admin pl"anted \ p%s json' 'as it is in the Secret'
like "$(cat /var/log/k3s.args)" ' delete --raw /apis/management.cattle.io/v3/tokens/token-ab1cd$' 'the session is taken back'
is "$(grep -cE 'geheim|anted' /var/log/k3s.args)" 0 'and no process has the password or the session as an argument'
touch /var/log/old
is "$(rancher) $(tail -n 2 /var/log/k3s.args | grep -o 'localProviders')" '=rancher:cattle-system/first=taken localProviders' 'an older Rancher is asked its own way'
rm /var/log/old
touch /var/log/refused
: >/var/log/k3s.args
is "$(rancher)" '=rancher:cattle-system/first=it is another one (status 401)' 'what it says against the password is told'
is "$(grep -c ' create ' /var/log/k3s.args)" 1 'and it is tried once'
rm /var/log/refused
echo '<html>' >/var/log/login.out
is "$(rancher)" '=rancher:cattle-system/first=it answers without a token' 'an answer of somebody else is none'
echo '{"kind":"Setting","default":"true","value":"false"}' >/var/log/first-login
: >/var/log/k3s.args
is "$(rancher) $(grep -c ' create ' /var/log/k3s.args)" '=rancher:cattle-system/first=over 0' 'one whose admin has been set up is not asked'
rm /var/log/first-login
is "$(probe rancher:cattle-system/none | head -1)" '!rancher:cattle-system/none=Error from server (NotFound): no' 'a Secret that is not there is told'

# ---- Rancher's log: what is no mere information
cat >/usr/local/bin/k3s <<'SHIM'
#!/bin/sh
case "$*" in *' logs -n cattle-system -l app=rancher -c rancher --since=10m '*) ;; *) exit 9 ;; esac
cat /var/log/rancher 2>/dev/null || { echo 'Error from server: etcd is ill' >&2; exit 1; }
SHIM
is "$(probe journal:rancher | head -1)" '!journal:rancher=Error from server: etcd is ill' 'a log that cannot be had is told'
cat >/var/log/rancher <<'LOG'
2026/01/05 20:00:00 [INFO] it has no [errors]
2026/01/05 20:00:01 [ERROR] one
time="2026-01-05T20:00:02Z" level=warning msg=two
{"level":"error","msg":"three"}
I0105 20:00:03.1 1 watch.go:1] an E0105 in the middle
W0105 20:00:04.1 1 watch.go:1] four
panic: five
LOG
is "$(probe journal:rancher)" '=journal:rancher=2026/01/05 20:00:01 [ERROR] one
time="2026-01-05T20:00:02Z" level=warning msg=two
{"level":"error","msg":"three"}
W0105 20:00:04.1 1 watch.go:1] four
panic: five
=probe=complete' 'its lines above the level of information'
: >/var/log/rancher
is "$(probe journal:rancher | head -1)" '=journal:rancher=' 'a log without them is empty, not missing'
rm -f /usr/local/bin/k3s
is "$(probe journal:rancher rancher:cattle-system/first | sort)" '-journal:rancher
-rancher:cattle-system/first
=probe=complete' 'without K3s neither is there'
cp "$tmp/k3s.kept" /usr/local/bin/k3s
rm -rf /etc/rancher/k3s/k3s.yaml

# ---- K3s: which release the binary is
run k3s-release 1111 v1
run k3s-release 2222 v2
run k3s-release 1111 v1
is "$(cat /var/lib/powerstack/k3s-release)" '1111=v1
2222=v2' 'what was brought is recorded, newest first'
for i in 3 4 5 6 7; do run k3s-release $i v$i; done
is "$(wc -l </var/lib/powerstack/k3s-release)" 5 'not for ever'
like "$(probe record:k3s-release)" '^7=v7$|=7=v7$' 'and told'
rm -f /var/lib/powerstack/k3s-release

# ---- K3s: images of the user's
cat >"$tmp/bin/systemctl" <<'SHIM'
#!/bin/sh
[ "$*" = "is-active $(cat /var/log/runs).service" ] && echo active && exit
echo inactive
exit 3
SHIM
cp /usr/local/bin/k3s "$tmp/k3s.kept"
cat >/usr/local/bin/k3s <<'SHIM'
#!/bin/sh
echo "$*" >>/var/log/imported
echo 'unpacking docker.io/library/app:1'
[ ! -e /var/log/ill ] || { echo 'ctr: unrecognized image format' >&2; exit 1; }
SHIM
chmod 755 /usr/local/bin/k3s
echo none >/var/log/runs
: >/var/log/imported
run k3s-import $data/agent/images/app.tar 1111
is "$? $(cat /var/lib/powerstack/image/app.tar) $(cat /var/log/imported)" '0 1111 ' 'a K3s that does not run takes them when it starts'
echo k3s-agent >/var/log/runs
run k3s-import $data/agent/images/app.tar 2222
is "$? $(cat /var/lib/powerstack/image/app.tar) $(cat /var/log/imported)" '0 2222 ' 'and one whose containerd has not started yet'
mkdir -p /run/k3s/containerd
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("/run/k3s/containerd/containerd.sock")'
for unit in k3s k3s-agent; do
	echo $unit >/var/log/runs
	: >/var/log/imported
	run k3s-import $data/agent/images/app.tar 3333
	is "$? $(cat /var/lib/powerstack/image/app.tar) $(cat /var/log/imported)" \
		"0 3333 ctr -n k8s.io images import $data/agent/images/app.tar" "the containerd of $unit takes them now"
done
touch /var/log/ill
is "$(run k3s-import $data/agent/images/bad.tar 4444 2>&1)" \
	"containerd does not take the images of '$data/agent/images/bad.tar': ctr: unrecognized image format" 'what it does not take is told'
is "$(cat /var/lib/powerstack/image/bad.tar 2>&1)" "cat: /var/lib/powerstack/image/bad.tar: No such file or directory" 'and not recorded'
rm -rf /run/k3s /var/lib/powerstack/image /var/log/ill /var/log/imported /var/log/runs
cp "$tmp/k3s.kept" /usr/local/bin/k3s

# ---- K3s: a copy of a server's state
cat >"$tmp/bin/systemctl" <<'SHIM'
#!/bin/sh
echo "systemctl $*" >>/var/log/shims
case $1 in
show) cat /var/log/active ;;
stop) echo inactive >/var/log/active ;;
start) echo active >/var/log/active ;;
esac
SHIM
server=$data/server
copies() { (cd $server/backup && echo before-*); }
mkdir -p $server/db/snapshots $server/tls
echo sqlite >$server/db/state.db
echo wal >$server/db/state.db-wal
echo big >$server/db/snapshots/old
echo K10secret >$server/token
chmod 0644 $server/db/state.db
echo active >/var/log/active
: >/var/log/shims
run k3s-backup $data v2 run1 3
is "$? $(cat /var/log/active)" '0 active' 'the state of a server is saved, and K3s runs again'
is "$(grep -v show /var/log/shims)" 'systemctl stop -- k3s.service
systemctl start --no-block -- k3s.service' 'it was stopped for that'
is "$(cd $server/backup/before-v2 && find . -type f | sort | tr '\n' ' ')" './db/state.db ./db/state.db-wal ./token ' \
	'datastore and token, and no other copies'
is "$(stat -c %a $server/backup $server/backup/before-v2)" '700
700' 'for root only'
is "$(cat /var/lib/powerstack/k3s-backup)" "run=run1
path=$server/backup/before-v2
to=v2" 'where it is, is recorded'
echo newer >$server/db/state.db
run k3s-backup $data v2 run2 3
is "$(cat $server/backup/before-v2/db/state.db) $(copies)" 'newer before-v2' 'again: the new state instead'
for v in 3 4 5; do
	touch -d "2020-01-0$v" $server/backup/before-v$((v - 1))
	run k3s-backup $data v$v run$v 3
done
is "$(copies)" 'before-v3 before-v4 before-v5' 'only so many stay, the newest'
echo inactive >/var/log/active
: >/var/log/shims
run k3s-backup $data v6 run6 3
is "$? $(grep -c -e start -e stop /var/log/shims)" '0 0' 'what does not run is neither stopped nor started'
echo active >/var/log/active
mkdir -p "$tmp/small"
mount -t tmpfs -o size=64k small "$tmp/small"
mkdir -p "$tmp/small/server/db"
head -c 40000 /dev/zero >"$tmp/small/server/db/state.db"
: >/var/log/shims
out=$(run k3s-backup "$tmp/small" v2 run1 3 2>&1)
is "$? $(grep -c stop /var/log/shims)" '1 0' 'without room for the copy nothing is stopped'
like "$out" 'no space for a copy .*needs [0-9]+ MiB' 'and that is told'
umount "$tmp/small"
# a copy that fails half way
printf '#!/bin/sh\nexit 1\n' >"$tmp/bin/cp"
chmod 755 "$tmp/bin/cp"
run k3s-backup $data v7 run7 3 2>/dev/null
is "$? $(cat /var/log/active) $(ls -d $server/backup/before-v7 2>/dev/null)" '1 active ' 'a copy that fails is none, and K3s runs again'
rm -f "$tmp/bin/cp"
mkdir -p $server/db/etcd
cat >/usr/local/bin/k3s <<'SHIM'
#!/bin/sh
echo "$*" >/var/log/k3s.args
[ ! -e /var/log/refused ] || { echo 'etcd is not healthy' >&2; exit 1; }
while [ $# -gt 0 ]; do
	case $1 in --dir) dir=$2 ;; --name) name=$2 ;; esac
	shift
done
echo snapshot >"$dir/$name-n1-1700000000"
SHIM
chmod 755 /usr/local/bin/k3s
: >/var/log/shims
run k3s-backup $data v8 run8 3
is "$? $(cd $server/backup/before-v8 && echo *) $(grep -c stop /var/log/shims)" '0 before-v8-n1-1700000000 token 0' \
	"etcd is saved by K3s' own snapshot, while it runs"
touch /var/log/refused
out=$(run k3s-backup $data v9 run9 3 2>&1)
is "$? $(ls -d $server/backup/before-v9 2>/dev/null)" '1 ' 'no snapshot, no copy'
like "$out" 'no snapshot of etcd could be made: etcd is not healthy' 'and why'
rm -rf /var/log/refused $server /var/lib/powerstack/k3s-backup

# ---- a file of the node's
printf 'one\0two\n' >"$tmp/read me"
run file-read "$tmp/read me" >"$tmp/was read"
is "$? $(cmp "$tmp/read me" "$tmp/was read" 2>&1)" '0 ' 'a file is read, every byte'
out=$(run file-read "$tmp" 2>&1)
is "$? $out" "1 '$tmp' is no file" 'a folder is none'
rm -f "$tmp/read me" "$tmp/was read"

# ---- K3s: what the first server does for another node
mkdir -p /etc/rancher/k3s
rm -f /etc/rancher/k3s/k3s.yaml
cat >/usr/local/bin/k3s <<'SHIM'
#!/bin/sh
[ ! -e /var/log/refused ] || { echo 'The connection to the server was refused' >&2; exit 1; }
echo "$*" >>/var/log/k3s.args
case "$*" in
*/version*) echo '{ "major": "1", "gitVersion": "v1.30.2+k3s1", "gitCommit": "x" }' ;;
*' get --raw /api/v1/nodes/'*)
	[ -s /var/log/ready ] || { echo 'Error from server (NotFound): nodes "ho4" not found' >&2; exit 1; }
	echo "{\"status\":{\"conditions\":[{\"type\":\"DiskPressure\",\"status\":\"True\"},{\"type\":\"Ready\",\"status\":\"$(cat /var/log/ready)\"}]}}" ;;
*' delete --raw '*)
	[ -s /var/log/ready ] || { echo 'Error from server (NotFound): not found' >&2; exit 1; } ;;
esac
SHIM
run k3s-member leaving ho4 v1.30.2+k3s1 ''
is "$?" 0 'where there is no cluster, nobody has to leave'
touch /etc/rancher/k3s/k3s.yaml
deleted='delete --raw /api/v1/nodes/ho4
delete --raw /api/v1/namespaces/kube-system/secrets/ho4.node-password.k3s'
asked() { sed -n 's/.*--request-timeout=30s //p' /var/log/k3s.args | grep delete; }
member() { : >/var/log/k3s.args; run k3s-member "$@" 2>&1; }
printf True >/var/log/ready
member leaving ho4 v1.31.0+k3s1 ''
is "$? $(asked)" "0 $deleted" 'a node that leaves is deleted, with its password'
out=$(member joining ho4 v1.30.2+k3s1 '')
is "$? $(asked)" '1 ' 'one that is Ready is not taken for one that is gone'
like "$out" "node 'ho4' is Ready in the cluster, and its machine is not in it" 'and that is told'
printf Unknown >/var/log/ready
member joining ho4 v1.30.2+k3s1 ''
is "$? $(asked)" "0 $deleted" 'one that is gone makes room for the new one'
nl='
'
member rejoining ho4 v1.30.2+k3s1 ''
is "$? $(asked)" "0 ${deleted#*"$nl"}" 'one that lost its password is forgotten by it, and stays a node'
: >/var/log/ready
member joining ho4 v1.30.2+k3s1 ''
is "$? $(asked)" "0 $deleted" 'one that the cluster never knew may join'
member leaving ho4 v1.30.2+k3s1 ''
is "$?" 0 'and leave'
member staying ho4 v1.30.2+k3s1 ''
is "$? $(asked)" '0 ' 'one that stays is left alone'
member staying ho4 v1.29.9+k3s1 ''
is "$?" 0 'a node may be older than the servers'
for how in joining rejoining staying; do
	out=$(member $how ho4 v1.30.10+k3s1 '')
	is "$? $(asked)" '1 ' "$how: but not newer"
	like "$out" 'the servers run v1.30.2.k3s1, and no node may be newer' "$how: and that is told"
done
member staying ho4 v1.31.0+k3s1 force
is "$?" 0 'unless it is forced'
touch /var/log/refused
out=$(member leaving ho4 v1.30.2+k3s1 '')
is "$?" 1 'an API server that does not answer is an error'
like "$out" 'does not answer as it should: The connection to the server was refused' 'with the reason'
rm -f /var/log/refused /etc/rancher/k3s/k3s.yaml

# ---- K3s: another token, by each of the clients that may be there
mkdir -p $server/tls $data/agent
hide() { # so that only the named one is found
	for t in curl openssl python3; do
		p=$(PATH=/usr/sbin:/usr/bin:/sbin:/bin command -v $t) || continue
		[ "$t" = "$1" ] || mount --bind /dev/null "$(readlink -f "$p")"
	done
}
show() {
	for t in curl openssl python3; do
		p=/usr/bin/$t
		! mountpoint -q "$(readlink -f $p)" || umount "$(readlink -f $p)"
	done
}
first='one token with "quotes", \back and % signs'
second='an"other\tok%en'
if command -v openssl >/dev/null && command -v python3 >/dev/null; then
	for ca in cluster other; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$ca" \
			-keyout "$tmp/$ca.key" -out "$tmp/$ca.crt" 2>/dev/null
	done
	printf 'subjectAltName=IP:127.0.0.1\n' >"$tmp/ext"
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=k3s -keyout "$tmp/k3s.key" -out "$tmp/k3s.csr" 2>/dev/null
	openssl x509 -req -in "$tmp/k3s.csr" -CA "$tmp/cluster.crt" -CAkey "$tmp/cluster.key" -CAcreateserial -days 2 \
		-extfile "$tmp/ext" -out "$tmp/k3s.crt" 2>/dev/null
	cat >"$tmp/k3s.py" <<'PY'
import base64, http.server, json, ssl, sys
folder, token = sys.argv[1:]
class K3s(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def secret(self):
        with open(token) as f:
            return f.read().strip().split("::server:")[1]
    def allowed(self, user):
        kind, value = self.headers.get("Authorization", " ").split(" ")
        return base64.b64decode(value).decode() == user + ":" + self.secret()
    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path != "/v1-k3s/token":
            return self.answer(404)
        if not self.allowed("server"):
            return self.answer(401)
        with open(token, "w") as f:
            f.write("K10%s::server:%s\n" % (64 * "a", json.loads(body)["newToken"]))
        self.answer(200)
    def do_GET(self):
        self.answer(200 if self.path == "/v1-k3s/config" and self.allowed("node") else 401)
    def log_message(self, *args):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 6443), K3s)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(folder + "/k3s.crt", folder + "/k3s.key")
server.socket = tls.wrap_socket(server.socket, server_side=True)
server.serve_forever()
PY
	python3 "$tmp/k3s.py" "$tmp" "$tmp/live" &
	k3s=$!
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		: "$i"
		perl -MIO::Socket::INET -e 'exit !IO::Socket::INET->new(PeerAddr => "127.0.0.1:6443")' && break
		sleep 0.3
	done
	token() { printf '%s\n' "$3" | run k3s-token "$1" "$2" 127.0.0.1 6443 2>&1; }
	is "$(token rotate $data x; echo $?)" 0 'a server that never ran has no token to change'
	is "$(token try $data x; echo $?)" 0 'and a node that never joined nothing to try'
	show # curl was hidden above
	for only in curl openssl python3; do
		command -v $only >/dev/null || { skip "no $only here" "a token by $only"; continue; }
		hide $only
		printf 'K10%064d::server:%s\n' 0 "$first" >"$tmp/live"
		cp "$tmp/live" $server/token
		cp "$tmp/cluster.crt" $server/tls/server-ca.crt
		cp "$tmp/cluster.crt" $data/agent/server-ca.crt
		is "$(token rotate $data "$second"; echo $?)" 0 "$only: the cluster gets another token"
		is "$(sed 's/.*::server://' "$tmp/live")" "$second" "$only: that one"
		is "$(token try $data "$second"; echo $?)" 0 "$only: which it takes"
		out=$(token try $data "$first")
		is "$?" 1 "$only: and not the old one"
		like "$out" "servers do not take the vault's token .status 401." "$only: which is told"
		out=$(token rotate $data third)
		is "$? $(sed 's/.*::server://' "$tmp/live")" "1 $second" "$only: nobody changes it with a wrong one"
		like "$out" "K3s refuses its own token .*status 401" "$only: which is told"
		cp "$tmp/live" $server/token
		cp "$tmp/other.crt" $server/tls/server-ca.crt
		out=$(token rotate $data third)
		is "$? $(sed 's/.*::server://' "$tmp/live")" "1 $second" "$only: another cluster's server is told no token"
		show
	done
	cp "$tmp/cluster.crt" $server/tls/server-ca.crt
	if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
		for only in curl openssl python3; do
			command -v $only >/dev/null || continue
			hide $only
			printf 'K10%064d::server:planted-old\n' 0 >"$tmp/live"
			cp "$tmp/live" $server/token
			printf 'planted-new\n' | strace -f -v -s 100000 -e trace=execve,openat -o "$tmp/trace" dash -euc \
				"$(cat out/release/provision/files/k3s-token.sh)" powerstack rotate $data 127.0.0.1 6443
			is "$? $(sed 's/.*::server://' "$tmp/live") $(grep -c planted "$tmp/trace")" '0 planted-new 0' \
				"$only: neither token is in an argument, the environment or a file's name"
			is "$(grep O_CREAT "$tmp/trace" | grep -vc '"/dev/null"')" 0 "$only: nor in a file"
			show
		done
	else
		skip 'strace does not work here' 'no token is in an argument, the environment or a file'
	fi
	kill $k3s
	hide none
	out=$(token rotate $data third)
	is "$?" 1 'without any client'
	like "$out" 'curl, openssl or python3 is needed' 'that is told'
	show
else
	skip 'no openssl or python3 here' "another token for K3s"
fi
rm -rf $server

done_testing
