#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What a page costs by the number of containers and processes on it; see page.c.
set -euo pipefail
cd "$(dirname "$0")/../.."
make --no-print-directory out/release/bench/page >/dev/null
out/release/bench/page
