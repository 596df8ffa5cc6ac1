/* SPDX-License-Identifier: BSD-2-Clause */
/* Completion scripts, printed from the verb and option tables. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/verbs.h"
#include "provision/provision.h"

/* ---- words for the scripts */

static void print_hosts(struct cli *cli)
{
	struct problems p = { 0 };
	AUTO_FREE char *path = NULL;
	if (cli_inventory_path(cli, &path, NULL) < 0)
		return;
	if (inventory_load(path, &cli->inv, &p, NULL) == 0)
		for (size_t i = 0; i < cli->inv->nhosts; i++)
			puts(cli->inv->hosts[i].name);
	problems_free(&p);
}

int verb_complete(struct cli *cli, int argc, char **argv)
{
	const char *kind = argc ? argv[0] : "";
	bool check = strcmp(kind, "check") == 0;
	if (strcmp(kind, "verb") == 0)
		for (const struct verb *v = verbs; v->name; v++)
			if (!(v->flags & VERB_HIDDEN))
				puts(v->name);
	if (check || strcmp(kind, "part") == 0)
		for (const struct part *p = parts; p->name; p++)
			puts(p->name);
	for (size_t i = 0; check && checks[i]; i++)
		if (i == 0 || strcmp(checks[i]->id, checks[i - 1]->id) != 0)
			puts(checks[i]->id);
	if (strcmp(kind, "host") == 0)
		print_hosts(cli);
	return 0;
}

/* ---- what the shells' sections share */

static bool takes_value(const struct opt *o)
{
	return o->arg != NULL;
}

static bool completes(const struct opt *o, const char *what)
{
	return o->complete && strcmp(o->complete, what) == 0;
}

static bool subs_take_words(const struct verb *v)
{
	for (const struct sub *s = v->subs; s && s->name; s++)
		if (s->max_args)
			return true;
	return false;
}

/* s for the inside of single quotes of a shell; each of special gets a backslash before. */
static void put_quoted(const char *s, const char *special)
{
	for (; *s; s++) {
		if (*s == '\'')
			fputs("'\\''", stdout);
		else if (strchr(special, *s))
			printf("\\%c", *s);
		else
			putchar(*s);
	}
}

/* Calls f for each visible verb's own options, then for the global ones (verb NULL). */
static void each_option(void (*f)(const struct verb *, const struct opt *))
{
	for (const struct verb *v = verbs; v->name; v++)
		for (size_t i = 0; i < v->nopts && !(v->flags & VERB_HIDDEN); i++)
			f(v, &v->opts[i]);
	for (size_t i = 0; i < nglobal_opts; i++)
		f(NULL, &global_opts[i]);
}

/* ---- bash */

static void bash_pattern(const struct opt *o)
{
	if (o->letter)
		printf("-%c|", o->letter);
	printf("--%s", o->name);
}

static void bash_skip(const struct verb *v, const struct opt *o)
{
	(void)v;
	if (!takes_value(o))
		return;
	fputs("\t\t", stdout);
	bash_pattern(o);
	if (strcmp(o->name, "inventory") == 0)
		puts(") inventory=(-i \"${COMP_WORDS[i+1]}\"); ((i++)) ;;");
	else
		puts(") ((i++)) ;;");
}

static bool takes_words(const struct opt *o)
{
	return o->kind == OPT_ENUM || o->complete;
}

static void bash_value(const struct verb *v, const struct opt *o)
{
	(void)v;
	if (!takes_value(o))
		return;
	fputs("\t", stdout);
	bash_pattern(o);
	fputs(") ", stdout);
	if (o->kind == OPT_ENUM) {
		fputs("_powerstack_from -W '", stdout);
		for (size_t i = 0; o->values[i]; i++)
			printf("%s%s", i ? " " : "", o->values[i]);
		fputs("';", stdout);
	} else if (completes(o, "file"))
		fputs("compopt -o filenames 2>/dev/null; _powerstack_from -f;", stdout);
	else if (completes(o, "dir"))
		fputs("compopt -o filenames 2>/dev/null; _powerstack_from -d;", stdout);
	else if (completes(o, "host"))
		fputs("_powerstack_list \"$1\" host;", stdout);
	puts(takes_words(o) ? " return ;;" : "return ;;");
}

static void bash_words(const char *prefix, const struct opt *opts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (opts[i].letter)
			printf("%s-%c", i ? " " : prefix, opts[i].letter);
		printf("%s--%s", i || opts[i].letter ? " " : prefix, opts[i].name);
	}
}

