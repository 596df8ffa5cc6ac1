# fish completion for powerstack, printed by 'powerstack completion fish'

# The words typed so far that are no options: the verb, then its words.
function __powerstack_typed
	set -l skip 0
	for word in (commandline -opc)[2..-1]
		if test $skip = 1
			set skip 0
		else if contains -- $word --length -o --output --new-vault-password-file --key-cost --bundle --from --disk-serial --junit -i --inventory --vault --vault-password-file --limit -j --jobs --timeout --ssh-config --log-dir --color
			set skip 1
		else if not string match -q -- '-*' $word
			echo $word
		end
	end
end
function __powerstack_is
	set -l typed (__powerstack_typed)
	test (count $typed) -gt 0; and test $typed[1] = $argv[1]
end
function __powerstack_wants_verb
	test (count (__powerstack_typed)) = 0
end
function __powerstack_wants_sub
	__powerstack_is $argv[1]; and test (count (__powerstack_typed)) = 1
end
function __powerstack_is_behind
	__powerstack_is $argv[1]; and test (count (__powerstack_typed)) -gt 1
end
function __powerstack_words
	set -l line (commandline -opc)
	set -l inventory
	for i in (seq 2 (count $line))
		if contains -- $line[$i] -i --inventory; and test $i -lt (count $line)
			set inventory -i $line[(math $i + 1)]
		end
	end
	$line[1] $inventory __complete $argv[1] 2>/dev/null
end
function __powerstack_hosts
	set -l head (commandline -ct | string replace -r -- '[^,=]*$' '' | string replace -r -- '^--limit=' '')
	for host in (__powerstack_words host)
		echo $head$host
	end
end

