package dev.holdfast.plan;

import java.time.Duration;

/** TCP keepalive: probes before the peer counts as dead, idle time before the first, time between them. */
public record TcpKeepalive(int probes, Duration idleTime, Duration interval) {}
