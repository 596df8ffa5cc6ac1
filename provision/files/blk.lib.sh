# SPDX-License-Identifier: BSD-2-Clause
# The disk guard: what is on a disk, and may it be ours? Included by probe.sh and, right before the first
# write, by the scripts that write. It only reads.
#
# blk_look DEVICE sets
#	b_state	absent	no such device
#		unknown	a tool is missing or failed: b_found says which
#		free	nothing at all was found on it
#		part	our empty partition: a run was cut off between partitioning and mkfs
#		ours	our partition with our Btrfs
#		taken	anything else: b_found names all that was found
#	b_name (kernel name), b_dev, b_majmin, b_size (bytes), b_serials (all it reports, separated by "|"),
#	b_link (yes, no: the by-id name does not belong to it; none: DEVICE is no by-id name),
#	b_part (device of our partition; empty while the kernel does not know it), b_uuid (of our partition, and of the file system in it), b_found
#
# Ours is a disk with a GPT, exactly one partition, named powerstack-data, and in it nothing, or a Btrfs
# labelled powerstack-data whose UUID is the partition's own UUID: all of it together, so that no record
# outside of the disk is needed to find the data again after a destroy.
b_label=powerstack-data

blk_add() { b_found="$b_found${b_found:+; }$1"; }
blk_serial() {
	[ -n "$1" ] || return 0
	case "|$b_serials|" in *"|$1|"*) ;; *) b_serials="$b_serials${b_serials:+|}$1" ;; esac
}
blk_read() {
	v=
	{ IFS= read -r v <"$1"; } 2>/dev/null || :
}

# The signatures on device $1 (at byte $2, if given), into $sigs: "ext4, dos".
blk_signatures() {
	sigs='' b_rc=0
	if [ -n "${2-}" ]; then
		lines=$(blkid -p -O "$2" -o export -- "$1" 2>/dev/null) || b_rc=$?
	else
		lines=$(wipefs -n -p -- "$1" 2>/dev/null) || b_rc=$?
	fi
	# blkid: 2 nothing found, 8 several signatures that contradict each other
	case ${2:+at}$b_rc in
	0 | at0 | at2) ;;
	at8) sigs='several signatures' ;;
	*) return 1 ;;
	esac
	old=$IFS
	IFS=$nl
	for l in $lines; do
		if [ -n "${2-}" ]; then
			case $l in TYPE=* | PTTYPE=*) v=${l#*=} ;; *) continue ;; esac
		else
			# offset,uuid,label,type
			case $l in '#'* | '') continue ;; *) v=${l##*,} ;; esac
		fi
		case ", $sigs, " in *", $v, "*) ;; *) sigs="$sigs${sigs:+, }$v" ;; esac
	done
	IFS=$old
}

# Mounts, swap, holders and Btrfs volumes that use the block device with kernel name $1, sysfs folder $2.
blk_uses() {
	blk_read "$2/dev"
	mm=$v
	old=$IFS
	IFS=$nl
	for l in $mounts; do
		case $l in
		"/proc/self/mountinfo:"*" $mm "* | "/proc/self/mountinfo:"*" - "*" /dev/$1 "*)
			IFS=' '
			# shellcheck disable=SC2086
			set -- "$1" "$2" ${l#*:}
			IFS=$nl
			case $l in *" - "*" /dev/$1 "*) ;; *) [ "$5" = "$mm" ] || continue ;; esac
			b_used=yes
			blk_add "$1 is mounted at $7" ;;
		"/proc/swaps:/dev/$1 "* | "/proc/swaps:/dev/$1$tab"*)
			b_used=yes
			blk_add "$1 is swap space" ;;
		esac
	done
	IFS=$old
	set +f
	for h in "$2"/holders/*; do
		[ -e "$h" ] || continue
		b_used=yes
		blk_add "$1 is held by ${h##*/}"
	done
	for h in /sys/fs/btrfs/*/devices/"$1"; do
		[ -e "$h" ] || continue
		h=${h#/sys/fs/btrfs/}
		b_used=yes
		blk_add "$1 belongs to the mounted Btrfs ${h%%/*}"
	done
	set -f
}

# Exclusive open, and who has it open, in one Perl (perl-base is essential on Debian and Ubuntu).
# udev opens what has just changed and lets go of it again.
# shellcheck disable=SC2016
b_open='use Fcntl; my %d = map { $_ => 1 } @ARGV;
for my $f (@ARGV) { sysopen(my $h, $f, O_RDONLY | O_EXCL) or print "$f is in use ($!)\n"; }
for my $p (glob "/proc/[0-9]*/fd") { $p =~ m{/(\d+)/}; next if $1 == $$ or $1 == $ENV{BLK_SELF};
opendir(my $h, $p) or next; my %s; while (my $n = readdir $h) { my $l = readlink "$p/$n" or next;
next if !$d{$l} or $s{$l}++; open(my $o, "<", "/proc/$1/comm") or next; chomp(my $c = <$o> // "");
next if $c =~ /udev/; print "$l is open in process $1 ($c)\n"; } }'

