# SPDX-License-Identifier: BSD-2-Clause
# The stand-in k3s: one static program, since nodes have no libraries of ours. `make standin`
STANDIN_SRC := $(sort $(wildcard tests/k3s/*.c))
STANDIN_WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Werror

.PHONY: standin
standin: out/k3s/k3s

out/k3s/options.inc: tests/k3s/options.txt
	@mkdir -p $(@D)
	$(Q)awk '/^# server only/ { server = 1 } !/^#/ && NF == 2 \
		{ printf "{ \"%s\", \x27%s\x27, %s },\n", $$1, $$2, server ? "true" : "false" }' $< >$@

# getaddrinfo in a static program uses the node's own libraries, which are the same release's.
out/k3s/k3s: $(STANDIN_SRC) tests/k3s/k3s.h out/k3s/options.inc tests/k3s/build.mk
	$(call say,LD,$@)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -g0 $(STANDIN_WARN) -Iout/k3s -static-pie -fPIE -pthread -s -o $@ $(STANDIN_SRC) \
		-lssl -lcrypto -ljson-c -lyaml 2>&1 | { grep -v -e 'statically linked' -e 'in function' -e "^/usr/bin/ld" || :; } && test -x $@
