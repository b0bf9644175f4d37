package dev.holdfast.dataplane.listener;

import dev.holdfast.dataplane.codec.TlsTerms;
import dev.holdfast.plan.L4Listener;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Tls;
import dev.holdfast.problem.Origin;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.OpenSsl;
import io.netty.handler.ssl.OpenSslSessionContext;
import io.netty.handler.ssl.OpenSslSessionTicketKey;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.net.ssl.SSLException;
import javax.net.ssl.X509TrustManager;
import org.jspecify.annotations.Nullable;

/** TLS contexts of one plan; one that did not change is taken over from the plan before. */
public final class TlsContexts {
    /** For listeners that ask for no certificate; without one Netty reads all of the JDK's authorities. */
    static final X509TrustManager NO_CLIENTS = new X509TrustManager() {
        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type) throws CertificateException {
            throw new CertificateException("no certificate was asked for");
        }

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type) throws CertificateException {
            throw new CertificateException("not a client");
        }

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    };

    /**
     * Of the store in which Netty keeps a key in memory. PKCS #12 would encrypt it there and back by 10,000 rounds of
     * hashing, a tenth of a second of each start.
     */
    private static final String IN_MEMORY = "JKS";

    private record Key(
            Tls.Certificate certificate,
            List<String> alpn,
            String min,
            String max,
            Tls.Crypto crypto,
            Optional<Tls.ClientValidation> clients) {
        Key(Tls.Certificate certificate, Tls tls) {
            this(certificate, tls.alpn(), tls.minVersion(), tls.maxVersion(), tls.crypto(), tls.clientValidation());
        }
    }

    private record Entry(Key key, SslContext context, List<String> names) {}

    private volatile Map<String, List<Entry>> byListener = Map.of();
    private volatile @Nullable QuicContexts quic;

    /**
     * A listener at which TLS ends.
     *
     * @param quic whether clients may come by QUIC too
     */
    record Door(String name, Tls tls, boolean quic, Origin origin) {}

    /** Says which listener's certificate cannot be used; never quotes it. */
    public static final class Unusable extends Exception {
        private static final long serialVersionUID = 1;
        private final transient Origin origin;

        Unusable(Door door, String certificate, Throwable cause) {
            super(
                    "certificate " + certificate + " of listener " + door.name
                            + " cannot be used for TLS as it is asked for",
                    cause);
            this.origin = door.origin;
        }

        /** Of the listener. */
        public Origin origin() {
            return origin;
        }
    }

    private static List<Door> doors(Plan plan) {
        List<Door> doors = new ArrayList<>();
        for (Listener listener : plan.listeners()) {
            listener.tls()
                    .ifPresent(tls -> doors.add(new Door(
                            listener.name(), tls, listener.client().connection().quic(), listener.origin())));
        }
        for (L4Listener listener : plan.l4()) {
            if (listener.layer() instanceof L4Listener.Layer.Terminate(Tls tls)) {
                doors.add(new Door(listener.name(), tls, false, listener.origin()));
            }
        }
        return doors;
    }

    /** Makes the contexts for {@code plan}; nothing changes where one cannot be made. */
    public void prepare(Plan plan) throws Unusable {
        Map<Key, Entry> known = new HashMap<>();
        byListener.values().forEach(list -> list.forEach(e -> known.put(e.key, e)));
        Map<String, List<Entry>> next = new HashMap<>();
        List<Door> doors = doors(plan);
        for (Door door : doors) {
            Tls tls = door.tls;
            List<Entry> entries = new ArrayList<>();
            for (Tls.Certificate certificate : tls.certificates()) {
                Key key = new Key(certificate, tls);
                Entry entry = known.get(key);
                try {
                    entries.add(entry == null ? make(key) : entry);
                } catch (SSLException | GeneralSecurityException | IllegalArgumentException e) {
                    throw new Unusable(door, certificate.name(), e);
                }
            }
            next.put(door.name, List.copyOf(entries));
        }
        List<Door> byQuic = doors.stream().filter(Door::quic).toList();
        // Where nobody wants it, none of QUIC's library is loaded.
        quic = byQuic.isEmpty() ? null : QuicContexts.next(quic, byQuic);
        byListener = Map.copyOf(next);
    }

    /** Of the listeners that clients may come to by QUIC; null where there is none. */
    @Nullable
    QuicContexts quic() {
        return quic;
    }

    /** The context whose certificate fits {@code host} best; the first where none does. */
    @Nullable
    SslContext of(String listener, String host) {
        Entry best = CertifiedKey.best(byListener.getOrDefault(listener, List.of()), Entry::names, host);
        return best == null ? null : best.context;
    }

    public static void warm() {
        OpenSsl.isAvailable();
    }

    private static Entry make(Key key) throws SSLException, GeneralSecurityException {
        CertifiedKey certified = CertifiedKey.of(key.certificate);
        SslContextBuilder builder = SslContextBuilder.forServer(certified.key(), certified.certificates())
                .keyStoreType(IN_MEMORY)
                .protocols(TlsTerms.versions(key.min, key.max));
        TlsTerms.alpn(builder, key.alpn);
        if (key.clients.isPresent()) {
            Tls.ClientValidation asked = key.clients.get();
            builder.clientAuth(asked.required() ? ClientAuth.REQUIRE : ClientAuth.OPTIONAL)
                    .trustManager(new ClientTrust(asked));
        } else {
            builder.trustManager(NO_CLIENTS);
        }
        SslContext made = TlsTerms.build(builder, key.crypto);
        if (made.sessionContext() instanceof OpenSslSessionContext sessions) {
            if (!key.crypto.sessionCache()) {
                sessions.setSessionCacheEnabled(false);
            }
            if (key.crypto.tickets()) {
                sessions.setTicketKeys(ticketKey());
            }
        }
        return new Entry(key, made, certified.names());
    }

    /** Of this process alone, made anew with each context: tickets end with it. */
    private static OpenSslSessionTicketKey ticketKey() {
        SecureRandom random = new SecureRandom();
        byte[] name = new byte[OpenSslSessionTicketKey.NAME_SIZE];
        byte[] hmac = new byte[OpenSslSessionTicketKey.HMAC_KEY_SIZE];
        byte[] aes = new byte[OpenSslSessionTicketKey.AES_KEY_SIZE];
        for (byte[] part : List.of(name, hmac, aes)) {
            random.nextBytes(part);
        }
        return new OpenSslSessionTicketKey(name, hmac, aes);
    }
}
