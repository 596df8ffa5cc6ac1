#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 K3s' data directory, $2 the release that is to come, $3 the run's id, $4 how many copies stay. Saves a server's
# datastore and token in DATA/server/backup/before-RELEASE, 0700: etcd by K3s' own snapshot while it runs, anything
# else by a copy while K3s is stopped (K3s documentation, "Backup and Restore"). Whatever happens, K3s then runs again.
set -eu
. provision/files/own.lib.sh
umask 077
server=$1/server name=before-$2 run=$3 keep=$4
db=$server/db dir=$server/backup
[ -d "$db" ] || fail "there is no folder '$db'"
is=$(systemctl show -p ActiveState --value -- k3s.service)
mkdir -p -- "$dir"
chmod 0700 -- "$dir"
rm -rf --one-file-system -- "$dir/.new"

# K3s' own snapshots are copies already
need=$(du -skx --exclude=snapshots -- "$db" | cut -f 1)
need=$((need + need / 10 + 1024))
if [ "$(stat -f -c %b -- "$dir")" -gt 0 ]; then
	free=$(($(stat -f -c %f -- "$dir") * $(stat -f -c %S -- "$dir") / 1024))
	[ "$free" -ge "$need" ] ||
		fail "no space for a copy of '$db': it needs $((need / 1024)) MiB and '$dir' has $((free / 1024)) MiB left"
fi

stopped=
start() {
	[ -n "$stopped" ] || return 0
	stopped=
	systemctl start --no-block -- k3s.service
}
trap start EXIT
trap 'exit 1' HUP INT TERM PIPE
mkdir -- "$dir/.new"
if [ -d "$db/etcd" ] && [ "$is" = active ]; then
	out=$(timeout -k 1 300 /usr/local/bin/k3s etcd-snapshot save --data-dir "$1" --dir "$dir/.new" --name "$name" 2>&1) ||
		fail "no snapshot of etcd could be made: ${out##*"$nl"}"
	set -- "$dir/.new/$name"*
	[ -s "$1" ] || fail "K3s says that it made a snapshot of etcd, and there is none in '$dir/.new'"
else
	case $is in active | activating | reloading)
		stopped=yes
		systemctl stop -- k3s.service ;;
	esac
	mkdir -- "$dir/.new/db"
	for f in "$db"/*; do
		[ "$f" = "$db/snapshots" ] || cp -a --reflink=auto -- "$f" "$dir/.new/db/"
	done
	start
fi
[ ! -f "$server/token" ] || cp -a -- "$server/token" "$dir/.new/token"
sync -f -- "$dir/.new"
rm -rf --one-file-system -- "${dir:?}/$name"
mv -T -- "$dir/.new" "$dir/$name"
sync -- "$dir"
printf 'run=%s\npath=%s\nto=%s\n' "$run" "$dir/$name" "${name#before-}" | record k3s-backup

# by age, and a name of ours holds no blank
# shellcheck disable=SC2012
ls -1dt -- "$dir"/before-* | tail -n +$((keep + 1)) | while read -r old; do
	rm -rf --one-file-system -- "$old"
done
[ "$is" = active ] || exit 0
t=0
until [ "$(systemctl show -p ActiveState --value -- k3s.service)" = active ]; do
	[ $t -lt 300 ] || fail "K3s was stopped for the copy in '$dir/$name' and does not start again: $(systemctl show -p Result --value -- k3s.service)"
	t=$((t + 1))
	sleep 1
done
