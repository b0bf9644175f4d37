package dev.holdfast.dataplane.upstream;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.WireFormat;
import com.nimbusds.jose.util.JSONObjectUtils;
import io.netty.handler.codec.http.HttpHeaders;
import java.io.IOException;
import java.text.ParseException;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a backend says of its load beside an answer (ORCA, xds.data.orca.v3.OrcaLoadReport), in headers or trailers:
 *
 * <pre>
 *   endpoint-load-metrics: TEXT application_utilization=0.4,rps_fractional=120,named_metrics.queue=0.7
 *   endpoint-load-metrics: JSON {"applicationUtilization": 0.4, "rpsFractional": 120, "namedMetrics": {"queue": 0.7}}
 *   endpoint-load-metrics-bin: the message in base64
 * </pre>
 *
 * @param values by the names of the text form
 */
public record LoadReport(Map<String, Double> values) {
    private static final String HEADER = "endpoint-load-metrics";
    private static final String BINARY = "endpoint-load-metrics-bin";

    /** Names by their numbers in the message, those of doubles and those of maps. */
    private static final Map<Integer, String> SINGLE = Map.of(
            1, "cpu_utilization", 2, "mem_utilization", 6, "rps_fractional", 7, "eps", 9, "application_utilization");

    private static final Map<Integer, String> MAPS = Map.of(4, "request_cost", 5, "utilization", 8, "named_metrics");

    public LoadReport {
        values = Map.copyOf(values);
    }

    /** Null where there is none that can be read. */
    public static @Nullable LoadReport of(HttpHeaders headers) {
        String text = headers.get(HEADER);
        String binary = text == null ? headers.get(BINARY) : null;
        try {
            if (binary != null) {
                return new LoadReport(message(Base64.getDecoder().decode(binary.strip())));
            }
            if (text == null) {
                return null;
            }
            int space = text.indexOf(' ');
            String form = space < 0 ? "" : text.substring(0, space);
            String rest = text.substring(space + 1).strip();
            return switch (form) {
                case "TEXT" -> new LoadReport(plain(rest));
                case "JSON" -> new LoadReport(json(rest));
                case "BIN" -> new LoadReport(message(Base64.getDecoder().decode(rest)));
                default -> null;
            };
        } catch (IOException | ParseException | IllegalArgumentException unreadable) {
            return null;
        }
    }

    /** Null where the message cannot be read. */
    static @Nullable LoadReport of(byte[] message) {
        try {
            return new LoadReport(message(message));
        } catch (IOException unreadable) {
            return null;
        }
    }

    public static void strip(HttpHeaders headers) {
        headers.remove(HEADER);
        headers.remove(BINARY);
    }

    private static Map<String, Double> plain(String text) {
        Map<String, Double> out = new HashMap<>();
        for (String pair : text.split(",")) {
            int equals = pair.indexOf('=');
            if (equals > 0) {
                put(out, pair.substring(0, equals).strip(), Double.parseDouble(pair.substring(equals + 1)));
            }
        }
        return out;
    }

    private static Map<String, Double> json(String text) throws ParseException {
        Map<String, Double> out = new HashMap<>();
        JSONObjectUtils.parse(text).forEach((key, value) -> {
            String name = snake(key);
            if (value instanceof Number number) {
                put(out, name, number.doubleValue());
            } else if (value instanceof Map<?, ?> map) {
                map.forEach((of, each) -> {
                    if (each instanceof Number number) {
                        put(out, name + "." + of, number.doubleValue());
                    }
                });
            }
        });
        return out;
    }

    /** {@code rpsFractional} is {@code rps_fractional} in JSON of protobuf; both may be written. */
    private static String snake(String name) {
        StringBuilder out = new StringBuilder();
        for (char c : name.toCharArray()) {
            out.append(c >= 'A' && c <= 'Z' ? "_" + (char) (c + 32) : Character.toString(c));
        }
        return out.toString();
    }

    private static Map<String, Double> message(byte[] bytes) throws IOException {
        Map<String, Double> out = new HashMap<>();
        CodedInputStream in = CodedInputStream.newInstance(bytes);
        for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
            int number = WireFormat.getTagFieldNumber(tag);
            boolean fixed = WireFormat.getTagWireType(tag) == WireFormat.WIRETYPE_FIXED64;
            boolean nested = WireFormat.getTagWireType(tag) == WireFormat.WIRETYPE_LENGTH_DELIMITED;
            String single = SINGLE.get(number);
            String map = MAPS.get(number);
            if (single != null && fixed) {
                put(out, single, in.readDouble());
            } else if (map != null && nested) {
                entry(map, in, out);
            } else {
                in.skipField(tag);
            }
        }
        return out;
    }

    private static void entry(String map, CodedInputStream in, Map<String, Double> out) throws IOException {
        int limit = in.pushLimit(in.readRawVarint32());
        String key = "";
        double value = 0;
        for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
            switch (tag) {
                case 1 << 3 | WireFormat.WIRETYPE_LENGTH_DELIMITED -> key = in.readString();
                case 2 << 3 | WireFormat.WIRETYPE_FIXED64 -> value = in.readDouble();
                default -> in.skipField(tag);
            }
        }
        in.popLimit(limit);
        put(out, map + "." + key, value);
    }

    private static void put(Map<String, Double> out, String name, double value) {
        if (value >= 0 && value < Double.POSITIVE_INFINITY) {
            out.put(name, value);
        }
    }

    private double value(String name) {
        return values.getOrDefault(name, 0.0);
    }

    /**
     * How much of the work an endpoint that says so should have, by its requests a second for each share of it that is used
     * (gRFC A58); 0 where the report does not tell.
     *
     * @param metrics asked in place of the application's own utilization where it says none; the greatest counts
     */
    double weight(List<String> metrics, double errorPenalty) {
        double used = value("application_utilization");
        for (String metric : used > 0 ? List.<String>of() : metrics) {
            used = Math.max(used, value(metric));
        }
        if (used <= 0) {
            used = value("cpu_utilization");
        }
        double rate = value("rps_fractional");
        if (used <= 0 || rate <= 0) {
            return 0;
        }
        return rate / (used + value("eps") / rate * errorPenalty);
    }
}
