/* SPDX-License-Identifier: BSD-2-Clause */
/* Everything that can be typed behind `powerstack`. */
#include "cli/verbs.h"

#include "base/cleanup.h"

#define AT(field) offsetof(struct cli, field)
#define SECOND 1000000000ull

static const char *const color_words[] = { "auto", "always", "never", NULL };

const struct opt global_opts[] = {
	{ "inventory", 'i', OPT_STRING, "FILE",
	  "the inventory; default: ./inventory.yml, then ./configs/inventory.yml",
	  AT(inventory_path), .complete = "file" },
	{ "vault", 0, OPT_STRING, "FILE", "the vault; default: vault.yml beside the inventory",
	  AT(vault_path), .complete = "file" },
	{ "vault-password-file", 0, OPT_STRING, "FILE",
	  "take the vault's password from the first line of FILE, of its output when it is executable, or of standard input when it is '-'; default: $POWERSTACK_VAULT_PASSWORD_FILE, then a prompt",
	  AT(vault_password_file), .complete = "file" },
	{ "limit", 0, OPT_STRING, "HOST,...", "only these hosts", AT(limit), .complete = "host" },
	{ "jobs", 'j', OPT_UINT, "N", "hosts worked on at once; default: all, at most 64", AT(jobs),
	  .min = 1, .max = 64 },
	{ "timeout", 0, OPT_DURATION, "TIME",
	  "bound of one remote command, and of a login if above its 20s, such as 90s or 5m; default: each step's own", AT(timeout_ns),
	  .min = SECOND, .max = 86400 * SECOND },
	{ "accept-new-host-keys", 0, OPT_FLAG, NULL,
	  "trust and remember the key of a host that is not in known_hosts yet; a changed key is always refused",
	  AT(accept_new_host_keys) },
	{ "ssh-config", 0, OPT_STRING, "FILE", "use FILE instead of ~/.ssh/config", AT(ssh_config),
	  .complete = "file" },
	{ "log-dir", 0, OPT_STRING, "DIR", "where the log of the run goes; default: logs", AT(log_dir),
	  .complete = "dir" },
	{ "json", 0, OPT_FLAG, NULL, "print one JSON object on standard output and nothing else",
	  AT(json) },
	{ "verbose", 'v', OPT_COUNT, NULL, "also show what needed no change or was not tried", AT(verbose) },
	{ "quiet", 'q', OPT_FLAG, NULL, "show failures only", AT(quiet) },
	{ "color", 0, OPT_ENUM, "WHEN", "auto, always or never; auto heeds NO_COLOR and TERM", AT(color),
	  .values = color_words },
	{ "no-progress", 0, OPT_FLAG, NULL, "plain lines instead of the live display",
	  AT(no_progress) },
	{ "help", 'h', OPT_FLAG, NULL, "show this help, or that of the verb", AT(help) },
	{ "version", 0, OPT_FLAG, NULL, "show the version", AT(version) },
};
const size_t nglobal_opts = COUNT(global_opts);

static const struct opt fetch_opts[] = {
	{ "bundle", 0, OPT_STRING, "FILE", "also pack everything into FILE, for a site without internet", AT(bundle),
	  .complete = "file" },
	{ "from", 0, OPT_STRING, "FILE", "take everything from such a FILE; the network is not used", AT(from),
	  .complete = "file" },
};

static const struct opt deploy_opts[] = {
	{ "check", 0, OPT_FLAG, NULL, "only say what would change; exit status 4 when something would",
	  AT(check) },
	{ "diff", 0, OPT_FLAG, NULL, "show how the contents of files change", AT(diff) },
	{ "force-version", 0, OPT_FLAG, NULL,
	  "also bring a K3s that is older than the one that runs, or skips a minor release", AT(force_version) },
};

static const struct opt destroy_opts[] = {
	{ "yes", 'y', OPT_FLAG, NULL, "do not ask for the cluster's name", AT(yes) },
	{ "purge-data", 0, OPT_FLAG, NULL, "also delete the data that the parts stored",
	  AT(purge_data) },
	{ "wipe-disk", 0, OPT_FLAG, NULL,
	  "also wipe the disk that deploy formatted; its serial must be typed", AT(wipe_disk) },
	{ "disk-serial", 0, OPT_STRING, "SERIAL", "that serial, instead of typing it",
	  AT(disk_serial) },
	{ "diff", 0, OPT_FLAG, NULL, "show the contents of files that go", AT(diff) },
};

static const struct opt verify_opts[] = {
	{ "strict", 0, OPT_FLAG, NULL, "ask once; do not wait for what needs a moment", AT(strict) },
	{ "junit", 0, OPT_STRING, "FILE", "also write the verdicts to FILE as JUnit XML", AT(junit),
	  .complete = "file" },
};

