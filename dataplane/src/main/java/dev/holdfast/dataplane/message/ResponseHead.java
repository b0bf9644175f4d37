package dev.holdfast.dataplane.message;

import io.netty.handler.codec.http.HttpHeaders;

/** A response's status and headers; a status of 101 opens a tunnel, whatever the protocol calls it. */
public record ResponseHead(int status, HttpHeaders headers) {}
