package dev.holdfast.doctor.probe;

import dev.holdfast.doctor.lint.Lints;
import dev.holdfast.doctor.wire.Header;
import dev.holdfast.doctor.wire.Secrets;
import dev.holdfast.plan.Plan;
import dev.holdfast.problem.Problem;
import dev.holdfast.resource.ResourceSet;
import dev.holdfast.resource.read.ManifestReader;
import dev.holdfast.resource.read.ReadResult;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * How to examine.
 *
 * @param connect where to connect instead of the URL's host and port
 * @param insecure findings about certificates are told but do not count
 * @param trusted certificates to trust beside the system's
 * @param headers sent with every request, in place of one of the same name
 * @param origin sent with handshakes in place of the target's own
 * @param timeout for each probe
 * @param deep run the slow probes
 * @param deepTime how long they watch
 * @param streams how many streams to hold open beside pages, 0 to 200
 * @param manifests to join findings with
 * @param checks what is to be said of manifests without asking the network; of it the report has what concerns the target.
 *     Unless given, the lints that need no translation
 */
public record Options(
        Optional<HostPort> connect,
        boolean insecure,
        List<X509Certificate> trusted,
        List<Header> headers,
        Optional<String> origin,
        Duration timeout,
        boolean deep,
        Duration deepTime,
        int streams,
        Optional<ReadResult> manifests,
        Function<ResourceSet, List<Problem>> checks) {
    public static final Options DEFAULT = new Options(
            Optional.empty(),
            false,
            List.of(),
            List.of(),
            Optional.empty(),
            Duration.ofSeconds(10),
            false,
            Duration.ofSeconds(330),
            20,
            Optional.empty(),
            set -> Lints.look(set, Plan.EMPTY, Instant.now()));

    /** A host and a port. */
    public record HostPort(String host, int port) {
        /** @throws IllegalArgumentException with one line for the user */
        public static HostPort parse(String text) {
            int colon = text.lastIndexOf(':');
            String port = text.substring(colon + 1);
            if (colon < 1 || !port.matches("[0-9]{1,5}") || Integer.parseInt(port) > 65535) {
                throw new IllegalArgumentException("\"" + text + "\" is not HOST:PORT");
            }
            String host = text.substring(0, colon);
            return new HostPort(
                    host.startsWith("[") && host.endsWith("]") ? host.substring(1, host.length() - 1) : host,
                    Integer.parseInt(port));
        }
    }

    public Options {
        trusted = List.copyOf(trusted);
        headers = List.copyOf(headers);
        if (streams < 0 || streams > 200) {
            throw new IllegalArgumentException("the number of streams is 0 to 200, not " + streams);
        }
        if (timeout.isNegative() || timeout.isZero()) {
            throw new IllegalArgumentException("the timeout must be longer than nothing");
        }
    }

    /** What no report may show. */
    public Secrets secrets() {
        return new Secrets(headers);
    }

    public Options connect(HostPort to) {
        return new Options(
                Optional.of(to),
                insecure,
                trusted,
                headers,
                origin,
                timeout,
                deep,
                deepTime,
                streams,
                manifests,
                checks);
    }

    public Options insecure(boolean value) {
        return new Options(
                connect, value, trusted, headers, origin, timeout, deep, deepTime, streams, manifests, checks);
    }

    public Options trusted(List<X509Certificate> value) {
        return new Options(
                connect, insecure, value, headers, origin, timeout, deep, deepTime, streams, manifests, checks);
    }

    public Options headers(List<Header> value) {
        return new Options(
                connect, insecure, trusted, value, origin, timeout, deep, deepTime, streams, manifests, checks);
    }

    public Options origin(String value) {
        return new Options(
                connect,
                insecure,
                trusted,
                headers,
                Optional.of(value),
                timeout,
                deep,
                deepTime,
                streams,
                manifests,
                checks);
    }

    public Options timeout(Duration value) {
        return new Options(
                connect, insecure, trusted, headers, origin, value, deep, deepTime, streams, manifests, checks);
    }

    /** With the slow probes, watching that long. */
    public Options deep(Duration value) {
        return new Options(
                connect, insecure, trusted, headers, origin, timeout, true, value, streams, manifests, checks);
    }

    public Options streams(int value) {
        return new Options(
                connect, insecure, trusted, headers, origin, timeout, deep, deepTime, value, manifests, checks);
    }

    /** Those of files and folders; none for an empty list. */
    public Options manifests(List<Path> value) {
        return value.isEmpty() ? this : manifests(ManifestReader.read(value));
    }

    public Options manifests(ReadResult value) {
        return new Options(
                connect,
                insecure,
                trusted,
                headers,
                origin,
                timeout,
                deep,
                deepTime,
                streams,
                Optional.of(value),
                checks);
    }

    public Options checks(Function<ResourceSet, List<Problem>> value) {
        return new Options(
                connect, insecure, trusted, headers, origin, timeout, deep, deepTime, streams, manifests, value);
    }
}