static const struct opt vault_opts[] = {
	{ "generate", 0, OPT_FLAG, NULL, "set: the value is new random letters and digits, and not shown",
	  AT(generate) },
	{ "length", 0, OPT_UINT, "N", "how many --generate makes; default: 32", AT(length), .min = 8,
	  .max = 4096 },
	{ "output", 'o', OPT_STRING, "FILE",
	  "encrypt, decrypt: write to FILE (0600), which must not exist", AT(output),
	  .complete = "file" },
	{ "new-vault-password-file", 0, OPT_STRING, "FILE",
	  "rekey, import: take the new password from FILE, as --vault-password-file does",
	  AT(new_vault_password_file), .complete = "file" },
	{ "key-cost", 0, OPT_ENUM, "COST",
	  "create, rekey, encrypt, import: what each try of a password costs: auto (as the vault has it, else moderate), interactive (64 MiB, for small machines), moderate (256 MiB) or sensitive (1 GiB)",
	  AT(key_cost), .values = vault_cost_words },
};

static const struct sub inventory_subs[] = {
	{ "check", "", "name every mistake with its place; status 3 when there is one", 0, 0 },
	{ "show", "", "print the resolved view: defaults filled in, secrets as <vault: name>", 0, 0 },
	{ 0 },
};

static const struct sub completion_subs[] = {
	{ "bash", "", "for bash", 0, 0 },
	{ "zsh", "", "for zsh", 0, 0 },
	{ "fish", "", "for fish", 0, 0 },
	{ 0 },
};

static const char *const init_examples[] = {
	"powerstack init", "writes inventory.yml and vault.yml here",
	"powerstack -i lab/inventory.yml init", "writes lab/inventory.yml and lab/vault.yml",
	NULL,
};
static const char *const inventory_examples[] = {
	"powerstack inventory check", "before the first deploy",
	"powerstack inventory show", "what every key came out as",
	NULL,
};
static const char *const vault_examples[] = {
	"powerstack vault create", "asks for a new password, twice",
	"powerstack vault set token --generate", "a random value that nobody has seen",
	"powerstack vault set tlsKey <key.pem", "from a file, not from the command line",
	"powerstack vault import configs/vault.yml", "from an Ansible vault",
	NULL,
};
static const char *const fetch_examples[] = {
	"powerstack fetch", "all that the inventory's versions and architectures need",
	"powerstack fetch k3s", "for one part only",
	"powerstack fetch --bundle site.tar", "and one file of it to carry away",
	"powerstack fetch --from site.tar", "there",
	NULL,
};
static const char *const deploy_examples[] = {
	"powerstack deploy --check --diff", "what would change, and how",
	"powerstack deploy", "every part on every host",
	"powerstack deploy disk nfs", "two parts only",
	"powerstack deploy --limit ho2,ho3 exporter", "one part on two hosts",
	NULL,
};
static const char *const destroy_examples[] = {
	"powerstack destroy exporter", "takes one part away",
	"powerstack destroy", "takes everything away, keeps the data",
	"powerstack destroy --purge-data --wipe-disk disk", "and the data, and what is on the disk",
	NULL,
};
static const char *const verify_examples[] = {
	"powerstack verify", "every check",
	"powerstack verify nfs B2.1", "the checks of one part, and one more",
	"powerstack verify --junit report.xml --json", "for a machine to read",
	NULL,
};
static const char *const status_examples[] = {
	"powerstack status", "what runs, and what it draws",
	"powerstack status --json | jq .watts", "what all nodes draw, as a number",
	NULL,
};
static const char *const completion_examples[] = {
	"source <(powerstack completion bash)", "for this shell",
	"powerstack completion fish >~/.config/fish/completions/powerstack.fish",
	"for one user, from the next shell on",
	NULL,
};

