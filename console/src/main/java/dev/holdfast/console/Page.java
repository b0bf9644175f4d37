package dev.holdfast.console;

import java.io.IOException;
import java.io.InputStream;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** The page's own files, a closed list; what lies under {@code vendor} the build takes from Maven Central. */
final class Page {
    private static final Set<String> FILES = Set.of(
            "index.html",
            "console.css",
            "favicon.svg",
            "main.js",
            "link.js",
            "dom.js",
            "format.js",
            "dialogs.js",
            "streams.js",
            "store.js",
            "grid.js",
            "graphs.js",
            "plan.js",
            "policy.js",
            "problems.js",
            "reloads.js",
            "envoys.js",
            "vendor/uPlot.iife.min.js",
            "vendor/uPlot.min.css");
    private static final Map<String, String> TYPES = Map.of(
            "html", "text/html; charset=utf-8",
            "css", "text/css; charset=utf-8",
            "js", "text/javascript; charset=utf-8",
            "svg", "image/svg+xml");

    private Page() {}

    static boolean has(String path) {
        return FILES.contains(name(path));
    }

    static Optional<Answer> at(String path) throws IOException {
        if (!has(path)) {
            return Optional.empty();
        }
        String name = name(path);
        try (InputStream in = Page.class.getResourceAsStream("page/" + name)) {
            if (in == null) {
                throw new IllegalStateException(name + " is not packaged");
            }
            String type = TYPES.getOrDefault(name.substring(name.lastIndexOf('.') + 1), "application/octet-stream");
            return Optional.of(new Answer(200, type, in.readAllBytes()));
        }
    }

    private static String name(String path) {
        return path.equals("/") ? "index.html" : path.substring(1);
    }
}
