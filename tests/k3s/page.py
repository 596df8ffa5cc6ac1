# SPDX-License-Identifier: BSD-2-Clause
"""What the tests' small servers have in common."""
import http.server
import json


class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        data = b""
        while n := int(self.rfile.readline(), 16):
            data += self.rfile.read(n)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def tell(self, status, text, kind="text/html"):
        data = (text if isinstance(text, str) else json.dumps(text, separators=(",", ":"))).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind if isinstance(text, str) else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
