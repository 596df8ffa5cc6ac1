# SPDX-License-Identifier: BSD-2-Clause
# The questions that only verify asks: they look at what runs now, with time limits, since a dead NFS
# server lets every call on the share hang. Included by probe.sh, which lists them.

# child SECONDS SCRIPT ARG...: the script's output in $v, its status returned; 124 when it hung.
child() {
	limit=$1
	shift
	v=
	rc=0
	v=$(timeout -k 1 "$limit" sh -euc "$@" 2>&1) || rc=$?
	return $rc
}

# shellcheck disable=SC2016 # these texts are scripts of their own
nfs_write='set -C
f=$3/.powerstack-verify-$1-$2
text="powerstack $1 $2"
t0=$(date +%s%N)
if ! (printf "%s\n" "$text" >"$f") 2>/dev/null; then
	read -r was <"$f" && [ "$was" = "$text" ]
fi
echo $((($(date +%s%N) - t0) / 1000000))'
# Files that a verify which was cut off left behind go, too, when they are older than an hour.
# shellcheck disable=SC2016
nfs_delete='rm -f -- "$3/.powerstack-verify-$1-$2"
[ ! -e "$3/.powerstack-verify-$1-$2" ]
find "$3" -xdev -maxdepth 1 -type f -name ".powerstack-verify-*-$2" -mmin +60 -delete'
# shellcheck disable=SC2016
nfs_read='for f in "$2/.powerstack-verify-$1-"*; do
	[ -e "$f" ] || continue
	read -r text <"$f" || :
	echo "${f##*/.powerstack-verify-"$1"-}=$text"
done'
# bash that sshd starts reads root's rc files, whatever they say (bash(1), "INVOCATION"): not with --norc.
# shellcheck disable=SC2016
http_get='exec 3<>"/dev/tcp/127.0.0.1/$1"
printf "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n" "$2" >&3
head -c 524288 <&3'

# The other end is the bridge of that node's pods, or the device itself where no pod was started yet. 28 bytes are headers.
# shellcheck disable=SC2016
overlay='d=$(ip -o -d link show "$1" 2>/dev/null) || exit 8
command -v ping >/dev/null || { echo "there is no ping"; exit 1; }
mtu=${d#* mtu } l=${d#* local }
mtu=${mtu%% *}
printf "mtu=%s\nlocal=%s\n" "$mtu" "${l%% *}"
full() { ping -n -q -c 3 -i 0.3 -w 6 -M do -s $((mtu - 28)) "$1" >/dev/null 2>&1; }
ip -o route show dev "$1" | {
	while read -r net what at _; do
		[ "$what" = via ] || continue
		if full "${net%.*}.1" || full "$at"; then echo "$net=reached"; else echo "$net=lost"; fi &
	done
	wait
}'

hung() {
	if [ "$1" = 124 ] || [ "$1" = 137 ]; then
		unknown "$2" "no answer within $3 s"
	else
		unknown "$2" "${4:-failed with status $1}"
	fi
}

live_nfs() {
	a=${1#*:}
	run=${a%%:*}
	a=${a#*:}
	case $1 in
	nfs-read:*)
		child 10 "$nfs_read" powerstack "$run" "$a" || { hung $rc "$1" 10 "$v"; return 0; }
		if [ -n "$v" ]; then yes "$1" "$v"; else no "$1"; fi ;;
	nfs-write:*)
		if ! mount_at "${a#*:}"; then unknown "$1" 'nothing is mounted there'; return 0; fi
		child 10 "$nfs_write" powerstack "$run" "${a%%:*}" "${a#*:}" || { hung $rc "$1" 10 "$v"; return 0; }
		yes "$1" "written${nl}ms=$v" ;;
	nfs-delete:*)
		if ! mount_at "${a#*:}"; then unknown "$1" 'nothing is mounted there'; return 0; fi
		child 10 "$nfs_delete" powerstack "$run" "${a%%:*}" "${a#*:}" || { hung $rc "$1" 10 "$v"; return 0; }
		yes "$1" deleted ;;
	esac
}

