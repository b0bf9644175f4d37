package dev.holdfast.plan.match;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** What the matcher asks of a request; header names are lower-case. */
public interface RequestView {
    String method();

    /** Without the query. */
    String path();

    /** Without the question mark, still encoded; empty where there is none. */
    String query();

    /** All values joined by commas, or null where the header is absent (RFC 9110 §5.3). */
    @Nullable
    String header(String name);

    /** Whether it is a CONNECT, which has neither path nor query: only routes that open tunnels are asked, by the rest. */
    default boolean connects() {
        return false;
    }

    /** A request from fixed values, for explanations and tests. */
    static RequestView of(String method, String path, String query, List<java.util.Map.Entry<String, String>> headers) {
        return new RequestView() {
            @Override
            public String method() {
                return method;
            }

            @Override
            public String path() {
                return path;
            }

            @Override
            public String query() {
                return query;
            }

            @Override
            public @Nullable String header(String name) {
                List<String> values = headers.stream()
                        .filter(h -> h.getKey().equalsIgnoreCase(name))
                        .map(java.util.Map.Entry::getValue)
                        .toList();
                return values.isEmpty() ? null : String.join(",", values);
            }
        };
    }
}
