# SPDX-License-Identifier: BSD-2-Clause
# What the benchmarks run beside powerstack; see the heads of the sources.
$(O)/bench/handshake: $(O)/tests/bench/handshake.o
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lssh -lpthread

$(O)/bench/node: $(O)/tests/bench/node.o
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^

$(O)/bench/answers: $(call obj,tests/bench/answers.c tests/fake/host.c tests/fake/scripts.c tests/fake/cluster.c $(LIB_SRC)) $(EMBED) $(EMBED_EXPORTER)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(O)/bench/page: $(O)/tests/bench/page.o $(call obj,$(sort $(wildcard base/*.c)) $(EXPORTER_SRC))
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) $(EXPORTER_TEST_LIBS)

$(O)/tests/bench/switch.o: out/bpf/switch_peers.skel.h
$(O)/tests/bench/switch.o: EXTRA_CFLAGS += -isystem out/bpf
$(O)/bench/switch: $(O)/tests/bench/switch.o $(call obj,$(sort $(wildcard base/*.c)) $(EXPORTER_SRC))
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) $(EXPORTER_TEST_LIBS)

$(O)/bench/sleepers: $(O)/tests/bench/sleepers.o
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) -static -o $@ $^
