#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""login.py CERTIFICATE PASSWORD ADDRESS PORT: Rancher's local login of before 2.13, with CERTIFICATE.crt and .key."""
import http.server
import json
import pathlib
import ssl
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "k3s"))
from page import Page  # noqa: E402

CERTIFICATE, PASSWORD, ADDRESS, PORT = sys.argv[1:]


class Handler(Page):
    def do_POST(self):
        body = json.loads(self.body() or b"{}")
        if self.path != "/v3-public/localProviders/local?action=login":
            status, answer = 404, {"type": "error", "status": 404, "code": "NotFound"}
        elif body.get("username") != "admin" or body.get("password") != PASSWORD:
            status, answer = 401, {"type": "error", "status": 401, "code": "Unauthorized"}
        else:
            status, answer = 201, {"type": "token", "id": "token-abcde", "token": "token-abcde:geheim"}
        self.tell(status, answer)


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERTIFICATE + ".crt", CERTIFICATE + ".key")
server = http.server.ThreadingHTTPServer((ADDRESS, int(PORT)), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
print("ready", flush=True)
server.serve_forever()
