/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/artifact/table.h"

#include "base/cleanup.h"
#include "inventory/inventory.h"
#include "provision/artifact/artifact.h"

/* https://docs.k3s.io/installation/airgap and the names that K3s' install.sh composes: the binary has a suffix but
 * for amd64, and images and checksums of armhf are called arm */
#define K3S(what, arch, name, sums)                                                                           \
	{ what, arch, "k3s", ROLE_ANY, "https://github.com/k3s-io/k3s/releases/download/{version}/", name, sums, \
	  offsetof(struct inventory, k3s_version), SUMS_LINES, 0 }
/* https://helm.sh/docs/intro/install and the names that its get-helm script composes */
#define HELM(arch, theirs)                                                                                  \
	{ "helm", arch, "helm", ROLE_CONTROL, "https://get.helm.sh/", "helm-{version}-linux-" theirs ".tar.gz", \
	  "helm-{version}-linux-" theirs ".tar.gz.sha256sum", offsetof(struct inventory, helm_version),     \
	  SUMS_LINES, 0 }
/* https://helm.sh/docs/topics/chart_repository: index.yaml at the repository's address; a packed chart is called
 * NAME-VERSION.tgz */
#define CHART(chart, part, version, repo)                                                                       \
	{ chart, "", part, ROLE_CONTROL, NULL, chart "-{version}.tgz", "index.yaml", offsetof(struct inventory, version), \
	  SUMS_INDEX, offsetof(struct inventory, repo) }

const struct release_file release_files[] = {
	K3S("k3s", "amd64", "k3s", "sha256sum-amd64.txt"),
	K3S("k3s", "arm64", "k3s-arm64", "sha256sum-arm64.txt"),
	K3S("k3s", "armhf", "k3s-armhf", "sha256sum-arm.txt"),
	K3S("k3s-images", "amd64", "k3s-airgap-images-amd64.tar.zst", "sha256sum-amd64.txt"),
	K3S("k3s-images", "arm64", "k3s-airgap-images-arm64.tar.zst", "sha256sum-arm64.txt"),
	K3S("k3s-images", "armhf", "k3s-airgap-images-arm.tar.zst", "sha256sum-arm.txt"),
	HELM("amd64", "amd64"),
	HELM("arm64", "arm64"),
	HELM("armhf", "arm"),
	CHART("kube-prometheus-stack", "monitoring", kube_prometheus_stack_version, monitoring_stack_repo_url),
	CHART("cert-manager", "rancher", cert_manager_version, cert_manager_repo_url),
	CHART("rancher", "rancher", rancher_version, rancher_repo_url),
};
const size_t nrelease_files = COUNT(release_files);

const struct release_file image_archive = { .what = IMAGE_ARCHIVE, .arch = "", .part = "k3s", .roles = ROLE_ANY, .form = SUMS_OWN };
