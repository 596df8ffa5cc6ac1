# SPDX-License-Identifier: BSD-2-Clause
# fstab and mount points. Our line carries the option x-powerstack, which mount and systemd ignore: the mark
# cannot come apart from the line. Included behind own.lib.sh.

# Is something mounted at $1? Sets m_source of the topmost. (The fields have names of their own: a
# function of sh has no variables of its own, and `read` empties them at the end.)
mounted() {
	m_source=
	while IFS=' ' read -r m_id m_parent m_dev m_root m_at m_rest; do
		[ "$m_at" = "$1" ] || continue
		m_source=${m_rest#* - }
		m_source=${m_source#* }
		m_source=${m_source%% *}
	done </proc/self/mountinfo
	: "$m_id $m_parent $m_dev $m_root"
	[ -n "$m_source" ]
}

# fstab_without TARGET: fstab without our line for it, every other byte as it was.
fstab_without() {
	awk -v at="$1" '!($1 !~ /^#/ && $2 == at && ("," $4 ",") ~ /,x-powerstack,/)' /etc/fstab
}
# The lines for TARGET that are not ours, into $others.
fstab_others() {
	others=$(awk -v at="$1" '$1 !~ /^#/ && $2 == at && ("," $4 ",") !~ /,x-powerstack,/' /etc/fstab)
}
# Replaces fstab by stdin: same mode and owner, synced, never half-written. A symbolic link stays one.
fstab_replace() {
	real=$(readlink -f /etc/fstab)
	new=$(mktemp -- "$real.powerstack.XXXXXX")
	if cat >"$new" && chown --reference="$real" -- "$new" && chmod --reference="$real" -- "$new" &&
		sync -- "$new" && fstab_good "$new" "$real" && mv -f -T -- "$new" "$real"; then
		sync -- "${real%/*}/"
		return 0
	fi
	rm -f -- "$new"
	return 1
}
# A new fstab that findmnt finds fault with is refused, unless the old one has the same fault already.
fstab_good() {
	verdict=$(findmnt --verify --tab-file "$1" 2>&1) && return 0
	findmnt --verify --tab-file "$2" >/dev/null 2>&1 || return 0
	echo "fstab: $verdict" | tr '\n' ' ' >&2
	return 1
}
unit_of() { systemd-escape -p --suffix=mount -- "$1"; }
# The processes that keep TARGET busy, "name (pid), ...", into $busy.
# shellcheck disable=SC2016
busy_perl='my $t = shift; my %s; for my $p (glob "/proc/[0-9]*") { for my $l ("$p/cwd", "$p/root", "$p/exe", glob("$p/fd/*")) {
my $x = readlink $l or next; next if index("$x/", "$t/") != 0; open(my $o, "<", "$p/comm") or next; chomp(my $c = <$o>);
$p =~ /(\d+)/; $s{"$c ($1)"} = 1; last; } } print join(", ", sort keys %s);'
who_is_busy() { busy=$(timeout 10 perl -e "$busy_perl" -- "$1") || busy=; }
