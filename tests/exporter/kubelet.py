#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A kubelet on loopback: kubelet.py STATE CERT KEY [CLIENT_CA]

Prints its port. With CLIENT_CA it wants a client's certificate. What it does is read from the file
STATE for every request: a line of words
    token=<bearer token> delay=<seconds> status=<code> to=<URL> body=<list|big|cut|html|deep|drip>
Every request is a line of STATE.log: the client's port, the path, "token" or "none".
"""
import http.server
import json
import ssl
import sys
import time

state_file = sys.argv[1]
PODS = {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": [
    {"metadata": {"name": "web-0", "namespace": "shop", "uid": "0cd2a5c8-1f9e-4b52-8d42-7c6d0f0c9e11"},
     "status": {"containerStatuses": [{"name": "app", "containerID": "containerd://" + "2" * 64}]}}]}


def state():
    with open(state_file, encoding="ascii") as f:
        return dict(word.split("=", 1) for word in f.read().split())


class Kubelet(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        s = state()
        auth = self.headers.get("Authorization")
        with open(state_file + ".log", "a", encoding="ascii") as f:
            f.write(f"{self.client_address[1]} {self.path} {'token' if auth else 'none'}\n")
        time.sleep(float(s.get("delay", "0")))
        status = int(s.get("status", "200"))
        if "token" in s and auth != "Bearer " + s["token"]:
            status = 401
        if self.path != "/pods":
            status = 404
        body = json.dumps(PODS).encode()
        kind = s.get("body", "list")
        if kind == "cut":
            body = body[: len(body) // 2]
        elif kind == "html":
            body = b"<html>please log in</html>"
        elif kind == "deep":
            body = b"[" * 1000000
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if "to" in s:
            self.send_header("Location", s["to"])
        if kind in ("big", "drip"):
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            if kind == "big":
                self.wfile.write(b'{"items":[{"metadata":{"annotations":{"x":"')
                for _ in range(1024):
                    self.wfile.write(b"x" * (1 << 20))
            elif kind == "drip":
                while True:
                    self.wfile.write(b" ")
                    time.sleep(0.2)
            else:
                self.wfile.write(body)
        except OSError:
            pass
        self.close_connection = kind in ("big", "drip")


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Kubelet)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
if len(sys.argv) > 4:
    context.load_verify_locations(sys.argv[4])
    context.verify_mode = ssl.CERT_REQUIRED
# The handshake is the request's thread's: a client that fails it must not end the server.
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print(server.server_address[1], flush=True)
server.serve_forever()
