#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Builds the tree in two directories of different names and compares the results byte by byte.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
for n in one two-longer; do
	git clone -q . "$dir/$n"
	make -C "$dir/$n" --no-print-directory -j"$(nproc)" all >"$dir/$n.log" 2>&1 || { tail -20 "$dir/$n.log"; exit 1; }
done
for f in powerstack powerstack-exporter powerstack-gpu; do
	cmp "$dir/one/out/release/$f" "$dir/two-longer/out/release/$f" && echo "$f: same bytes"
done
