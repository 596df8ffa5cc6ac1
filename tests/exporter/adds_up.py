#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A metrics page on standard input: for every component and mode the node's joules are those of all containers and what
is unlisted, to the microjoule, and those of all processes likewise if there are any. Says what does not add up."""
import collections
import decimal
import sys

from prometheus_client.parser import text_string_to_metric_families

COMPONENTS = ("package", "core", "uncore", "dram", "gpu", "platform", "other")
sums = collections.defaultdict(decimal.Decimal)
levels = {"node", "container"}

text = sys.stdin.read()
# The parser makes floats of values: they are taken from the lines themselves.
exact = [line.rsplit(" ", 1)[1] for line in text.splitlines() if line and not line.startswith("#")]
at = 0
for family in text_string_to_metric_families(text):
    for sample in family.samples:
        value = decimal.Decimal(exact[at])
        at += 1
        labels = sample.labels
        if sample.name == "powerstack_exporter_unlisted_joules":
            sums[labels["level"], labels["component"], labels["mode"]] += value
            continue
        words = sample.name.split("_")
        if words[0] == "kepler" and words[2] in COMPONENTS and words[3:] == ["joules", "total"]:
            if labels["source"] != "none":
                levels.add(words[1])
                sums[words[1], words[2], labels["mode"]] += value
assert at == len(exact), "not every series was read"
wrong = 0
checked = 0
levels.discard("vm")
for (level, component, mode), value in sorted(sums.items()):
    if level in levels and level != "node":
        checked += 1
        node = sums.get(("node", component, mode), 0)
        print(level, component, mode, value, "J, the node", node)
        wrong += value != node
sys.exit(bool(wrong or not checked))
