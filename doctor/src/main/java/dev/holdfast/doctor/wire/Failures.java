package dev.holdfast.doctor.wire;

import dev.holdfast.doctor.wire.WireException.Kind;
import java.io.EOFException;
import java.io.IOException;
import java.net.ConnectException;
import java.net.NoRouteToHostException;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.util.Locale;
import javax.net.ssl.SSLException;

/** The JDK's exceptions into kinds and lines of our own. */
final class Failures {
    private Failures() {}

    static WireException of(IOException e, String doing) {
        if (e instanceof WireException ours) {
            return ours;
        }
        String text = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        String lower = text.toLowerCase(Locale.ROOT);
        return switch (e) {
            case SocketTimeoutException timeout ->
                new WireException(Kind.TIMEOUT, "no answer while " + doing + " within the time allowed");
            case NoRouteToHostException noRoute -> new WireException(Kind.UNREACHABLE, "no route to that address");
            case ConnectException connect ->
                lower.contains("refused")
                        ? new WireException(Kind.REFUSED, "the connection was refused: nothing listens there")
                        : lower.contains("timed out")
                                ? new WireException(Kind.TIMEOUT, "the connection was not answered")
                                : new WireException(Kind.UNREACHABLE, "cannot connect: " + line(text));
            case SSLException ssl -> tls(text, lower, ssl);
            case EOFException eof -> new WireException(Kind.CLOSED, "the peer closed the connection while " + doing);
            case SocketException socket -> socket(text, lower, doing);
            default -> new WireException(Kind.CLOSED, doing + " failed: " + line(text));
        };
    }

    private static WireException socket(String text, String lower, String doing) {
        if (lower.contains("reset") || lower.contains("broken pipe")) {
            return new WireException(Kind.RESET, "the peer reset the connection while " + doing);
        }
        if (lower.contains("closed")) {
            return new WireException(Kind.TIMEOUT, "given up while " + doing + ": the time allowed was over");
        }
        return lower.contains("unreachable")
                ? new WireException(Kind.UNREACHABLE, "that network cannot be reached from here")
                : new WireException(Kind.CLOSED, doing + " failed: " + line(text));
    }

    private static WireException tls(String text, String lower, SSLException e) {
        if (lower.contains("unsupported or unrecognized ssl message") || lower.contains("not an ssl")) {
            return new WireException(Kind.NOT_TLS, "the peer does not answer in TLS on this port");
        }
        if (lower.contains("no_application_protocol")) {
            return new WireException(
                    Kind.NO_ALPN, "the server refused every protocol we offered (TLS alert no_application_protocol)");
        }
        if (e.getCause() instanceof SocketException reset
                && String.valueOf(reset.getMessage()).contains("reset")) {
            return new WireException(Kind.RESET, "the peer reset the connection during the TLS handshake");
        }
        if (lower.contains("terminated the handshake")) {
            return new WireException(Kind.TLS, "the server ended the TLS handshake without a word");
        }
        if (lower.contains("received fatal alert: ")) {
            return new WireException(
                    Kind.TLS,
                    "the server refused the TLS handshake with the alert "
                            + line(text.substring(text.indexOf(": ") + 2)));
        }
        return new WireException(Kind.TLS, "TLS failed: " + line(text));
    }

    private static String line(String text) {
        String line = text.replaceAll("[\\s\\p{Cntrl}]+", " ").strip();
        return line.length() > 200 ? line.substring(0, 200) + "…" : line;
    }
}
