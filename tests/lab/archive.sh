# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# archive_labelled LABEL: the address of the archive with that label ("Debian", "Debian-Security") that this machine's
# own apt sources name; nothing where they name none. Sourced.
archive_labelled() {
	# shellcheck disable=SC2016 # apt-get expands these itself
	apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' |
		awk -v label="$1" '$1 == label { sub("/$", "", $2); print $2; exit }'
}
