#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Vaults made by the real ansible-vault, both versions.
# shellcheck source=tests/vault/lib.sh
. "$(dirname "$0")/lib.sh"

command -v ansible-vault >/dev/null || {
	skip 'ansible-vault is not installed' 'import of Ansible vaults'
	done_testing
	exit 0
}
printf 'correct horse\n' >"$priv/pw"
printf 'battery staple\n' >"$priv/pw2"
chmod 600 "$priv/pw" "$priv/pw2"
cat >"$priv/plain" <<'END'
---
# PowerStack's vault
ansible_vault:
  token: "Hush-1 # value"
  bootstrapPassword: 'it''s'
  xclarityUser: grüß
  key: |
    -----BEGIN-----
    abc
END

# made VERSION-ARGS...: the plain text, encrypted by Ansible, in ansible.yml
made() {
	rm -f ansible.yml ansible.yml.ansible out.yml
	ansible-vault encrypt "$@" --output ansible.yml "$priv/plain" >/dev/null 2>&1 || return 1
}
imports() {
	head=$1
	shift
	made "$@" && grep -q "^$head" ansible.yml && cp ansible.yml was &&
		vault --vault out.yml import ansible.yml --key-cost interactive </dev/null &&
		mode_is 600 out.yml && cmp ansible.yml was &&
		vault --vault out.yml view </dev/null >"$priv/got" && cmp "$priv/got" "$priv/plain" &&
		[ "$(vault --vault out.yml get token </dev/null)" = 'Hush-1 # value' ]
}
test_that 'format 1.1' imports '.ANSIBLE_VAULT;1.1;AES256$' --vault-password-file "$priv/pw"
test_that 'format 1.2 with a label' imports '.ANSIBLE_VAULT;1.2;AES256;prod$' \
	--encrypt-vault-id prod --vault-id "prod@$priv/pw"

# Every length of padding, and a text longer than a line of hex.
lengths() {
	for i in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
		printf 'a: x%0*d\n' "$i" 0 >"$priv/len"
		rm -f len.yml out.yml
		ansible-vault encrypt --vault-password-file "$priv/pw" --output len.yml "$priv/len" >/dev/null 2>&1 &&
			vault --vault out.yml import len.yml --key-cost interactive </dev/null >/dev/null &&
			vault --vault out.yml view </dev/null | cmp - "$priv/len" || return 1
	done
}
test_that 'every length of padding' lengths

in_place() {
	made --vault-password-file "$priv/pw" && cp ansible.yml was &&
		vault --vault ansible.yml import ansible.yml --new-vault-password-file "$priv/pw2" --key-cost interactive </dev/null &&
		cmp ansible.yml.ansible was && mode_is 600 ansible.yml.ansible &&
		"$powerstack" --vault ansible.yml --vault-password-file "$priv/pw2" vault view </dev/null >"$priv/got" &&
		cmp "$priv/got" "$priv/plain"
}
test_that 'in place, with a new password; the old file stays beside' in_place
leaves_other() {
	made --vault-password-file "$priv/pw" && echo mine >out.yml &&
		says 'already there' status 1 vault --vault out.yml import ansible.yml </dev/null &&
		[ "$(cat out.yml)" = mine ]
}
test_that 'another file in the way stays' leaves_other
wrong() {
	made --vault-password-file "$priv/pw2" &&
		says 'is wrong, or the file is damaged' status 3 vault --vault out.yml import ansible.yml </dev/null &&
		[ ! -e out.yml ]
}
test_that 'a wrong password' wrong
tampered() {
	made --vault-password-file "$priv/pw" && cp ansible.yml sound || return 1
	for line in 2 4 6; do
		sed "${line}{s/4\$/5/;t;s/.\$/4/}" sound >ansible.yml
		cmp -s sound ansible.yml && return 1
		status 3 vault --vault out.yml import ansible.yml </dev/null || return 1
	done
	head -n 5 sound >ansible.yml
	status 3 vault --vault out.yml import ansible.yml </dev/null && [ ! -e out.yml ]
}
test_that 'tampering and a cut' tampered
old() {
	printf '$ANSIBLE_VAULT;1.0;AES\n3132\n' >ansible.yml
	says 'only Ansible vault versions 1.1 and 1.2' status 3 vault --vault out.yml import ansible.yml </dev/null &&
		echo 'a: b' >ansible.yml &&
		says 'is no Ansible vault' status 3 vault --vault out.yml import ansible.yml </dev/null
}
test_that 'other formats are named' old
unknown_shape() {
	printf 'a: b\nlist: [Hush-1]\n' >"$priv/list"
	ansible-vault encrypt --vault-password-file "$priv/pw" --output list.yml "$priv/list" >/dev/null 2>&1
	says 'list.yml:2:7: a list or mapping' status 3 vault --vault out.yml import list.yml </dev/null &&
		! grep -q Hush "$priv/said"
}
test_that 'a text that is no mapping of texts is named by its place' unknown_shape
points_there() {
	made --vault-password-file "$priv/pw" &&
		says 'powerstack vault import' status 3 vault --vault ansible.yml view </dev/null
}
test_that 'opening one points to import' points_there
done_testing
