# SPDX-License-Identifier: BSD-2-Clause
# The objects of the monitoring part as they are applied; see the head of the source.
$(O)/monitoring/objects: $(call obj,tests/monitoring/objects.c $(LIB_SRC)) $(EMBED)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)
