"""Clients as they are in the wild: WebSocket over HTTP/1.1, and over HTTP/2 by RFC 8441 with the h2 library."""
import asyncio
import base64
import http.client
import os
import ssl

import grpc
import h2.config
import h2.connection
import h2.events
import h2.settings

from . import frames
from .echo import IDENTITY
from .manifests import HOST


def trusting(alpn):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(alpn)
    return context


class Closed(Exception):
    pass


# RFC 9113 6.8: after GOAWAY the streams that are open go on. The library would refuse their frames.
h2.connection.H2ConnectionStateMachine._transitions[
    (h2.connection.ConnectionState.CLIENT_OPEN, h2.connection.ConnectionInputs.RECV_GOAWAY)] = (None, h2.connection.ConnectionState.CLIENT_OPEN)


class WebSocket:
    """Over HTTP/1.1. `closed` holds the close code once the peer has said goodbye, or 'cut' where it did not."""

    def __init__(self):
        self.inbox = asyncio.Queue()
        self.closed = None

    @classmethod
    async def connect(cls, port, host, path="/api/websocket", tls=False, headers="", authority=None):
        self = cls()
        options = {"ssl": trusting(["http/1.1"]), "server_hostname": host} if tls else {}
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port, **options)
        key = base64.b64encode(os.urandom(16)).decode()
        self.writer.write(
            f"GET {path} HTTP/1.1\r\nhost: {authority or host}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
            f"sec-websocket-version: 13\r\nsec-websocket-key: {key}\r\n{headers}\r\n".encode())
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        self.status, self.head = int(head.split(" ")[1]), head
        if self.status == 101:
            self.task = asyncio.create_task(self._read())
        return self

    async def _read(self):
        reader = frames.Reader()
        try:
            while True:
                data = await self.reader.read(65536)
                if not data:
                    break
                for opcode, payload, _ in reader.feed(data):
                    self._take(opcode, payload)
        except (ConnectionError, ssl.SSLError):
            pass
        if self.closed is None:
            self.closed = "cut"
        self.inbox.put_nowait(None)

    def _take(self, opcode, payload):
        if opcode == frames.CLOSE:
            self.closed = frames.close_code(payload)
            self.raw(frames.frame(frames.CLOSE, payload[:2], mask=True))
        elif opcode == frames.PING:
            self.raw(frames.frame(frames.PONG, payload, mask=True))
        elif opcode in (frames.TEXT, frames.BINARY, frames.CONTINUATION):
            self.inbox.put_nowait(payload)

    def raw(self, data):
        self.writer.write(data)

    async def echo(self, text, seconds=15):
        if self.closed is not None:
            raise Closed(self.closed)
        self.raw(frames.frame(frames.TEXT, text.encode(), mask=True))
        answer = await asyncio.wait_for(self.inbox.get(), seconds)
        if answer is None:
            raise Closed(self.closed)
        assert answer == text.encode(), (answer, text)

    async def aclose(self):
        self.writer.close()


class Events:
    """Server-sent events over HTTP/1.1. `closed` as for a WebSocket."""

    def __init__(self):
        self.closed = None

    @classmethod
    async def connect(cls, port, host, path="/events"):
        self = cls()
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        self.writer.write(f"GET {path} HTTP/1.1\r\nhost: {host}\r\naccept: text/event-stream\r\n\r\n".encode())
        self.head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        self.status = int(self.head.split(" ")[1])
        self.last = -1
        self.heard = asyncio.Event()
        self.task = asyncio.create_task(self._read())
        return self

    async def _read(self):
        """Each event is one more than the one before: none is lost."""
        try:
            while True:
                line = await self.reader.readuntil(b"\n")
                if line.startswith(b"data: "):
                    assert int(line[6:]) == self.last + 1, (line, self.last)
                    self.last += 1
                    self.heard.set()
        except (ConnectionError, asyncio.IncompleteReadError):
            self.closed = "cut"
        except AssertionError as e:
            self.closed = str(e)
        self.heard.set()

    async def echo(self, text, seconds=15):
        """There is nothing to be said; one more event has to come."""
        self.heard.clear()
        await asyncio.wait_for(self.heard.wait(), seconds)
        if self.closed is not None:
            raise Closed(self.closed)


class Call:
    """A gRPC call with messages both ways, on a connection of its own."""

    def __init__(self):
        self.closed = None

    @classmethod
    async def connect(cls, port, authority):
        self = cls()
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.default_authority", authority), ("grpc.use_local_subchannel_pool", 1)])
        self.call = self.channel.stream_stream("/acme.Echo/Chat", IDENTITY, IDENTITY)()
        self.status = 200
        await self.echo("first")
        return self

    async def echo(self, text, seconds=15):
        try:
            await self.call.write(text.encode())
            answer = await asyncio.wait_for(self.call.read(), seconds)
        except (grpc.RpcError, asyncio.InvalidStateError) as e:
            self.closed = str(e)
            raise Closed(self.closed) from None
        if answer is grpc.aio.EOF:
            self.closed = "cut"
            raise Closed(self.closed)
        assert answer == b"heard " + text.encode(), answer

    async def aclose(self):
        self.call.cancel()
        await self.channel.close()


