"""A client by HTTP/3 that is not of our library: aioquic."""
import asyncio
import ssl

from . import frames


class Socket:
    """A WebSocket of a connection (RFC 9220), as those of lib.clients are."""

    status = 200

    def __init__(self, connection, stream):
        self.connection, self.stream = connection, stream

    async def echo(self, text, seconds=15):
        self.connection.send(self.stream, frames.frame(frames.TEXT, text.encode(), mask=True))
        answer = await asyncio.wait_for(self.connection.frame(self.stream), seconds)
        assert answer == (0x80 | frames.TEXT, text.encode()), (answer, text)


class Http3:
    """One connection of aioquic's, with what came by each stream."""

    def __init__(self, host):
        self.host = host
        self.came = {}

    async def connect(self, port):
        from aioquic.asyncio.client import connect
        from aioquic.asyncio.protocol import QuicConnectionProtocol
        from aioquic.h3.connection import H3_ALPN, H3Connection
        from aioquic.h3.events import DataReceived, HeadersReceived
        from aioquic.quic.configuration import QuicConfiguration
        from aioquic.quic.events import StreamReset
        mine = self

        class Protocol(QuicConnectionProtocol):
            def __init__(self, *args, **more):
                super().__init__(*args, **more)
                mine.h3 = H3Connection(self._quic)

            def quic_event_received(self, event):
                if isinstance(event, StreamReset):
                    mine.queue(event.stream_id).put_nowait(("reset", event.error_code, True))
                for e in mine.h3.handle_event(event):
                    if isinstance(e, HeadersReceived):
                        mine.queue(e.stream_id).put_nowait(("headers", dict(e.headers), e.stream_ended))
                    elif isinstance(e, DataReceived):
                        mine.queue(e.stream_id).put_nowait(("data", e.data, e.stream_ended))

        configuration = QuicConfiguration(alpn_protocols=H3_ALPN, is_client=True, server_name=self.host, verify_mode=ssl.CERT_NONE)
        self._context = connect("127.0.0.1", port, configuration=configuration, create_protocol=Protocol)
        self.protocol = await self._context.__aenter__()
        return self

    def queue(self, stream):
        return self.came.setdefault(stream, asyncio.Queue())

    async def next(self, stream):
        return await asyncio.wait_for(self.queue(stream).get(), 60)

    def ask(self, method, path, more=(), end=True):
        stream = self.protocol._quic.get_next_available_stream_id()
        head = [(b":method", method), (b":scheme", b"https"), (b":authority", self.host.encode()), (b":path", path), *more]
        self.h3.send_headers(stream, head, end)
        self.protocol.transmit()
        return stream

    def send(self, stream, data, end=False):
        self.h3.send_data(stream, data, end)
        self.protocol.transmit()

    async def get(self, path):
        stream = self.ask(b"GET", path)
        kind, head, ended = await self.next(stream)
        assert kind == "headers", (kind, head)
        body = b""
        while not ended:
            _, data, ended = await self.next(stream)
            body += data
        return int(head[b":status"]), head, body

    async def websocket(self, path=b"/api/websocket"):
        stream = self.ask(b"CONNECT", path, [(b":protocol", b"websocket"), (b"sec-websocket-version", b"13")], end=False)
        kind, head, _ = await self.next(stream)
        assert (kind, head[b":status"]) == ("headers", b"200"), head
        return stream

    async def socket(self, path=b"/api/websocket"):
        return Socket(self, await self.websocket(path))

    async def frame(self, stream):
        """The next frame that comes, unmasked and shorter than 126 octets: first octet and payload."""
        got = b""
        while len(got) < 2 or len(got) < 2 + got[1]:
            kind, data, _ = await self.next(stream)
            assert kind == "data", (kind, data)
            got += data
        return got[0], got[2:2 + got[1]]

    async def close(self):
        await self._context.__aexit__(None, None, None)
