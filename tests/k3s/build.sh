#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# build.sh OUT: builds kube-apiserver, kube-controller-manager and kubectl into the new directory OUT.
#
#   kube-apiserver, kube-controller-manager, kubectl
#                                             from Debian's source package "kubernetes"; Debian's own kubectl panics
#                                             as soon as it writes a map (reflect2, below)
#   etcd                                      from Debian's package "etcd-server", unpacked only, so that installing
#                                             it starts no service
#   version                                   the source's version
#
# The cache key is this file's hash (see apiserver.sh). A cold build takes 5 to 10 minutes on two
# processors; it runs at low priority. POWERSTACK_LAB_MIRROR names another Debian archive than this machine's own.
set -euo pipefail

out=${1:?usage: build.sh OUT}
suite=bookworm
# What the servers say they are: the K3s release that the tests install first. Charts ask for it.
says=v1.30.2+k3s1

say() { printf 'k3s: %s\n' "$*" >&2; }
die() {
	say "$@"
	exit 1
}

for command in go dpkg-source dpkg-deb apt-get; do
	command -v "$command" >/dev/null ||
		die "no command '$command' here; tests/deps.sh tests/k3s/standin.debian installs what is missing"
done
reflect2=/usr/share/gocode/src/github.com/modern-go/reflect2
[ -d "$reflect2" ] || die "no folder '$reflect2'; install golang-github-modern-go-reflect2-dev"

work=$out.work
rm -rf "$work" "$out.new"
mkdir -p "$work"/apt/lists/partial "$work"/apt/archives/partial "$out.new"
trap 'rm -rf "$work" "$out.new"' EXIT

# A private list, so that the machine's own apt sources stay as they are.
# shellcheck disable=SC2016 # apt-get expands these itself
mirror=${POWERSTACK_LAB_MIRROR:-$(apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' |
	awk '$1 == "Debian" { sub("/$", "", $2); print $2; exit }')}
[ -n "$mirror" ] || die "this machine's apt sources name no Debian archive; set POWERSTACK_LAB_MIRROR to the address of one"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
printf "%s [signed-by=$keyring] $mirror $suite main\n" deb deb-src >"$work/apt/sources.list"
cat >"$work/apt.conf" <<CONF
Dir::Etc::sourcelist "$work/apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State::lists "$work/apt/lists";
Dir::Cache "$work/apt";
APT::Sandbox::User "root";
Acquire::http::Timeout "60";
Acquire::Retries "3";
CONF
cd "$work"
(
	export APT_CONFIG=$work/apt.conf
	timeout 300 apt-get update -qq
	timeout 300 apt-get source -qq --download-only kubernetes
	timeout 300 apt-get download -qq etcd-server
) || die "cannot get the packages kubernetes and etcd-server of $suite from this machine's Debian archive"

say "unpacking $(echo kubernetes_*.dsc)"
version=$(sed -n 's/^Version: //p' kubernetes_*.dsc)
mkdir -p go/src/k8s.io
dpkg-source --no-check --skip-patches -x kubernetes_*.dsc go/src/k8s.io/kubernetes >/dev/null
dpkg-deb -x etcd-server_*.deb unpacked
cp unpacked/usr/bin/etcd "$out.new/"

export GOPATH=$work/go GO111MODULE=off CGO_ENABLED=0 GOFLAGS=-p=2
cd go/src/k8s.io/kubernetes
# The vendored 1.0.1 panics under Go 1.18 and newer as soon as a map is encoded.
rm -rf vendor/github.com/modern-go/reflect2
cp -RL "$reflect2" vendor/github.com/modern-go/reflect2

say "generating the OpenAPI definitions"
go build -o "$work/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
# As make gen_openapi does: every package with the tag, by its import path.
packages=$(grep -rlE '^// \+k8s:openapi-gen=' --include='*.go' pkg cmd staging/src/k8s.io vendor/k8s.io 2>/dev/null |
	grep -vE '_test\.go$|/testdata/|/_examples/|code-generator/|sample-|/generators/' |
	xargs -n1 dirname | sed -e 's,^staging/src/,,' -e 's,^vendor/,,' -e 's,^\(pkg\|cmd\)/,k8s.io/kubernetes/\1/,' |
	sort -u | sed -e '/^k8s.io\/kubernetes\//!s,^,k8s.io/kubernetes/vendor/,' | paste -sd,)
mkdir -p pkg/generated/openapi
"$work/openapi-gen" -O zz_generated.openapi --go-header-file hack/boilerplate/boilerplate.generatego.txt \
	--output-base "$GOPATH/src" --output-package k8s.io/kubernetes/pkg/generated/openapi \
	--report-filename "$work/openapi.report" -i "$packages" >"$work/openapi.log" 2>&1 || {
	tail -20 "$work/openapi.log" >&2
	die "openapi-gen failed"
}

say "building kube-apiserver, kube-controller-manager and kubectl"
flags='-s -w'
# --version shows the one, /version the other
for v in component-base/version client-go/pkg/version; do
	v=k8s.io/kubernetes/vendor/k8s.io/$v
	flags="$flags -X $v.gitVersion=$says -X $v.gitMajor=1 -X $v.gitMinor=30"
done
nice -n 10 go build -trimpath -o "$out.new/" \
	-ldflags "$flags" \
	./cmd/kube-apiserver ./cmd/kube-controller-manager ./cmd/kubectl
printf '%s\n' "$version" >"$out.new/version"
[ "$("$out.new/kube-apiserver" --version)" = "Kubernetes $says" ] ||
	die "kube-apiserver says '$("$out.new/kube-apiserver" --version)', wanted '$says'"
chmod -R u+w "$work"
mv -T "$out.new" "$out"
say "built Kubernetes $version into $out"