# blk_look_now DEVICE: blk_look, with what is mounted and used as swap at this moment.
blk_look_now() {
	mounts=$(grep -saH '' /proc/self/mountinfo /proc/swaps) || :
	blk_look "$1"
}
blk_look() {
	b_state=taken b_name='' b_dev='' b_majmin='' b_size=0 b_serials='' b_link=none b_part='' b_uuid='' b_found='' b_used=no
	if ! [ -e "$1" ]; then
		b_state=absent
		return 0
	fi
	if ! b_dev=$(readlink -f -- "$1") || ! [ -b "$b_dev" ]; then
		b_found="$1 is no block device"
		return 0
	fi
	b_name=${b_dev#/dev/}
	case $b_name in */*) b_sys=/sys/class/block/${b_name%%/*}!${b_name#*/} ;; *) b_sys=/sys/class/block/$b_name ;; esac
	if ! [ -d "$b_sys" ]; then
		b_state=unknown
		b_found="$b_dev is not in /sys/class/block"
		return 0
	fi
	for v in wipefs blkid partx udevadm perl; do
		command -v "$v" >/dev/null || {
			b_state=unknown
			b_found="the command $v is missing"
			return 0
		}
	done
	blk_read "$b_sys/dev"
	b_majmin=$v
	blk_read "$b_sys/size"
	b_size=$((v * 512))

	# who it is: udev's properties, then the kernel's own
	props=$(udevadm info -q property -p "$b_sys" 2>/dev/null) || props=
	links=
	old=$IFS
	IFS=$nl
	for l in $props; do
		case $l in
		ID_SERIAL_SHORT=* | ID_SERIAL=* | ID_SCSI_SERIAL=*) blk_serial "${l#*=}" ;;
		DEVLINKS=*) links=${l#*=} ;;
		esac
	done
	IFS=$old
	for v in serial device/serial wwid device/wwid loop/backing_file; do
		[ -e "$b_sys/$v" ] || continue
		blk_read "$b_sys/$v"
		while [ "$v" != "${v% }" ]; do v=${v% }; done
		while [ "$v" != "${v# }" ]; do v=${v# }; done
		blk_serial "$v"
	done
	case $1 in
	/dev/disk/by-*) case " $links " in *" $1 "*) b_link=yes ;; *) b_link=no ;; esac ;;
	esac

	[ -e "$b_sys/partition" ] && blk_add "it is a partition, not a disk"
	blk_read "$b_sys/ro"
	[ "$v" = 0 ] || blk_add "it is read-only"
	if [ "$b_size" = 0 ]; then
		blk_add "it has no medium"
		return 0
	fi
	[ "$b_size" -ge 268435456 ] || blk_add "it is smaller than 256 MiB"
	set +f
	for h in "$b_sys"/slaves/*; do [ -e "$h" ] && blk_add "it is made of ${h##*/}"; done
	set -- "$b_sys"/*/partition
	set -f
	[ -e "$1" ] || shift
	nparts=$#

	if ! blk_signatures "$b_dev"; then
		b_state=unknown
		b_found="wipefs could not read $b_dev"
		return 0
	fi
	whole=$sigs
	stale=
	if [ $nparts = 0 ]; then
		# a file system that lost its partition table still stands where partitions usually begin
		for b_at in 1048576 32256; do
			if ! blk_signatures "$b_dev" $b_at; then
				b_state=unknown
				b_found="blkid could not read $b_dev"
				return 0
			fi
			[ -z "$sigs" ] || stale="$stale${stale:+; }$sigs at byte $b_at, where a partition would begin"
		done
	fi
	blk_uses "$b_name" "$b_sys"
	set -- "$b_dev" "$@"

	ours=no
	case $whole in 'gpt, PMBR' | 'PMBR, gpt')
		if [ $nparts = 1 ] && [ -z "$b_found" ]; then
			b_psys=${2%/partition}
			pname=${b_psys##*/}
			b_part=/dev/$pname
			case $pname in *!*) b_part=/dev/${pname%%!*}/${pname#*!} ;; esac
			blk_own_partition "$b_part" && ours=yes
		elif [ $nparts = 0 ] && [ -z "$b_found" ]; then
			blk_own_table && ours=yes
		fi ;;
	esac
	if [ $ours = yes ]; then
		# in use is what ours is made for; what else it may be, the state says
		b_found=
		return 0
	fi
	b_part='' b_uuid=
	[ -z "$whole" ] || blk_add "$whole on the whole disk"
	[ -z "$stale" ] || blk_add "$stale"
	excl=$b_dev
	shift
	for p; do
		p=${p%/partition}
		pname=${p##*/}
		blk_read "$p/partition"
		n=$v
		blk_read "$p/size"
		mb=$((v / 2048))
		sigs=
		[ -b "/dev/$pname" ] && { blk_signatures "/dev/$pname" || sigs='unreadable'; }
		blk_add "partition $n ($pname, $mb MiB${sigs:+, $sigs})"
		blk_uses "$pname" "$p"
	done
	# the question itself must not stand in its own way: the scripts hold the disk open by lock
	if v=$(exec 9<&-; BLK_SELF=$$ perl -e "$b_open" -- "$excl" 2>&1); then
		old=$IFS
		IFS=$nl
		for l in $v; do blk_add "$l"; done
		IFS=$old
	else
		b_state=unknown
		b_found="looking for open files failed: $v"
		return 0
	fi
	[ -n "$b_found" ] || b_state=free
}

# The table on the disk has one partition of ours that the kernel was not told of (a run was cut off
# right behind sfdisk): it is looked at by its place on the disk; b_part stays empty.
blk_own_table() {
	b_part=
	rows=$(partx -g -r -o NR,START,SECTORS,UUID,TYPE,NAME -- "$b_dev" 2>/dev/null) || return 1
	case $rows in '' | *"$nl"*) return 1 ;; esac
	old=$IFS
	IFS=' '
	# shellcheck disable=SC2086
	set -- $rows
	IFS=$old
	[ $# = 6 ] && [ "$5" = 0fc63daf-8483-4772-8e79-3d69d8477de4 ] && [ "$6" = $b_label ] || return 1
	b_rc=0
	info=$(blkid -p -O $(($2 * 512)) -S $(($3 * 512)) -o export -- "$b_dev" 2>/dev/null) || b_rc=$?
	b_uuid=$4
	if [ $b_rc = 2 ] && [ -z "$info" ]; then
		b_state=part
		return 0
	fi
	case $nl$info$nl in *"${nl}LABEL=$b_label$nl"*) ;; *) return 1 ;; esac
	case $nl$info$nl in *"${nl}UUID=$b_uuid$nl"*) ;; *) return 1 ;; esac
	case $nl$info$nl in *"${nl}TYPE=btrfs$nl"*) ;; *) return 1 ;; esac
	[ $b_rc = 0 ] || return 1
	b_state=ours
}

