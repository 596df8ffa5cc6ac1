# SPDX-License-Identifier: BSD-2-Clause
# The exporter: BPF object and skeleton, the static binary for each architecture, its embedding.
#
# The static binary is always built with release flags, in out/static/<arch>, whatever MODE is; the
# other modes link the same sources dynamically so that sanitizers work. One architecture is built
# by default, the machine's own. `make ARCH=arm64` builds that one as well and embeds both, after
# `make cross-deps ARCH=arm64` has installed its compiler and libraries; so does ARCH="arm64 armhf".

EXPORTER_NATIVE := $(shell dpkg --print-architecture 2>/dev/null || echo amd64)
ARCH ?=
EXPORTER_ARCHES ?= $(EXPORTER_NATIVE) $(filter-out $(EXPORTER_NATIVE),$(sort $(ARCH)))

# Debian architecture -> GNU triplet; the compiler is <triplet>-gcc but for the native one.
triplet_amd64 := x86_64-linux-gnu
triplet_arm64 := aarch64-linux-gnu
triplet_armhf := arm-linux-gnueabihf
# A foreign one finds its libraries where exporter/cross_deps.sh unpacked them.
exporter_cc = $(if $(filter $(1),$(EXPORTER_NATIVE)),gcc,$(triplet_$(1))-gcc $(cross_flags))
cross_root = $(CURDIR)/out/cross/$(1)
cross_flags = -isystem $(cross_root)/usr/include -isystem $(cross_root)/usr/include/$(triplet_$(1)) \
	-L$(cross_root)/usr/lib/$(triplet_$(1)) -L$(cross_root)/lib/$(triplet_$(1)) $(cross_time_$(1))
# Times are handed to libraries, so they are as wide as theirs. On armhf that is a matter of the release: 64 bits
# since Debian 13 and Ubuntu 24.04, before that 32.
cross_time_armhf := $(if $(shell nm $(call cross_root,armhf)/usr/lib/$(triplet_armhf)/libevent_core.a 2>/dev/null | grep gettimeofday64),-D_TIME_BITS=64 -D_FILE_OFFSET_BITS=64)
exporter_strip = $(if $(filter $(1),$(EXPORTER_NATIVE)),strip,$(triplet_$(1))-strip)

EXPORTER_ALL_SRC := $(EXPORTER_SRC) exporter/main.c
EXPORTER_BASE_SRC := $(sort $(wildcard base/*.c))
# For what links the sources dynamically: unit tests, fuzz targets, the sanitized exporter.
EXPORTER_TEST_LIBS := -levent_openssl -lssl -lcrypto -lcrypt -levent_extra -levent_core -lbpf -lelf -lz -lm

# ---- BPF: clang -> object -> stripped object -> skeleton; the same for every architecture
BPF_MULTIARCH := $(shell gcc -print-multiarch 2>/dev/null)
# Where it is not a package of its own, it comes with some kernel's tools.
BPFTOOL ?= $(firstword $(wildcard /usr/lib/linux-tools/*/bpftool) bpftool)
BPF_SKEL := out/bpf/power.skel.h

# Of folder/NAME.bpf.c, out/bpf/NAME.skel.h with a struct NAME.
vpath %.bpf.c bpf tests/bench
out/bpf/%.o: %.bpf.c
	@mkdir -p $(@D)
	$(call say,BPF,$<)
	$(Q)$(CLANG) -target bpf -g -O2 -Wall -Wextra -Wno-unused-parameter -Werror -mcpu=v3 -MMD -MP \
		-ffile-prefix-map=$(CURDIR)=. -I. -idirafter /usr/include/$(BPF_MULTIARCH) -c -o $@ $<

out/bpf/%.bpf.o: out/bpf/%.o
	$(Q)$(BPFTOOL) gen object $@ $<

out/bpf/%.skel.h: out/bpf/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $* >$@

# Any object of ours that includes the skeleton needs it first; -MMD knows which only afterwards.
exporter_objs = $(patsubst %.c,$(1)/%.o,$(2))
$(call exporter_objs,$(O),$(filter exporter/sources/%,$(EXPORTER_SRC))): $(BPF_SKEL)
$(call exporter_objs,$(O),$(filter exporter/sources/%,$(EXPORTER_SRC))): EXTRA_CFLAGS += -isystem out/bpf

# ---- what build this is: rewritten only when it changes
.PHONY: FORCE
out/static/build_info: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '-DPOWERSTACK_REVISION=\"$(POWERSTACK_REVISION)\"' \
		'-DPOWERSTACK_BRANCH=\"$(POWERSTACK_BRANCH)\"' >$@.new
	@cmp -s $@ $@.new && rm $@.new || mv $@.new $@

$(O)/exporter/build_info.o: out/static/build_info
$(O)/exporter/build_info.o: EXTRA_CFLAGS += @out/static/build_info

