# SPDX-License-Identifier: BSD-2-Clause
# The ssh layer on a command line; see the head of client.c.
$(O)/ssh-client: $(call obj,tests/ssh/client.c provision/files.c $(sort $(wildcard base/*.c provision/remote/*.c))) $(EMBED)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)
