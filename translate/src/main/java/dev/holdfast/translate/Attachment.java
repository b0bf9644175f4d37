package dev.holdfast.translate;

import dev.holdfast.resource.Resource;
import java.util.List;

/** A route that a listener has taken, and under which host names: {@code *} stands for any. */
record Attachment(Resource route, GatewayListener listener, List<String> hostnames) {}
