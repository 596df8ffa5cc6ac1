# SPDX-License-Identifier: BSD-2-Clause
# Properties over more cases than a unit test has time for: plain programs, built for speed.
$(O)/property/%: $(O)/tests/property/%.o $(call obj,$(sort $(wildcard base/*.c)) $(EXPORTER_SRC))
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) $(EXPORTER_TEST_LIBS)
