package dev.holdfast.dataplane.listener;

import dev.holdfast.plan.Tls;
import io.netty.handler.codec.quic.BoringSSLContextOption;
import io.netty.handler.codec.quic.QuicSslContext;
import io.netty.handler.codec.quic.QuicSslContextBuilder;
import io.netty.handler.ssl.ClientAuth;
import java.net.Socket;
import java.security.GeneralSecurityException;
import java.security.Principal;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLException;
import javax.net.ssl.X509ExtendedKeyManager;
import org.jspecify.annotations.Nullable;

/**
 * The TLS contexts of one plan's listeners that clients may come to by QUIC, which always speaks TLS 1.3 (RFC 9001 §4.2) and
 * here HTTP/3 alone. One that did not change is taken over from the plan before.
 */
final class QuicContexts {
    /** For the context that only looks up the others. */
    static final X509ExtendedKeyManager NO_KEY = new OneKey(null);

    private static final String ALIAS = "listener";

    /** What a context is made of. */
    record Key(Tls.Certificate certificate, List<String> curves, Optional<Tls.ClientValidation> clients) {}

    /** @param trust decides about clients' certificates, null where none is asked for */
    record Made(Key key, QuicSslContext context, @Nullable ClientTrust trust, List<String> names) {}

    private final Map<String, List<Made>> byListener;

    private QuicContexts(Map<String, List<Made>> byListener) {
        this.byListener = byListener;
    }

    static QuicContexts next(@Nullable QuicContexts before, List<TlsContexts.Door> doors) throws TlsContexts.Unusable {
        Map<Key, Made> known = new HashMap<>();
        if (before != null) {
            before.byListener.values().forEach(list -> list.forEach(m -> known.put(m.key, m)));
        }
        Map<String, List<Made>> next = new HashMap<>();
        for (TlsContexts.Door door : doors) {
            List<Made> all = new ArrayList<>();
            for (Tls.Certificate certificate : door.tls().certificates()) {
                Key key = new Key(
                        certificate, door.tls().crypto().curves(), door.tls().clientValidation());
                Made made = known.get(key);
                try {
                    all.add(made == null ? make(key) : made);
                } catch (SSLException | GeneralSecurityException | RuntimeException e) {
                    throw new TlsContexts.Unusable(door, certificate.name(), e);
                }
            }
            next.put(door.name(), List.copyOf(all));
        }
        return new QuicContexts(Map.copyOf(next));
    }

    private static Made make(Key key) throws SSLException, GeneralSecurityException {
        CertifiedKey certified = CertifiedKey.of(key.certificate);
        QuicSslContextBuilder builder =
                QuicSslContextBuilder.forServer(new OneKey(certified), null).applicationProtocols("h3");
        ClientTrust trust = null;
        if (key.clients.isPresent()) {
            trust = new ClientTrust(key.clients.get());
            builder.clientAuth(trust.required() ? ClientAuth.REQUIRE : ClientAuth.OPTIONAL)
                    .trustManager(trust);
        } else {
            builder.trustManager(TlsContexts.NO_CLIENTS);
        }
        if (!key.curves.isEmpty()) {
            builder.option(BoringSSLContextOption.GROUPS, key.curves.toArray(String[]::new));
        }
        return new Made(key, builder.build(), trust, certified.names());
    }

    /** The context whose certificate fits {@code host} best; the first where none does. */
    @Nullable
    Made of(String listener, String host) {
        return CertifiedKey.best(byListener.getOrDefault(listener, List.of()), Made::names, host);
    }

    /** Shows the one certificate that there is, if any; a key store would encrypt the key in memory, slowly. */
    private static final class OneKey extends X509ExtendedKeyManager {
        private final @Nullable CertifiedKey certified;

        OneKey(@Nullable CertifiedKey certified) {
            this.certified = certified;
        }

        @Override
        public @Nullable String chooseEngineServerAlias(
                String keyType, Principal @Nullable [] issuers, @Nullable SSLEngine engine) {
            return certified == null ? null : ALIAS;
        }

        @Override
        public @Nullable String chooseServerAlias(
                String keyType, Principal @Nullable [] issuers, @Nullable Socket socket) {
            return certified == null ? null : ALIAS;
        }

        @Override
        public String[] getServerAliases(String keyType, Principal @Nullable [] issuers) {
            return new String[] {ALIAS};
        }

        @Override
        public String @Nullable [] getClientAliases(String keyType, Principal @Nullable [] issuers) {
            return null;
        }

        @Override
        public @Nullable String chooseClientAlias(
                String[] keyType, Principal @Nullable [] issuers, @Nullable Socket socket) {
            return null;
        }

        @Override
        public X509Certificate @Nullable [] getCertificateChain(String alias) {
            return certified == null ? null : certified.certificates();
        }

        @Override
        public @Nullable PrivateKey getPrivateKey(String alias) {
            return certified == null ? null : certified.key();
        }
    }
}