# What the time service says of its offset: chrony's "tracking" (field 5: seconds that the system
# clock is off), timesyncd's "Offset: +1.2ms", else the kernel's own estimate (adjtimex).
live_clock() {
	if [ "${daemons#*chrony}" != "$daemons" ] && child 10 'chronyc -c -n tracking'; then
		old=$IFS
		IFS=,
		# shellcheck disable=SC2086
		set -- "$1" $v
		IFS=$old
		# ref id, name, stratum, ref time, system time offset, ..., leap status last
		s=${6-}
		synced=yes
		case $v in *'Not synchronised'*) synced=no ;; esac
		yes "$1" "source=chrony${nl}offset_s=$s${nl}synced=$synced"
		return 0
	fi
	if [ "${daemons#*timesyncd}" != "$daemons" ] && child 10 'timedatectl timesync-status --no-pager'; then
		case $nl$v in
		*' Offset: '*)
			s=${v#*' Offset: '}
			yes "$1" "source=systemd-timesyncd${nl}offset_text=${s%%"$nl"*}${nl}synced=yes" ;;
		*) yes "$1" "source=systemd-timesyncd${nl}synced=no" ;;
		esac
		return 0
	fi
	# struct timex: modes, offset, freq, maxerror, esterror, status; native longs. Status 0x40: unsynchronised.
	# shellcheck disable=SC2016
	if child 10 'perl -e "$1"' powerstack 'require POSIX; my $m = (POSIX::uname())[4];
my %n = (x86_64 => 159, aarch64 => 171, armv7l => 124, armv6l => 124); my $b = "\0" x 512;
my $r = syscall($n{$m} // die("no adjtimex number for $m\n"), $b); my @t = unpack("i x![l!] l! l! l! l! i", $b);
printf("source=kernel\nmax_error_us=%d\nsynced=%s\n", $t[3], $r >= 0 && !($t[5] & 0x40) ? "yes" : "no");'; then
		yes "$1" "$v"
	else
		hung $rc "$1" 10 "$v"
	fi
}

# reach_one FROM TO: prints "TO how". Where no ping is answered, a port of the kubelet or of ssh is.
# shellcheck disable=SC2016
reach_port='exec 3<>"/dev/tcp/$1/$2"'
reach_one() {
	how=
	if ping -n -q -c 3 -i 0.3 -W 2 -I "$1" "$2" >/dev/null 2>&1; then
		how=ping
	else
		case $(ip route get "$2" 2>/dev/null) in
		*" src $1 "*)
			for port in 10250 22; do
				[ -n "$how" ] || ! timeout -k 1 3 bash --norc -c "$reach_port" powerstack "$2" $port 2>/dev/null || how="port $port"
			done ;;
		*) how="!its traffic leaves by another address" ;;
		esac
	fi
	echo "$1 $2=$how"
}

# All at once: a large cluster would take minutes.
reaches() {
	for q; do case $q in reach:*) ;; *) continue ;; esac
		v=${q#reach:}
		reach_one "${v% *}" "${v#* }" &
	done
	wait
}

live_reach() {
	case $nl$reached$nl in
	*"$nl${1#reach:}=!"*)
		v=$nl$reached$nl
		v=${v#*"$nl${1#reach:}=!"}
		unknown "$1" "${v%%"$nl"*}" ;;
	*"$nl${1#reach:}=$nl"*) no "$1" ;;
	*"$nl${1#reach:}="*)
		v=$nl$reached$nl
		v=${v#*"$nl${1#reach:}="}
		yes "$1" "${v%%"$nl"*}" ;;
	*) unknown "$1" 'it could not be tried' ;;
	esac
}

