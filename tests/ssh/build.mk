# SPDX-License-Identifier: BSD-2-Clause
# The ssh layer on a command line; see the head of client.c.
$(O)/ssh-client: $(call obj,tests/ssh/client.c $(wildcard base/*.c provision/remote/*.c)) $(EMBED) $(if $(EMBED),$(call obj,provision/files.c))
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)
