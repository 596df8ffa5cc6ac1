# SPDX-License-Identifier: BSD-2-Clause
# One Makefile, no recursion, everything built goes to out/$(MODE). `make help` lists the targets.
SHELL := /bin/sh
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SECONDARY:
export LC_ALL := C

MODE ?= release
O := out/$(MODE)
PREFIX ?= /usr/local
CC := gcc
CLANG ?= clang
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' '$(1)' '$(2)')

POWERSTACK_VERSION := 0.1.0
POWERSTACK_REVISION := $(or $(shell git rev-parse --short=12 HEAD 2>/dev/null),unknown)
POWERSTACK_BRANCH := $(or $(shell git rev-parse --abbrev-ref HEAD 2>/dev/null),unknown)

cc-option = $(shell echo 'int x;' | $(CC) -Werror $(1) -x c -c - -o /dev/null 2>/dev/null && echo $(1))

WARN := -Wall -Wextra -Wformat=2 -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wvla -Wundef -Wwrite-strings -Wcast-qual -Wpointer-arith \
	-Wdouble-promotion -Wconversion -Wno-sign-conversion -Wimplicit-fallthrough \
	-Wunused-result -Wswitch-enum -Wno-missing-field-initializers -fno-common -Werror
# clang warns of other things than gcc; the warnings that count are gcc's.
ifeq ($(MODE),fuzz)
CC := $(CLANG)
WARN := -Wall -Wextra -Wno-missing-field-initializers -Werror
endif
HARDEN := -fstack-protector-strong -fstack-clash-protection -ftrivial-auto-var-init=zero \
	$(call cc-option,-fcf-protection)
BASE_CFLAGS = -std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I. -I$(O) -include base/banned.h -g -pthread \
	-ffile-prefix-map=$(CURDIR)=. \
	-DPOWERSTACK_VERSION='"$(POWERSTACK_VERSION)"' $(WARN)
CFLAGS_release := -O2 -D_FORTIFY_SOURCE=3 -fPIE $(HARDEN)
CFLAGS_debug := -O0
CFLAGS_asan := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS_tsan := -O1 -fsanitize=thread -fno-omit-frame-pointer
CFLAGS_fuzz := -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS_release := -pie -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed -Wl,--build-id=sha1
LDFLAGS_asan := -fsanitize=address,undefined
LDFLAGS_tsan := -fsanitize=thread
LDFLAGS_fuzz := -fsanitize=fuzzer,address,undefined
TEST_CFLAGS := -Wno-cast-qual -Wno-conversion
CFLAGS = $(BASE_CFLAGS) $(CFLAGS_$(MODE)) $(EXTRA_CFLAGS)
LDFLAGS = $(LDFLAGS_$(MODE)) $(EXTRA_LDFLAGS)
LIBS := -lssh -lyaml -lsodium -ljson-c -lcrypto -lcurl -larchive -lpthread

# ---- what is built from what
LIB_SRC := $(sort $(wildcard base/*.c inventory/*.c vault/*.c provision/*.c provision/*/*.c))
CLI_SRC := $(sort $(wildcard cli/*.c))
# Exporter modules that unit tests link (all but its main); see exporter/build.mk.
EXPORTER_SRC := $(filter-out exporter/main.c,$(sort $(wildcard exporter/*.c exporter/*/*.c)))
UNIT_SRC := $(sort $(wildcard tests/unit/*/*_test.c tests/fake/*.c tests/recipes/*.c))
FUZZ := $(patsubst tests/fuzz/%_fuzz.c,%,$(sort $(wildcard tests/fuzz/*_fuzz.c)))
RACE := $(patsubst tests/race/%.c,%,$(sort $(wildcard tests/race/*.c)))
obj = $(patsubst %.c,$(O)/%.o,$(1))

.PHONY: all
all: $(O)/powerstack $(O)/powerstack-exporter $(O)/powerstack-gpu

$(O)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CFLAGS) $(if $(filter tests/%,$<),$(TEST_CFLAGS)) -MMD -MP -c -o $@ $<

-include exporter/build.mk
-include cli/build.mk

-include provision/build.mk

$(O)/powerstack: $(call obj,$(CLI_SRC) $(LIB_SRC)) $(EMBED) $(EMBED_EXPORTER)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(O)/unit: $(call obj,$(UNIT_SRC) $(LIB_SRC) $(CLI_PURE_SRC) $(EXPORTER_SRC)) $(EMBED)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) $(EXPORTER_TEST_LIBS) -lcriterion

$(O)/race/%: $(O)/tests/race/%.o $(call obj,$(LIB_SRC) $(wildcard tests/fake/*.c)) $(EMBED)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(O)/fuzz/%: $(O)/tests/fuzz/%_fuzz.o $(call obj,$(LIB_SRC) $(EXPORTER_SRC)) $(EMBED)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) $(EXPORTER_TEST_LIBS)

# ---- tests
# Packages: every deps.debian lists what its folder needs, one a line.
.PHONY: deps
deps:
	$(Q)tests/deps.sh $(wildcard deps.debian */deps.debian tests/*/deps.debian)

# Fast enough for every save: build, unit tests under ASan and UBSan, lint.
.PHONY: check-fast check-unit lint
check-fast: lint check-unit
lint:
	$(Q)tests/lint/arrows.sh
	$(Q)tests/lint/shell.sh
	$(Q)! [ -x tests/lint/secrets.sh ] || tests/lint/secrets.sh
check-unit:
	$(Q)$(MAKE) --no-print-directory MODE=asan out/asan/unit
	$(Q)tests/unit.sh out/asan/unit

-include tests/build.mk

.PHONY: clean
clean:
	rm -rf out

-include $(shell find out -name '*.d' -type f 2>/dev/null)
