# SPDX-License-Identifier: BSD-2-Clause
# Test targets. Included by the top Makefile.
-include $(sort $(wildcard tests/*/build.mk))

.PHONY: test fuzz-build race-build demo demo-down campaign bench analyze reproducible

# Everything that CI runs. Ends with "N passed, N failed, N skipped".
test: deps
	$(Q)tests/all.sh

fuzz-build: $(addprefix $(O)/fuzz/,$(FUZZ))
race-build: $(addprefix $(O)/race/,$(RACE))

# The main job on three virtual machines; a second run is quick and changes nothing.
demo: deps
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/lab/demo.sh up
demo-down:
	$(Q)tests/lab/demo.sh down

# The long fault campaigns that do not fit CI; prints what it tried and what did not converge.
campaign: deps
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/campaign/run.sh

bench: deps
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/bench/run.sh

analyze:
	$(Q)tests/lint/analyze.sh

# Two builds in two directories are the same bytes.
reproducible:
	$(Q)tests/lint/reproducible.sh
