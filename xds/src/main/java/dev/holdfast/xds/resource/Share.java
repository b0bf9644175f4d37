package dev.holdfast.xds.resource;

import com.google.protobuf.Any;
import com.google.protobuf.Message;
import dev.holdfast.plan.ByName;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.IntPredicate;

/**
 * One fleet's share of all resources: its listeners, and what is named from them on. So an Envoy that faces the world never holds the
 * key of a Gateway that it does not serve. A secret is named where it is asked for; what else there is where a text of another is its name: rather
 * one too many than one too few.
 */
final class Share {
    private static final List<ResourceType> NAMED =
            List.of(ResourceType.ROUTE, ResourceType.CLUSTER, ResourceType.ENDPOINT);

    private static final String SECRET = SdsSecretConfig.getDescriptor().getFullName();

    private final Map<ResourceType, ByName<Message>> all;
    private final Map<ResourceType, Set<String>> found = new EnumMap<>(ResourceType.class);
    private final Deque<Message> open = new ArrayDeque<>();
    /** Routes of a policy have the same configurations packed in them, and to unpack these is most of the work. */
    private final Set<Any> walked = new HashSet<>();

    private Share(Map<ResourceType, ByName<Message>> all) {
        this.all = all;
    }

    /** @param ports those that the fleet's listeners are bound to */
    static Map<ResourceType, ByName<Message>> of(Map<ResourceType, ByName<Message>> all, IntPredicate ports) {
        Share share = new Share(all);
        share.of(ResourceType.LISTENER).forEach((name, message) -> {
            if (ports.test(((Listener) message).getAddress().getSocketAddress().getPortValue())) {
                share.take(ResourceType.LISTENER, name);
            }
        });
        while (!share.open.isEmpty()) {
            share.walk(share.open.remove());
        }
        Set<String> tables = share.names(ResourceType.ROUTE);
        share.of(ResourceType.VIRTUAL_HOST).keySet().stream()
                .filter(host -> tables.contains(host.substring(0, host.lastIndexOf('/'))))
                .forEach(share.names(ResourceType.VIRTUAL_HOST)::add);
        return share.made();
    }

    private Map<String, Message> of(ResourceType type) {
        return all.getOrDefault(type, ByName.of(Map.of()));
    }

    private Set<String> names(ResourceType type) {
        return found.computeIfAbsent(type, t -> new TreeSet<>());
    }

    private void take(ResourceType type, String name) {
        Message message = of(type).get(name);
        if (message != null && names(type).add(name)) {
            open.add(message);
        }
    }

    private void walk(Message message) {
        if (Kinds.isAny(message)) {
            Any packed = Kinds.any(message);
            if (walked.add(packed)) {
                walk(Kinds.unpacked(packed));
            }
            return;
        }
        message.getAllFields().forEach((field, value) -> {
            boolean secret = field.getContainingType().getFullName().equals(SECRET)
                    && field.getNumber() == SdsSecretConfig.NAME_FIELD_NUMBER;
            if (secret) {
                take(ResourceType.SECRET, (String) value);
            } else {
                value(value);
            }
        });
    }

    private void value(Object value) {
        switch (value) {
            case Message below -> walk(below);
            case List<?> list -> list.forEach(this::value);
            case String text -> NAMED.forEach(type -> take(type, text));
            default -> {}
        }
    }

    /** In the order of the whole. */
    private Map<ResourceType, ByName<Message>> made() {
        Map<ResourceType, ByName<Message>> out = new EnumMap<>(ResourceType.class);
        all.forEach((type, of) -> {
            Map<String, Message> kept = new LinkedHashMap<>(of);
            kept.keySet().retainAll(names(type));
            out.put(type, ByName.of(kept));
        });
        return out;
    }
}
