#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""node.py DIR NAME ADDRESS: registers a Ready node at the API server with its state in DIR, and keeps it so."""
import http.client
import pathlib
import sys
import time
from datetime import datetime, timezone

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "k3s"))
from api_client import Api  # noqa: E402

NAME, ADDRESS = sys.argv[2:4]
ask = Api(sys.argv[1]).ask

while True:
    try:
        now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        ask("POST", "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NAME}})
        ask("PATCH", f"/api/v1/nodes/{NAME}/status", {"status": {
            "addresses": [{"type": "InternalIP", "address": ADDRESS}],
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "as it seems",
                            "lastHeartbeatTime": now, "lastTransitionTime": now}],
        }}, "application/strategic-merge-patch+json")
    except (OSError, http.client.HTTPException) as e:
        print("node.py:", e, flush=True)
    time.sleep(5)