static void bash_verb(const struct verb *v)
{
	printf("\t%s)\n", v->name);
	if (v->nopts) {
		fputs("\t\toptions+=' ", stdout);
		bash_words("", v->opts, v->nopts);
		puts("'");
	}
	if (v->subs) {
		fputs("\t\t[ -n \"$sub\" ] || words='", stdout);
		for (const struct sub *s = v->subs; s->name; s++)
			printf("%s%s", s == v->subs ? "" : " ", s->name);
		puts("'");
	}
	if (v->subs && subs_take_words(v))
		puts("\t\t[ -z \"$sub\" ] || { compopt -o filenames 2>/dev/null; _powerstack_from -f; return; }");
	if (v->complete && strcmp(v->complete, "file") != 0)
		printf("\t\twords=$(\"$1\" \"${inventory[@]}\" __complete %s 2>/dev/null)\n", v->complete);
	puts("\t\t;;");
}

static void print_bash(void)
{
	fputs("# bash completion for powerstack, printed by 'powerstack completion bash'\n"
	      "\n"
	      "# A list with commas of the words of a kind: completes behind the last comma.\n"
	      "_powerstack_list() {\n"
	      "\tlocal head='' last=$cur word\n"
	      "\tcase $cur in *,*) head=${cur%,*}, last=${cur##*,} ;; esac\n"
	      "\tfor word in $(\"$1\" \"${inventory[@]}\" __complete \"$2\" 2>/dev/null); do\n"
	      "\t\tcase $word in \"$last\"*) COMPREPLY+=(\"$head$word\") ;; esac\n"
	      "\tdone\n"
	      "\tcompopt -o nospace 2>/dev/null\n"
	      "}\n"
	      "\n"
	      "# What compgen makes of its arguments and the word so far.\n"
	      "_powerstack_from() {\n"
	      "\tmapfile -t COMPREPLY < <(compgen \"$@\" -- \"$cur\")\n"
	      "}\n"
	      "\n"
	      "_powerstack() {\n"
	      "\tlocal cur=$2 prev=$3 verb='' sub='' words='' options i\n"
	      "\tlocal inventory=()\n"
	      "\tCOMPREPLY=()\n"
	      "\t# '=' is a word of its own\n"
	      "\tif [ \"$cur\" = '=' ]; then cur=''\n"
	      "\telif [ \"$prev\" = '=' ]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
	      "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	      "\t\tif [ \"${COMP_WORDS[i+1]}\" = '=' ]; then\n"
	      "\t\t\tcase ${COMP_WORDS[i]} in --inventory) inventory=(-i \"${COMP_WORDS[i+2]}\") ;; esac\n"
	      "\t\t\t((i += 2))\n"
	      "\t\t\tcontinue\n"
	      "\t\tfi\n"
	      "\t\tcase ${COMP_WORDS[i]} in\n",
	      stdout);
	each_option(bash_skip);
	fputs("\t\t-*|=) ;;\n"
	      "\t\t*) if [ -z \"$verb\" ]; then verb=${COMP_WORDS[i]}\n"
	      "\t\t\telif [ -z \"$sub\" ]; then sub=${COMP_WORDS[i]}; fi ;;\n"
	      "\t\tesac\n"
	      "\tdone\n"
	      "\tcase $prev in\n",
	      stdout);
	each_option(bash_value);
	fputs("\tesac\n\toptions='", stdout);
	bash_words("", global_opts, nglobal_opts);
	fputs("'\n\tcase $verb in\n\t'') words='", stdout);
	bool first = true;
	for (const struct verb *v = verbs; v->name; v++) {
		if (v->flags & VERB_HIDDEN)
			continue;
		printf("%s%s", first ? "" : " ", v->name);
		first = false;
	}
	puts("' ;;");
	for (const struct verb *v = verbs; v->name; v++)
		if (!(v->flags & VERB_HIDDEN))
			bash_verb(v);
	fputs("\tesac\n"
	      "\tcase $cur in -*) words=$options ;; esac\n"
	      "\t_powerstack_from -W \"$words\"\n"
	      "}\n"
	      "complete -F _powerstack powerstack\n",
	      stdout);
}

/* ---- zsh */

static void zsh_spec(const struct opt *o)
{
	if (o->kind == OPT_COUNT) /* may be given again: excludes nothing */
		printf("'*'{-%c,--%s}'[", o->letter, o->name);
	else if (o->letter)
		printf("'(-%c --%s)'{-%c,--%s%s}'[", o->letter, o->name, o->letter, o->name,
		       takes_value(o) ? "=" : "");
	else
		printf("'--%s%s[", o->name, takes_value(o) ? "=" : "");
	put_quoted(o->help, "[]:\\");
	putchar(']');
	if (takes_value(o)) {
		putchar(':');
		put_quoted(o->arg, ":\\");
		putchar(':');
	}
	if (o->kind == OPT_ENUM) {
		putchar('(');
		for (size_t i = 0; o->values[i]; i++)
			printf("%s%s", i ? " " : "", o->values[i]);
		putchar(')');
	} else if (completes(o, "file"))
		fputs("_files", stdout);
	else if (completes(o, "dir"))
		fputs("_files -/", stdout);
	else if (completes(o, "host"))
		fputs(" _powerstack_hosts", stdout);
	putchar('\'');
}

static void zsh_pairs(const char *name, const char *summary)
{
	printf("\t\t\t'%s:", name);
	put_quoted(summary, ":\\");
	puts("'");
}

static void zsh_verb(const struct verb *v)
{
	printf("\t%s)\n", v->name);
	if (v->subs) {
		puts("\t\twords_of_verb=(");
		for (const struct sub *s = v->subs; s->name; s++)
			zsh_pairs(s->name, s->summary);
		puts("\t\t)");
	}
	fputs("\t\t_arguments $globals", stdout);
	for (size_t i = 0; i < v->nopts; i++) {
		fputs(" \\\n\t\t\t", stdout);
		zsh_spec(&v->opts[i]);
	}
	if (v->subs)
		printf(" \\\n\t\t\t'1:what:{_describe what words_of_verb}'%s",
		       subs_take_words(v) ? " '*:file:_files'" : "");
	else if (v->complete)
		printf(" \\\n\t\t\t'*:%s: _powerstack_words %s'", v->complete, v->complete);
	puts(" ;;");
}

static void print_zsh(void)
{
	fputs("#compdef powerstack\n"
	      "# zsh completion for powerstack, printed by 'powerstack completion zsh'\n"
	      "\n"
	      "_powerstack_words() {\n"
	      "\tlocal -a found\n"
	      "\tfound=(${(f)\"$($powerstack $inventory __complete $1 2>/dev/null)\"})\n"
	      "\tcompadd -a found\n"
	      "}\n"
	      "\n"
	      "_powerstack_hosts() {\n"
	      "\tlocal -a found\n"
	      "\tfound=(${(f)\"$($powerstack $inventory __complete host 2>/dev/null)\"})\n"
	      "\tcompset -P '*,'\n"
	      "\tcompadd -S '' -a found\n"
	      "}\n"
	      "\n"
	      "_powerstack() {\n"
	      "\tlocal curcontext=$curcontext state line powerstack=$words[1]\n"
	      "\tlocal -a globals verbs words_of_verb inventory\n"
	      "\tlocal -A opt_args\n"
	      "\tglobals=(\n",
	      stdout);
	for (size_t i = 0; i < nglobal_opts; i++) {
		fputs("\t\t", stdout);
		zsh_spec(&global_opts[i]);
		putchar('\n');
	}
	puts("\t)\n\tverbs=(");
	for (const struct verb *v = verbs; v->name; v++)
		if (!(v->flags & VERB_HIDDEN))
			zsh_pairs(v->name, v->summary);
	fputs("\t)\n"
	      "\t# -i may stand anywhere on the line\n"
	      "\tlocal at=${words[(I)(-i|--inventory)]}\n"
	      "\t((at && at + 1 < CURRENT)) && inventory=(-i ${(Q)words[at + 1]})\n"
	      "\t_arguments -C $globals '1:verb:->verb' '*::argument:->argument'\n"
	      "\tcase $state in\n"
	      "\tverb) _describe verb verbs; return ;;\n"
	      "\targument) ;;\n"
	      "\t*) return ;;\n"
	      "\tesac\n"
	      "\tcase $words[1] in\n",
	      stdout);
	for (const struct verb *v = verbs; v->name; v++)
		if (!(v->flags & VERB_HIDDEN))
			zsh_verb(v);
	fputs("\tesac\n"
	      "}\n"
	      "\n"
	      "if [[ $funcstack[1] = _powerstack ]]; then\n"
	      "\t_powerstack \"$@\"\n"
	      "else\n"
	      "\tcompdef _powerstack powerstack\n"
	      "fi\n",
	      stdout);
}

/* ---- fish */

static void put_fish(const char *s)
{
	putchar('\'');
	for (; *s; s++) {
		if (*s == '\'' || *s == '\\')
			putchar('\\');
		putchar(*s);
	}
	putchar('\'');
}

static void fish_option(const struct verb *v, const struct opt *o)
{
	fputs("complete -c powerstack", stdout);
	if (v)
		printf(" -n '__powerstack_is %s'", v->name);
	if (o->letter)
		printf(" -s %c", o->letter);
	printf(" -l %s", o->name);
	if (takes_value(o))
		fputs(completes(o, "file") || completes(o, "dir") ? " -r -F" : " -x", stdout);
	if (o->kind == OPT_ENUM) {
		fputs(" -a '", stdout);
		for (size_t i = 0; o->values[i]; i++)
			printf("%s%s", i ? " " : "", o->values[i]);
		putchar('\'');
	} else if (completes(o, "host"))
		fputs(" -a '(__powerstack_hosts)'", stdout);
	fputs(" -d ", stdout);
	put_fish(o->help);
	putchar('\n');
}

static void fish_letters(const struct verb *v, const struct opt *o)
{
	(void)v;
	if (!takes_value(o))
		return;
	if (o->letter)
		printf(" -%c", o->letter);
	printf(" --%s", o->name);
}

static void print_fish(void)
{
	fputs("# fish completion for powerstack, printed by 'powerstack completion fish'\n"
	      "\n"
	      "# The words typed so far that are no options: the verb, then its words.\n"
	      "function __powerstack_typed\n"
	      "\tset -l skip 0\n"
	      "\tfor word in (commandline -opc)[2..-1]\n"
	      "\t\tif test $skip = 1\n"
	      "\t\t\tset skip 0\n"
	      "\t\telse if contains -- $word",
	      stdout);
	each_option(fish_letters);
	fputs("\n"
	      "\t\t\tset skip 1\n"
	      "\t\telse if not string match -q -- '-*' $word\n"
	      "\t\t\techo $word\n"
	      "\t\tend\n"
	      "\tend\n"
	      "end\n"
	      "function __powerstack_is\n"
	      "\tset -l typed (__powerstack_typed)\n"
	      "\ttest (count $typed) -gt 0; and test $typed[1] = $argv[1]\n"
	      "end\n"
	      "function __powerstack_wants_verb\n"
	      "\ttest (count (__powerstack_typed)) = 0\n"
	      "end\n"
	      "function __powerstack_wants_sub\n"
	      "\t__powerstack_is $argv[1]; and test (count (__powerstack_typed)) = 1\n"
	      "end\n"
	      "function __powerstack_is_behind\n"
	      "\t__powerstack_is $argv[1]; and test (count (__powerstack_typed)) -gt 1\n"
	      "end\n"
	      "function __powerstack_words\n"
	      "\tset -l line (commandline -opc)\n"
	      "\tset -l inventory\n"
	      "\tfor i in (seq 2 (count $line))\n"
	      "\t\tif contains -- $line[$i] -i --inventory; and test $i -lt (count $line)\n"
	      "\t\t\tset inventory -i $line[(math $i + 1)]\n"
	      "\t\tend\n"
	      "\tend\n"
	      "\t$line[1] $inventory __complete $argv[1] 2>/dev/null\n"
	      "end\n"
	      "function __powerstack_hosts\n"
	      "\tset -l head (commandline -ct | string replace -r -- '[^,=]*$' '' | string replace -r -- '^--limit=' '')\n"
	      "\tfor host in (__powerstack_words host)\n"
	      "\t\techo $head$host\n"
	      "\tend\n"
	      "end\n"
	      "\n"
	      "complete -c powerstack -f\n",
	      stdout);
	for (const struct verb *v = verbs; v->name; v++) {
		if (v->flags & VERB_HIDDEN)
			continue;
		printf("complete -c powerstack -n __powerstack_wants_verb -a %s -d ", v->name);
		put_fish(v->summary);
		putchar('\n');
		for (const struct sub *s = v->subs; s && s->name; s++) {
			printf("complete -c powerstack -n '__powerstack_wants_sub %s' -a %s -d ",
			       v->name, s->name);
			put_fish(s->summary);
			putchar('\n');
		}
		if (subs_take_words(v))
			printf("complete -c powerstack -n '__powerstack_is_behind %s' -F\n", v->name);
		if (v->complete && strcmp(v->complete, "file") != 0)
			printf("complete -c powerstack -n '__powerstack_is %s' -a '(__powerstack_words %s)'\n",
			       v->name, v->complete);
	}
	each_option(fish_option);
}

int verb_completion(struct cli *cli, int argc, char **argv)
{
	static const struct { const char *shell; void (*print)(void); } shells[] = {
		{ "bash", print_bash }, { "zsh", print_zsh }, { "fish", print_fish },
	};
	(void)argc;
	(void)argv;
	for (size_t i = 0; i < COUNT(shells); i++)
		if (strcmp(cli->sub->name, shells[i].shell) == 0)
			shells[i].print();
	return 0;
}
