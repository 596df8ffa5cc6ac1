#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Answers questions about this host. Arguments: questions "kind:about". Answers, each ended by a NUL:
# "=question=value", "-question" (looked: it is not there), "!question=why" (could not be told);
# last "=probe=complete". It changes nothing; only the nfs-write and nfs-delete kinds, which verify
# asks, touch one file of their own on the share. Values of several fields are "key=value" lines.
#
# kind        about                  answer
# host        os                     id version kernel arch hostname systemd boot_id memory (bytes) cgroup (1, 2)
#                                    memory_cgroup (yes, no) route (interface of the default route, or empty) pi (yes, no)
# addr        an IPv4 address        "local" when it is configured here
# iface       an address             the interface that has it
# node        datadir:name           of K3s' node: ready (True, False, Unknown) why version ip, and refused=yes when the
#                                    servers know another password of it; "not there" while this node has never joined
#                                    a cluster
# file        path                   type (f d l b c p s) mode (octal) uid gid size ctime_ns, for f: sha256 mark (yes, no:
#                                    is one of the first two lines "# managed by powerstack")
# text        path                   the content, up to 64 KiB
# dir         path                   "empty", "full" or "mounted" (then not looked into)
# record      name                   the content of /var/lib/powerstack/name
# records     folder                 the names in /var/lib/powerstack/folder, one a line
# sysctl      name with slashes      the live value
# unit        unit                   systemd's own LoadState ActiveState SubState UnitFileState NRestarts MainPID
#                                    NeedDaemonReload Result, and started_ns: wall clock start of the main process
# pkg         package                status (dpkg's letters) version arch
# mount       path (fstab escapes)   source type options root majmin; the topmost mount there
# fstab       path (fstab escapes)   n (lines with this mount point), then of the first: spec type options
# free        path                   size free (bytes) inodes inodes_free of its file system
# exports     path                   the lines of etab for it, one client(options) a line
# listen      proto/port             who listens: one "address users" a line
# firewall    -                      ufw (active, inactive) firewalld nftables (ActiveState), ufw_rules
# clock       -                      now_ns daemon (active time services) synced (yes, no, unknown)
# blk         device                 see blk.lib.sh
# api         /path                  on a server: the body of GET of the Kubernetes API as its administrator, without what Secrets
#                                    hold; "not there" for what is not found, and where K3s has not run yet
# kubelet     datadir:path           "yes" when this node's kubelet takes the token in that file, else what it says; "not there"
#                                    without K3s or without the file
# secret      namespace/name         data: sha256 of its data, as the API has it; in_grafana (yes, no)
# live kinds of verify:
# grafana     namespace/name address port   how Grafana answers to whom that Secret names: the status line of GET /api/org
# rancher     namespace/name         how Rancher takes the first password in that Secret: "taken", "over" when its admin has been
#                                    set up since, else what it says. What the login gives is taken back.
# dns         name                   what the cluster's DNS says to a node that asks for its addresses: address=, rcode=
# overlay     device                 flannel's VXLAN: mtu= local= (the address that it is sent from), and of each other node's pods
#                                    "network=reached" or "network=lost" by packets of full size; not there without that device
# clock-offset -                     source offset_ns or offset_max_ns, synced
# fstab-check -                      "clean", or what findmnt --verify says
# nfs-write   runid:node:path        "written" and ms=; creates path/.powerstack-verify-runid-node, never overwrites
# nfs-read    runid:path             name=content of every file of that run
# nfs-delete  runid:node:path        "deleted"
# statfs      path                   type size free, asked in a child with a time limit (a dead server hangs)
# nfsd        -                      threads
# journal     nfs                    the last warnings and errors of the NFS server since boot
# journal     exporter               what the exporter said since it was started
# journal     rancher                the lines of the last ten minutes of Rancher's pods that are no mere information, the
#                                    newest 1000; not there without K3s
# http        port:path[:datadir]    status line, headers and body of that page of this node, together the first 512 KiB; with K3s'
#                                    data directory by TLS, and the certificate has to be of K3s' authority
# pressure    -                      memory available (bytes) pids pids_max (tasks now, and their limit)
# btrfs       path                   errors: all device error counters of the Btrfs mounted there, added up
# reach       from to                how an address answers when it is asked from one of ours: "ping" or "port N"
# zones       -                      number of RAPL zones in powercap
# ps          -                      every process's arguments, one a line
set -eu
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
umask 077
set -f
nl='
'
tab='	'
state=/var/lib/powerstack

yes() { printf '=%s=%s\0' "$1" "$2"; }
no() { printf -- '-%s\0' "$1"; }
unknown() { printf '!%s=%s\0' "$1" "$2"; }

. provision/files/blk.lib.sh
. provision/files/sum.lib.sh
. provision/files/node.lib.sh
. provision/files/kubelet.lib.sh

# Is one of the questions of this kind? "asked KIND QUESTION..."
asked() {
	want=$1
	shift
	for q; do
		case $q in "$want":*) return 0 ;; esac
	done
	return 1
}

