#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# powerstack fetch against a mirror on loopback that misbehaves: what is downloaded, what is counted on the
# wire, what is refused, what is left behind.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
top=$PWD
# shellcheck source=tests/tap.sh
. tests/tap.sh
ps=${POWERSTACK:-$top/out/release/powerstack}
work=$(mktemp -d)
pids=
mounted=
cleanup() {
	for p in $pids; do kill "$p" 2>/dev/null; done
	[ -z "$mounted" ] || umount "$mounted"
	rm -rf "$work"
}
trap cleanup EXIT
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY CURL_CA_BUNDLE SSL_CERT_FILE
export HOME=$work/home XDG_CACHE_HOME=$work/cache TERM=dumb
mkdir -p "$HOME"
version=v1.30.2+k3s1
version_re='v1\.30\.2\+k3s1'
release=github.com/k3s-io/k3s/releases/download
binary_size=3000000
images_size=5000000

# make_release FOLDER: a release of all three architectures, with its checksum files
make_release() {
	mkdir -p "$1"
	for s in "" -arm64 -armhf; do head -c $binary_size /dev/urandom >"$1/k3s$s"; done
	for a in amd64 arm64 arm; do head -c $images_size /dev/urandom >"$1/k3s-airgap-images-$a.tar.zst"; done
	make_sums "$1"
}
make_sums() {
	(
		cd "$1" || exit 1
		sha256sum k3s k3s-airgap-images-amd64.tar.zst >sha256sum-amd64.txt
		sha256sum k3s-arm64 k3s-airgap-images-arm64.tar.zst >sha256sum-arm64.txt
		sha256sum k3s-armhf k3s-airgap-images-arm.tar.zst >sha256sum-arm.txt
	)
}
mirror=$work/mirror
folder=$mirror/$release/$version
make_release "$folder"
cp -a "$folder" "$work/release"

# serve DIR [CERT KEY]: a mirror; sets port and mirror_pid
serve() {
	rm -f "$1/port"
	"$top/tests/fetch/mirror.py" "$@" >"$work/mirror.err" 2>&1 &
	mirror_pid=$!
	pids="$pids $mirror_pid"
	for _ in $(seq 100); do
		[ -s "$1/port" ] && break
		sleep 0.05
	done
	port=$(cat "$1/port")
}
# site NAME MIRROR-URL [ARCH-OF-HO2 [MORE-VARS]]: an inventory in a folder of its own; sets inv, lock
site() {
	mkdir -p "$work/$1"
	inv=$work/$1/inventory.yml
	lock=$work/$1/powerstack.lock
	{
		echo "k3s_cluster:"
		echo "  children:"
		echo "    server:"
		echo "      hosts:"
		echo "        ho1: { internal_ip: 10.0.0.1, disk_for_persistent_storage: /dev/disk/by-id/x }"
		echo "    agent:"
		echo "      hosts:"
		echo "        ho2: { internal_ip: 10.0.0.2, arch: ${3:-amd64} }"
		[ "${3:-}" != arm64 ] || echo "        ho3: { internal_ip: 10.0.0.3, arch: armhf }"
		echo "  vars:"
		echo "    nfs_network: 10.0.0.0/24"
		echo "    artifact_mirror: $2"
		[ -z "${4:-}" ] || echo "    $4"
	} >"$inv"
}
# run ARGS...: fetch of K3s; sets rc, out, err
run() {
	"$ps" -i "$inv" fetch k3s "$@" >"$work/out" 2>"$work/err" </dev/null
	rc=$?
	out=$(cat "$work/out")
	err=$(cat "$work/err")
}
faults() { printf '%s\n' "$@" >"$mirror/faults"; }
# fresh: an empty cache, no faults, an empty log
fresh() {
	chmod -R u+w "$XDG_CACHE_HOME" 2>/dev/null
	rm -rf "$XDG_CACHE_HOME" "$mirror/log" "$mirror/faults"
	touch "$mirror/log"
}
cache=$XDG_CACHE_HOME/powerstack/artifacts
requests() { jq -s "[.[] | select(.path | endswith(\"$1\"))] | ${2:-length}" "$mirror/log"; }
same() { # same FILE FILE DESCRIPTION
	if cmp -s "$1" "$2"; then ok "$3"; else not_ok "$3"; fi
}
sum() { sha256sum "$1" | cut -d' ' -f1; }
parts() { find "$cache" -name '*.part' 2>/dev/null | wc -l; }
# wait_until COMMAND...: for 10 s at most
wait_until() {
	for _ in $(seq 200); do
		"$@" && return 0
		sleep 0.05
	done
	return 1
}
has_part() { [ "$(find "$cache" -name '*.part' -size +0 2>/dev/null | wc -l)" -gt 0 ]; }
logged_one() { [ -s "$mirror/log" ]; }

