/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/artifact/table.h"

#include "base/cleanup.h"
#include "inventory/inventory.h"

/* https://docs.k3s.io/installation/airgap and the names that K3s' install.sh composes: the binary has a suffix but
 * for amd64, and images and checksums of armhf are called arm */
#define K3S(what, arch, name, sums)                                                              \
	{ what, arch, "https://github.com/k3s-io/k3s/releases/download/{version}/", name, sums, \
	  offsetof(struct inventory, k3s_version) }

const struct release_file release_files[] = {
	K3S("k3s", "amd64", "k3s", "sha256sum-amd64.txt"),
	K3S("k3s", "arm64", "k3s-arm64", "sha256sum-arm64.txt"),
	K3S("k3s", "armhf", "k3s-armhf", "sha256sum-arm.txt"),
	K3S("k3s-images", "amd64", "k3s-airgap-images-amd64.tar.zst", "sha256sum-amd64.txt"),
	K3S("k3s-images", "arm64", "k3s-airgap-images-arm64.tar.zst", "sha256sum-arm64.txt"),
	K3S("k3s-images", "armhf", "k3s-airgap-images-arm.tar.zst", "sha256sum-arm.txt"),
};
const size_t nrelease_files = COUNT(release_files);
