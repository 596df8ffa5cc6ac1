# SPDX-License-Identifier: BSD-2-Clause
# Manual, completions, install, package, help.

# What unit tests link of cli/: the parts that are functions of their arguments. The verbs are tested
# by running them (tests/cli).
CLI_PURE_SRC := cli/json.c cli/live.c cli/log.c cli/redact.c cli/show.c cli/show_status.c cli/text.c

BINDIR := $(DESTDIR)$(PREFIX)/bin
MANDIR := $(DESTDIR)$(PREFIX)/share/man
BASH_COMPLETION := $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSH_COMPLETION := $(DESTDIR)$(PREFIX)/share/zsh/site-functions
FISH_COMPLETION := $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d

# ---- what is generated from the tables and committed; tests/cli compares it with a fresh one in OUT
OUT ?= .
$(O)/man/exporter_dump: $(call obj,man/exporter_dump.c $(EXPORTER_SRC) $(sort $(wildcard base/*.c)))
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) $(EXPORTER_TEST_LIBS)

.PHONY: generated
generated: $(O)/powerstack $(O)/man/exporter_dump
	$(Q)mkdir -p $(OUT)/man $(OUT)/completion $(OUT)/docs
	$(Q)man/fill.sh $(O)/powerstack docs/inventory.md.in >$(OUT)/docs/inventory.md
	$(Q)for page in powerstack.1 inventory.yml.5; do \
		man/fill.sh $(O)/powerstack man/$$page.in >$(OUT)/man/$$page || exit 1; done
	$(Q)man/fill.sh $(O)/man/exporter_dump man/powerstack-exporter.8.in >$(OUT)/man/powerstack-exporter.8
	$(Q)for shell in bash zsh fish; do \
		$(O)/powerstack completion $$shell >$(OUT)/completion/powerstack.$$shell || exit 1; done

# ---- install
.PHONY: install
install: all
	install -d $(BINDIR) $(MANDIR)/man1 $(MANDIR)/man5 $(MANDIR)/man8 $(BASH_COMPLETION) \
		$(ZSH_COMPLETION) $(FISH_COMPLETION)
	install -m 0755 $(O)/powerstack $(O)/powerstack-exporter $(O)/powerstack-gpu $(BINDIR)
	install -m 0644 man/powerstack.1 $(MANDIR)/man1
	install -m 0644 man/inventory.yml.5 $(MANDIR)/man5
	install -m 0644 man/powerstack-exporter.8 $(MANDIR)/man8
	install -m 0644 completion/powerstack.bash $(BASH_COMPLETION)/powerstack
	install -m 0644 completion/powerstack.zsh $(ZSH_COMPLETION)/_powerstack
	install -m 0644 completion/powerstack.fish $(FISH_COMPLETION)/powerstack.fish

# ---- a Debian package in out/: dpkg-shlibdeps (dpkg-dev) names what the command links
.PHONY: deb
deb: all
	$(Q)cli/deb.sh $(POWERSTACK_VERSION) $(O)

.PHONY: help
help:
	@printf '%s\n' \
	'make                 build out/release/powerstack and out/release/powerstack-exporter' \
	'make demo            three virtual machines, deploy and verify on them; make demo-down ends it' \
	'make test            install what is missing, build, run every test that CI runs' \
	'make check-fast      lint and unit tests with sanitizers' \
	'make install         to PREFIX ($(PREFIX)), below DESTDIR' \
	'make deb             a Debian package in out/' \
	'make generated       manual and completions from the tables' \
	'make campaign        the long fault campaigns' \
	'make bench           the benchmarks' \
	'make analyze         static analysis' \
	'make clean           remove out/' \
	'' \
	'MODE=debug, asan, tsan or fuzz builds into out/<mode>; V=1 shows the commands.'