serve "$mirror"
url=http://127.0.0.1:$port

# ---- all three architectures
fresh
site all "$url/" arm64
run
is "$rc" 0 "three architectures are fetched"
like "$out" '^6 fetched, 0 in the cache, 22.9 MiB received' "six files, their bytes counted"
is "$(jq -s length "$mirror/log")" 9 "nine requests: three checksum files, six artifacts"
like "$(requests k3s-armhf '.[0].path')" 'github.com/k3s-io/k3s/releases/download/v1.30.2%2Bk3s1/k3s-armhf' "the URL behind the mirror is upstream's, + as %2B"
like "$(requests k3s '.[0].agent')" '^"powerstack/[0-9]' "it says who it is"
for f in k3s k3s-arm64 k3s-armhf k3s-airgap-images-amd64.tar.zst k3s-airgap-images-arm64.tar.zst k3s-airgap-images-arm.tar.zst; do
	cmp -s "$folder/$f" "$cache/$(sum "$folder/$f")" || echo "$f"
done >"$work/differ"
is "$(cat "$work/differ")" "" "the cache has them under their sums"
is "$(find "$cache" -type f ! -perm 0444 | wc -l)" 0 "read-only, and nothing else is there"
is "$(grep -c '^  sha256: [0-9a-f]\{64\}$' "$lock")" 6 "the lock has six sums"
is "$(grep -c '^  size: ' "$lock")" 6 "and sizes"
is "$(sed -n 's/^\(k.*\):$/\1/p' "$lock")" "$(sed -n 's/^\(k.*\):$/\1/p' "$lock" | LC_ALL=C sort)" "sorted"
is "$(stat -c %a "$lock")" 644 "to be kept with the inventory"

# ---- again, without network
cp "$lock" "$work/lock.1"
kill "$mirror_pid"
wait "$mirror_pid" 2>/dev/null
run --json
is "$rc" 0 "with everything in the cache no network is needed"
is "$(jq -c '[.fetched,.cached,.failed,.received]' <<<"$out")" '[0,6,0,0]' "--json counts it"
is "$(jq -r '.artifacts[] | select(.name=="k3s-arm64") | [.what,.arch,.version,.from,(.size|tostring),.sha256] | join(" ")' <<<"$out")" \
	"k3s arm64 $version cache $binary_size $(sum "$folder/k3s-arm64")" "and describes each"
is "$(jq -r '.artifacts[0].path' <<<"$out")" "$cache/$(sum "$folder/k3s")" "with its path"
same "$lock" "$work/lock.1" "the lock is the same"
rm "$lock"
run
is "$rc" 1 "without lock and network it fails"
like "$err" "cannot download 'sha256sum-amd64.txt' from 'http.*; without internet: artifact_mirror.*--from" "and says what to do"
like "$err" "given up after 4 tries" "after four tries"
cp "$work/lock.1" "$lock"

# ---- a bundle there and back
run --bundle "$work/site.tar"
is "$rc" 0 "a bundle is packed from the cache"
is "$(tar tf "$work/site.tar" | sort | tr '\n' ' ')" \
	"artifacts/$version/k3s artifacts/$version/k3s-airgap-images-amd64.tar.zst artifacts/$version/k3s-airgap-images-arm.tar.zst artifacts/$version/k3s-airgap-images-arm64.tar.zst artifacts/$version/k3s-arm64 artifacts/$version/k3s-armhf powerstack.lock " \
	"tar reads it"
