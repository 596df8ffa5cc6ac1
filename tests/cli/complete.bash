# SPDX-License-Identifier: BSD-2-Clause
# complete.bash SCRIPT LINE...: prints "LINE: WORDS" as bash completes LINE. Splits lines at blanks and '=',
# as readline does. powerstack must be in PATH.
# shellcheck source=/dev/null
. "$1"
shift
for line; do
	read -ra COMP_WORDS <<<"${line//=/ = }"
	[[ $line != *[[:space:]=] ]] || COMP_WORDS+=('')
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	COMPREPLY=()
	_powerstack powerstack "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
	echo "$line: ${COMPREPLY[*]}"
done
