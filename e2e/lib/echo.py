"""A gRPC service from the real library: it says again what it hears, and refuses."""
from concurrent import futures

import grpc

IDENTITY = lambda b: b


def handlers():
    def say(request, context):
        context.set_trailing_metadata((("x-trailer", "kept"),))
        return b"said " + request

    def chat(requests, context):
        for request in requests:
            yield b"heard " + request

    def refuse(request, context):
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "not you")

    return grpc.method_handlers_generic_handler("acme.Echo", {
        "Say": grpc.unary_unary_rpc_method_handler(say, IDENTITY, IDENTITY),
        "Chat": grpc.stream_stream_rpc_method_handler(chat, IDENTITY, IDENTITY),
        "Refuse": grpc.unary_unary_rpc_method_handler(refuse, IDENTITY, IDENTITY),
    })


def grpc_server(calls=32):
    """(server, port) of one that speaks HTTP/2 in the clear, with so many calls at a time."""
    server = grpc.server(futures.ThreadPoolExecutor(calls))
    server.add_generic_rpc_handlers((handlers(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port
