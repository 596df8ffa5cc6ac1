#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Bad clients for the exporter's suite.

clients.py half-open PORT N    opens N connections that send half a head, then scrapes
clients.py slow PORT           sends a head byte by byte; prints after how many seconds it was cut off
clients.py half-tls PORT N CERT KEY   opens N connections that say nothing, then scrapes by TLS
clients.py guess PORT USER PASSWORD   guesses passwords while USER scrapes
clients.py starve PORT N       opens N connections more than there are descriptors, then fewer, then scrapes
clients.py pipeline PORT       three requests in one packet, then half-closes; prints the statuses
clients.py notify PATH         prints what arrives at a notify socket until STOPPING=1
"""
import base64
import os
import re
import resource
import socket
import ssl
import sys
import threading
import time

resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def get(s, credentials=None):
    auth = f"Authorization: Basic {base64.b64encode(credentials.encode()).decode()}\r\n" if credentials else ""
    s.sendall(f"GET /metrics HTTP/1.1\r\nHost: a\r\n{auth}Connection: close\r\n\r\n".encode())
    data = b""
    while part := s.recv(65536):
        data += part
    return data


def scrape(port, credentials=None, wrap=lambda s: s):
    began = time.monotonic()
    with wrap(connect(port)) as s:
        data = get(s, credentials)
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
elif what == "half-tls":
    port, n = int(sys.argv[2]), int(sys.argv[3])
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(sys.argv[4], sys.argv[5])
    held = [connect(port) for _ in range(n)]
    print(f"{max(scrape(port, wrap=context.wrap_socket) for _ in range(5)):.3f}")
elif what == "guess":
    port, user, password = int(sys.argv[2]), sys.argv[3], sys.argv[4]
    scrape(port, f"{user}:{password}")
    statuses = set()
    stop = time.monotonic() + 3

    def guess(k):
        i = 0
        while time.monotonic() < stop:
            i += 1
            with connect(port) as s:
                statuses.add(get(s, f"{user}:{k}-{i}")[9:12])

    threads = [threading.Thread(target=guess, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    slowest = max(scrape(port, f"{user}:{password}") for _ in range(20))
    for t in threads:
        t.join()
    assert b"429" in statuses and not statuses - {b"429", b"401"}, statuses
    print(f"{slowest:.3f}")
elif what == "starve":
    port, n = int(sys.argv[2]), int(sys.argv[3])
    held = [connect(port) for _ in range(n // 2)]  # what is not accepted waits in the kernel's queue
    time.sleep(1.5)
    for s in held:
        s.close()
    print(f"{scrape(port):.3f}")
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
