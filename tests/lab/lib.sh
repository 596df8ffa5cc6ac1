# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# What demo, the end-to-end suite and the campaigns share: a powerstack configuration for the lab
# and the powerstack that is tested. Sourced; the caller stands at the top of the tree.

lab=tests/lab/lab
ps=$PWD/out/release/powerstack
nodes=(ho1 ho2 ho3)

# demo_config DIR: inventory, vault and password file for the running lab; kept when they fit it. Sets parts: what
# deploy, verify and destroy are to be given: all but the applications, and the base alone when the lab has
# no cluster.
demo_config() {
	local dir=$1
	mkdir -p "$dir"
	chmod 700 "$dir"
	eval "$("$lab" env)"
	[ -s "$dir/vault-password" ] || (
		umask 077
		head -c 24 /dev/urandom | base64 >"$dir/vault-password"
	)
	"$lab" inventory "$dir/inventory.yml.new"
	if cmp -s "$dir/inventory.yml.new" "$dir/inventory.yml"; then
		rm "$dir/inventory.yml.new"
	else
		mv "$dir/inventory.yml.new" "$dir/inventory.yml"
		rm -f "$dir/powerstack.lock" # of other releases, maybe
	fi
	# Small machines: the cheaper key derivation. The sudo password goes from a 0600 file through a
	# pipe into the vault.
	local vault=("$ps" -i "$dir/inventory.yml" --vault-password-file "$dir/vault-password" vault)
	[ -e "$dir/vault.yml" ] || "${vault[@]}" create --key-cost interactive
	if [ "$LAB_SUDO_PASSWORD_FILE" -nt "$dir/vault.yml" ] || ! "${vault[@]}" get ho3_sudo >/dev/null 2>&1; then
		"${vault[@]}" set ho3_sudo <"$LAB_SUDO_PASSWORD_FILE"
	fi
	"${vault[@]}" get token >/dev/null 2>&1 || head -c 32 /dev/urandom | base64 | tr -d '+/=\n' | "${vault[@]}" set token
	# shellcheck disable=SC2034 # read by those who source this
	if [ -n "$LAB_MIRROR" ]; then parts=(prereq k3s disk nfs exporter); else parts=(prereq disk nfs exporter); fi
}

# kubectl ARG...: with the kubeconfig of the configuration in $dir
# shellcheck disable=SC2154 # dir is the caller's
kubectl() { "$LAB_KUBECTL" --kubeconfig "$dir/kubeconfig" "$@"; }
# members: a line for each node of the cluster: its name, Ready, internal address, release
members() {
	local columns='N:.metadata.name,R:.status.conditions[?(@.type=="Ready")].status'
	columns+=',I:.status.addresses[?(@.type=="InternalIP")].address,V:.status.nodeInfo.kubeletVersion'
	kubectl --context powerstack get nodes --no-headers -o "custom-columns=$columns" | tr -s ' ' | sed 's/ $//'
}

# run_ps DIR ARG...: powerstack with that configuration
run_ps() {
	local dir=$1
	shift
	ps_options "$dir"
	XDG_CACHE_HOME=$ps_cache "$ps" "${ps_options[@]}" "$@"
}

# exec_ps DIR ARG...: the same for "exec_ps ... &": the background process is powerstack itself, so that
# a signal sent to it reaches it and not a shell in between.
exec_ps() {
	local dir=$1
	shift
	ps_options "$dir"
	XDG_CACHE_HOME=$ps_cache exec "$ps" "${ps_options[@]}" "$@"
}

# What it downloads are a mirror's stand-ins: they stay out of the user's cache.
ps_options() {
	ps_options=(-i "$1/inventory.yml" --vault-password-file "$1/vault-password" --log-dir "$1/logs")
	ps_cache=$(cd "$1" && pwd)/cache
}

# step TEXT: what a suite begins with, and when
started=$(date +%s)
step() { echo "# $(($(date +%s) - started))s $*"; }
# to_json NAME ARG...: powerstack --json ARG with the configuration in $dir, and "${json_options[@]}"; the object in
# $work/NAME.json, the status in $rc. Says what stands in stderr, and which rows did not go well.
# shellcheck disable=SC2154,SC2034 # work is the caller's, and rc is for it
to_json() {
	local name=$1
	shift
	run_ps "$dir" "${json_options[@]}" --json "$@" >"$work/$name.json" 2>"$work/$name.err"
	rc=$?
	[ ! -s "$work/$name.err" ] || sed 's/^/# /' "$work/$name.err" | head -5
	jq -r '.steps[]? | select(.message != "" and (.outcome // "" | test("failed|refused|unreachable|skipped"))) |
		"# \(.host) \(.part)/\(.step): \(.message)"' "$work/$name.json" 2>/dev/null | head -20
}
json_options=()

# unit_starts: when each unit that powerstack manages was started, on every node
unit_starts() {
	local n
	for n in "${nodes[@]}"; do
		"$lab" ssh "$n" "systemctl show -p Id,ActiveEnterTimestampMonotonic,MainPID,NRestarts \
			k3s k3s-agent powerstack-exporter nfs-server nfs-kernel-server rpcbind rpc-statd 2>/dev/null; true" | sed "s/^/$n /"
	done
}
