#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Includes point downwards only. Each row: the folder whose files are checked, then the
# prefixes they may include (besides their own folder).
set -eu
bad=0
while read -r from allowed; do
	[ -n "$from" ] || continue
	for f in "$from"/*.[ch]; do
		[ -e "$f" ] || continue
		# our includes hold no blanks
		# shellcheck disable=SC2013
		for inc in $(sed -n 's/^#include "\([^"]*\)".*/\1/p' "$f"); do
			ok=0
			for a in "$from/" $allowed; do
				case $inc in "$a"*) ok=1 ;; esac
			done
			[ $ok = 1 ] || { echo "$f: may not include \"$inc\""; bad=1; }
		done
	done
done <<'ROWS'
base
inventory base/
vault base/
provision/remote provision/files.h base/
provision/artifact provision/remote/session.h inventory/inventory.h base/
provision/cluster provision/remote/session.h inventory/inventory.h base/
provision/engine provision/artifact/artifact.h provision/remote/ provision/files.h inventory/inventory.h vault/vault.h base/
provision/steps provision/artifact/artifact.h provision/cluster/kubeconfig.h provision/cluster/objects.h provision/engine/ provision/remote/ provision/files.h inventory/inventory.h vault/vault.h base/
provision/recipes provision/provision.h provision/artifact/artifact.h provision/cluster/objects.h provision/steps/ provision/engine/ provision/remote/ provision/files.h inventory/inventory.h vault/vault.h base/
provision/checks provision/recipes/recipes.h provision/cluster/objects.h provision/cluster/page.h provision/steps/ provision/engine/ provision/remote/ provision/files.h inventory/inventory.h vault/vault.h base/
provision/status provision/provision.h provision/cluster/objects.h provision/cluster/page.h provision/steps/ provision/engine/ provision/remote/ inventory/inventory.h vault/vault.h base/
provision provision/ inventory/inventory.h vault/vault.h base/
gpu
exporter bpf/power.h power.skel.h base/
exporter/model exporter/tick.h base/
exporter/names exporter/source.h exporter/client.h exporter/config.h exporter/tick.h base/
exporter/sources exporter/ bpf/power.h power.skel.h base/
cli provision/provision.h inventory/inventory.h vault/vault.h vault/import.h base/
ROWS
exit $bad