def page(port, host=HOST, path="/", headers=()):
    """(status, headers, body) over plain HTTP/1.1; a redirect is not followed."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path, headers={"Host": host, **dict(headers)})
        answer = connection.getresponse()
        return answer.status, dict(answer.headers), answer.read()
    finally:
        connection.close()


class Http2:
    """One HTTP/2 connection, with TLS or prior knowledge; requests and extended CONNECT beside each other."""

    def __init__(self):
        self.streams = {}
        self.goaway = None
        self.ended = asyncio.Event()
        self.room = asyncio.Event()

    @classmethod
    async def connect(cls, port, host, tls=True):
        self = cls()
        self.host, self.scheme = host, "https" if tls else "http"
        options = {"ssl": trusting(["h2"]), "server_hostname": host} if tls else {}
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port, **options)
        if tls:
            assert self.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.flush()
        self.settled = asyncio.Event()
        self.task = asyncio.create_task(self._read())
        await asyncio.wait_for(self.settled.wait(), 15)
        return self

    def flush(self):
        self.writer.write(self.h2.data_to_send())

    @property
    def connect_protocol(self):
        return self.h2.remote_settings.get(h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL, 0)

    async def _read(self):
        try:
            while True:
                data = await self.reader.read(65536)
                if not data:
                    break
                for event in self.h2.receive_data(data):
                    self._event(event)
                self.flush()
        except (ConnectionError, ssl.SSLError):
            pass
        self.ended.set()
        for stream in self.streams.values():
            stream._over("cut")

    def _event(self, event):
        stream = self.streams.get(getattr(event, "stream_id", None))
        match event:
            case h2.events.RemoteSettingsChanged():
                self.settled.set()
            case h2.events.ResponseReceived() if stream:
                stream.headers.set_result(dict(event.headers))
            case h2.events.DataReceived() if stream:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                stream._data(event.data)
            case h2.events.TrailersReceived() if stream:
                stream.trailers = dict(event.headers)
            case h2.events.StreamEnded() if stream:
                stream._over("ended")
            case h2.events.WindowUpdated():
                self.room.set()
            case h2.events.StreamReset() if stream:
                stream._over("reset")
            case h2.events.ConnectionTerminated():
                self.goaway = event.error_code

    def request(self, method, path, headers=(), end=True, protocol=None):
        sid = self.h2.get_next_available_stream_id()
        stream = self.streams[sid] = Stream(self, sid)
        pseudo = [(":method", method), (":scheme", self.scheme), (":path", path), (":authority", self.host)]
        if protocol:
            pseudo.append((":protocol", protocol))
        self.h2.send_headers(sid, pseudo + list(headers), end_stream=end)
        self.flush()
        return stream

    async def get(self, path, headers=()):
        stream = self.request("GET", path, headers)
        got = await asyncio.wait_for(stream.headers, 15)
        await asyncio.wait_for(stream.done.wait(), 15)
        return int(got[":status"]), got, bytes(stream.body)

    async def websocket(self, path="/api/websocket"):
        stream = self.request("CONNECT", path, [("sec-websocket-version", "13")], end=False, protocol="websocket")
        got = await asyncio.wait_for(stream.headers, 15)
        stream.status = int(got[":status"])
        stream.ws = frames.Reader()
        if stream.body:
            data, stream.body = bytes(stream.body), bytearray()
            stream._data(data)
        return stream

    async def aclose(self):
        self.writer.close()


class Stream:
    def __init__(self, connection, sid):
        self.connection, self.id = connection, sid
        self.headers = asyncio.get_running_loop().create_future()
        self.body = bytearray()
        self.trailers = None
        self.ws = None
        self.inbox = asyncio.Queue()
        self.done = asyncio.Event()
        self.closed = None
        self.end = None

    def _data(self, data):
        if self.ws is None:
            self.body += data
            return
        for opcode, payload, _ in self.ws.feed(data):
            if opcode == frames.CLOSE:
                self.closed = frames.close_code(payload)
                self.raw(frames.frame(frames.CLOSE, payload[:2], mask=True))
            elif opcode < frames.CLOSE:
                self.inbox.put_nowait(payload)

    def _over(self, how):
        self.end = self.end or how
        if self.closed is None:
            self.closed = "cut"
        if not self.headers.done():
            self.headers.set_exception(Closed(how))
        self.done.set()
        self.inbox.put_nowait(None)

    def raw(self, data, end=False):
        try:
            self.connection.h2.send_data(self.id, data, end_stream=end)
            self.connection.flush()
        except Exception:  # the stream has ended meanwhile
            pass

    async def echo(self, text, seconds=15):
        if self.closed is not None:
            raise Closed(self.closed)
        await asyncio.wait_for(self.send(frames.frame(frames.TEXT, text.encode(), mask=True)), seconds)
        answer = await asyncio.wait_for(self.inbox.get(), seconds)
        if answer is None:
            raise Closed(self.closed)
        assert answer == text.encode(), (answer, text)

    async def send(self, data):
        """As far as the windows allow, then as they open (RFC 9113 6.9)."""
        while data and self.end is None:
            h2 = self.connection.h2
            n = min(h2.local_flow_control_window(self.id), h2.max_outbound_frame_size, len(data))
            if n <= 0:
                self.connection.room.clear()
                await self.connection.room.wait()
                continue
            h2.send_data(self.id, data[:n])
            self.connection.flush()
            data = data[n:]
