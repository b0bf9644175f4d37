package dev.holdfast.doctor.wire;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A request without a body; {@code headers} are written in this order, Host included. */
public record Request(String method, String path, List<Header> headers) {
    public Request {
        headers = List.copyOf(headers);
    }

    /** This and {@code more}; a header of the same name is replaced. */
    public Request with(List<Header> more) {
        List<Header> all = new ArrayList<>(headers);
        for (Header header : more) {
            all.removeIf(h -> h.name().equalsIgnoreCase(header.name()));
            all.add(header);
        }
        return new Request(method, path, all);
    }

    public Request without(String name) {
        return new Request(
                method,
                path,
                headers.stream().filter(h -> !h.name().equalsIgnoreCase(name)).toList());
    }

    /** As HTTP/1.1 text (RFC 9112 §2.1). */
    public String http1() {
        StringBuilder text = new StringBuilder(method).append(' ').append(path).append(" HTTP/1.1\r\n");
        for (Header header : headers) {
            text.append(header.name()).append(": ").append(header.value()).append("\r\n");
        }
        return text.append("\r\n").toString();
    }

    /** Lines for a person, secrets left out. */
    public List<String> lines(String version) {
        List<String> lines = new ArrayList<>();
        lines.add(method + " " + path + " " + version);
        for (Header header : headers) {
            lines.add((version.equals("HTTP/2")
                            ? new Header(header.name().toLowerCase(Locale.ROOT), header.value())
                            : header)
                    .toString());
        }
        return lines;
    }
}
