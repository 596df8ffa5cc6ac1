#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A node as far as status.test.sh needs one: the ForceCommand of its sshd.

    node.py ANSWERS

ANSWERS is JSON: the address that was called -> {question: value}; null: it could not be told. A question that stands there not is
answered as a thing that is not there. A node with "fails" ends with that text instead; one with "hangs" does not answer while the connection stands."""
import json
import os
import shlex
import sys
import time

node = json.load(open(sys.argv[1]))[os.environ["SSH_CONNECTION"].split()[2]]
if "fails" in node:
    sys.exit(node["fails"])
if "hangs" in node:
    open(sys.argv[1] + ".hangs", "w").close()
    session = os.getppid()
    while os.getppid() == session:
        time.sleep(0.1)
    sys.exit(1)
words = shlex.split(os.environ["SSH_ORIGINAL_COMMAND"])
for q in words[words.index("powerstack") + 1:]:
    if q not in node:
        print("-" + q, end="\0")
    elif node[q] is None:
        print("!" + q + "=planted", end="\0")
    else:
        print("=" + q + "=" + node[q], end="\0")
print("=probe=complete", end="\0")
