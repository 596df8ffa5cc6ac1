#compdef powerstack
# zsh completion for powerstack, printed by 'powerstack completion zsh'

_powerstack_words() {
	local -a found
	found=(${(f)"$($powerstack $inventory __complete $1 2>/dev/null)"})
	compadd -a found
}

_powerstack_hosts() {
	local -a found
	found=(${(f)"$($powerstack $inventory __complete host 2>/dev/null)"})
	compset -P '*,'
	compadd -S '' -a found
}

_powerstack() {
	local curcontext=$curcontext state line powerstack=$words[1]
	local -a globals verbs words_of_verb inventory
	local -A opt_args
	globals=(
		'(-i --inventory)'{-i,--inventory=}'[the inventory; default\: ./inventory.yml, then ./configs/inventory.yml]:FILE:_files'
		'--vault=[the vault; default\: vault.yml beside the inventory]:FILE:_files'
		'--vault-password-file=[take the vault'\''s password from the first line of FILE, of its output when it is executable, or of standard input when it is '\''-'\''; default\: $POWERSTACK_VAULT_PASSWORD_FILE, then a prompt]:FILE:_files'
		'--limit=[only these hosts]:HOST,...: _powerstack_hosts'
		'(-j --jobs)'{-j,--jobs=}'[hosts worked on at once; default\: all, at most 64]:N:'
		'--timeout=[bound of one remote command, and of a login if above its 20s, such as 90s or 5m; default\: each step'\''s own]:TIME:'
		'--accept-new-host-keys[trust and remember the key of a host that is not in known_hosts yet; a changed key is always refused]'
		'--ssh-config=[use FILE instead of ~/.ssh/config]:FILE:_files'
		'--log-dir=[where the log of the run goes; default\: logs]:DIR:_files -/'
		'--json[print one JSON object on standard output and nothing else]'
		'*'{-v,--verbose}'[also show what needed no change or was not tried]'
		'(-q --quiet)'{-q,--quiet}'[show failures only]'
		'--color=[auto, always or never; auto heeds NO_COLOR and TERM]:WHEN:(auto always never)'
		'--no-progress[plain lines instead of the live display]'
		'(-h --help)'{-h,--help}'[show this help, or that of the verb]'
		'--version[show the version]'
	)
	verbs=(
			'init:write a commented inventory.yml and a vault with new secrets'
			'inventory:check the inventory, or show what it comes out as'
			'vault:keep the cluster'\''s secrets in an encrypted file'
			'fetch:download and verify what will be installed'
			'deploy:bring the hosts to the wanted state'
			'destroy:take away what deploy made'
			'verify:check that everything works'
			'status:show what every node runs and draws now'
			'completion:print a completion script'
			'help:show the help, or that of a verb'
	)
	# -i may stand anywhere on the line
	local at=${words[(I)(-i|--inventory)]}
	((at && at + 1 < CURRENT)) && inventory=(-i ${(Q)words[at + 1]})
	_arguments -C $globals '1:verb:->verb' '*::argument:->argument'
	case $state in
	verb) _describe verb verbs; return ;;
	argument) ;;
	*) return ;;
	esac
	case $words[1] in
	init)
		_arguments $globals ;;
	inventory)
		words_of_verb=(
			'check:name every mistake with its place; status 3 when there is one'
			'show:print the resolved view\: defaults filled in, secrets as <vault\: name>'
		)
		_arguments $globals \
			'1:what:{_describe what words_of_verb}' ;;
	vault)
		words_of_verb=(
			'create:make a new vault without entries'
			'edit:change the text in $VISUAL or $EDITOR, in memory'
			'view:print the text'
			'get:print one entry, exactly'
			'set:set an entry to what is typed, comes on standard input, or --generate makes; everything else in the vault stays as it is'
			'rekey:give the vault a new password'
			'encrypt:encrypt a plain file in place, or into --output; '\''-'\'' is standard input'
			'decrypt:print the text, or write it to --output'
			'import:take over an Ansible vault (1.1 or 1.2)'
		)
		_arguments $globals \
			'--generate[set\: the value is new random letters and digits, and not shown]' \
			'--length=[how many --generate makes; default\: 32]:N:' \
			'(-o --output)'{-o,--output=}'[encrypt, decrypt\: write to FILE (0600), which must not exist]:FILE:_files' \
			'--new-vault-password-file=[rekey, import\: take the new password from FILE, as --vault-password-file does]:FILE:_files' \
			'--key-cost=[create, rekey, encrypt, import\: what each try of a password costs\: auto (as the vault has it, else moderate), interactive (64 MiB, for small machines), moderate (256 MiB) or sensitive (1 GiB)]:COST:(auto interactive moderate sensitive)' \
			'1:what:{_describe what words_of_verb}' '*:file:_files' ;;
	fetch)
		_arguments $globals \
			'--bundle=[also pack everything into FILE, for a site without internet]:FILE:_files' \
			'--from=[take everything from such a FILE; the network is not used]:FILE:_files' \
			'*:part: _powerstack_words part' ;;
	deploy)
		_arguments $globals \
			'--check[only say what would change; exit status 4 when something would]' \
			'--diff[show how the contents of files change]' \
			'--force-version[also bring a K3s that is older than the one that runs, or skips a minor release]' \
			'*:part: _powerstack_words part' ;;
	destroy)
		_arguments $globals \
			'(-y --yes)'{-y,--yes}'[do not ask for the cluster'\''s name]' \
			'--purge-data[also delete the data that the parts stored]' \
			'--wipe-disk[also wipe the disk that deploy formatted; its serial must be typed]' \
			'--disk-serial=[that serial, instead of typing it]:SERIAL:' \
			'--diff[show the contents of files that go]' \
			'*:part: _powerstack_words part' ;;
	verify)
		_arguments $globals \
			'--strict[ask once; do not wait for what needs a moment]' \
			'--junit=[also write the verdicts to FILE as JUnit XML]:FILE:_files' \
			'*:check: _powerstack_words check' ;;
	status)
		_arguments $globals ;;
	completion)
		words_of_verb=(
			'bash:for bash'
			'zsh:for zsh'
			'fish:for fish'
		)
		_arguments $globals \
			'1:what:{_describe what words_of_verb}' ;;
	help)
		_arguments $globals \
			'*:verb: _powerstack_words verb' ;;
	esac
}

if [[ $funcstack[1] = _powerstack ]]; then
	_powerstack "$@"
else
	compdef _powerstack powerstack
fi
