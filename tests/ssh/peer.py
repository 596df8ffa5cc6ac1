#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Peers that behave badly, on a free port that is the first line printed.

silent          takes connections and never speaks
banner          shows a banner and never speaks again
garbage         speaks, but not ssh
flood           endless lines before any banner
closing N       closes the first N connections at once, then passes them on to PORT
cut PORT BYTES  passes a connection on to PORT and drops it after BYTES from the client
stall PORT BYTES  passes on to PORT and goes silent after BYTES from the client
"""
import os
import selectors
import socket
import sys
import threading
import time


def pump(a, b, limit, then):
    """Moves bytes both ways until `limit` bytes came from a."""
    sel = selectors.DefaultSelector()
    sel.register(a, selectors.EVENT_READ, b)
    sel.register(b, selectors.EVENT_READ, a)
    seen = 0
    while True:
        for key, _ in sel.select():
            try:
                data = key.fileobj.recv(65536)
            except OSError:
                data = b""
            if not data:
                a.close()
                b.close()
                return
            if key.fileobj is a:
                seen += len(data)
            try:
                key.data.sendall(data)
            except OSError:
                return
            if limit is not None and seen >= limit:
                if then == "stall":
                    time.sleep(3600)
                for s in (a, b):
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    s.close()
                return


def serve(conn, nth, how, args):
    try:
        if how == "silent":
            time.sleep(3600)
        elif how == "banner":
            conn.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            time.sleep(3600)
        elif how == "garbage":
            conn.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n\x1b[31mred\r\n" * 3)
            conn.close()
        elif how == "flood":
            while True:
                conn.sendall(b"no banner here\r\n" * 1000)
        elif how == "closing" and nth < int(args[0]):
            conn.close()
        else:
            port = int(args[1] if how == "closing" else args[0])
            limit = None if how == "closing" else int(args[1])
            pump(conn, socket.create_connection(("127.0.0.1", port)), limit, how)
    except OSError:
        pass


def main():
    how, args = sys.argv[1], sys.argv[2:]
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", 0))
    s.listen(64)
    print(s.getsockname()[1], flush=True)
    os.close(1)
    nth = 0
    while True:
        conn, _ = s.accept()
        threading.Thread(target=serve, args=(conn, nth, how, args), daemon=True).start()
        nth += 1


main()