run --bundle "$work/site2.tar"
same "$work/site.tar" "$work/site2.tar" "the same lock gives the same bundle"
fresh
rm "$lock"
run --from "$work/site.tar"
is "$rc" 0 "it fills an empty cache without network"
like "$out" '^0 fetched, 6 in the cache, 0 B received' "with all of it"
same "$lock" "$work/lock.1" "and makes the lock"
fresh
cp "$work/site.tar" "$work/bad.tar"
printf X | dd of="$work/bad.tar" bs=1 seek=4000000 conv=notrunc status=none
run --from "$work/bad.tar"
is "$rc" 1 "a bundle with a changed byte is refused"
like "$err" "'k3s[^ ]*' in the bundle '.*bad.tar' has sha256 [0-9a-f]{64}, but the lock in it says [0-9a-f]{64}" "naming the file and both sums"
is "$(parts)" 0 "nothing of it stays"
head -c 9000000 "$work/site.tar" >"$work/cut.tar"
run --from "$work/cut.tar"
is "$rc" 1 "a bundle that is cut off is refused"
like "$err" "'.*cut.tar' is no sound bundle: .*copy it again" "as such"
run --from "$inv"
is "$rc" 1 "a file that is no bundle is refused"
run --from "$work/none.tar"
is "$rc" 1 "a bundle that is not there is an error"
like "$err" "none.tar" "with its name"
mkdir -p "$work/evil"
ln -s /etc/passwd "$work/evil/powerstack.lock"
tar cf "$work/evil.tar" -C "$work/evil" powerstack.lock
run --from "$work/evil.tar"
like "$err" "holds something else than files" "a link in a bundle is refused"
rm "$work/evil/powerstack.lock"
cp "$work/lock.1" "$work/evil/powerstack.lock"
echo x >"$work/evil/passwd"
tar cf "$work/evil.tar" -C "$work/evil" powerstack.lock --transform='s,^passwd$,../../passwd,' passwd 2>/dev/null
run --from "$work/evil.tar"
like "$err" "a file that its lock does not name" "and a file that its lock does not name"
sed "s/$(sum "$folder/k3s")/$(sum "$folder/k3s-arm64")/" "$work/lock.1" >"$lock"
run --from "$work/site.tar"
is "$rc" 1 "a bundle that disagrees with our lock is refused"
like "$err" "the bundle '.*' says that 'k3s' \($version_re\) has sha256 $(sum "$folder/k3s"), but '.*powerstack.lock' says $(sum "$folder/k3s-arm64")" "naming both sums"
rm "$lock"
site other "$url" amd64 "k3s_version: v1.31.0+k3s1"
run --from "$work/site.tar"
is "$rc" 3 "a bundle of another version is of no use"
like "$err" "has no 'k3s' of version v1.31.0\+k3s1, which the inventory wants" "and says so"

# ---- faults on the way: one architecture
serve "$mirror"
url=http://127.0.0.1:$port
site one "$url"
fresh
faults 'k3s cut 1000000'
timeout 20 "$ps" -i "$inv" fetch k3s --json >"$work/out" 2>"$work/err"
is $? 0 "a connection that is cut again and again is continued"
is "$(requests /k3s '[.[].range] | join(" ")')" '" bytes=1000000- bytes=2000000-"' "from where it was"
is "$(requests /k3s '[.[].sent] | add')" $binary_size "no byte is sent twice"
is "$(jq .received "$work/out")" $((binary_size + images_size)) "and the bytes received are counted"
same "$folder/k3s" "$cache/$(sum "$folder/k3s")" "the file is whole"

fresh
rm "$lock"
faults 'sha256sum-amd64.txt 503 2'
run
is "$rc" 0 "503 for the checksum file passes"
is "$(requests sha256sum-amd64.txt)" 3 "with the third try"

