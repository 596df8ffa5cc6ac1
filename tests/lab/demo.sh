#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# make demo: three virtual machines, deployed and verified, a cluster on them. "demo.sh down" takes them away.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/lab/lib.sh
. tests/lab/lib.sh
dir=out/demo

case ${1:-up} in
up) ;;
down)
	"$lab" down
	rm -rf "$dir"
	exit 0
	;;
*)
	echo "usage: demo.sh [up|down]" >&2
	exit 2
	;;
esac

"$lab" deps
"$lab" up
demo_config "$dir"
echo
echo "== powerstack deploy ${parts[*]}"
run_ps "$dir" deploy "${parts[@]}"
echo
echo "== powerstack verify ${parts[*]}"
run_ps "$dir" verify "${parts[@]}"
if [ -n "$LAB_MIRROR" ]; then
	echo
	echo '== kubectl get nodes -o wide'
	"$lab" kubectl --kubeconfig "$dir/kubeconfig" get nodes -o wide
	cluster="kubectl --kubeconfig $dir/kubeconfig get pods -A   ('tests/lab/lab kubectl' where there is no kubectl)"
else
	cluster="none: 'tests/lab/lab cluster-build' says why it cannot be had here; the base was deployed"
fi
cat <<WHERE

The three nodes run. Where to look:
  inventory and vault   $dir/inventory.yml, $dir/vault.yml (password in $dir/vault-password)
  again                 out/release/powerstack -i $dir/inventory.yml --vault-password-file $dir/vault-password deploy ${parts[*]}
  the cluster           $cluster
  a node                tests/lab/lab ssh ho1
  the shared data       tests/lab/lab ssh ho2 df -h /mnt/data
  energy metrics        curl http://127.0.0.1:${LAB_HO1_EXPORTER_PORT:-?}/metrics   (ho1)
                        these machines have no energy meter: what the page shows is estimated, and says so
  every command run     $dir/logs/
  take it away          make demo-down
WHERE
