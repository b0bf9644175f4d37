"""An HTTP/1.1-only application with a page, assets, a WebSocket echo and server-sent events; no more, as many are."""
import asyncio
import base64
import hashlib
import sys
import threading

from . import frames

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PAGE = b"""<!doctype html><meta charset=utf-8><title>app</title><link rel=icon href=data:,>
<p id=state>waiting</p><script src="/asset/1.js"></script><script src="/asset/2.js"></script>"""


class Backend:
    """Runs on a thread of its own; `port` is where. `heads` are the request heads as they came."""

    def __init__(self, name="app", host="127.0.0.1", port=0):
        self.name = name
        self.heads = []
        self.closes = []
        self.open = 0
        self._loop = asyncio.new_event_loop()
        started = threading.Event()

        def run():
            asyncio.set_event_loop(self._loop)
            self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, host, port, backlog=1024))
            self.port = self._server.sockets[0].getsockname()[1]
            started.set()
            self._loop.run_forever()

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        started.wait()

    def also(self, start):
        """The socket of one more server of the same application; `start` makes it of what serves a connection."""
        async def begin():
            server = await start(self._serve)
            return server.sockets[0]
        return asyncio.run_coroutine_threadsafe(begin(), self._loop).result(10)

    def stop(self):
        async def end():
            self._server.close()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._loop.stop()
        asyncio.run_coroutine_threadsafe(end(), self._loop)
        self._thread.join(5)

    def join(self):
        self._thread.join()

    async def _serve(self, reader, writer):
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _one(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        self.heads.append(head)
        first, *lines = head.split("\r\n")
        method, target, version = first.split(" ", 2)
        headers = {}
        for line in lines:
            if ":" in line:
                k, v = line.split(":", 1)
                headers[k.strip().lower()] = v.strip()
        path = target.split("?")[0]
        if headers.get("upgrade", "").lower() == "websocket":
            await self._websocket(headers, reader, writer)
            return False
        length = int(headers.get("content-length", 0))
        if length:
            await reader.readexactly(length)
        if headers.get("transfer-encoding", "").lower() == "chunked":
            while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
                await reader.readexactly(size + 2)
            while await reader.readuntil(b"\r\n") != b"\r\n":
                pass
        if path == "/events":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\n\r\n")
            n = 0
            while True:
                writer.write(b"data: %d\n\n" % n)
                await writer.drain()
                n += 1
                await asyncio.sleep(0.1)
        if path == "/slow":
            await asyncio.sleep(1)
        if path == "/api/websocket":
            # As Home Assistant does to a request that is no upgrade.
            self._answer(writer, "400 Bad Request", b"No WebSocket UPGRADE hdr: None\n Can \"Upgrade\" only to \"WebSocket\".", "text/plain")
        elif path.startswith("/asset/"):
            self._answer(writer, "200 OK", b"/* %s */" % path.encode() + b" " * 65536, "text/javascript")
        elif path == "/":
            self._answer(writer, "200 OK", PAGE, "text/html; charset=utf-8")
        else:
            self._answer(writer, "200 OK", (self.name + " " + target).encode(), "text/plain")
        await writer.drain()
        return version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"

    @staticmethod
    def _answer(writer, status, body, kind):
        writer.write(b"HTTP/1.1 %s\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n" % (status.encode(), kind.encode(), len(body)) + body)

    async def _websocket(self, headers, reader, writer):
        key = headers.get("sec-websocket-key", "").encode()
        if not key:
            self._answer(writer, "400 Bad Request", b"no Sec-WebSocket-Key", "text/plain")
            return
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: " + accept + b"\r\n\r\n")
        self.open += 1
        frames_in = frames.Reader()
        try:
            while True:
                data = await reader.read(65536)
                if not data:
                    return
                for opcode, payload, fin in frames_in.feed(data):
                    if opcode == frames.CLOSE:
                        self.closes.append(frames.close_code(payload))
                        writer.write(frames.frame(frames.CLOSE, payload[:2]))
                        await writer.drain()
                        return
                    if opcode == frames.PING:
                        writer.write(frames.frame(frames.PONG, payload))
                    else:
                        writer.write(frames.frame(opcode, payload, fin=fin))
                await writer.drain()
        finally:
            self.open -= 1


if __name__ == "__main__":
    # For a Pod: python -m lib.backend PORT
    Backend(host="0.0.0.0", port=int(sys.argv[1])).join()