# The small text files that the questions need, each line behind "path:", in one fork. (The read of
# dash takes single bytes, which files in /proc/sys answer with the first one only.) The kernel's long tables stand
# apart, so that nobody walks through those of others: on a small or emulated processor that is what a probe takes.
texts='' mounts='' trie='' memory=''
gather_texts() {
	all="$*"
	for q; do
		shift
		case $q in
		sysctl:*) set -- "$@" "/proc/sys/${q#sysctl:}" ;;
		record:*) set -- "$@" "$state/${q#record:}" ;;
		file:*)
			sum_record "${q#file:}"
			set -- "$@" "$state/$record" ;;
		esac
	done
	case " $all" in *' mount:'* | *' dir:'* | *' blk:'* | *' nfs-'* | *' btrfs:'*) set -- "$@" /proc/self/mountinfo ;; esac
	case " $all" in *' blk:'*) set -- "$@" /proc/swaps ;; esac
	case " $all" in *' fstab:'*) set -- "$@" /etc/fstab ;; esac
	case " $all" in *' exports:'*) set -- "$@" /var/lib/nfs/etab ;; esac
	case " $all" in *' addr:'*) set -- "$@" /proc/net/fib_trie ;; esac
	case " $all" in *' host:'*)
		set -- "$@" /etc/os-release /proc/net/route /proc/cgroups /sys/fs/cgroup/cgroup.controllers
		set -- "$@" /proc/meminfo /proc/sys/kernel/osrelease /proc/sys/kernel/hostname
		set -- "$@" /proc/sys/kernel/random/boot_id ;;
	esac
	case " $all" in *' pressure:'*)
		set -- "$@" /proc/meminfo /proc/loadavg /proc/sys/kernel/pid_max /proc/sys/kernel/threads-max ;;
	esac
	case " $all" in *' firewall:'*) set -- "$@" /etc/ufw/ufw.conf /etc/ufw/user.rules ;; esac
	[ $# -gt 0 ] || return 0
	all=$(grep -saH -d skip '' "$@") || :
	old=$IFS
	IFS=$nl
	for l in $all; do
		case $l in
		/proc/self/mountinfo:* | /proc/swaps:*) mounts=$mounts$nl$l ;;
		/proc/net/fib_trie:*) trie=$trie$nl$l ;;
		/proc/meminfo:*) memory=$memory$nl$l ;;
		*) texts=$texts$nl$l ;;
		esac
	done
	IFS=$old
}

# line_of FILE: sets $line to the first line of it; false when there is none.
line_of() { field_of "$1" ''; }

# field_of FILE PREFIX: sets $line to what follows PREFIX on the first line that begins with it. A
# loop over the lines, where one is known to be: cutting $texts with ${texts#*...} costs the square of its length in dash.
field_of() {
	case $1 in /proc/meminfo) lines=$memory ;; *) lines=$texts ;; esac
	line=
	case $lines in *"$nl$1:$2"*) ;; *) return 1 ;; esac
	line_ifs=$IFS
	IFS=$nl
	for line in $lines; do
		case $line in "$1:$2"*)
			IFS=$line_ifs
			line=${line#"$1:$2"}
			return 0 ;;
		esac
	done
}

# mount_at TARGET: m_source m_type m_options m_root m_majmin of the topmost mount there.
mount_at() {
	m_majmin=
	target=$1
	old=$IFS
	IFS=$nl
	for l in $mounts; do
		case $l in "/proc/self/mountinfo:"*" $target "*) ;; *) continue ;; esac
		IFS=' '
		# shellcheck disable=SC2086
		set -- ${l#*:}
		IFS=$nl
		[ "$5" = "$target" ] || continue
		m_majmin=$3 m_root=$4 m_options=$6
		while [ "$1" != - ]; do shift; done
		m_type=$2 m_source=$3 m_options=$m_options,${4-}
	done
	IFS=$old
	[ -n "$m_majmin" ]
}

now_ns=0 uptime_us=0
gather_clock() {
	read -r up rest </proc/uptime
	uptime_us=$((${up%.*} * 1000000 + (1${up#*.} - 100) * 10000))
	now_ns=$(date +%s%N)
}

unquote() {
	case $1 in \"*\") v=${1#?} v=${v%?} ;; \'*\') v=${1#?} v=${v%?} ;; *) v=$1 ;; esac
}

hosts() {
	for q; do case $q in host:*) ;; *) continue ;; esac
		[ "$q" = host:os ] || { unknown "$q" 'no such question'; continue; }
		field_of /etc/os-release ID= || :
		unquote "$line"
		out="id=$v"
		field_of /etc/os-release VERSION_ID= || :
		unquote "$line"
		out="$out${nl}version=$v"
		line_of /proc/sys/kernel/osrelease || line=
		out="$out${nl}kernel=$line${nl}arch=$dpkg_arch"
		line_of /proc/sys/kernel/hostname || line=
		out="$out${nl}hostname=$line"
		line_of /proc/sys/kernel/random/boot_id || line=
		out="$out${nl}boot_id=$line"
		if [ -d /run/systemd/system ]; then v=yes; else v=no; fi
		out="$out${nl}systemd=$v"
		field_of /proc/meminfo MemTotal: || line=
		line=${line% kB}
		line=${line##* }
		out="$out${nl}memory=$((${line:-0} * 1024))"
		v=no
		if line_of /sys/fs/cgroup/cgroup.controllers; then
			out="$out${nl}cgroup=2"
			case " $line " in *' memory '*) v=yes ;; esac
		else
			out="$out${nl}cgroup=1"
			field_of /proc/cgroups "memory$tab" || line=0
			[ "${line##*"$tab"}" = 1 ] && v=yes
		fi
		out="$out${nl}memory_cgroup=$v"
		# Iface Destination Gateway Flags RefCnt Use Metric Mask: destination and mask zero
		v=
		old=$IFS
		IFS=$nl
		for l in $texts; do
			case $l in "/proc/net/route:"*"${tab}00000000${tab}"*) ;; *) continue ;; esac
			IFS=$tab
			# shellcheck disable=SC2086
			set -- ${l#*:}
			IFS=$nl
			[ "$2" = 00000000 ] && [ "$8" = 00000000 ] && [ -z "$v" ] && v=$1
		done
		IFS=$old
		out="$out${nl}route=$v"
		if [ -e /proc/device-tree/model ]; then v=yes; else v=no; fi
		yes "$q" "$out${nl}pi=$v"
	done
}

ifaces() {
	for q; do case $q in iface:*) ;; *) continue ;; esac
		if ! v=$(ip -o addr show to "${q#iface:}" 2>/dev/null); then
			unknown "$q" 'ip failed (package iproute2)'
			continue
		fi
		# 3: eth1    inet 192.168.0.104/24 brd ...
		v=${v%%"$nl"*}
		v=${v#*: }
		v=${v%%[ @]*}
		if [ -n "$v" ]; then yes "$q" "$v"; else no "$q"; fi
	done
}

