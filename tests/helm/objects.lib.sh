# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# What an API server holds, before and after. Sourced, with tests/tap.sh; the caller has kc, a kubectl, and the folder $work,
# and may have an `objects` of its own.

# list_objects [KINDS]: every object of every kind in every namespace, but for what comes and goes by itself; KINDS are more of
# those, an alternative of grep -E each: "|leases\..*".
list_objects() {
	local kinds
	kinds=$(kc api-resources --verbs=list -o name 2>/dev/null |
		grep -vE "^(events(\..*)?|endpoints|endpointslices\..*|componentstatuses${1-})\$" | sort | tr '\n' ,)
	kc get "${kinds%,}" -A --ignore-not-found 2>/dev/null \
		-o 'jsonpath={range .items[*]}{.apiVersion} {.kind} {.metadata.namespace} {.metadata.name}{"\n"}{end}' | sort
}
objects() { list_objects; }
# settled NAME: what there is, once the controllers have made what belongs to it
# shellcheck disable=SC2154 # work is the caller's
settled() {
	objects >"$work/$1"
	for _ in $(seq 30); do
		sleep 1
		objects >"$work/objects.now"
		! cmp -s "$work/$1" "$work/objects.now" || return
		mv "$work/objects.now" "$work/$1"
	done
}
# as_in NAME DESCRIPTION: the same is there; the controllers take away what belonged to the rest a moment later
as_in() {
	for _ in $(seq 60); do
		objects >"$work/objects.now"
		! cmp -s "$work/$1" "$work/objects.now" || break
		sleep 1
	done
	is "$(diff "$work/$1" "$work/objects.now")" "" "$2"
}
