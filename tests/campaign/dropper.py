#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""dropper.py PORT TO BYTES: forwards 127.0.0.1:PORT to 127.0.0.1:TO; a connection that has carried BYTES towards TO
is reset, every time."""
import asyncio
import socket
import struct
import sys

PORT, TO, LIMIT = map(int, sys.argv[1:4])


async def pipe(reader, writer, limit, drop):
    sent = 0
    try:
        while data := await reader.read(16384):
            sent += len(data)
            if limit and sent > limit:
                drop()
                return
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()


async def serve(reader, writer):
    try:
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", TO)
    except OSError:
        writer.close()
        return

    def drop():
        print("dropped", flush=True)
        for w in (writer, to_writer):
            w.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            w.transport.abort()

    await asyncio.gather(pipe(reader, to_writer, LIMIT, drop), pipe(to_reader, writer, 0, drop))


async def main():
    async with await asyncio.start_server(serve, "127.0.0.1", PORT) as server:
        await server.serve_forever()


asyncio.run(main())
