package dev.holdfast.xds.discovery;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.HttpUri;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.SecurityFilter.OidcProvider;
import dev.holdfast.xds.resource.OidcDocuments;
import dev.holdfast.xds.resource.OidcDocuments.Document;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks the OpenID providers of the plan in force where their endpoints are, each on a thread of its own: once an hour, and after
 * a failure again and again, ever more rarely. What was known before is better than what a provider that cannot be asked leaves.
 */
public final class OidcDiscovery implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(OidcDiscovery.class);
    private static final Duration KEPT = Duration.ofHours(1);
    private static final Duration FIRST_PAUSE = Duration.ofSeconds(1);
    private static final Duration LONGEST_PAUSE = Duration.ofMinutes(1);

    private final Runnable changed;
    private final Map<String, Document> known = new ConcurrentHashMap<>();
    private final Map<String, Asking> asking = new HashMap<>();

    /** One provider that is asked, with what it takes to ask. */
    private record Asking(OidcProvider provider, HttpUri uri, Cluster cluster, CountDownLatch tried, Thread thread) {
        boolean isFor(OidcProvider other, Cluster at) {
            return provider.equals(other) && cluster.equals(at);
        }
    }

    /** {@code changed} is run, on any thread, whenever {@link #documents} has other content. */
    public OidcDiscovery(Runnable changed) {
        this.changed = changed;
    }

    /** What is known by now. */
    public OidcDocuments documents() {
        return new OidcDocuments(known);
    }

    /**
     * From now on the providers of {@code plan} are asked too. Returns once each that is new has been asked once, at
     * most after {@code patience}: who restarts has the documents before he tells Envoys anything.
     */
    public void follow(Plan plan, Duration patience) {
        long deadline = System.nanoTime() + patience.toNanos();
        for (CountDownLatch tried : begin(plan, OidcDocuments.wanted(plan))) {
            try {
                if (!tried.await(deadline - System.nanoTime(), TimeUnit.NANOSECONDS)) {
                    return;
                }
            } catch (InterruptedException stopping) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }

    /** From now on the providers of {@code plan}, which is in force, are asked and no others. */
    public synchronized void keepTo(Plan plan) {
        Map<String, OidcProvider> wanted = OidcDocuments.wanted(plan);
        begin(plan, wanted);
        asking.forEach((issuer, before) -> {
            if (!wanted.containsKey(issuer)) {
                before.thread.interrupt();
            }
        });
        asking.keySet().retainAll(wanted.keySet());
        known.keySet().retainAll(wanted.keySet());
    }

    private synchronized List<CountDownLatch> begin(Plan plan, Map<String, OidcProvider> wanted) {
        List<CountDownLatch> fresh = new ArrayList<>();
        wanted.forEach((issuer, provider) -> {
            Optional<HttpUri> uri = document(issuer);
            Optional<Cluster> cluster = uri.flatMap(u -> OidcDocuments.cluster(provider, u))
                    .flatMap(name -> Optional.ofNullable(plan.clusters().get(name)));
            if (uri.isEmpty() || cluster.isEmpty()) {
                return;
            }
            Asking before = asking.get(issuer);
            if (before != null && before.isFor(provider, cluster.get())) {
                return;
            }
            if (before != null) {
                before.thread.interrupt();
            }
            Asking begun = start(provider, uri.get(), cluster.get());
            fresh.add(begun.tried);
            asking.put(issuer, begun);
        });
        return fresh;
    }

    private static Optional<HttpUri> document(String issuer) {
        String base = issuer.endsWith("/") ? issuer.substring(0, issuer.length() - 1) : issuer;
        return HttpUri.parse(base + "/.well-known/openid-configuration");
    }

    private Asking start(OidcProvider provider, HttpUri uri, Cluster cluster) {
        CountDownLatch tried = new CountDownLatch(1);
        Thread thread = Thread.ofVirtual()
                .name("oidc " + provider.issuer())
                .unstarted(() -> ask(provider.issuer(), uri, cluster, tried));
        Asking out = new Asking(provider, uri, cluster, tried, thread);
        thread.start();
        return out;
    }

    private void ask(String issuer, HttpUri uri, Cluster cluster, CountDownLatch tried) {
        Duration pause = FIRST_PAUSE;
        try {
            while (!Thread.currentThread().isInterrupted()) {
                boolean good = once(issuer, uri, cluster, tried);
                pause = good ? FIRST_PAUSE : pause.multipliedBy(2);
                pause = pause.compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : pause;
                Thread.sleep(good ? KEPT : pause);
            }
        } catch (InterruptedException nobodyAsksAnyMore) {
            tried.countDown();
        }
    }

    private boolean once(String issuer, HttpUri uri, Cluster cluster, CountDownLatch tried)
            throws InterruptedException {
        try {
            Document said = read(issuer, Fetch.get(uri, cluster));
            if (Thread.interrupted()) {
                throw new InterruptedException();
            }
            boolean other = !said.equals(known.put(issuer, said));
            tried.countDown();
            if (other) {
                changed.run();
            }
            return true;
        } catch (IOException | JsonParseException | IllegalStateException why) {
            tried.countDown();
            LOG.atWarn()
                    .addKeyValue("issuer", issuer)
                    .addKeyValue("why", why.getMessage())
                    .log("the discovery document of an OpenID provider is no use");
            return false;
        }
    }

    private static Document read(String issuer, String text) throws IOException {
        JsonObject said = JsonParser.parseString(text).getAsJsonObject();
        if (!issuer.equals(text(said, "issuer"))) {
            throw new IOException("it is of the issuer " + text(said, "issuer"));
        }
        JsonElement methods = said.get("token_endpoint_auth_methods_supported");
        boolean basic =
                methods != null && methods.isJsonArray() && !holds(methods.getAsJsonArray(), "client_secret_post");
        return new Document(
                text(said, "authorization_endpoint"),
                text(said, "token_endpoint"),
                text(said, "end_session_endpoint"),
                basic);
    }

    private static boolean holds(JsonArray values, String one) {
        for (JsonElement value : values) {
            if (value.isJsonPrimitive() && value.getAsString().equals(one)) {
                return true;
            }
        }
        return false;
    }

    private static String text(JsonObject in, String name) {
        JsonElement value = in.get(name);
        return value != null && value.isJsonPrimitive() ? value.getAsString() : "";
    }

    @Override
    public synchronized void close() {
        asking.values().forEach(a -> a.thread.interrupt());
        asking.clear();
    }
}
