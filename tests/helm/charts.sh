#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# charts.sh DIR: below DIR, as upstream's addresses have them behind a mirror (mirror.py serves it): helm's release, and
# chart repositories with the small charts of the tests, under the names and versions of the real ones.
#
#   charts.sh DIR [HELM]	HELM is the helm to pack; else that of ../k3s/clients.sh
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:?usage: charts.sh DIR [HELM]}
helm=${2:-}
[ -n "$helm" ] || helm=$("$here/../k3s/clients.sh")/helm
version=v4.2.4 # what the inventory asks for; the tests' helm may be another one

pack() { # pack FILE FOLDER NAME: the same bytes in every run
	tar -C "$2" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf - "$3" | gzip -n >"$1"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out/get.helm.sh" "$work/linux-amd64"
cp "$helm" "$work/linux-amd64/helm"
pack "$out/get.helm.sh/helm-$version-linux-amd64.tar.gz" "$work" linux-amd64
(cd "$out/get.helm.sh" && sha256sum "helm-$version-linux-amd64.tar.gz" >"helm-$version-linux-amd64.tar.gz.sha256sum")

repository() { # repository PATH CHART: its version is the one in Chart.yaml
	local folder=$out/$1 chart=$2 number file
	number=$(sed -n 's/^version: //p' "$here/charts/$chart/Chart.yaml")
	file=$chart-$number.tgz
	mkdir -p "$folder"
	pack "$folder/$file" "$here/charts" "$chart"
	printf 'apiVersion: v1\nentries:\n  %s:\n  - name: %s\n    version: %s\n    digest: %s\n    urls: [%s]\n' "$chart" "$chart" \
		"$number" "$(sha256sum "$folder/$file" | cut -d' ' -f1)" "$file" >"$folder/index.yaml"
}
repository prometheus-community.github.io/helm-charts kube-prometheus-stack
repository charts.jetstack.io cert-manager
repository releases.rancher.com/server-charts/stable rancher
