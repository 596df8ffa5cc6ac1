#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""node.py DIR NAME ADDRESS: registers a Ready node at the API server with its state in DIR, and keeps it so."""
import http.client
import json
import pathlib
import ssl
import sys
import time
from datetime import datetime, timezone

DIR, NAME, ADDRESS = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
CONTEXT = ssl.create_default_context(cafile=str(DIR / "pki/server-ca.crt"))
CONTEXT.load_cert_chain(str(DIR / "pki/admin.crt"), str(DIR / "pki/admin.key"))


def ask(method, path, body, kind="application/json"):
    api = http.client.HTTPSConnection("127.0.0.1", int((DIR / "run/port").read_text()), context=CONTEXT, timeout=20)
    try:
        api.request(method, path, json.dumps(body), {"Content-Type": kind})
        answer = api.getresponse()
        answer.read()
        return answer.status
    finally:
        api.close()


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