# Is partition $1 ours? Sets b_state to part or ours and b_uuid, or returns false.
blk_own_partition() {
	[ -b "$b_part" ] || return 1
	b_rc=0
	info=$(blkid -p -o export -- "$1" 2>/dev/null) || b_rc=$?
	scheme='' pentry='' puuid='' ptype='' fstype='' label='' uuid=
	old=$IFS
	IFS=$nl
	for l in $info; do
		case $l in
		PART_ENTRY_SCHEME=*) scheme=${l#*=} ;;
		PART_ENTRY_NAME=*) pentry=${l#*=} ;;
		PART_ENTRY_UUID=*) puuid=${l#*=} ;;
		PART_ENTRY_TYPE=*) ptype=${l#*=} ;;
		TYPE=*) fstype=${l#*=} ;;
		LABEL=*) label=${l#*=} ;;
		UUID=*) uuid=${l#*=} ;;
		esac
	done
	IFS=$old
	[ "$b_rc" = 0 ] && [ "$scheme" = gpt ] && [ "$pentry" = $b_label ] && [ -n "$puuid" ] || return 1
	# "Linux filesystem" of the GPT
	[ "$ptype" = 0fc63daf-8483-4772-8e79-3d69d8477de4 ] || return 1
	blk_signatures "$b_part" || return 1
	if [ -z "$sigs" ] && [ -z "$fstype" ]; then
		blk_uses "$pname" "$b_psys"
		[ $b_used = no ] || return 1
		b_state=part
	elif [ "$sigs" = btrfs ] && [ "$fstype" = btrfs ] && [ "$label" = $b_label ] && [ "$uuid" = "$puuid" ]; then
		b_state=ours
	else
		return 1
	fi
	b_uuid=$puuid
}

blk_print() {
	printf 'state=%s\nname=%s\ndev=%s\nmajmin=%s\nsize=%s\nserials=%s\nlink=%s\npart=%s\nuuid=%s\nfound=%s' \
		"$b_state" "$b_name" "$b_dev" "$b_majmin" "$b_size" "$b_serials" "$b_link" "$b_part" "$b_uuid" "$b_found"
}

# blk_serial_is SERIAL: is it one that the disk reports? An empty SERIAL asks for nothing.
blk_serial_is() {
	[ -z "$1" ] && return 0
	case "|$b_serials|" in *"|$1|"*) return 0 ;; esac
	return 1
}
