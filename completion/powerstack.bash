# bash completion for powerstack, printed by 'powerstack completion bash'

# A list with commas of the words of a kind: completes behind the last comma.
_powerstack_list() {
	local head='' last=$cur word
	case $cur in *,*) head=${cur%,*}, last=${cur##*,} ;; esac
	for word in $("$1" "${inventory[@]}" __complete "$2" 2>/dev/null); do
		case $word in "$last"*) COMPREPLY+=("$head$word") ;; esac
	done
	compopt -o nospace 2>/dev/null
}

# What compgen makes of its arguments and the word so far.
_powerstack_from() {
	mapfile -t COMPREPLY < <(compgen "$@" -- "$cur")
}

_powerstack() {
	local cur=$2 prev=$3 verb='' sub='' words='' options i
	local inventory=()
	COMPREPLY=()
	# '=' is a word of its own
	if [ "$cur" = '=' ]; then cur=''
	elif [ "$prev" = '=' ]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		if [ "${COMP_WORDS[i+1]}" = '=' ]; then
			case ${COMP_WORDS[i]} in --inventory) inventory=(-i "${COMP_WORDS[i+2]}") ;; esac
			((i += 2))
			continue
		fi
		case ${COMP_WORDS[i]} in
		--length) ((i++)) ;;
		-o|--output) ((i++)) ;;
		--new-vault-password-file) ((i++)) ;;
		--key-cost) ((i++)) ;;
		--bundle) ((i++)) ;;
		--from) ((i++)) ;;
		--disk-serial) ((i++)) ;;
		--junit) ((i++)) ;;
		-i|--inventory) inventory=(-i "${COMP_WORDS[i+1]}"); ((i++)) ;;
		--vault) ((i++)) ;;
		--vault-password-file) ((i++)) ;;
		--limit) ((i++)) ;;
		-j|--jobs) ((i++)) ;;
		--timeout) ((i++)) ;;
		--ssh-config) ((i++)) ;;
		--log-dir) ((i++)) ;;
		--color) ((i++)) ;;
		-*|=) ;;
		*) if [ -z "$verb" ]; then verb=${COMP_WORDS[i]}
			elif [ -z "$sub" ]; then sub=${COMP_WORDS[i]}; fi ;;
		esac
	done
	case $prev in
	--length) return ;;
	-o|--output) compopt -o filenames 2>/dev/null; _powerstack_from -f; return ;;
	--new-vault-password-file) compopt -o filenames 2>/dev/null; _powerstack_from -f; return ;;
	--key-cost) _powerstack_from -W 'auto interactive moderate sensitive'; return ;;
	--bundle) compopt -o filenames 2>/dev/null; _powerstack_from -f; return ;;
	--from) compopt -o filenames 2>/dev/null; _powerstack_from -f; return ;;
	--disk-serial) return ;;
	--junit) compopt -o filenames 2>/dev/null; _powerstack_from -f; return ;;
	-i|--inventory) compopt -o filenames 2>/dev/null; _powerstack_from -f; return ;;
	--vault) compopt -o filenames 2>/dev/null; _powerstack_from -f; return ;;
	--vault-password-file) compopt -o filenames 2>/dev/null; _powerstack_from -f; return ;;
	--limit) _powerstack_list "$1" host; return ;;
	-j|--jobs) return ;;
	--timeout) return ;;
	--ssh-config) compopt -o filenames 2>/dev/null; _powerstack_from -f; return ;;
	--log-dir) compopt -o filenames 2>/dev/null; _powerstack_from -d; return ;;
	--color) _powerstack_from -W 'auto always never'; return ;;
	esac
	options='-i --inventory --vault --vault-password-file --limit -j --jobs --timeout --accept-new-host-keys --ssh-config --log-dir --json -v --verbose -q --quiet --color --no-progress -h --help --version'
	case $verb in
	'') words='init inventory vault fetch deploy destroy verify status completion help' ;;
	init)
		;;
	inventory)
		[ -n "$sub" ] || words='check show'
		;;
	vault)
		options+=' --generate --length -o --output --new-vault-password-file --key-cost'
		[ -n "$sub" ] || words='create edit view get set rekey encrypt decrypt import'
		[ -z "$sub" ] || { compopt -o filenames 2>/dev/null; _powerstack_from -f; return; }
		;;
	fetch)
		options+=' --bundle --from'
		words=$("$1" "${inventory[@]}" __complete part 2>/dev/null)
		;;
	deploy)
		options+=' --check --diff --force-version'
		words=$("$1" "${inventory[@]}" __complete part 2>/dev/null)
		;;
	destroy)
		options+=' -y --yes --purge-data --wipe-disk --disk-serial --diff'
		words=$("$1" "${inventory[@]}" __complete part 2>/dev/null)
		;;
	verify)
		options+=' --strict --junit'
		words=$("$1" "${inventory[@]}" __complete check 2>/dev/null)
		;;
	status)
		;;
	completion)
		[ -n "$sub" ] || words='bash zsh fish'
		;;
	help)
		words=$("$1" "${inventory[@]}" __complete verb 2>/dev/null)
		;;
	esac
	case $cur in -*) words=$options ;; esac
	_powerstack_from -W "$words"
}
complete -F _powerstack powerstack