# ---- static
STATIC_CFLAGS = $(BASE_CFLAGS) $(filter-out $(STATIC_PROBED),$(CFLAGS_release)) $(STATIC_HAS_$(1)) \
	-ffunction-sections -fdata-sections -isystem out/bpf
# What not every architecture's compiler has; of a function, for some say so only then.
STATIC_PROBED := -fcf-protection -fstack-clash-protection -fzero-call-used-regs=used-gpr
static_option = $(shell echo 'int f(int x) { return x; }' | \
	$(call exporter_cc,$(1)) -O2 -Werror $(2) -x c -S - -o /dev/null 2>/dev/null && echo $(2))
# At an address of its own each time, where the C library has a start for that; of armhf not every release's has one.
static_kind = $(if $(filter /%,$(shell $(call exporter_cc,$(1)) -print-file-name=rcrt1.o 2>/dev/null)),-static-pie,-static)
STATIC_LDFLAGS := -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--gc-sections -Wl,--build-id=sha1
# libelf's own needs differ between releases (zlib, later also zstd): pkg-config knows.
static_libelf = $(shell PKG_CONFIG_LIBDIR=$(if $(filter $(1),$(EXPORTER_NATIVE)),,$(cross_root))/usr/lib/$(triplet_$(1))/pkgconfig:/usr/share/pkgconfig \
	pkg-config --static --libs-only-l libbpf libelf 2>/dev/null || echo -lbpf -lelf -lz)
static_libs = out/static/$(1)/curl/lib/libcurl.a -lcares -levent_openssl -lssl -lcrypto -lcrypt -levent_extra \
	-levent_core $(call static_libelf,$(1)) -ljson-c -lyaml -lsodium -lm
# $@ of the objects that it needs.
static_link = $(call exporter_cc,$(1)) $(filter-out $(STATIC_PROBED),$(CFLAGS_release)) $(STATIC_HAS_$(1)) \
	$(call static_kind,$(1)) $(STATIC_LDFLAGS) -o $@ $(filter %.o,$^) $(static_libs) 2>$@.log || { cat $@.log; exit 1; }

# $(1): Debian architecture
define exporter_static
STATIC_HAS_$(1) := $$(foreach f,$$(STATIC_PROBED),$$(call static_option,$(1),$$(f)))
EXPORTER_OBJ_$(1) := $$(patsubst %.c,out/static/$(1)/%.o,$$(EXPORTER_ALL_SRC) $$(EXPORTER_BASE_SRC))

out/static/$(1)/%.o: %.c
	@mkdir -p $$(@D)
	$$(call say,CC,$(1)/$$<)
	$$(Q)command -v $$(firstword $$(call exporter_cc,$(1))) >/dev/null || { \
		echo "no compiler for $(1); 'make cross-deps ARCH=$(1)' installs it" >&2; exit 1; }
	$$(Q)$$(call exporter_cc,$(1)) $$(call STATIC_CFLAGS,$(1)) $$(STATIC_EXTRA) -MMD -MP -c -o $$@ $$<

$$(filter out/static/$(1)/exporter/sources/%,$$(EXPORTER_OBJ_$(1))): $$(BPF_SKEL)
out/static/$(1)/exporter/build_info.o: out/static/build_info
out/static/$(1)/exporter/build_info.o: STATIC_EXTRA = @out/static/build_info

# The libcurl that is linked, and the headers that belong to it.
out/static/$(1)/curl/VERSION: exporter/static_curl.sh
	@mkdir -p out/static/$(1)
	$$(Q)curl=$$$$(CC='$$(call exporter_cc,$(1))' DEB_ARCH=$(1) \
		$(if $(filter $(1),$(EXPORTER_NATIVE)),,HOST=$(triplet_$(1))) exporter/static_curl.sh) && \
	rm -rf out/static/$(1)/curl && cp -R "$$$$curl" out/static/$(1)/curl && touch $$@
out/static/$(1)/exporter/client.o: out/static/$(1)/curl/VERSION
out/static/$(1)/exporter/client.o: STATIC_EXTRA = -isystem out/static/$(1)/curl/include

out/static/$(1)/powerstack-exporter: $$(EXPORTER_OBJ_$(1)) out/static/$(1)/curl/VERSION
	$$(call say,STATIC,$$@)
	$$(Q)$$(call static_link,$(1))