api_path() { # QUESTION: into $p
	p=${1#*:}
	case $1 in secret:*) p=/api/v1/namespaces/${p%/*}/secrets/${p#*/} ;; esac
}
api_answer() { # QUESTION, whose answer is $v
	case $1 in
	secret:*)
		p=no
		case $v in *'"powerstack/in-grafana":"yes"'*) p=yes ;; esac
		case $v in *'"data":{'*) v=${v#*'"data":{'} v=${v%%'}'*} ;; *) v= ;; esac
		v=$(printf '%s' "$v" | sha256sum)
		yes "$1" "data=${v%% *}${nl}in_grafana=$p" ;;
	*/secrets | */secrets\?* | */secrets/*)
		# base64 has no braces; a release of helm is up to a mebibyte
		yes "$1" "$(printf '%s\n' "$v" | sed 's/"data":{[^}]*}/"data":{}/g')" ;;
	*) yes "$1" "$v" ;;
	esac
}
api_one() { # QUESTION FILE
	api_path "$1"
	if v=$(k3s_get "$files" "$p" 2>"$2.said"); then
		api_answer "$1"
		return 0
	fi
	v=$(tail -n 1 "$2.said")
	case $v in
	*'(NotFound)'*) no "$1" ;;
	*) unknown "$1" "${v:-the API server does not answer}" ;;
	esac
}
kubelet_one() { # QUESTION FILE
	p=${1#*:}
	if kubelet_takes "${p##*:}" "${p%:*}" "$2.config"; then yes "$1" yes; else yes "$1" "$v"; fi
}
node_answer() { # QUESTION, whose answer is $v
	case $nl$v in *"${nl}ready=True"*) ;; *) ! node_refused || v="$v${nl}refused=yes" ;; esac
	yes "$1" "$v"
}
node_one() { # QUESTION
	p=${1#*:}
	node_state "${p%:*}/agent/kubelet.kubeconfig" "${1##*:}" || v="ready=Unknown${nl}why=${v##*"$nl"}"
	node_answer "$1"
}

# request QUESTION: adds it to what the one curl is told ($config, in which $section says who asks) and to $these; false where
# that curl cannot ask.
config='' section='' these=''
request() {
	case $1 in
	grafana:* | rancher:* | dns:*) return 1 ;;
	kubelet:*)
		command -v curl >/dev/null || return 1
		p=${1#*:} token=
		IFS= read -r token <"${p##*:}" || :
		case $token in *[!A-Za-z0-9._~+/=-]*) return 1 ;; esac
		who="cacert = \"${p%:*}/agent/server-ca.crt\"${nl}header = \"Authorization: Bearer $token\""
		url=https://127.0.0.1:10250/healthz ;;
	*)
		p=$files
		case $1 in node:*) p=${1#*:} p=${p%:*}/agent/kubelet.kubeconfig ;; esac
		if [ "$p" != "$asks" ]; then
			asks=
			by_curl "$p" || return 1
			asks=$p server=$url
		fi
		who="cacert = \"$ca\"${nl}cert = \"$cert\"${nl}key = \"$key\""
		p=/api/v1/nodes/${1##*:}
		case $1 in node:*) ;; *) api_path "$1" ;; esac
		url=$server$p ;;
	esac
	if [ "$who" != "$section" ]; then
		config="$config${config:+next$nl}silent${nl}globoff${nl}noproxy = \"*\"${nl}user-agent = powerstack${nl}max-time = 15
write-out = \"$between%{http_code} %{errormsg}$between\"$nl$who$nl"
		section=$who
	fi
	config="${config}url = \"$url\"$nl"
	these="$these $1"
}
# Asks for all of $these by one curl: a process and a handshake cost more than the answers. Who asks is read from stdin; the
# answers stay in a variable, for Secrets are among them, and are split by the shell itself, in one walk.
requests() {
	got=$(printf '%s' "$config" | curl -q -K - 2>/dev/null) || :
	old=$IFS
	IFS=$between
	# shellcheck disable=SC2086
	set -- $got
	IFS=$old
	for q in $these; do
		v=${1%"$nl"} code=${2-}
		[ $# -lt 2 ] || shift 2
		why=${code#* } code=${code%% *} it='the API server'
		case $q in kubelet:*) it='the kubelet' ;; esac
		case $code in
		2??) ;;
		[1-9]??)
			case $v in *'"message":"'*) why=${v#*'"message":"'} why=${why%%'"'*} ;; *) why="$it answers with status $code" ;; esac ;;
		*) code='' why=${why:-$it does not answer} ;;
		esac
		case $code:$q in
		2??:node:*) node_fields && node_answer "$q" ;;
		*:node:*) v="ready=Unknown${nl}why=$why" && node_answer "$q" ;;
		2??:kubelet:*) yes "$q" yes ;;
		*:kubelet:*) yes "$q" "$why" ;;
		2??:*) api_answer "$q" ;;
		404:*) no "$q" ;;
		*) unknown "$q" "$why" ;;
		esac
	done
}

# Who logs in is read from stdin: nothing secret is an argument of a process.
# shellcheck disable=SC2016
grafana_get='read -r auth
exec 3<>"/dev/tcp/$1/$2"
printf "GET /api/org HTTP/1.0\r\nHost: localhost\r\nAuthorization: Basic %s\r\n\r\n" "$auth" >&3
read -r answer <&3
printf "%s\n" "${answer%?}"'
grafana_one() { # QUESTION FILE
	p=${1#*:}
	at=${p#* }
	p=${p%% *}
	if ! v=$(k3s_get "$files" "/api/v1/namespaces/${p%/*}/secrets/${p#*/}" 2>"$2.said"); then
		v=$(tail -n 1 "$2.said")
		unknown "$1" "${v:-the API server does not answer}"
		return 0
	fi
	user=${v#*'"admin-user":"'} password=${v#*'"admin-password":"'}
	v=$(printf '%s:%s' "$(printf '%s' "${user%%\"*}" | base64 -d)" "$(printf '%s' "${password%%\"*}" | base64 -d)" | base64 -w 0)
	rc=0
	v=$(printf '%s\n' "$v" | timeout -k 1 10 bash --norc -euc "$grafana_get" powerstack "${at% *}" "${at#* }" 2>"$2.said") || rc=$?
	if [ $rc = 0 ]; then
		yes "$1" "$v"
	else
		v=$(tail -n 1 "$2.said")
		unknown "$1" "${v:-no answer within 10 s}"
	fi
}
# By the API server's proxy, which the administrator's certificate opens: wherever its pod runs, nothing secret leaves the
# cluster. The password is stdin, and the session that it brings is removed. Rancher's own API: pkg/auth/providers/publicapi;
# /v3-public is what was before 2.13.
rancher_one() { # QUESTION FILE
	p=${1#*:}
	v=$(k3s_get "$files" /apis/management.cattle.io/v3/settings/first-login 2>/dev/null) || v=
	case $v in *'"value":"false"'*) yes "$1" over; return 0 ;; esac
	if ! v=$(k3s_get "$files" "/api/v1/namespaces/${p%/*}/secrets/${p#*/}" 2>"$2.said"); then
		v=$(tail -n 1 "$2.said")
		unknown "$1" "${v:-the API server does not answer}"
		return 0
	fi
	v=${v#*'"bootstrapPassword":"'}
	password=$(printf '%s' "${v%%\"*}" | base64 -d | sed 's/[\\"]/\\&/g;s/\t/\\t/g')
	for to in v1-public/login 'v3-public/localProviders/local?action=login'; do
		if v=$(printf '{"type":"localProvider","username":"admin","password":"%s","responseType":"json","description":"powerstack verify"}' \
			"$password" | admin_kubectl create -f - --raw "/api/v1/namespaces/${p%/*}/services/https:rancher:443/proxy/$to" 2>"$2.said"); then
			case $v in
			*'"token":"'*)
				v=${v#*'"token":"'}
				v=${v%%[!a-z0-9-]*}
				[ -z "$v" ] || admin_kubectl delete --raw "/apis/management.cattle.io/v3/tokens/$v" >/dev/null 2>&1 || :
				v=taken ;;
			*) v='it answers without a token' ;;
			esac
			break
		fi
		v=$(tail -n 1 "$2.said")
		case $v in
		*NotFound*) ;;
		*'You must be logged in'*) v='it is another one (status 401)' && break ;;
		*) break ;;
		esac
	done
	yes "$1" "${v:-no answer within 20 s}"
}
# A query for A records (RFC 1035, 4.1), in one datagram; the answer in hexadecimal digits, two a byte.
# shellcheck disable=SC2016
dns_get='exec 3<>"/dev/udp/$1/53"
q="\\0\\1\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0"
IFS=.
for l in $2; do q=$q$(printf "\\\\%o" "${#l}")$l; done
printf "$q\\0\\0\\1\\0\\1" | dd bs=512 2>/dev/null >&3
dd bs=512 count=1 <&3 2>/dev/null | od -An -v -tx1 | tr -d " \n"'
dns_one() { # QUESTION FILE
	if ! v=$(k3s_get "$files" /api/v1/namespaces/kube-system/services/kube-dns 2>"$2.said"); then
		v=$(tail -n 1 "$2.said")
		unknown "$1" "${v:-the API server does not answer}"
		return 0
	fi
	p=${v#*'"clusterIP":"'}
	p=${p%%\"*}
	v=$(timeout -k 1 6 bash --norc -euc "$dns_get" powerstack "$p" "${1#*:}" 2>/dev/null) || v=
	case $v in
	????????????????????????*) ;;
	*) unknown "$1" "the cluster's DNS at $p does not answer"; return 0 ;;
	esac
	# the code is the low half of the fourth byte; an answer's address are the last four bytes
	l=${v#???????}
	l=${l%"${l#?}"}
	case $l$v in
	0????????????0000*) yes "$1" "rcode=0" ;;
	0*)
		v=${v#"${v%????????}"}
		yes "$1" "address=$((0x${v%??????})).$(v=${v#??}; echo $((0x${v%????}))).$(v=${v#????}; echo $((0x${v%??}))).$((0x${v#??????}))" ;;
	*) yes "$1" "rcode=$((0x$l))" ;;
	esac
}
admin_kubectl() { timeout -k 1 20 /usr/local/bin/k3s kubectl --kubeconfig "$files" "$@"; }
# What one curl cannot ask is asked by a process for each, all at once. They print longer answers than a pipe takes in one
# piece, so each has a file; the folder is the only thing that is made here, and it goes.
one() { # QUESTION FILE
	case $1 in
	node:*) node_one "$1" ;;
	kubelet:*) kubelet_one "$1" "$2" ;;
	grafana:*) grafana_one "$1" "$2" ;;
	rancher:*) rancher_one "$1" "$2" ;;
	dns:*) dns_one "$1" "$2" ;;
	*) api_one "$1" "$2" ;;
	esac
}
apis() {
	work=
	trap '[ -z "$work" ] || rm -rf -- "$work"' EXIT
	trap 'exit 1' HUP INT TERM PIPE
	admin_files
	between=$(printf '\036')
	n=0 asks=
	for q; do
		case $q in
		node:*) p=${q#*:} p=${p%:*}/agent/kubelet.kubeconfig ;;
		api:* | secret:* | grafana:* | rancher:* | dns:*) p=$admin ;;
		kubelet:*) p=${q##*:} ;;
		*) continue ;;
		esac
		if ! [ -x /usr/local/bin/k3s ] || ! [ -f "$p" ]; then
			no "$q"
			continue
		fi
		! request "$q" || continue
		[ -n "$work" ] || work=$(mktemp -d /run/powerstack-probe.XXXXXX)
		n=$((n + 1))
		one "$q" "$work/$n" >"$work/$n" &
	done
	[ -z "$these" ] || requests
	wait
	while [ $n -gt 0 ]; do
		cat "$work/$n"
		n=$((n - 1))
	done
}

