# SPDX-License-Identifier: BSD-2-Clause
# What is embedded in the command: provision/files/* (scripts, with the *.lib.sh that they include put
# in and their comments taken out; templates as they are). The table of names is made here from what
# is in the folder: there is no second list.
FILES := $(sort $(filter-out %.lib.sh,$(wildcard provision/files/*)))
FILES_LIB := $(sort $(wildcard provision/files/*.lib.sh))
FILES_OUT := $(patsubst provision/%,$(O)/provision/%,$(FILES))

$(O)/provision/files/%.sh: provision/files/%.sh $(FILES_LIB) provision/build.mk
	@mkdir -p $(@D)
	$(Q)awk 'function put(line) { if (line !~ /^[ \t]*#([ \t]|$$$$)/) print line } \
		NR == 1 { next } \
		/^\. / { while ((r = (getline l < $$2)) > 0) put(l); if (r < 0) exit 1; \
			close($$2); next } { put($$0) }' $< >$@

$(O)/provision/files/%.tmpl: provision/files/%.tmpl
	@mkdir -p $(@D)
	$(Q)cp $< $@

$(O)/provision/files.S: provision/build.mk $(FILES) $(FILES_OUT)
	$(Q){ printf '.section .data.rel.ro,"aw"\n.balign 8\n'; \
	printf '.globl embedded_files\nembedded_files:\n'; \
	for f in $(notdir $(FILES)); do printf '.quad "n_%s", "d_%s"\n' $$f $$f; done; \
	printf '.quad 0, 0\n.size embedded_files, . - embedded_files\n.section .rodata,"a"\n'; \
	for f in $(notdir $(FILES)); do \
		printf '"n_%s": .asciz "%s"\n"d_%s": .incbin "$(O)/provision/files/%s"\n.byte 0\n' $$f $$f $$f $$f; done; } >$@

$(O)/provision/embed.o: provision/embed.S $(O)/provision/files.S $(FILES_OUT)
	@mkdir -p $(@D)
	$(call say,AS,$<)
	$(Q)$(CC) -I. -I$(O) -c -o $@ $<

EMBED := $(O)/provision/embed.o