fresh
faults 'k3s 404'
run
is "$rc" 1 "404 is final"
is "$(requests /k3s)" 1 "after one try"
like "$out" "'k3s' is not at 'http://127.0.0.1:$port/$release/v1.30.2%2Bk3s1/k3s' \(HTTP 404\); check the version" "and says what to check"
like "$err" '1 of 2 files could not be fetched' "with a summary"
same "$folder/k3s-airgap-images-amd64.tar.zst" "$cache/$(sum "$folder/k3s-airgap-images-amd64.tar.zst")" "the other file is there"

fresh
faults 'k3s 503'
run
is "$rc" 1 "503 for ever is an error"
is "$(requests /k3s)" 4 "after four tries"
like "$out" 'given up after 4 tries.*HTTP status 503' "with the status"

fresh
rm "$lock"
faults 'k3s stall 500000'
began=$SECONDS
run --timeout 1
is "$rc" 1 "a stalled download ends"
like "$out" 'no byte came for 1 s' "and says so"
is $((SECONDS - began <= 20)) 1 "soon"
is "$(stat -c %s "$cache/$(sum "$folder/k3s").part")" "$(requests /k3s '[.[].sent] | add')" "what came is kept"
kept=$(requests /k3s '[.[].sent] | add')
rm "$mirror/faults"
: >"$mirror/log"
run
is "$rc" 0 "the next run"
is "$(requests /k3s '[.[].range] | join(" ")')" "\"bytes=$kept-\"" "goes on from there"
is "$(requests /k3s '[.[].sent] | add')" $((binary_size - kept)) "with the rest only"

for fault in norange badrange; do
	fresh
	mkdir -p "$cache"
	head -c 1234567 "$folder/k3s" >"$cache/$(sum "$folder/k3s").part"
	faults "k3s $fault"
	run
	if [ $fault = norange ]; then
		is "$rc" 0 "a server without ranges sends all of it again"
		is "$(requests /k3s '[.[].sent] | add')" $binary_size "once"
	else
		is "$rc" 0 "an answer for another range is not put in"
	fi
	same "$folder/k3s" "$cache/$(sum "$folder/k3s")" "and the file is right"
done

fresh
mkdir -p "$cache"
head -c 1000000 /dev/urandom >"$cache/$(sum "$folder/k3s").part"
run
is "$rc" 0 "a part with other bytes is found out at the end"
is "$(requests /k3s '[.[].range] | join(",")')" '"bytes=1000000-,"' "and fetched once more from the beginning"
fresh
mkdir -p "$cache"
cp "$folder/k3s" "$cache/$(sum "$folder/k3s").part"
run
is "$rc $(requests /k3s)" "0 0" "a part that is complete needs no request"
cp "$lock" "$work/lock.one"
sed -i '/size:/d' "$lock"
fresh
mkdir -p "$cache"
head -c $((binary_size + 5)) "$folder/k3s" >"$cache/$(sum "$folder/k3s").part"
echo tail >>"$cache/$(sum "$folder/k3s").part"
run
is "$rc" 0 "a part that is longer than the file is begun anew"
same "$lock" "$work/lock.one" "sizes that the lock lacked are put in again"