# fib_trie: "|-- ADDRESS" and below it "/32 host LOCAL"
addrs() {
	for q; do case $q in addr:*) ;; *) continue ;; esac
		case $trie in *"/proc/net/fib_trie:"*) ;; *) unknown "$q" 'no /proc/net/fib_trie'; continue ;; esac
		at='' v=
		old=$IFS
		IFS=$nl
		for l in $trie; do
			case $l in
			"/proc/net/fib_trie:"*'|-- '*) at=${l##*'|-- '} ;;
			"/proc/net/fib_trie:"*'/32 host LOCAL') [ "$at" = "${q#addr:}" ] && v=local ;;
			esac
		done
		IFS=$old
		if [ -n "$v" ]; then yes "$q" "$v"; else no "$q"; fi
	done
}

# known_sum PATH INODE SIZE CTIME: sets $sum when it is still the very file that put.sh recorded. No user can
# set a file's time of change, so nothing large is read to know that it is the same.
known_sum() {
	sum_record "$1"
	line_of "$state/$record" || return 1
	sum=${line%% *}
	[ ${#sum} = 64 ] && [ "${line#* }" = "$2 $3 $4 $1" ]
}

# One stat and one sha256sum for all files: each prints one line per file, in order, with no name that
# could be misread (sha256sum begins a line with "\" when it had to escape the name).
hash_regular() {
	left=$stats
	for p; do
		shift
		l=${left%%"$nl"*}
		left=${left#*"$nl"}
		case ${l#* } in 8???' '*) ;; *) continue ;; esac
		l="${l%% *} ${l#* * * * * }"
		# shellcheck disable=SC2086
		known_sum "$p" $l || set -- "$@" "$p"
	done
	sums=
	[ $# -eq 0 ] || sums=$(sha256sum -- "$@" 2>/dev/null)
}

files() {
	for q; do
		shift
		case $q in file:*) p=${q#file:} ;; *) continue ;; esac
		if [ -e "$p" ] || [ -L "$p" ]; then set -- "$@" "$p"; else no "$q"; fi
	done
	[ $# -gt 0 ] || return 0
	if ! stats=$(stat -c '%i %f %a %u %g %s %.9Z' -- "$@" 2>/dev/null) || ! hash_regular "$@"; then
		for p; do unknown "file:$p" 'it changed while it was looked at'; done
		return 0
	fi
	for p; do
		l=${stats%%"$nl"*}
		stats=${stats#*"$nl"}
		# inode, raw mode (hex), permissions, uid, gid, size, change time
		inode=${l%% *}
		l=${l#* }
		hex=${l%% *}
		l=${l#* }
		mode=${l%% *}
		l=${l#* }
		uid=${l%% *}
		l=${l#* }
		gid=${l%% *}
		l=${l#* }
		size=${l%% *}
		ctime=${l#* }
		case $hex in
		8???) t=f ;; 4???) t=d ;; a???) t=l ;; 6???) t=b ;; 2???) t=c ;; 1???) t=p ;; *) t=s ;;
		esac
		out="type=$t${nl}mode=$mode${nl}uid=$uid${nl}gid=$gid${nl}size=$size${nl}ctime_ns=${ctime%.*}${ctime#*.}"
		if [ $t = f ]; then
			if known_sum "$p" "$inode" "$size" "$ctime"; then
				h=$sum
			else
				h=${sums%%"$nl"*}
				sums=${sums#*"$nl"}
				h=${h#\\}
				h=${h%% *}
			fi
			if [ ${#h} != 64 ]; then
				unknown "file:$p" 'it changed while it was looked at'
				continue
			fi
			v=no
			if [ "$size" -lt 65536 ]; then
				one='' two=
				{ IFS= read -r one && IFS= read -r two; } <"$p" 2>/dev/null || :
				case $nl$one$nl$two$nl in *"$nl# managed by powerstack"*) v=yes ;; esac
			fi
			out="$out${nl}sha256=$h${nl}mark=$v"
		fi
		yes "file:$p" "$out"
	done
}

contents() {
	for q; do case $q in text:*) ;; *) continue ;; esac
		p=${q#text:}
		if ! [ -e "$p" ]; then
			no "$q"
		elif ! [ -f "$p" ]; then
			unknown "$q" 'not a regular file'
		elif v=$(head -c 65537 -- "$p" && echo .); then
			v=${v%.}
			if [ ${#v} -gt 65536 ]; then unknown "$q" 'longer than 64 KiB'; else yes "$q" "$v"; fi
		else
			unknown "$q" 'it could not be read'
		fi
	done
}

# look_into DIR: v becomes "empty" or "full"
look_into() {
	set +f
	set -- "$1"/* "$1"/.[!.]* "$1"/..?*
	set -f
	for l; do
		if [ -e "$l" ] || [ -L "$l" ]; then v=full; return 0; fi
	done
	v=empty
}

look_dirs() {
	for q; do case $q in dir:*) ;; *) continue ;; esac
		p=${q#dir:}
		if mount_at "$p"; then
			yes "$q" mounted
		elif ! [ -e "$p" ] && ! [ -L "$p" ]; then
			no "$q"
		elif [ -L "$p" ] || ! [ -d "$p" ]; then
			unknown "$q" 'not a directory'
		else
			look_into "$p"
			yes "$q" "$v"
		fi
	done
}

recorded() {
	for q; do
		case $q in
		record:*)
			p=$state/${q#record:}
			if ! [ -f "$p" ]; then no "$q"; continue; fi
			v=
			old=$IFS
			IFS=$nl
			for l in $texts; do
				case $l in "$p:"*) v="$v${v:+$nl}${l#"$p:"}" ;; esac
			done
			IFS=$old
			yes "$q" "$v" ;;
		records:*)
			p=$state/${q#records:}
			if ! [ -d "$p" ]; then no "$q"; continue; fi
			look_into "$p"
			if [ $v = empty ]; then no "$q"; continue; fi
			v=
			set +f
			for l in "$p"/*; do [ -e "$l" ] && v="$v${v:+$nl}${l##*/}"; done
			set -f
			yes "$q" "$v" ;;
		esac
	done
}

sysctls() {
	for q; do case $q in sysctl:*) ;; *) continue ;; esac
		p=/proc/sys/${q#sysctl:}
		if ! [ -e "$p" ]; then
			no "$q"
		elif line_of "$p"; then
			yes "$q" "$line"
		else
			unknown "$q" 'it cannot be read'
		fi
	done
}

# One systemctl for all units: blocks in the order of the names, an empty line between them.
time_units='systemd-timesyncd.service chrony.service ntpsec.service ntp.service openntpd.service'
fw_firewalld=inactive fw_nftables=inactive daemons=
unit_folders="/etc/systemd/system /run/systemd/system /run/systemd/transient /run/systemd/generator.early
/run/systemd/generator /run/systemd/generator.late /usr/local/lib/systemd/system /usr/lib/systemd/system
/lib/systemd/system"
# Adds to $extra those of the units that have a file: for the others systemd would search all its folders, anew
# each time.
also_ask() {
	for u; do
		for d in $unit_folders; do
			if [ -e "$d/$u" ] || [ -L "$d/$u" ]; then
				extra="$extra $u"
				break
			fi
		done
	done
}

units() {
	extra=
	asked firewall "$@" && also_ask firewalld.service nftables.service
	# shellcheck disable=SC2086
	asked clock "$@" && also_ask $time_units
	for q; do
		shift
		case $q in unit:*) set -- "$@" "${q#unit:}" ;; esac
	done
	asked_for=$#
	old=$IFS
	IFS=' '
	# shellcheck disable=SC2086
	set -- "$@" $extra
	IFS=$old
	[ $# -gt 0 ] || return 0
	why=
	blocks=
	if ! [ -d /run/systemd/system ]; then
		why='systemd is not running'
	elif ! blocks=$(systemctl show -p LoadState,ActiveState,SubState,UnitFileState,NRestarts \
		-p MainPID,NeedDaemonReload,Result,ExecMainStartTimestampMonotonic -- "$@" 2>/dev/null); then
		why='systemctl show failed'
	fi
	n=0
	for u; do
		n=$((n + 1))
		b=${blocks%%"$nl$nl"*}
		case $blocks in *"$nl$nl"*) blocks=${blocks#*"$nl$nl"} ;; *) blocks= ;; esac
		if [ $n -gt $asked_for ]; then
			case $nl$b$nl in *"${nl}ActiveState=active$nl"*) v=active ;; *) v=inactive ;; esac
			case $u in
			firewalld.service) fw_firewalld=$v ;;
			nftables.service) fw_nftables=$v ;;
			*) [ $v = active ] && daemons="$daemons${daemons:+ }${u%.service}" ;;
			esac
			continue
		fi
		if [ -n "$why" ]; then unknown "unit:$u" "$why"; continue; fi
		case $nl$b$nl in
		*"${nl}LoadState=not-found$nl"*) no "unit:$u"; continue ;;
		*"${nl}LoadState="*) ;;
		*) unknown "unit:$u" 'systemctl did not answer for it'; continue ;;
		esac
		v=${b#*ExecMainStartTimestampMonotonic=}
		v=${v%%"$nl"*}
		case $v in
		'' | 0 | *[!0-9]*) ;;
		*) b="$b${nl}started_ns=$((now_ns - (uptime_us - v) * 1000))" ;;
		esac
		yes "unit:$u" "$b"
	done
}

