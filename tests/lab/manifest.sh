# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# manifest.sh: runs as root on a node and prints what is on it, one sorted line per fact, so that
# two manifests can be compared with diff. The first word of a line says what it is about:
#
#   file     TYPE MODE UID:GID SIZE and the modification time, or the sha256 of a file in a folder
#            where powerstack or its user might write, or the target of a link; then the path
#   package, active (a unit and its state now), sysctl, mount, swap, disk, listen
#
# Which units are enabled is in the files: links below /etc/systemd/system. Left out is what a
# node changes by itself within minutes: logs, clocks, random seeds, locks, and the databases and
# caches of apt and dpkg, for which the package lines stand.
set -eu
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

hashed='/etc /usr/local /opt /var/lib/powerstack /root /home /srv /mnt'

# The node's own file systems: on a disk, and not another node's.
own_mounts() {
	findmnt --raw --noheadings --output TARGET --types ext4,ext3,ext2,xfs,btrfs,vfat | sort -u
}

files() {
	own_mounts | while read -r mount; do
		find "$mount" -xdev \( -path /var/log -o -path '/tmp/systemd-private-*' -o -path '/var/tmp/systemd-private-*' \
			-o -path /var/lib/chrony/chrony.drift -o -path /var/lib/systemd/random-seed \
			-o -path /var/lib/systemd/timers -o -path /var/lib/systemd/timesync \
			-o -path /var/lib/sudo -o -path '/var/cache/apt/*.bin' -o -path '/var/cache/debconf/*' \
			-o -path '/var/cache/ldconfig/*' -o -path '/var/cache/apt/archives/lock' \
			-o -path '/var/lib/apt/extended_states' -o -path '/var/lib/apt/lists/lock' \
			-o -path '/var/lib/dpkg/[!ia]*' -o -path '/var/lib/dpkg/available*' \) -prune -o \
			-type f -printf 'f %m %U:%G %s %T@ %p\n' -o -type l -printf 'l %m %U:%G - %l %p\n' -o \
			-printf '%y %m %U:%G - - %p\n'
	done
}

# The times of files whose contents are known by hash say nothing.
with_hashes() {
	# shellcheck disable=SC2086 # a list of folders
	find $hashed -xdev -type f -exec sha256sum {} + 2>/dev/null | awk '
		NR == FNR { path = substr($0, 67); hash[path] = substr($0, 1, 64); next }
		{ path = $0; for (i = 0; i < 5; i++) sub("^[^ ]* ", "", path)
		  if ($1 == "f" && path in hash) $5 = hash[path]
		  print "file", $1, $2, $3, $4, $5, path }' - "$1"
}

all=$(mktemp /run/manifest.XXXXXX)
trap 'rm -f "$all"' EXIT
files >"$all"
{
	with_hashes "$all"
	dpkg-query -W -f 'package ${Package} ${Version} ${db:Status-Abbrev}\n'
	systemctl list-units --no-legend --plain --type=service,socket,mount,automount,swap,target,path,timer |
		awk '$1 !~ /^(systemd-(timedated|hostnamed|localed|tmpfiles-clean)|ssh@|run-user|run-credentials)/ { print "active", $1, $2, $3, $4 }'
	sysctl -a 2>/dev/null | awk '
		/^(kernel|vm|fs[.]inotify|net[.]core|net[.]ipv4[.](ip_forward|conf)|net[.]ipv6[.]conf|net[.]bridge)/ &&
		!/^kernel[.](random|ns_last_pid|pty[.]nr|sched_domain)/ && !/^net[.]ipv[46][.]conf[.][^.]*[.]stable_secret/ &&
		!/^vm[.]stat/ { print "sysctl", $0 }'
	findmnt --raw --noheadings --output TARGET,SOURCE,FSTYPE,OPTIONS |
		awk '$1 !~ "^/run/credentials" { print "mount", $0 }'
	sed -n '2,$s/^/swap /p' /proc/swaps
	# What stands on the disk itself, not what udev remembers of it.
	lsblk --raw --noheadings --paths --output NAME,TYPE,SIZE | while read -r path type size; do
		echo "disk $path $type $size" "$(blkid --probe --output value -s PTTYPE -s TYPE -s UUID "$path" | tr '\n' ' ')"
	done
	ss -Hltn | awk '{ print "listen", $4 }'
} | sort
