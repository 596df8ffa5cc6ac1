#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""mirror.py DIR [PORT]: serves DIR on loopback, with ranges; prints its address, then one line per request.

A file DIR/.faults makes it misbehave, one rule a line, read at each request:
    SUBSTRING cut BYTES      the connection ends after so many bytes of the body
    SUBSTRING slow BYTES     so many bytes a second
    SUBSTRING status CODE    that status
    SUBSTRING flip BYTE      that byte of the body is wrong
"""
import http.server
import pathlib
import re
import sys
import time
import urllib.parse

ROOT = pathlib.Path(sys.argv[1]).resolve()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def fault(self):
        try:
            rules = (ROOT / ".faults").read_text().splitlines()
        except OSError:
            return "", 0
        for rule in rules:
            words = rule.split()
            if len(words) == 3 and words[0] in self.path:
                return words[1], int(words[2])
        return "", 0

    def find(self):
        path = self.path.split("?")[0]
        for name in (path, urllib.parse.unquote(path)):
            file = (ROOT / name.lstrip("/")).resolve()
            if file.is_file() and ROOT in file.parents and not file.name.startswith("."):
                return file
        return None

    def do_GET(self):
        kind, number = self.fault()
        file = self.find()
        if kind == "status" or file is None:
            self.send_error(number if kind == "status" else 404)
            return
        size = file.stat().st_size
        start, end = 0, size - 1
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted:
            start, end = int(wanted[1]), min(int(wanted[2] or end), end)
            if start > end:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{size}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{end}/{size}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", f'"{size:x}-{file.stat().st_mtime_ns:x}"')
        self.send_header("Content-Length", str(end - start + 1))
        self.end_headers()
        if self.command == "HEAD":
            return
        sent = 0
        with open(file, "rb") as f:
            f.seek(start)
            while sent < end - start + 1:
                block = bytearray(f.read(min(number if kind == "slow" else 1 << 18, end - start + 1 - sent)))
                at = start + sent
                if kind == "cut" and sent + len(block) > number:
                    self.wfile.write(block[: number - sent])
                    self.close_connection = True
                    self.connection.shutdown(2)
                    return
                if kind == "flip" and at <= number < at + len(block):
                    block[number - at] ^= 1
                self.wfile.write(block)
                sent += len(block)
                if kind == "slow":
                    time.sleep(1)

    do_HEAD = do_GET

    def log_message(self, format, *args):
        print(self.command, self.path, *args[1:2], flush=True)


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0), Handler)
server.daemon_threads = True
print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
server.serve_forever()
