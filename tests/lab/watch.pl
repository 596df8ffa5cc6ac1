#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
# watch.pl PATTERNS OUT [DIR...]: until SIGTERM, looks for the planted secrets (one per line of the file
# PATTERNS) in every process's command line and environment, and in files below the DIRs that others
# than their owner may read. What it finds goes to OUT, once per place; at the end OUT.rounds tells how often
# it looked. It runs beside a deploy, on the operator's machine and (as root) on the nodes: one
# process, because the nodes are slow; it forks nothing and shows no secret itself.
use strict;
use warnings;

my ($patterns, $out, @dirs) = @ARGV;
open(my $h, '<', $patterns) or die "$patterns: $!\n";
my @secrets = grep { length } map { chomp; $_ } <$h>;
close $h;
die "no pattern\n" unless @secrets;
my (%seen, $rounds, $stop);
$SIG{TERM} = $SIG{INT} = sub { $stop = 1 };
open(my $o, '>', $out) or die "$out: $!\n";

sub slurp {
	my ($f, $max) = @_;
	open(my $in, '<:raw', $f) or return '';
	my $t = '';
	read($in, $t, $max);
	return $t // '';
}

sub found {
	my ($what) = @_;
	return if $seen{$what}++;
	syswrite $o, "$what\n";
}

sub look {
	my ($text, $what) = @_;
	for my $s (@secrets) {
		return found($what) if index($text, $s) >= 0;
	}
}

sub walk {
	my ($d, $depth) = @_;
	opendir(my $dh, $d) or return;
	for my $n (readdir $dh) {
		next if $n eq '.' || $n eq '..';
		my $f = "$d/$n";
		my @st = lstat $f or next;
		if (-d _) {
			walk($f, $depth + 1) if $depth < 8;
		} elsif (-f _ && ($st[2] & 077) && $st[7] < 4 << 20 && $f ne $patterns) {
			look(slurp($f, 4 << 20), "readable file $f");
		}
	}
}

while (!$stop) {
	for my $p (glob '/proc/[0-9]*') {
		my $comm = slurp("$p/comm", 64);
		chomp $comm;
		look(slurp("$p/cmdline", 1 << 20), "command line of $comm");
		look(slurp("$p/environ", 1 << 20), "environment of $comm");
	}
	walk($_, 0) for @dirs;
	$rounds++;
	select(undef, undef, undef, 0.25);
}
open(my $r, '>', "$out.rounds") or die "$out.rounds: $!\n";
print $r "looked $rounds times\n";