dpkg_arch=
packages() {
	for q; do
		shift
		case $q in pkg:*) set -- "$@" "${q#pkg:}" ;; host:*) [ $ask_dpkg = yes ] || set -- "$@" dpkg ;; esac
	done
	[ $# -gt 0 ] || return 0
	list=
	rc=0
	# shellcheck disable=SC2016 # dpkg's variables, not the shell's
	list=$(dpkg-query -W -f '${Package}|${db:Status-Abbrev}|${Version}|${Architecture}\n' -- "$@" 2>/dev/null) || rc=$?
	case $nl$list in
	*"${nl}dpkg|ii"*)
		v=${nl}$list
		v=${v#*"${nl}dpkg|ii"}
		v=${v%%"$nl"*}
		dpkg_arch=${v##*|} ;;
	esac
	for p; do
		# dpkg is in the list for host:os; it is answered only when it was asked for
		[ "$p" = dpkg ] && [ $ask_dpkg = no ] && continue
		if [ $rc -gt 1 ]; then unknown "pkg:$p" 'dpkg-query failed'; continue; fi
		case $nl$list in
		*"$nl$p|"*)
			v=${nl}$list
			v=${v#*"$nl$p|"}
			v=${v%%"$nl"*}
			l=${v%%|*}
			v=${v#*|}
			yes "pkg:$p" "status=${l%% *}${nl}version=${v%%|*}${nl}arch=${v##*|}" ;;
		*) no "pkg:$p" ;;
		esac
	done
}

mounts() {
	for q; do case $q in mount:*) ;; *) continue ;; esac
		if mount_at "${q#mount:}"; then
			yes "$q" "source=$m_source${nl}type=$m_type${nl}options=$m_options${nl}root=$m_root${nl}majmin=$m_majmin"
		else
			no "$q"
		fi
	done
}

