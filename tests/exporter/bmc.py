#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A BMC on loopback for the exporter's suite: bmc.py STATE [CERT KEY]

Prints its port. What it does is read from the file STATE for every request: a line of words
    watts=<JSON value> delay=<seconds> status=<code> user=<name:password> body=<big|cut|html>
"""
import base64
import http.server
import json
import ssl
import sys
import time

state_file = sys.argv[1]


def state():
    with open(state_file, encoding="ascii") as f:
        return dict(word.split("=", 1) for word in f.read().split())


class Bmc(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        with open(state_file + ".log", "a", encoding="ascii") as f:
            f.write(f"{self.client_address[1]} {self.path}\n")

    def do_GET(self):
        s = state()
        time.sleep(float(s.get("delay", "0")))
        status = int(s.get("status", "200"))
        if "user" in s:
            want = "Basic " + base64.b64encode(s["user"].encode()).decode()
            if self.headers.get("Authorization") != want:
                status = 401
        docs = {
            "/redfish/v1/": {"Chassis": {"@odata.id": "/redfish/v1/Chassis"}},
            "/redfish/v1/Chassis": {"Members": [{"@odata.id": "/redfish/v1/Chassis/Rack"},
                                                {"@odata.id": "/redfish/v1/Chassis/Self"}]},
            "/redfish/v1/Chassis/Rack": {"Id": "Rack"},
            "/redfish/v1/Chassis/Self": {"Power": {"@odata.id": "/redfish/v1/Chassis/Self/Power"}},
            "/redfish/v1/Chassis/Self/Power": {
                "PowerControl": [{"PowerConsumedWatts": json.loads(s.get("watts", "250"))}],
                "Voltages": [{"ReadingVolts": 3.07}]},
        }
        if self.path not in docs:
            status = 404
        body = json.dumps(docs.get(self.path, {})).encode()
        kind = s.get("body")
        if kind == "big":
            body = b'{"PowerControl":[' + b" " * (64 << 20) + b"]}"
        elif kind == "cut":
            body = body[: len(body) // 2]
        elif kind == "html":
            body = b"<html>please log in</html>"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Bmc)
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