# plain_page PORT PATH, tls_page PORT PATH ARG...: true when HTTP answers, in $b; else why not is in $v. ARG is how curl is to
# verify; where there is no curl, CA in "--cacert CA" is kubectl's, which does not tell the status line.
plain_page() {
	rc=0 v=
	b=$(timeout -k 1 10 bash --norc -euc "$http_get" powerstack "$1" "$2" 2>&1) || rc=$?
	case $rc in
	0) v='it does not answer by HTTP' ;;
	124 | 137) v='no answer within 10 s' ;;
	*) v=${b##*"$nl"} ;;
	esac
	[ $rc = 0 ] && is_http
}
tls_page() {
	url=https://127.0.0.1:$1 p=$2
	shift 2
	if command -v curl >/dev/null; then
		b=$(quiet_curl -i --no-fail --max-time 10 "$@" "$url$p" 2>&1 | head -c 524288)
		! is_http || return 0
		v=${b%%"$nl"*} # what it says behind that is advice
	else
		b=$({ timeout -k 1 15 /usr/local/bin/k3s kubectl --kubeconfig /dev/null --server "$url" --certificate-authority "$2" \
			--token none --request-timeout=10s get --raw "$p" 2>&1 || printf '\n!\n'; } | head -c 524288)
		case $b in *"$nl!") b=${b%"$nl!"} ;; *) b="HTTP/1.1 200 OK$nl$nl$b"; return 0 ;; esac
		b=${b%"$nl"}
		v=${b##*"$nl"}
	fi
	return 1
}
is_http() {
	case $b in HTTP/*) ;; *) return 1 ;; esac
}
live_http() {
	a=${1#*:}
	port=${a%%:*} a=${a#*:}
	case $a in
	*:*)
		if tls_page "$port" "${a%%:*}" --cacert "${a#*:}/agent/server-ca.crt"; then yes "$1" "$b"; return 0; fi
		why=$v
		! plain_page "$port" "${a%%:*}" || why='it answers by plain HTTP, not by TLS' ;;
	*)
		if plain_page "$port" "$a"; then yes "$1" "$b"; return 0; fi
		why=$v
		! command -v curl >/dev/null || ! tls_page "$port" "$a" --insecure || why='it answers by TLS, not by plain HTTP' ;;
	esac
	unknown "$1" "${why:-it does not answer}"
}

live() {
	case " $*" in *' reach:'*) reached=$(reaches "$@") ;; esac
	for q; do
		case $q in
		reach:*) live_reach "$q" ;;
		nfs-*:*) live_nfs "$q" ;;
		clock-offset:*) live_clock "$q" ;;
		fstab-check:*)
			if child 15 'findmnt --verify'; then
				yes "$q" clean
			else
				# it ends with "0 parse errors, 1 error, 2 warnings"; warnings leave the status 0
				hung $rc "$q" 15 "$v"
			fi ;;
		statfs:*)
			# shellcheck disable=SC2016
			if child 10 'stat -f -c "%S %b %a %T" -- "$1"' powerstack "${q#*:}"; then
				bs=${v%% *}
				v=${v#* }
				t=${v##* }
				v=${v% *}
				yes "$q" "type=$t${nl}size=$((bs * ${v% *}))${nl}free=$((bs * ${v#* }))"
			else
				hung $rc "$q" 10 "$v"
			fi ;;
		nfsd:*)
			v=
			if v=$(cat /proc/fs/nfsd/threads 2>/dev/null) && [ -n "$v" ]; then yes "$q" "threads=$v"; else no "$q"; fi ;;
		journal:nfs)
			if child 30 'journalctl -q -b -p warning --no-pager -o short-iso -n 200 _TRANSPORT=kernel \
					+ _SYSTEMD_UNIT=nfs-server.service + _SYSTEMD_UNIT=nfs-mountd.service \
					+ _SYSTEMD_UNIT=nfs-idmapd.service + _SYSTEMD_UNIT=rpc-statd.service \
					+ _SYSTEMD_UNIT=nfsdcld.service + _SYSTEMD_UNIT=rpcbind.service'; then
				yes "$q" "$v"
			else
				hung $rc "$q" 30 "$v"
			fi ;;
		journal:exporter)
			# of the run that is on now
			if ! child 10 'systemctl show -P InvocationID powerstack-exporter.service' || [ -z "$v" ]; then no "$q"; continue; fi
			# shellcheck disable=SC2016
			if ! child 30 'journalctl -q --no-pager -o cat -n 1000 "_SYSTEMD_INVOCATION_ID=$1"' powerstack "$v"; then
				hung $rc "$q" 30 "$v"
			elif [ -n "$v" ]; then yes "$q" "$v"; else no "$q"; fi ;;
		journal:rancher)
			if ! [ -x /usr/local/bin/k3s ] || ! [ -f "$admin" ]; then no "$q"; continue; fi
			# its own lines have their level in brackets, or as a field; klog's begin with its letter
			# shellcheck disable=SC2016
			if child 45 'v=$(/usr/local/bin/k3s kubectl --kubeconfig "$1" --request-timeout=30s logs -n cattle-system -l app=rancher \
					-c rancher --since=10m --tail=-1 --limit-bytes=8000000 2>&1) || { printf "%s\n" "$v" | tail -n 1; exit 1; }
				printf "%s\n" "$v" | grep -E "\[(WARNING|ERROR|FATAL|PANIC)\]|level\"?[=:]\"?(warning|error|fatal|panic)|^[WEF][0-9]{4} |^panic: " |
					tail -n 1000 | cut -c 1-400' powerstack "$admin"; then
				yes "$q" "$v"
			else
				hung $rc "$q" 45 "$v"
			fi ;;
		overlay:*)
			if child 60 "$overlay" powerstack "${q#*:}"; then yes "$q" "$v"; elif [ $rc = 8 ]; then no "$q"; else hung $rc "$q" 60 "$v"; fi ;;
		http:*) live_http "$q" ;;
		pressure:*)
			field_of /proc/meminfo MemTotal: || :
			l=${line% kB}
			field_of /proc/meminfo MemAvailable: || :
			v=${line% kB}
			v="memory=$((${l##* } * 1024))${nl}available=$((${v##* } * 1024))"
			line_of /proc/loadavg
			l=${line% *}
			v="$v${nl}pids=${l##*/}"
			line_of /proc/sys/kernel/threads-max
			l=$line
			line_of /proc/sys/kernel/pid_max
			[ "$line" -le "$l" ] || line=$l
			yes "$q" "$v${nl}pids_max=$line" ;;
		btrfs:*)
			if ! mount_at "${q#*:}" || [ "$m_type" != btrfs ]; then no "$q"; continue; fi
			# shellcheck disable=SC2016
			if child 15 'btrfs device stats -- "$1"' powerstack "${q#*:}"; then
				# "[/dev/sdb1].write_io_errs    0", one counter a line
				n=0
				old=$IFS
				IFS=$nl
				for l in $v; do n=$((n + ${l##* })); done
				IFS=$old
				yes "$q" "errors=$n"
			else
				hung $rc "$q" 15 "$v"
			fi ;;
		zones:*)
			n=0
			set +f
			for p in /sys/class/powercap/intel-rapl:*; do [ -r "$p/energy_uj" ] && n=$((n + 1)); done
			set -f
			yes "$q" "$n" ;;
		ps:*)
			# ps is in a package that a small server may lack
			# shellcheck disable=SC2016
			if child 15 'perl -e "$1"' powerstack 'for my $f (glob "/proc/[0-9]*/cmdline") {
local $/; open(my $h, "<", $f) or next; my $a = <$h> // next; $a =~ tr/\0\n/ /; print substr($a, 0, 4096), "\n" if $a; }'; then
				yes "$q" "$v"
			else
				hung $rc "$q" 15 "$v"
			fi ;;
		esac
	done
}
