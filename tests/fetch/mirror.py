#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A mirror of releases on loopback that misbehaves on request.

mirror.py DIR [CERT KEY]: serves DIR, writes DIR/port and one line of JSON per answer to DIR/log:
{"method", "path", "range", "status", "sent", "cut", "agent"}. What it does wrong stands in DIR/faults, read for each
request: lines "PATH-SUFFIX FAULT [ARGUMENT]", the first that fits; a fault with a count ("503 2") is done
that many times for a path. As a proxy it takes absolute URLs of any host and serves DIR/HOST/PATH.

cut N         close the connection after N bytes of the body
slow N        send N bytes a second
stall N       send what is before byte N of the file, and then nothing for 60 s
503 N         answer 503, N times
404           answer 404
norange       ignore Range
redirect URL  answer 302 there
wrong         flip the first byte
short N       leave the last N bytes out, and say so in Content-Length
badrange      answer 206 for another range than was asked for
"""
import http.server
import json
import os
import socketserver
import ssl
import sys
import threading
import time
import urllib.parse

root = sys.argv[1]
lock = threading.Lock()
done = {}


def fault_of(path):
    try:
        with open(os.path.join(root, "faults")) as f:
            lines = f.read().splitlines()
    except FileNotFoundError:
        return "", ""
    for line in lines:
        words = line.split()
        if len(words) < 2 or not path.endswith(words[0]):
            continue
        what, arg = words[1], words[2] if len(words) > 2 else ""
        if what == "503":
            with lock:
                done[path, line] = done.get((path, line), 0) + 1
                if done[path, line] > int(arg or 1 << 30):
                    continue
        return what, arg
    return "", ""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def note(self, status, sent, cut=False):
        row = {"method": self.command, "path": self.path, "range": self.headers.get("Range", ""),
               "status": status, "sent": sent, "cut": cut, "agent": self.headers.get("User-Agent", "")}
        with lock, open(os.path.join(root, "log"), "a") as f:
            f.write(json.dumps(row) + "\n")

    def plain(self, status, headers=()):
        self.send_response(status)
        for k, v in headers:
            self.send_header(k, v)
        body = b"no\n"
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.note(status, 0)

    def drop(self):
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(2)

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        path = urllib.parse.unquote(url.path)
        if url.netloc:
            path = "/" + url.hostname + path
        what, arg = fault_of(path)
        if what == "503":
            return self.plain(503)
        if what == "404":
            return self.plain(404)
        if what == "redirect":
            return self.plain(302, [("Location", arg)])
        try:
            with open(root + path, "rb") as f:
                data = f.read()
        except OSError:
            return self.plain(404)
        if what == "wrong":
            data = bytes([data[0] ^ 1]) + data[1:]
        if what == "short":
            data = data[: -int(arg)]
        begin, status = 0, 200
        asked = self.headers.get("Range", "")
        if asked.startswith("bytes=") and what != "norange":
            begin, status = int(asked[6:].split("-")[0]), 206
            if what == "badrange":
                begin = max(0, begin - 1)
            if begin >= len(data):
                return self.plain(416, [("Content-Range", "bytes */%d" % len(data))])
        self.send_response(status)
        self.send_header("Content-Length", str(len(data) - begin))
        if status == 206:
            self.send_header("Content-Range", "bytes %d-%d/%d" % (begin, len(data) - 1, len(data)))
        self.end_headers()
        if what == "stall":
            arg = max(0, int(arg) - begin)
        self.body(status, data[begin:], what, arg)

    def body(self, status, data, what, arg):
        sent = 0
        try:
            if what in ("cut", "stall"):
                self.wfile.write(data[: int(arg)])
                self.wfile.flush()
                sent = min(len(data), int(arg))
                if what == "stall" and sent < len(data):
                    for _ in range(600):
                        time.sleep(0.1)
                        if not self.still_there():
                            break
                if sent < len(data):
                    self.note(status, sent, True)
                    return self.drop()
            else:
                step = max(1, int(arg) // 20) if what == "slow" else 1 << 16
                while sent < len(data):
                    self.wfile.write(data[sent : sent + step])
                    sent = min(len(data), sent + step)
                    if what == "slow":
                        time.sleep(0.05)
        except OSError:
            self.close_connection = True
            self.note(status, sent, True)
            return
        self.note(status, sent)

    def still_there(self):
        self.connection.setblocking(False)
        try:
            return self.connection.recv(1, 2) != b""  # MSG_PEEK
        except (BlockingIOError, ssl.SSLError, ValueError):
            return True
        except OSError:
            return False
        finally:
            self.connection.setblocking(True)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

    def handle_error(self, request, address):
        pass


server = Server(("127.0.0.1", 0), Handler)
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    server.socket = context.wrap_socket(server.socket, server_side=True)
with open(os.path.join(root, "port.new"), "w") as f:
    f.write("%d\n" % server.server_port)
os.rename(os.path.join(root, "port.new"), os.path.join(root, "port"))
server.serve_forever()