# ---- wrong bytes
fresh
rm "$lock"
faults 'k3s wrong'
run
is "$rc" 1 "a corrupt artifact is refused"
like "$out" "^k3s +refused .*'k3s' \($version_re\) from 'http.*' has sha256 [0-9a-f]{64}, but '.*powerstack.lock' says $(sum "$folder/k3s")" "naming file and both sums"
is "$(ls "$cache")" "$(sum "$folder/k3s-airgap-images-amd64.tar.zst")" "it is not in the cache"
is "$(parts)" 0 "nor its part"
fresh
faults 'k3s short 1000'
run
is "$rc" 1 "a file that is too short is refused"
like "$out" 'has sha256' "by its sum"
fresh
cp "$work/lock.one" "$lock"
cp "$work/release/k3s-airgap-images-amd64.tar.zst" "$folder/k3s"
make_sums "$folder"
run
is "$rc" 1 "bytes that changed upstream are refused by the lock, whatever upstream's checksums say"
like "$out" 'refused .*(larger than the 3000000 bytes that are locked|has sha256)' "with the reason"
sed -i '/^k3s:/,/size/d' "$lock"
sed -i "s/$(sum "$folder/k3s-airgap-images-amd64.tar.zst")/$(sum "$folder/k3s-arm64")/" "$lock"
run
is "$rc" 1 "a checksum file that contradicts the lock is refused"
like "$err" "sha256sum-amd64.txt' says that 'k3s-airgap-images-amd64.tar.zst' \($version_re\) has sha256 $(sum "$folder/k3s-airgap-images-amd64.tar.zst"), but .* says $(sum "$folder/k3s-arm64").*remove its entry from the lock" "naming file, both sums and what to do"
cp "$work/release"/* "$folder/"
fresh
cp "$work/lock.one" "$lock"
run
chmod u+w "$cache/$(sum "$folder/k3s")"
printf X | dd of="$cache/$(sum "$folder/k3s")" bs=1 seek=10 conv=notrunc status=none
run
is "$rc" 0 "a damaged file in the cache is fetched anew"
like "$err" "'k3s' in the cache was damaged" "and named"
same "$folder/k3s" "$cache/$(sum "$folder/k3s")" "it is right again"
echo 'k3s: [' >"$lock"
run
is "$rc" 3 "a broken lock is an unusable configuration"
like "$err" 'powerstack.lock:[0-9]+:[0-9]+' "with its place"
cp "$work/lock.one" "$lock"

# ---- redirects
fresh
faults "k3s redirect http://127.0.0.1:$port/elsewhere/k3s2"
mkdir -p "$mirror/elsewhere"
cp "$folder/k3s" "$mirror/elsewhere/k3s2"
run
is "$rc" 0 "a redirect is followed"
fresh
faults "k3s redirect file://$folder/k3s"
run
is "$rc" 1 "but not to a file"
like "$out" 'a redirect may lead to http or https only' "and says so"
fresh
faults "k3s redirect http://127.0.0.1:$port/$release/v1.30.2%2Bk3s1/k3s"
run
is "$rc" 1 "a ring of redirects ends"

# ---- a new version
fresh
make_release "$mirror/$release/v1.30.3+k3s1"
sed -i 's/^    artifact_mirror/    k3s_version: v1.30.3+k3s1\n&/' "$inv"
run
is "$rc" 0 "another version in the inventory is fetched"
is "$(grep -c "$version" "$lock") $(grep -c 'v1.30.3+k3s1' "$lock")" "0 2" "and its entries replace the old ones"
sed -i '/k3s_version/d' "$inv"

# ---- airgap_dir
fresh
rm "$lock"
cp -a "$work/release" "$work/airgap"
site air "http://127.0.0.1:1" amd64 "airgap_dir: $work/airgap"
run
is "$rc" 0 "airgap_dir comes before the network"
like "$out" '^k3s .*copied from airgap_dir' "and is named"
fresh
printf X | dd of="$work/airgap/k3s" bs=1 seek=10 conv=notrunc status=none
run
is "$rc" 1 "a changed file there is refused"
like "$out" "'k3s' \($version_re\) from '$work/airgap/k3s' has sha256" "by name"
rm "$lock" "$work/airgap"/sha256sum*
run
is "$rc" 0 "without its checksum file a file there is taken as it is"
like "$err" "'$work/airgap/k3s' is pinned as it is: there is no 'sha256sum-amd64.txt'" "and that is said"

# ---- Ctrl-C
site one "$url"
fresh
cp "$work/lock.one" "$lock"
faults 'k3s slow 1000000' 'zst slow 1000000'
env --default-signal=INT "$ps" -i "$inv" fetch k3s >"$work/out" 2>"$work/err" </dev/null &
pid=$!
wait_until has_part
sleep 0.4
kill -INT $pid
wait $pid
is $? 1 "Ctrl-C ends it"
like "$(cat "$work/err")" 'interrupted; the next run goes on' "and says what comes next"
is "$(parts)" 2 "both parts are kept"
left=$(cat "$cache"/*.part | wc -c)
wait_until logged_one
rm "$mirror/faults"
: >"$mirror/log"
run --json
is "$rc" 0 "the next run"
is "$(jq .received <<<"$out")" $((binary_size + images_size - left)) "fetches the rest only"

# ---- two at once
fresh
rm "$lock"
faults 'k3s slow 6000000'
for i in 1 2 3; do
	"$ps" -i "$inv" fetch k3s --json >"$work/out.$i" 2>"$work/err.$i" </dev/null &
	runs[i]=$!
done
status=
for i in 1 2 3; do
	wait "${runs[i]}"
	status="$status $?"
done
is "$status" " 0 0 0" "three at once all succeed"
is "$(requests /k3s) $(requests zst)" "1 1" "and download each file once"
is "$(parts) $(cmp "$lock" "$work/lock.one")" "0 " "leaving a sound cache and lock"
# one that is killed lets the others go on
fresh
faults 'k3s slow 1500000'
"$ps" -i "$inv" fetch k3s >/dev/null 2>&1 </dev/null &
pid=$!
wait_until has_part
sleep 0.3
"$ps" -i "$inv" fetch k3s --json >"$work/out" 2>"$work/err" </dev/null &
other=$!
sleep 0.3
kill -9 $pid
wait $pid 2>/dev/null
wait $other
is $? 0 "a run that waits for one that is killed"
is "$(jq '.received < '$((binary_size + images_size)) "$work/out")" true "goes on with what that one left"

# ---- a proxy
fresh
rm "$lock"
site far "http://far.invalid"
mkdir -p "$mirror/far.invalid"
ln -sfn "../github.com" "$mirror/far.invalid/github.com"
http_proxy=$url run
is "$rc" 0 "a proxy in the environment is used"
# the mirror may still be noting the end of the run that was killed
like "$(requests /k3s '[.[].path] | join(" ")')" 'http://far.invalid/github.com/' "and gets the whole URL"
rm "$lock"
fresh
http_proxy=$url no_proxy=far.invalid run --timeout 2
is "$rc" 1 "no_proxy is heeded"
is "$(jq -s length "$mirror/log")" 0 "and the proxy not asked"

# ---- TLS
secure=$work/secure
mkdir -p "$secure"
ln -s "$mirror/github.com" "$secure/github.com"
touch "$secure/log"
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/key.pem" -out "$work/cert.pem" -days 2 -subj /CN=localhost \
	-addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' >/dev/null 2>&1
serve "$secure" "$work/cert.pem" "$work/key.pem"
fresh
site tls "https://127.0.0.1:$port"
run
is "$rc" 1 "a certificate that nobody vouches for is refused"
like "$err" 'certificate.*CURL_CA_BUNDLE' "and says what to do"
CURL_CA_BUNDLE=$work/cert.pem run
is "$rc" 0 "CURL_CA_BUNDLE is trusted"
fresh
echo "/k3s redirect $url/elsewhere/k3s2" >"$secure/faults"
CURL_CA_BUNDLE=$work/cert.pem run
is "$rc" 1 "a redirect from https to http is refused"

# ---- no room
fresh
site one "$url"
cp "$work/lock.one" "$lock"
small=$work/small
mkdir "$small"
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=4m tmpfs "$small" 2>/dev/null; then
	mounted=$small
	XDG_CACHE_HOME=$small run
	is "$rc" 1 "a full disk is an error"
	like "$out" "cannot write '$small/.*make room there.*XDG_CACHE_HOME.*No space left on device" "that says what to do"
	mount -o remount,size=20m "$small"
	: >"$mirror/log"
	XDG_CACHE_HOME=$small run --json
	is "$rc" 0 "with more room"
	is "$(jq ".received < $((images_size))" <<<"$out")" true "the rest is fetched"
	mkdir "$work/full"
	mount -o remount,size=9m "$small"
	XDG_CACHE_HOME=$small run --bundle "$small/b.tar"
	is "$rc" 1 "a bundle that does not fit is an error"
	like "$err" "cannot write '$small/b.tar'" "that says so"
	is "$(ls "$small")" powerstack "and leaves nothing"
else
	skip "mounting a small file system needs root" "a full disk is an error that says what to do"
fi

# ---- helm and charts: their own checksum file, and repositories' indexes
fresh
put_at() { # put_at PATH: random bytes below the mirror
	mkdir -p "$mirror/${1%/*}"
	head -c 20000 /dev/urandom >"$mirror/$1"
}
entry() { # entry CHART VERSION FILE URL: as the entry of an index
	printf '  %s:\n  - version: 0.0.1\n    digest: %064d\n    urls: [none.tgz]\n  - version: %s\n    digest: %s\n    urls:\n    - %s\n' \
		"$1" 0 "$2" "$(sum "$mirror/$3")" "$4"
}
put_at get.helm.sh/helm-v4.2.4-linux-amd64.tar.gz
(cd "$mirror/get.helm.sh" && sha256sum helm-v4.2.4-linux-amd64.tar.gz >helm-v4.2.4-linux-amd64.tar.gz.sha256sum)
put_at elsewhere.example/d/stack.tgz
put_at charts.jetstack.io/charts/cert-manager-v1.17.2.tgz
put_at charts.example/stable/rancher-2.11.3.tgz
mkdir -p "$mirror/prometheus-community.github.io/helm-charts"
{
	echo entries:
	entry kube-prometheus-stack 88.5.3 elsewhere.example/d/stack.tgz https://elsewhere.example/d/stack.tgz
} >"$mirror/prometheus-community.github.io/helm-charts/index.yaml"
{
	echo entries:
	entry cert-manager v1.17.2 charts.jetstack.io/charts/cert-manager-v1.17.2.tgz charts/cert-manager-v1.17.2.tgz
} >"$mirror/charts.jetstack.io/index.yaml"
{
	echo entries:
	entry rancher 2.11.3 charts.example/stable/rancher-2.11.3.tgz rancher-2.11.3.tgz
} >"$mirror/charts.example/stable/index.yaml"
site charts "$url" arm64 "rancher_repo_url: https://charts.example/stable/"
fetch_apps() {
	"$ps" -i "$inv" fetch helm monitoring rancher "$@" >"$work/out" 2>"$work/err" </dev/null
	rc=$?
	out=$(cat "$work/out")
	err=$(cat "$work/err")
}
fetch_apps
is "$rc" 0 "helm and the charts of two parts are fetched"
like "$out" '^4 fetched, 0 in the cache' "one helm, for the control node, and three charts"
is "$(jq -s length "$mirror/log")" 8 "with one request for each file and each list of sums"
for f in get.helm.sh/helm-v4.2.4-linux-amd64.tar.gz elsewhere.example/d/stack.tgz \
	charts.jetstack.io/charts/cert-manager-v1.17.2.tgz charts.example/stable/rancher-2.11.3.tgz; do
	same "$mirror/$f" "$cache/$(sum "$mirror/$f")" "${f##*/} is in the cache"
