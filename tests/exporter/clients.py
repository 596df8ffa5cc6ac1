#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Bad clients for the exporter's suite.

clients.py half-open PORT N    opens N connections that send half a head, then scrapes
clients.py slow PORT           sends a head byte by byte; prints after how many seconds it was cut off
clients.py pipeline PORT       three requests in one packet, then half-closes; prints the statuses
clients.py notify PATH         prints what arrives at a notify socket until STOPPING=1
"""
import os
import re
import socket
import sys
import time


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def scrape(port):
    began = time.monotonic()
    with connect(port) as s:
        s.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        data = b""
        while part := s.recv(65536):
            data += part
    assert data.startswith(b"HTTP/1.1 200 "), data[:80]
    return time.monotonic() - began


what = sys.argv[1]
if what == "half-open":
    port, n = int(sys.argv[2]), int(sys.argv[3])
    held = []
    for _ in range(n):
        s = connect(port)
        s.sendall(b"GET /metrics HTTP/1.1\r\nHo")
        held.append(s)
    slowest = max(scrape(port) for _ in range(20))
    print(f"{slowest:.3f}")
elif what == "slow":
    began = time.monotonic()
    with connect(int(sys.argv[2])) as s:
        s.settimeout(0.5)
        try:
            while time.monotonic() - began < 60:
                s.sendall(b"G")
                try:
                    if s.recv(100) == b"":
                        break
                except TimeoutError:
                    pass
        except OSError:
            pass
    print(int(time.monotonic() - began))
elif what == "pipeline":
    with connect(int(sys.argv[2])) as s:
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nHEAD /readyz HTTP/1.1\r\nHost: a\r\n\r\n"
                  b"GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        s.shutdown(socket.SHUT_WR)
        data = b""
        while part := s.recv(65536):
            data += part
    print(*[status.decode() for status in re.findall(rb"HTTP/1\.1 (\d+) ", data)])
elif what == "notify":
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(sys.argv[2])
    os.chmod(sys.argv[2], 0o666)
    s.settimeout(60)
    while True:
        text = s.recv(4096).decode()
        print(text.replace("\n", " "), flush=True)
        if "STOPPING=1" in text:
            break