complete -c powerstack -f
complete -c powerstack -n __powerstack_wants_verb -a init -d 'write a commented inventory.yml and a vault with new secrets'
complete -c powerstack -n __powerstack_wants_verb -a inventory -d 'check the inventory, or show what it comes out as'
complete -c powerstack -n '__powerstack_wants_sub inventory' -a check -d 'name every mistake with its place; status 3 when there is one'
complete -c powerstack -n '__powerstack_wants_sub inventory' -a show -d 'print the resolved view: defaults filled in, secrets as <vault: name>'
complete -c powerstack -n __powerstack_wants_verb -a vault -d 'keep the cluster\'s secrets in an encrypted file'
complete -c powerstack -n '__powerstack_wants_sub vault' -a create -d 'make a new vault without entries'
complete -c powerstack -n '__powerstack_wants_sub vault' -a edit -d 'change the text in $VISUAL or $EDITOR, in memory'
complete -c powerstack -n '__powerstack_wants_sub vault' -a view -d 'print the text'
complete -c powerstack -n '__powerstack_wants_sub vault' -a get -d 'print one entry, exactly'
complete -c powerstack -n '__powerstack_wants_sub vault' -a set -d 'set an entry to what is typed, comes on standard input, or --generate makes; everything else in the vault stays as it is'
complete -c powerstack -n '__powerstack_wants_sub vault' -a rekey -d 'give the vault a new password'
complete -c powerstack -n '__powerstack_wants_sub vault' -a encrypt -d 'encrypt a plain file in place, or into --output; \'-\' is standard input'
complete -c powerstack -n '__powerstack_wants_sub vault' -a decrypt -d 'print the text, or write it to --output'
complete -c powerstack -n '__powerstack_wants_sub vault' -a import -d 'take over an Ansible vault (1.1 or 1.2)'
complete -c powerstack -n '__powerstack_is_behind vault' -F
complete -c powerstack -n __powerstack_wants_verb -a fetch -d 'download and verify what will be installed'
complete -c powerstack -n '__powerstack_is fetch' -a '(__powerstack_words part)'
complete -c powerstack -n __powerstack_wants_verb -a deploy -d 'bring the hosts to the wanted state'
complete -c powerstack -n '__powerstack_is deploy' -a '(__powerstack_words part)'
complete -c powerstack -n __powerstack_wants_verb -a destroy -d 'take away what deploy made'
complete -c powerstack -n '__powerstack_is destroy' -a '(__powerstack_words part)'
complete -c powerstack -n __powerstack_wants_verb -a verify -d 'check that everything works'
complete -c powerstack -n '__powerstack_is verify' -a '(__powerstack_words check)'
complete -c powerstack -n __powerstack_wants_verb -a status -d 'show what every node runs and draws now'
complete -c powerstack -n __powerstack_wants_verb -a completion -d 'print a completion script'
complete -c powerstack -n '__powerstack_wants_sub completion' -a bash -d 'for bash'
complete -c powerstack -n '__powerstack_wants_sub completion' -a zsh -d 'for zsh'
complete -c powerstack -n '__powerstack_wants_sub completion' -a fish -d 'for fish'
complete -c powerstack -n __powerstack_wants_verb -a help -d 'show the help, or that of a verb'
complete -c powerstack -n '__powerstack_is help' -a '(__powerstack_words verb)'
complete -c powerstack -n '__powerstack_is vault' -l generate -d 'set: the value is new random letters and digits, and not shown'
complete -c powerstack -n '__powerstack_is vault' -l length -x -d 'how many --generate makes; default: 32'
complete -c powerstack -n '__powerstack_is vault' -s o -l output -r -F -d 'encrypt, decrypt: write to FILE (0600), which must not exist'
complete -c powerstack -n '__powerstack_is vault' -l new-vault-password-file -r -F -d 'rekey, import: take the new password from FILE, as --vault-password-file does'
complete -c powerstack -n '__powerstack_is vault' -l key-cost -x -a 'auto interactive moderate sensitive' -d 'create, rekey, encrypt, import: what each try of a password costs: auto (as the vault has it, else moderate), interactive (64 MiB, for small machines), moderate (256 MiB) or sensitive (1 GiB)'
complete -c powerstack -n '__powerstack_is fetch' -l bundle -r -F -d 'also pack everything into FILE, for a site without internet'
complete -c powerstack -n '__powerstack_is fetch' -l from -r -F -d 'take everything from such a FILE; the network is not used'
complete -c powerstack -n '__powerstack_is deploy' -l check -d 'only say what would change; exit status 4 when something would'
complete -c powerstack -n '__powerstack_is deploy' -l diff -d 'show how the contents of files change'
complete -c powerstack -n '__powerstack_is deploy' -l force-version -d 'also bring a K3s that is older than the one that runs, or skips a minor release'
complete -c powerstack -n '__powerstack_is destroy' -s y -l yes -d 'do not ask for the cluster\'s name'
complete -c powerstack -n '__powerstack_is destroy' -l purge-data -d 'also delete the data that the parts stored'
complete -c powerstack -n '__powerstack_is destroy' -l wipe-disk -d 'also wipe the disk that deploy formatted; its serial must be typed'
complete -c powerstack -n '__powerstack_is destroy' -l disk-serial -x -d 'that serial, instead of typing it'
complete -c powerstack -n '__powerstack_is destroy' -l diff -d 'show the contents of files that go'
complete -c powerstack -n '__powerstack_is verify' -l strict -d 'ask once; do not wait for what needs a moment'
complete -c powerstack -n '__powerstack_is verify' -l junit -r -F -d 'also write the verdicts to FILE as JUnit XML'
complete -c powerstack -s i -l inventory -r -F -d 'the inventory; default: ./inventory.yml, then ./configs/inventory.yml'
complete -c powerstack -l vault -r -F -d 'the vault; default: vault.yml beside the inventory'
complete -c powerstack -l vault-password-file -r -F -d 'take the vault\'s password from the first line of FILE, of its output when it is executable, or of standard input when it is \'-\'; default: $POWERSTACK_VAULT_PASSWORD_FILE, then a prompt'
complete -c powerstack -l limit -x -a '(__powerstack_hosts)' -d 'only these hosts'
complete -c powerstack -s j -l jobs -x -d 'hosts worked on at once; default: all, at most 64'
complete -c powerstack -l timeout -x -d 'bound of one remote command, and of a login if above its 20s, such as 90s or 5m; default: each step\'s own'
complete -c powerstack -l accept-new-host-keys -d 'trust and remember the key of a host that is not in known_hosts yet; a changed key is always refused'
complete -c powerstack -l ssh-config -r -F -d 'use FILE instead of ~/.ssh/config'
complete -c powerstack -l log-dir -r -F -d 'where the log of the run goes; default: logs'
complete -c powerstack -l json -d 'print one JSON object on standard output and nothing else'
complete -c powerstack -s v -l verbose -d 'also show what needed no change or was not tried'
complete -c powerstack -s q -l quiet -d 'show failures only'
complete -c powerstack -l color -x -a 'auto always never' -d 'auto, always or never; auto heeds NO_COLOR and TERM'
complete -c powerstack -l no-progress -d 'plain lines instead of the live display'
complete -c powerstack -s h -l help -d 'show this help, or that of the verb'
complete -c powerstack -l version -d 'show the version'