done
is "$(sed -n 's/^  url: //p' "$lock")" "https://charts.jetstack.io/charts/cert-manager-v1.17.2.tgz
https://elsewhere.example/d/stack.tgz
https://charts.example/stable/rancher-2.11.3.tgz" "the lock has the charts' addresses, as upstream has them"
cp "$lock" "$work/lock.charts"
fresh
fetch_apps
is "$rc $(jq -s length "$mirror/log")" "0 4" "with the lock no index is asked"
same "$lock" "$work/lock.charts" "which stays the same"
fetch_apps --bundle "$work/apps.tar"
fresh
rm "$lock"
fetch_apps --from "$work/apps.tar"
is "$rc" 0 "a bundle carries them"
same "$lock" "$work/lock.charts" "with the charts' addresses"
is "$(jq -s length "$mirror/log")" 0 "and nothing is asked for"
run
is "$rc" 0 "another part is fetched beside it"
is "$(grep -c '^  url: ' "$lock")" 3 "and the charts stay locked"
fresh
rm "$lock"
sed -i 's/digest: .*/digest: 1111111111111111111111111111111111111111111111111111111111111111/' "$mirror/charts.jetstack.io/index.yaml"
fetch_apps
is "$rc" 1 "a chart that is not what its index says is refused"
like "$out" "^cert-manager-v1.17.2.tgz +refused .*but '.*powerstack.lock' says 1{64}" "naming it and both sums"
rm "$lock"
site charts "$url" arm64 "kube_prometheus_stack_version: 88.5.4"
fetch_apps
is "$rc" 1 "a version that the repository has not is an error"
like "$err" "prometheus-community.github.io/helm-charts/index.yaml' has no version 88.5.4 of 'kube-prometheus-stack'" "naming the index"

