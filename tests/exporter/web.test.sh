#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The exporter's front, from outside: formats, compression, TLS, users, and who abuses them.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/exporter/front.lib.sh

# The password is geheim.
# shellcheck disable=SC2016
hash='$2y$06$abcdefghijklmnopqrstuukOxHcSInxxailTrgs0cMRUiIbAqEx3u'
none=tests/fake/sysfs/none
om='Accept: application/openmetrics-text;version=1.0.0'

# ---- forms of one page: no second reading comes in between
start "$tmp/log" --path.sysfs tests/fake/sysfs/intel-2s --interval 60s
test_that 'OpenMetrics is what asks for it' answers \
	'200 application/openmetrics-text; version=1.0.0; charset=utf-8' -H "$om" "$url/metrics"
parses() {
	/usr/bin/python3 - "$tmp/body" <<-'PY'
	import sys
	from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
	families = list(parse(open(sys.argv[1], encoding="utf-8").read()))
	joules = [f for f in families if f.name == "kepler_node_package_joules"]
	assert len(joules) == 1 and joules[0].unit == "joules" and joules[0].type == "counter", joules
	names = {s.name for s in joules[0].samples}
	assert names == {"kepler_node_package_joules_total", "kepler_node_package_joules_created"}, names
	assert any(f.type == "info" and f.name == "kepler_node" for f in families)
	PY
}
test_that 'a strict parser finds it clean, with units and times of creation' parses
ends() { [ "$(tail -n 1 "$tmp/body")" = '# EOF' ] && [ "$(grep -c EOF "$tmp/body")" = 1 ]; }
test_that 'its last line is # EOF' ends
prometheus_accept='application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'
test_that 'Prometheus gets OpenMetrics' answers '200 application/openmetrics-text; version=1.0.0; charset=utf-8' \
	-H "Accept: $prometheus_accept" "$url/metrics"
test_that 'a browser gets the text format' answers '200 text/plain; version=0.0.4; charset=utf-8' \
	-H 'Accept: text/html,application/xhtml+xml,*/*;q=0.8' "$url/metrics"
same_bytes() {
	curl -sS -m 10 -o "$tmp/plain" "$url/metrics" &&
		curl -sS -m 10 -D "$tmp/head" -H 'Accept-Encoding: gzip' -o "$tmp/zipped" "$url/metrics" &&
		grep -qi '^Content-Encoding: gzip' "$tmp/head" && grep -qi '^Vary: Accept, Accept-Encoding' "$tmp/head" &&
		gzip -dc "$tmp/zipped" | cmp - "$tmp/plain" &&
		[ "$(stat -c %s "$tmp/zipped")" -lt $(($(stat -c %s "$tmp/plain") / 2)) ]
}
test_that 'gzip is the same page, smaller' same_bytes
not_zipped() {
	curl -sS -m 10 -D "$tmp/head" -H "$1" -o "$tmp/zipped" "$url/metrics" && ! grep -qi '^Content-Encoding' "$tmp/head" &&
		cmp "$tmp/zipped" "$tmp/plain"
}
test_that 'nobody gets gzip who refuses it' not_zipped 'Accept-Encoding: gzip;q=0, *;q=0.5'
made_once() {
	before=$(curl -sS -m 10 "$url/metrics" | sha256sum)
	for _ in 1 2 3; do
		[ "$(curl -sS -m 10 "$url/metrics" | sha256sum)" = "$before" ] || return 1
	done
}
test_that 'a page is made once for all who ask' made_once
head_is_get() {
	a=$(curl -sS -m 10 -I -H 'Accept-Encoding: gzip' "$url/metrics" | grep -i '^Content-[LE]')
	b=$(curl -sS -m 10 -D - -o "$tmp/zipped" -H 'Accept-Encoding: gzip' "$url/metrics" | grep -i '^Content-[LE]')
	[ -n "$a" ] && [ "$a" = "$b" ]
}
test_that 'HEAD says what GET would' head_is_get
landing() {
	answers '200 text/html; charset=utf-8' "$url/" && grep -q '<a href="/metrics">' "$tmp/body" &&
		grep -q 'rapl-sysfs</th><td>works</td><td class="n">4</td>' "$tmp/body" &&
		python3 - "$tmp/body" <<-'PY'
		import html.parser, sys
		class P(html.parser.HTMLParser):
		    stack = []
		    def handle_starttag(self, tag, attrs):
		        if tag not in ("meta",):
		            self.stack.append(tag)
		        assert tag not in ("script", "link", "img"), tag
		    def handle_endtag(self, tag):
		        assert self.stack.pop() == tag, tag
		p = P()
		p.feed(open(sys.argv[1], encoding="utf-8").read())
		assert not p.stack, p.stack
		PY
}
test_that 'the landing page links the metrics and names the sources' landing
stop

