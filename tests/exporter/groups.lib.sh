# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# For the exporter's suites, sourced after front.lib.sh: control groups named as containerd names those of
# a pod, with processes in them. All of them are taken away in the end.
groups=/sys/fs/cgroup
[ -e $groups/cgroup.controllers ] || groups=$groups/cpu
make_groups() { mkdir "$groups/powerstack-test-$$" 2>/dev/null; }
id_of() { printf '%064d' "$1" | tr 0 a; } # id_of DIGIT: a container's
pod_of() { echo "powerstack-test-$$/kubepods/burstable/pod0cd2a5c8-1f9e-4b52-8d42-7c6d0f0c9e1$1"; }
burners=
leave() {
	for p in $burners; do kill -9 "$p" 2>/dev/null; done
	for p in $burners; do wait "$p" 2>/dev/null; done
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		find "$groups/powerstack-test-$$" -depth -type d -exec rmdir {} + 2>/dev/null && break
		sleep 0.1
	done
	cleanup
}
trap leave EXIT
trap 'exit 129' PIPE
container() { # container DIGIT POD NAMESPACE NAME: its group, and the link to its log file
	mkdir -p "$groups/$(pod_of "$1")/$(id_of "$1")" "$tmp/root/var/log/containers"
	[ -z "$2" ] || ln -s "/var/log/pods/x/$4/0.log" "$tmp/root/var/log/containers/$2_$3_$4-$(id_of "$1").log"
}
# burn DIGIT: a process in the container that never rests; sets burner
burn() {
	sh -c 'echo $$ >"$1/cgroup.procs" && while :; do :; done' burn "$groups/$(pod_of "$1")/$(id_of "$1")" &
	burner=$!
	burners="$burners $burner"
}
# delete DIGIT: as the runtime takes a container away
delete() {
	wait_for 10 rmdir "$groups/$(pod_of "$1")/$(id_of "$1")" && wait_for 10 rmdir "$groups/$(pod_of "$1")"
}