# Its unit tests, for tests/exporter/cross.test.sh: not those of BPF, nor the simulation that takes minutes.
UNIT_OBJ_$(1) := $$(patsubst %.c,out/static/$(1)/%.o,tests/cross/main.c $$(filter-out %/sched_test.c %/accuracy_test.c,\
	$$(sort tests/unit/base/wide_test.c $$(wildcard tests/unit/exporter/*_test.c tests/unit/names/*_test.c))))
$$(UNIT_OBJ_$(1)): $$(BPF_SKEL)
$$(UNIT_OBJ_$(1)): STATIC_EXTRA = $$(TEST_CFLAGS) -Wno-format-truncation -isystem tests/cross
out/static/$(1)/unit: $$(UNIT_OBJ_$(1)) $$(filter-out %/exporter/main.o,$$(EXPORTER_OBJ_$(1))) out/static/$(1)/curl/VERSION
	$$(call say,STATIC,$$@)
	$$(Q)$$(call static_link,$(1))

# What travels to nodes and into the command: without symbols.
out/release/embed/powerstack-exporter.$(1): out/static/$(1)/powerstack-exporter
	@mkdir -p $$(@D)
	$$(Q)$$(call exporter_strip,$(1)) -o $$@ $$<
endef
$(foreach a,$(EXPORTER_ARCHES),$(eval $(call exporter_static,$(a))))
EXPORTER_IMAGES := $(foreach a,$(EXPORTER_ARCHES),out/release/embed/powerstack-exporter.$(a))

ifeq ($(MODE),release)
$(O)/powerstack-exporter: out/static/$(EXPORTER_NATIVE)/powerstack-exporter $(EXPORTER_IMAGES)
	$(Q)cp $< $@
else
$(O)/powerstack-exporter: $(call exporter_objs,$(O),$(EXPORTER_ALL_SRC) $(EXPORTER_BASE_SRC))
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lyaml -lsodium -ljson-c -lcurl $(EXPORTER_TEST_LIBS)
endif

# What loads the vendor's library (gpu/), which the static one cannot. It is for this machine's architecture only: that
# of others would need their C library to link with.
out/static/$(EXPORTER_NATIVE)/powerstack-gpu: gpu/powerstack_gpu.c gpu/nvml.h
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(call exporter_cc,$(EXPORTER_NATIVE)) $(BASE_CFLAGS) $(CFLAGS_release) $(LDFLAGS_release) -o $@ $< -ldl
out/release/embed/powerstack-gpu.$(EXPORTER_NATIVE): out/static/$(EXPORTER_NATIVE)/powerstack-gpu
	@mkdir -p $(@D)
	$(Q)$(call exporter_strip,$(EXPORTER_NATIVE)) -o $@ $<
ifeq ($(MODE),release)
$(O)/powerstack-gpu: out/static/$(EXPORTER_NATIVE)/powerstack-gpu
	$(Q)cp $< $@
else
$(O)/powerstack-gpu: $(call obj,gpu/powerstack_gpu.c)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -ldl
endif
GPU_IMAGE := out/release/embed/powerstack-gpu.$(EXPORTER_NATIVE)

# Installs packages, so only when asked.
.PHONY: cross-deps
cross-deps:
	$(Q)[ -n "$(ARCH)" ] || { echo 'which one? make cross-deps ARCH=arm64' >&2; exit 2; }
	$(Q)for a in $(ARCH); do exporter/cross_deps.sh $$a || exit 1; done

# ---- embedding: tables of {architecture, bytes, length}, ended by a zero row. The C side:
#   extern const struct { const char *arch; const void *data; unsigned long long len; } exporter_images[], gpu_images[];
EMBED_EXPORTER := out/static/images.o
out/static/arches: FORCE
	@mkdir -p $(@D)
	@echo '$(EXPORTER_ARCHES)' >$@.new
	@cmp -s $@ $@.new && rm $@.new || mv $@.new $@
out/static/images.S: exporter/build.mk out/static/arches $(EXPORTER_IMAGES) $(GPU_IMAGE)
	@mkdir -p $(@D)
	$(Q)table() { \
		table=$$1 program=$$2; shift 2; \
		echo '.section .data.rel.ro,"aw"'; echo '.balign 8'; echo ".globl $$table"; echo "$$table:"; \
		for a; do echo ".quad name_$$table$$a, image_$$table$$a, end_$$table$$a - image_$$table$$a"; done; \
		echo '.quad 0, 0, 0'; echo ".size $$table, . - $$table"; \
		echo '.section .rodata,"a"'; \
		for a; do echo "name_$$table$$a: .asciz \"$$a\""; echo '.balign 16'; \
		echo "image_$$table$$a: .incbin \"out/release/embed/$$program.$$a\""; echo "end_$$table$$a:"; done; }; \
	{ table exporter_images powerstack-exporter $(EXPORTER_ARCHES); table gpu_images powerstack-gpu $(EXPORTER_NATIVE); \
	echo '.section .note.GNU-stack,"",@progbits'; } >$@
out/static/images.o: out/static/images.S
	$(call say,AS,$@)
	$(Q)gcc -c -o $@ $<