# ---- TLS
cert() { # NAME SAN ISSUER: a key and a certificate of an authority (or its own)
	openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout "$tmp/$1.key" -out "$tmp/$1.csr" 2>/dev/null
	printf 'subjectAltName=%s\n' "$2" >"$tmp/ext"
	if [ "$3" = self ]; then
		openssl x509 -req -in "$tmp/$1.csr" -days 2 -signkey "$tmp/$1.key" -out "$tmp/$1.pem" -extfile "$tmp/ext" 2>/dev/null
	else
		openssl x509 -req -in "$tmp/$1.csr" -days 2 -CA "$tmp/$3.pem" -CAkey "$tmp/$3.key" -CAcreateserial \
			-out "$tmp/$1.pem" -extfile "$tmp/ext" 2>/dev/null
	fi
}
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca -keyout "$tmp/ca.key" -out "$tmp/ca.pem" 2>/dev/null
cert node IP:127.0.0.1 self
cert node2 IP:127.0.0.1 self
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ec -addext subjectAltName=IP:127.0.0.1 \
	-keyout "$tmp/ec.key" -out "$tmp/ec.pem" 2>/dev/null
cert prom DNS:prom.example.org ca
cert guest DNS:guest.example.org ca
cert stranger DNS:prom.example.org self
web() { # LINES: the file of --web.config.file
	printf '%s\n' "$@" >"$tmp/web.yml"
	chmod 0600 "$tmp/web.yml"
}
https() { # CURL ARGS: the status, or 000
	curl -sS -m 10 --cacert "$tmp/node.pem" -o "$tmp/body" -w '%{http_code}' "$@" 2>"$tmp/curl.err" || :
}
gives() { # STATUS CURL ARGS
	want=$1
	shift
	got=$(https "$@")
	[ "$got" = "$want" ] || { echo "want $want, got $got"; cat "$tmp/curl.err"; return 1; }
}
told() { grep -c 'configuration read again\|the old one stays' "$tmp/log"; }
reloaded() {
	was=$(told)
	kill -HUP "$pid"
	wait_for 10 more_told
}
more_told() { [ "$(told)" -gt "$was" ]; }
web 'tls_server_config: {cert_file: node.pem, key_file: node.key}' \
	'http_server_config: {headers: {Strict-Transport-Security: max-age=60}}'
start "$tmp/log" --path.sysfs "$none" --web.config.file "$tmp/web.yml"
https=https://127.0.0.1:$port
test_that 'https' gives 200 "$https/metrics"
test_that 'with the configured header' sh -c "curl -sSI -m 10 --cacert '$tmp/node.pem' '$https/' | grep -q '^Strict-Transport-Security: max-age=60'"
test_that 'TLS 1.2 is spoken' gives 200 --tls-max 1.2 "$https/metrics"
test_that 'TLS 1.1 is not' gives 000 --tls-max 1.1 --ciphers 'DEFAULT@SECLEVEL=0' "$https/metrics"
test_that 'nor plain HTTP' gives 000 "http://127.0.0.1:$port/metrics"
kept() { [ "$(curl -sS -m 10 --cacert "$tmp/node.pem" -o /dev/null -o /dev/null -w '%{num_connects} ' "$https/metrics" "$https/healthz")" = '1 0 ' ]; }
test_that 'a connection is kept' kept
whole() {
	printf 'GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' |
		timeout 20 openssl s_client -quiet -connect "127.0.0.1:$port" -CAfile "$tmp/node.pem" 2>"$tmp/s_client" |
		grep -q '^ok' && ! grep -q 'unexpected eof' "$tmp/s_client"
}
test_that 'and ended properly' whole
cp "$tmp/node.key" "$tmp/node1.key"
cp "$tmp/node2.pem" "$tmp/node.new" && mv "$tmp/node.pem" "$tmp/node1.pem" && mv "$tmp/node.new" "$tmp/node.pem"
mismatch() { reloaded && tail -n 1 "$tmp/log" | grep -q 'the old one stays.*node.key.*mismatch'; }
test_that 'a certificate without its key is not taken over' mismatch
test_that 'the old one goes on' gives 200 --cacert "$tmp/node1.pem" "$https/metrics"
cp "$tmp/node2.key" "$tmp/node.key"
fresh() { reloaded && gives 200 --cacert "$tmp/node2.pem" "$https/metrics"; }
test_that 'SIGHUP reads a new certificate' fresh
# who renews it puts one file after the other, and tells nobody
served() { # NAME: that is the certificate of the next connection
	gives 200 --cacert "$tmp/$1.pem" "$https/metrics"
}
put() { # FILE AS: in one piece, as another file
	cp "$tmp/$1" "$tmp/$2.new" && mv "$tmp/$2.new" "$tmp/$2"
}
taken() { grep -c 'certificate read again' "$tmp/log"; }
refused() { grep -c 'certificate not taken over' "$tmp/log"; }
were=$(refused)
put node1.pem node.pem
half() { served node2 && served node2 && [ "$(refused)" = $((were + 1)) ] && tail -n 1 "$tmp/log" | grep -q 'level=warn.*node.key.*mismatch'; }
test_that 'a certificate whose key is still to come is not shown, which is told once' half
were=$(taken)
put node1.key node.key
whole_pair() { served node1 && [ "$(taken)" = $((were + 1)) ]; }
test_that 'with its key it is, at the next connection and without SIGHUP' whole_pair
ec_pair() { put ec.pem node.pem && put ec.key node.key && served ec && gives 200 --tls-max 1.2 --cacert "$tmp/ec.pem" "$https/metrics"; }
test_that 'also one of another kind, and nothing of the old one is left' ec_pair
broken_pair() { head -c 200 "$tmp/ec.pem" >"$tmp/node.pem" && served ec && tail -n 1 "$tmp/log" | grep -q 'not taken over.*node.pem'; }
test_that 'one that is cut off is not' broken_pair
gone_pair() { rm "$tmp/node.pem" && served ec && tail -n 1 "$tmp/log" | grep -q 'not taken over.*node.pem.*No such file'; }
test_that 'one that is taken away is missed, and the old one goes on' gone_pair
put node2.pem node.pem
put node2.key node.key
test_that 'and a new one is taken' served node2
same_process() { kill -0 "$pid" && [ "$(grep -c 'msg=starting' "$tmp/log")" = 1 ]; }
test_that 'all by one process' same_process
web 'tls_server_config:' '  cert_file: node.pem' '  key_file: node.key' '  min_version: TLS13' \
	'  client_auth_type: RequireAndVerifyClientCert' '  client_ca_file: ca.pem' \
	'  client_allowed_sans: [prom.example.org]'