# ---- archives of images of the user's
fresh
site own "$url" amd64 "image_archives: [ apps.tar.zst, ../more.tar ]"
run
is "$rc" 1 "an archive that is not there is an error"
like "$err" "the sum of 'apps.tar.zst': there is no '.*/own/apps.tar.zst'" "naming it"
head -c 700000 /dev/urandom >"$work/own/apps.tar.zst"
head -c 300000 /dev/urandom >"$work/more.tar"
run
is "$rc" 0 "archives of the inventory's are fetched with K3s"
like "$out" '^apps.tar.zst .*copied from image_archives and verified' "from where they are"
same "$work/more.tar" "$cache/$(sum "$work/more.tar")" "into the cache"
is "$(sed -n '/^more.tar:/,/size/p' "$lock")" "more.tar:
  version: own
  sha256: $(sum "$work/more.tar")
  size: 300000" "and pinned"
run --bundle "$work/own.tar"
is "$rc $(tar tf "$work/own.tar" | grep -c '^artifacts/own/')" "0 2" "a bundle carries them"
cp "$lock" "$work/lock.own"
mkdir "$work/kept"
mv "$work/own/apps.tar.zst" "$work/more.tar" "$work/kept"
run
is "$rc" 0 "with the cache they are not needed any more"
fresh
run
is "$rc" 1 "without it they are"
like "$out$err" "apps.tar.zst' is neither there nor in the cache .*put it there, or take it out of image_archives" "which is told"
rm "$lock"
run --from "$work/own.tar"
is "$rc" 0 "a bundle brings them to a machine that has none"
same "$lock" "$work/lock.own" "with their sums"
head -c 700000 /dev/urandom >"$work/own/apps.tar.zst"
run
is "$rc" 1 "another file of that name is refused"
like "$err" "'apps.tar.zst' \(own\) from '.*/own/apps.tar.zst' has sha256 $(sum "$work/own/apps.tar.zst"), but '.*powerstack.lock' says $(sum "$work/kept/apps.tar.zst").*remove its entry from the lock" "naming both sums"
cp "$work/kept/apps.tar.zst" "$work/own/apps.tar.zst"
run
is "$rc" 0 "the same bytes again are taken"
sed -i 's/image_archives: .*/image_archives: [ apps.tar.zst ]/' "$inv"
sed -i '/^apps.tar.zst:/,/size/d' "$lock"
run
is "$rc $(grep -c '^[am].*tar' "$lock")" "0 1" "what the inventory names no more leaves the lock"

# ---- usage
run word
is "$rc" 2 "a word that is no part is no argument of fetch"
XDG_CACHE_HOME='' HOME='' run
is "$rc" 3 "without a place for the cache it says which variable to set"
XDG_CACHE_HOME=/proc/none run
is "$rc" 1 "a cache that cannot be made is an error"

done_testing