const struct verb verbs[] = {
	{ "init", verb_init, "write a commented inventory.yml and a vault with new secrets", "", 0, 0,
	  .flags = VERB_VAULT, .examples = init_examples,
	  .about = "Writes a commented inventory with the defaults of all settings, and a vault "
		   "with a generated cluster token and generated passwords. Asks for the vault's "
		   "password and for the user and password of the servers' management controllers, which "
		   "may be left empty. Files that exist are never overwritten.\n" },
	{ "inventory", verb_inventory, "check the inventory, or show what it comes out as", "", 0, 0,
	  .flags = VERB_JSON, .subs = inventory_subs, .examples = inventory_examples,
	  .about = "Reads the inventory and talks to no host. Mistakes are all named at once, "
		   "each with file:line:column, what is wrong and what would be right.\n" },
	{ "vault", verb_vault, "keep the cluster's secrets in an encrypted file", "", 0, 0, vault_opts,
	  COUNT(vault_opts), VERB_VAULT, .subs = vault_subs, .complete = "file",
	  .examples = vault_examples,
	  .about = "The vault is text that may be kept in git: names and values, sealed with a password "
		   "(Argon2id, XChaCha20-Poly1305). Values are never taken from the command line. What edit "
		   "shows is in memory-backed storage only; what decrypt writes to a file is not "
		   "protected any more.\n\nThe password comes from --vault-password-file, from the file "
		   "that $POWERSTACK_VAULT_PASSWORD_FILE names, or from the terminal.\n" },
	{ "fetch", verb_fetch, "download and verify what will be installed", "[PART...]", 0, -1, fetch_opts,
	  COUNT(fetch_opts), VERB_INVENTORY | VERB_JSON, .complete = "part", .examples = fetch_examples,
	  .about = "Brings the files of the releases and the charts that the inventory names into the cache "
		   "($XDG_CACHE_HOME/powerstack/artifacts, else ~/.cache/powerstack/artifacts), for every architecture of "
		   "its hosts, or those of the parts given. They are checked against the release's checksums or the "
		   "digests in the chart repository's index, which are recorded in powerstack.lock "
		   "beside the inventory: from then on the same inventory and lock give the same bytes, and other ones are "
		   "refused. What is in the cache is not downloaded again; without anything to download the network is "
		   "not used. Files in the inventory's airgap_dir come before the network, and artifact_mirror stands in "
		   "for upstream.\n\nSeveral files are downloaded at once (--jobs; default: 4). A download that breaks "
		   "or brings nothing for 30 s (--timeout) is tried again from where it was, and so does the next run "
		   "after a failure or Ctrl-C. Proxies are taken from http_proxy, https_proxy, all_proxy and no_proxy, "
		   "the certificates to trust from CURL_CA_BUNDLE or SSL_CERT_FILE.\n" },
	{ "deploy", verb_deploy, "bring the hosts to the wanted state", "[PART...]", 0, -1,
	  deploy_opts, COUNT(deploy_opts), VERB_INVENTORY | VERB_VAULT | VERB_HOSTS | VERB_JSON,
	  .complete = "part", .examples = deploy_examples,
	  .about = "Learns the state of every host, refuses before the first change when "
		   "something in the way is not ours, then changes what differs and asks again "
		   "whether it is as wanted. Without PART: every part but those that must be named, in the "
		   "order of their dependencies. Running it again changes nothing; after an interruption it "
		   "continues from what is true.\n" },
	{ "destroy", verb_destroy, "take away what deploy made", "[PART...]", 0, -1, destroy_opts,
	  COUNT(destroy_opts), VERB_INVENTORY | VERB_VAULT | VERB_HOSTS | VERB_JSON,
	  .complete = "part", .examples = destroy_examples,
	  .about = "Takes parts away in the reverse order and leaves alone what is not ours. Asks "
		   "for the cluster's name first. Data stays unless --purge-data is given, and no disk "
		   "is wiped without --wipe-disk and the disk's serial.\n" },
	{ "verify", verb_verify, "check that everything works", "[PART or CHECK...]", 0, -1, verify_opts,
	  COUNT(verify_opts), VERB_INVENTORY | VERB_VAULT | VERB_HOSTS | VERB_JSON,
	  .complete = "check", .examples = verify_examples,
	  .about = "Runs every check of what deploy does when no part is named, or those of the parts and those "
		   "with the ids given. A check that needs a moment is asked again until its deadline. A check may write a test "
		   "file, which it removes; nothing else is changed.\n" },
	{ "status", verb_status, "show what every node runs and draws now", "", 0, 0,
	  .flags = VERB_INVENTORY | VERB_VAULT | VERB_HOSTS | VERB_JSON, .examples = status_examples,
	  .about = "Asks every host once and changes nothing: its system, how it stands in the cluster, the versions of K3s and of the "
		   "exporter, the releases of helm, which parts are there and whether they run, and the power that its exporter "
		   "has counted over its last interval, with the component and the meter that it is of. What is not known is "
		   "said to be so; a figure that a model made is called estimated. A host that cannot be asked has the reason "
		   "in its place.\n\nThe exit status is 0 when every host answered and all that is there works, else 1. "
		   "verify tries whether it really does; deploy --check compares it with the inventory. The vault is opened "
		   "only for a password that is needed to log in.\n" },
	{ "completion", verb_completion, "print a completion script", "", 0, 0,
	  .subs = completion_subs, .examples = completion_examples,
	  .about = "The script completes verbs, options and parts by itself, and asks powerstack "
		   "for checks and for the hosts of the inventory.\n" },
	{ "help", verb_help, "show the help, or that of a verb", "[VERB]", 0, 1, .complete = "verb",
	  .about = "The same text as powerstack VERB --help.\n" },
	{ "__complete", verb_complete, "print words for a completion script", "KIND", 1, 1,
	  .flags = VERB_HIDDEN, .about = "" },
	{ "__dump", verb_dump, "print a generated part of the manual", "WHAT", 1, 1,
	  .flags = VERB_HIDDEN, .about = "" },
	{ 0 },
};