reloaded
test_that 'no client without a certificate' gives 000 "$https/metrics"
with() { gives "$1" --cert "$tmp/$2.pem" --key "$tmp/$2.key" "$https/metrics"; }
test_that 'one with it' with 200 prom
test_that 'none of another authority' with 000 stranger
test_that 'none of another name' with 000 guest
test_that 'not below the least version' gives 000 --tls-max 1.2 --cert "$tmp/prom.pem" --key "$tmp/prom.key" "$https/metrics"
greet() { # half-open TLS: connected, no word said
	slowest=$(python3 $here/clients.py half-tls "$port" 200 "$tmp/prom.pem" "$tmp/prom.key") && echo "slowest scrape $slowest s" &&
		awk -v s="$slowest" 'BEGIN { exit !(s < 5) }'
}
test_that '200 that never finish their greeting keep no scrape off' greet
stop
test_that 'SIGTERM ends it with status 0' test "$status" = 0
broken() { # LINE WORDS OPTION...
	web "$1"
	said=$2
	shift 2
	"$exporter" --web.config.file "$tmp/web.yml" --web.listen-address 127.0.0.1:0 "$@" >"$tmp/o" 2>&1
	[ $? = 3 ] && cat "$tmp/o" && grep -q "$said" "$tmp/o"
}
test_that 'a misspelt key is told with its place' broken 'basic_auth_user: {}' \
	"web.yml:1:1: unknown key 'basic_auth_user'; did you mean 'basic_auth_users'"
test_that 'one that is none is told' broken 'tls_server_config: {cert_file: web.yml, key_file: node.key}' "certificate '$tmp/web.yml': no start line"
test_that '--check finds a certificate missing' broken 'tls_server_config: {cert_file: no.pem, key_file: no.key}' \
	"certificate '$tmp/no.pem': No such file" --check
web 'tls_server_config: {cert_file: late.pem, key_file: late.key}'
start "$tmp/log" --path.sysfs "$none" --web.config.file "$tmp/web.yml"
https=https://127.0.0.1:$port
awaited() { grep -q "level=warn .*not taken over.*late.pem': No such file" "$tmp/log" && gives 000 "$https/metrics" && gives 000 "http://127.0.0.1:$port/metrics"; }
test_that 'but it is measured meanwhile: nobody is let in' awaited
put node2.key late.key
put node2.pem late.pem
test_that 'until the certificate is there' served node2
stop