fstabs() {
	for q; do case $q in fstab:*) ;; *) continue ;; esac
		target=${q#fstab:}
		n=0 v=
		old=$IFS
		IFS=$nl
		for l in $texts; do
			case $l in "/etc/fstab:"*"$target"*) ;; *) continue ;; esac
			IFS=" $tab"
			# shellcheck disable=SC2086
			set -- ${l#*:}
			IFS=$nl
			case ${1-} in '' | '#'*) continue ;; esac
			p=${2-}
			while [ "$p" != / ] && [ "$p" != "${p%/}" ]; do p=${p%/}; done
			[ "$p" = "$target" ] || continue
			n=$((n + 1))
			[ $n = 1 ] && v="spec=$1${nl}type=${3-}${nl}options=${4-}"
			case ,${4-}, in *,x-powerstack,*) v="spec=$1${nl}type=${3-}${nl}options=${4-}" ;; esac
		done
		IFS=$old
		if [ $n = 0 ]; then no "$q"; else yes "$q" "n=$n$nl$v"; fi
	done
}

frees() {
	for q; do
		shift
		case $q in free:*) p=${q#free:} ;; *) continue ;; esac
		if [ -e "$p" ]; then set -- "$@" "$p"; else no "$q"; fi
	done
	[ $# -gt 0 ] || return 0
	stats=
	stats=$(stat -f -c '%S %b %a %c %d' -- "$@" 2>/dev/null) || stats=
	for p; do
		l=${stats%%"$nl"*}
		stats=${stats#*"$nl"}
		if [ -z "$l" ]; then unknown "free:$p" 'stat -f failed'; continue; fi
		bs=${l%% *}
		l=${l#* }
		v="size=$((bs * ${l%% *}))"
		l=${l#* }
		v="$v${nl}free=$((bs * ${l%% *}))"
		l=${l#* }
		yes "free:$p" "$v${nl}inodes=${l%% *}${nl}inodes_free=${l##* }"
	done
}

exported() {
	for q; do case $q in exports:*) ;; *) continue ;; esac
		v=
		old=$IFS
		IFS=$nl
		for l in $texts; do
			case $l in "/var/lib/nfs/etab:${q#exports:}$tab"*) v="$v${v:+$nl}${l#*"$tab"}" ;; esac
		done
		IFS=$old
		if [ -n "$v" ]; then yes "$q" "$v"; else no "$q"; fi
	done
}

open_sockets() { ss -H -t -u -l -n -p 2>/dev/null; }
# listening PROTO PORT: who does, in $v
listening() {
	v=
	old=$IFS
	IFS=$nl
	for l in $sockets; do
		case $l in "$1 "*":$2 "*) ;; *) continue ;; esac
		listener "$2" "$l"
	done
	IFS=$old
}
listener() {
	port=$1
	IFS=' '
	# shellcheck disable=SC2086
	set -- $2
	IFS=$nl
	case $5 in *":$port") v="$v${v:+$nl}$5 ${7-kernel}" ;; esac
}

