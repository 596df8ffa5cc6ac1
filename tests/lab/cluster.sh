# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2154 # here, state, cache and the ports are lab's
# cluster.sh, sourced by lab: what a deploy of K3s finds beside the nodes. A mirror of K3s' releases, and the API
# server that the k3s of these releases, a stand-in, forwards to (../k3s). Where they cannot be built the
# lab has its nodes all the same, and says so.

k3s=$here/../k3s
# The first is the one that the inventory asks for.
releases=(v1.30.2+k3s1 v1.30.4+k3s1)
tools='' release='' # folders in the caches with kubectl and with the releases; empty: no cluster
builder='' starter='' # process groups of our own that an interrupted run must end

release_key() {
	{
		cat "$k3s"/*.[ch] "$k3s"/{options.txt,build.mk,release.sh}
		cc --version
		echo "$tools ${releases[*]}"
	} | hash_of
}

# Builds what is not in the caches; sets tools and release.
cmd_cluster_build() {
	tools=$("$k3s/apiserver.sh" build)
	release=$cache/release-$(release_key)
	if [ ! -d "$release" ]; then
		lock_cache
		if [ ! -d "$release" ]; then
			forget_unused
			say "making the releases of the stand-in k3s"
			rm -rf "$release.new"
			"$k3s/release.sh" --kubectl "$tools/kubectl" "$release.new" "${releases[@]}" 8>&- 9>&- >&2
			mv "$release.new" "$release"
		fi
		unlock_cache
	fi
	touch "$release"
}

# The build takes minutes when nothing is in the caches: it runs beside that of image and snapshot.
begin_cluster_build() {
	setsid "$here/lab" cluster-build 8>&- 9>&- &
	builder=$!
}

# Sets tools and release, or leaves them empty and says it.
await_cluster_build() {
	local built=1
	wait "$builder" || built=0
	builder=''
	rm -f "$state/cluster"
	if [ $built = 0 ]; then
		say "NO CLUSTER: what K3s needs cannot be built here, for the reason above; the nodes come up without it"
		return
	fi
	cmd_cluster_build
	printf '%s=%q\n' tools "$tools" release "$release" >"$state/cluster"
}

# Sets tools and release of the running lab; fails when it has no cluster.
load_cluster() {
	[ -e "$state/cluster" ] || return 1
	# shellcheck disable=SC1091
	. "$state/cluster"
}

# With the releases' key in the address: the sums in a powerstack.lock are those of one release tree.
mirror_url() { echo "http://127.0.0.1:$mirror_port/${release##*-}"; }

# The mirror serves a copy: a test may spoil it.
start_mirror() {
	local tries=0 tree=$state/mirror/${release##*-}
	if [ ! -d "$tree" ]; then
		rm -rf "$state/mirror"
		mkdir -p "$state/mirror"
		cp -a --reflink=auto "$release" "$tree.new"
		mv "$tree.new" "$tree"
	fi
	launch mirror python3 "$k3s/mirror.py" "$state/mirror" "$mirror_port"
	until grep -q '^http://' "$state/run/mirror.log" 2>/dev/null; do
		pid_of mirror >/dev/null && [ $((tries += 1)) -lt 200 ] || return 1
		sleep 0.05
	done
}

begin_api() {
	setsid "$k3s/apiserver.sh" start --port "$backend_port" "$state/api" 8>&- 9>&- &
	starter=$!
}

await_api() {
	local started=1
	wait "$starter" || started=0
	starter=''
	[ $started = 1 ] || die "the API server does not start"
}

# give_standin NODE: the files by which the stand-in k3s of a node finds the API server.
give_standin() {
	{
		"$k3s/apiserver.sh" node "$state/api"
		echo 'sync -f /etc/powerstack-lab/api'
	} | root_sh "$1"
}

# In a lab that runs already: what has ended is started again, with the state that it has.
mend_cluster() {
	load_cluster || return 0
	pid_of mirror >/dev/null || start_mirror || die "the mirror does not start: $(cat "$state/run/mirror.log")"
	begin_api
	await_api
}

stop_cluster() {
	stop mirror
	[ ! -d "$state/api" ] || "$k3s/apiserver.sh" stop "$state/api" now
}

# What an interrupted run was about to build or start.
end_cluster_children() {
	local group
	for group in $builder $starter; do
		kill -- "-$group" 2>/dev/null || true
		gone "$group"
	done
}

cluster_status() {
	local pid
	if ! load_cluster; then
		echo "no cluster: 'lab cluster-build' says why"
		return
	fi
	if pid=$(pid_of mirror); then
		printf 'mirror on, process %s, %s\n' "$pid" "$(mirror_url)"
	else
		echo 'mirror off'
	fi
	"$k3s/apiserver.sh" status "$state/api" || true
}

cmd_kubectl() {
	load_cluster || die "this lab has no cluster; 'lab cluster-build' says why"
	exec "$tools/kubectl" "$@"
}
