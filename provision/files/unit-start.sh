#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 unit, $2 "ours" or "shared", $3 seconds to become active, then the files that it reads. Enabled, active,
# and restarted only when one of the files is younger than its main process. For a shared unit (one that
# a package brought) the record unit/$1 says that we switched it on.
set -eu
. provision/files/own.lib.sh
unit=$1 whose=$2 limit=$3
shift 3

prop() { systemctl show -p "$1" --value -- "$unit"; }
look() {
	load='' active='' enabled='' stale='' started=''
	for l in $(systemctl show -p LoadState -p ActiveState -p UnitFileState -p NeedDaemonReload -p ExecMainStartTimestampMonotonic -- "$unit"); do
		case $l in
		LoadState=*) load=${l#*=} ;;
		ActiveState=*) active=${l#*=} ;;
		UnitFileState=*) enabled=${l#*=} ;;
		NeedDaemonReload=*) stale=${l#*=} ;;
		*) started=${l#*=} ;;
		esac
	done
}

# Only where it must: systemd then reads all its units anew, seconds of a small board's processor.
look
if [ "$load" != loaded ] || [ "$stale" = yes ]; then
	systemctl daemon-reload
	look
fi
[ "$load" = loaded ] || fail "unit '$unit' is $load"
if [ "$whose" = shared ] && { [ "$active" != active ] || [ "$enabled" != enabled ]; }; then
	[ -f "$state/unit/$unit" ] || echo "was $active $enabled" | record "unit/$unit"
fi
case $enabled in
enabled | static | alias | indirect | generated) ;;
*) out=$(systemctl enable -- "$unit" 2>&1) || fail "unit '$unit' cannot be enabled: ${out##*"$nl"}" ;;
esac

verb=start
if [ "$active" = active ] || [ "$active" = reloading ]; then
	read -r up rest </proc/uptime
	up=$((${up%.*} * 1000000 + (1${up#*.} - 100) * 10000))
	: "$rest"
	now=$(date +%s%N)
	started=$((now - (up - started) * 1000))
	for f; do
		[ -e "$f" ] || continue # one that this node has no need of
		changed=$(stat -c %.9Z -- "$f")
		changed=${changed%.*}${changed#*.}
		[ "$changed" -lt "$started" ] || verb=restart
		# a clock that was set back would leave the file younger than every process to come
		[ "$changed" -le "$now" ] || chmod --reference="$f" -- "$f"
	done
fi
# what failed often must not be held back by systemd's limit on starts
systemctl reset-failed -- "$unit" 2>/dev/null || :
rc=0
out=$(timeout -k 2 "$limit" systemctl "$verb" -- "$unit" 2>&1) || rc=$?
t=0
while [ "$(prop ActiveState)" != active ]; do
	if [ $rc != 0 ] || [ $t -ge "$limit" ]; then
		log=$(journalctl -q -u "$unit" -n 5 --no-pager -o cat 2>/dev/null | tr '\n' '|') || log=
		fail "unit '$unit' did not become active (status $rc, $(prop ActiveState), $(prop Result)): $log"
	fi
	t=$((t + 1))
	sleep 1
done