listeners() {
	asked listen "$@" || return 0
	again=1
	rc=0
	sockets=$(open_sockets) || rc=$?
	for q; do case $q in listen:*) ;; *) continue ;; esac
		if [ $rc != 0 ]; then unknown "$q" 'ss failed (package iproute2)'; continue; fi
		proto=${q#listen:}
		port=${proto#*/}
		proto=${proto%/*}
		listening "$proto" "$port"
		# The socket of a process that ends just now has nobody's name; but for NFS, the kernel has none of its own.
		case $again$proto/$port=$v in
		1tcp/2049=*) ;;
		1tcp/*' kernel'*)
			again=
			sleep 1
			if v=$(open_sockets); then sockets=$v; fi
			listening "$proto" "$port" ;;
		esac
		if [ -n "$v" ]; then yes "$q" "$v"; else no "$q"; fi
	done
}

# ufw's own files instead of `ufw status`, which starts Python. user.rules holds one
# "### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in comment=HEX" a rule.
firewalls() {
	for q; do case $q in firewall:*) ;; *) continue ;; esac
		v=ufw=inactive
		field_of /etc/ufw/ufw.conf ENABLED= && [ "$line" = yes ] && v=ufw=active
		v="$v${nl}firewalld=$fw_firewalld${nl}nftables=$fw_nftables"
		old=$IFS
		IFS=$nl
		rules=
		for l in $texts; do
			# 706f776572737461636b is "powerstack"
			case $l in
			"/etc/ufw/user.rules:### tuple ### "*' comment=706f776572737461636b')
				l=${l#*'### tuple ### '}
				rules="$rules|${l% comment=*}" ;;
			esac
		done
		IFS=$old
		yes "$q" "$v${nl}ufw_rules=${rules#|}"
	done
}

clocks() {
	for q; do case $q in clock:*) ;; *) continue ;; esac
		v=unknown
		if [ -e /run/systemd/timesync/synchronized ]; then v=yes; fi
		yes "$q" "now_ns=$now_ns${nl}daemon=$daemons${nl}synced=$v"
	done
}

disks() {
	for q; do case $q in blk:*) ;; *) continue ;; esac
		blk_look "${q#blk:}"
		case $b_state in
		absent) no "$q" ;;
		unknown) unknown "$q" "$b_found" ;;
		*) yes "$q" "$(blk_print)" ;;
		esac
	done
}

. provision/files/live.lib.sh

[ -O /proc/1 ] || {
	echo 'probe: not root: sudo is needed' >&2
	exit 1
}
ask_dpkg=no
for q; do case $q in pkg:dpkg) ask_dpkg=yes ;; esac; done
look() {
	gather_texts "$@"
	case " $*" in *' unit:'* | *' clock:'*) gather_clock ;; esac
	packages "$@"
	hosts "$@"
	addrs "$@"
	ifaces "$@"
	files "$@"
	contents "$@"
	look_dirs "$@"
	recorded "$@"
	sysctls "$@"
	units "$@"
	mounts "$@"
	fstabs "$@"
	frees "$@"
	exported "$@"
	listeners "$@"
	firewalls "$@"
	clocks "$@"
	disks "$@"
	live "$@"
	for q; do
		case $q in
		host:* | addr:* | iface:* | node:* | file:* | text:* | dir:* | record:* | records:* | sysctl:* | unit:* | pkg:* | mount:* | fstab:*) ;;
		api:* | secret:* | kubelet:* | grafana:* | rancher:* | dns:* | free:* | exports:* | listen:* | firewall:* | clock:* | blk:*) ;;
		clock-offset:* | fstab-check:* | nfs-write:* | nfs-read:* | nfs-delete:* | statfs:* | nfsd:* | journal:* | reach:*) ;;
		http:* | overlay:* | pressure:* | btrfs:* | zones:* | ps:*) ;;
		*) unknown "$q" 'no such kind' ;;
		esac
	done
}
# The API server's answers take as long as all the rest: they are asked for beside it.
case " $*" in
*' node:'* | *' api:'* | *' secret:'* | *' kubelet:'* | *' grafana:'* | *' rancher:'* | *' dns:'*) apis "$@" | { look "$@" </dev/null; cat; } ;;
*) look "$@" ;;
esac
yes probe complete