# ---- users
web 'basic_auth_users:' "  prom: $hash"
start "$tmp/log" --path.sysfs "$none" --web.config.file "$tmp/web.yml"
test_that 'nobody without a name' answers '401 text/plain; charset=utf-8' "$url/metrics"
asked() { curl -sSI -m 10 "$url/" | grep -q '^WWW-Authenticate: Basic realm="powerstack-exporter"'; }
test_that 'he is asked for it, on every page' asked
test_that 'the right password' answers '200 text/plain; version=0.0.4; charset=utf-8' -u prom:geheim "$url/metrics"
test_that 'a wrong one' answers '401 text/plain; charset=utf-8' -u prom:geheim2 "$url/metrics"
test_that 'a name that is none' answers '401 text/plain; charset=utf-8' -u mallory:geheim "$url/metrics"
guessers() {
	slowest=$(python3 $here/clients.py guess "$port" prom geheim) && echo "slowest scrape $slowest s" &&
		awk -v s="$slowest" 'BEGIN { exit !(s < 5) }'
}
cpu() { awk '{ print $14 + $15 }' "/proc/$pid/stat"; }
test_that 'who guesses passwords keeps no scrape off, and is told to slow down' guessers
repeats() {
	before=$(cpu)
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		answers '401 text/plain; charset=utf-8' -u prom:geheim2 "$url/metrics" || return 1
	done
	after=$(cpu)
	echo "$((after - before)) ticks"
	[ $((after - before)) -lt 20 ]
}
test_that 'a wrong password that is repeated costs nothing' repeats
web 'basic_auth_users: {}'
anybody() { reloaded && answers '200 text/plain; version=0.0.4; charset=utf-8' "$url/metrics"; }
test_that 'SIGHUP takes the users away' anybody
# shellcheck disable=SC2016
no_secret() { ! grep -F -e geheim -e '$2y$' "$tmp/log"; }
test_that 'no password and no hash is in the log' no_secret
stop

# ---- limits
start "$tmp/log" --path.sysfs "$none"
curl -sS -m 10 -o /dev/null "$url/nothing"
test_that 'answers are counted by status' becomes 'powerstack_exporter_http_requests_total{code="404"}' 1
prlimit --pid "$pid" --nofile=40:40
few() {
	slowest=$(python3 $here/clients.py starve "$port" 200) && echo "scrape after $slowest s"
}
before=$(cpu)
test_that 'out of descriptors it waits, and serves when there are some' few
idle() { after=$(cpu); echo "$((after - before)) ticks"; [ $((after - before)) -lt 200 ]; }
test_that 'without spinning' idle
test_that 'it still works' answers '200 text/plain; charset=utf-8' "$url/healthz"
stop

# ---- names of both Keplers
newer() {
	"$exporter" --path.sysfs tests/fake/sysfs/intel-2s --interval 100ms --metrics.v2 --once >"$tmp/page" &&
		promtool_likes "$tmp/page" || return 1
	for m in 'kepler_node_cpu_joules_total{zone="package",path="aggregated-package",node_name=' \
		'kepler_node_cpu_watts{zone="dram"' 'kepler_node_cpu_usage_ratio{' 'kepler_node_cpu_info{processor="0"' \
		'kepler_build_info{' process_cpu_seconds_total process_open_fds kepler_node_package_joules_total; do
		grep -qF "$m" "$tmp/page" || { echo "no $m"; return 1; }
	done
}
test_that '--metrics.v2 shows the newer names beside the older' newer
older() { "$exporter" --path.sysfs "$none" --interval 50ms --once >"$tmp/page" && ! grep -q 'kepler_node_cpu\|^process_' "$tmp/page"; }
test_that 'without it there are none of them' older
environment() {
	NODE_NAME=n7 SYS_DIR=$none METRIC_PATH=/m SAMPLE_PERIOD_SEC=1 ENABLE_QAT=true start "$tmp/log"
	answers '200 text/plain; version=0.0.4; charset=utf-8' "$url/m" &&
		grep -q 'environment variable without effect" name=ENABLE_QAT reason=' "$tmp/log"
}
test_that "Kepler's environment variables are honoured, and what has no effect is told" environment
stop
badly() { SAMPLE_PERIOD_SEC=often "$exporter" --once 2>"$tmp/err"; [ $? = 2 ] && grep -q SAMPLE_PERIOD_SEC "$tmp/err"; }
test_that 'a bad one is told by name' badly

# ---- its service
sed 's/{{watchdog}}/30/' provision/files/powerstack-exporter.service.tmpl >"$tmp/powerstack-exporter.service"
# 2.0 of 10 by systemd 252, other versions count a little differently: what is left are the network, the three capabilities, and the processes it gives names to
exposure() { systemd-analyze security --offline=true --threshold=22 "$tmp/powerstack-exporter.service" | grep -v '✓'; }
confined() { exposure && systemd-analyze security --offline=true --threshold=22 "$tmp/powerstack-exporter.service" >/dev/null; }
if systemd-analyze --help 2>/dev/null | grep -q -e --offline; then
	test_that 'systemd finds the service well confined' confined
else
	skip 'this systemd-analyze has no --offline (systemd before 251)' 'systemd finds the service well confined'
fi
done_testing
