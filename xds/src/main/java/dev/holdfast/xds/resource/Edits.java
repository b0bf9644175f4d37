package dev.holdfast.xds.resource;

import com.google.protobuf.ByteString;
import com.google.protobuf.Message;
import com.google.protobuf.UnknownFieldSet;
import dev.holdfast.plan.ClientRules.Fingerprint;
import dev.holdfast.plan.HeaderEdits;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.TextMatch;
import io.envoyproxy.envoy.config.common.mutation_rules.v3.HeaderMutation;
import io.envoyproxy.envoy.config.core.v3.HeaderValueOption;
import io.envoyproxy.envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute;
import io.envoyproxy.envoy.extensions.filters.http.header_mutation.v3.Mutations;
import io.envoyproxy.envoy.type.matcher.v3.StringMatcher;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** What a listener changes of headers, as a list of Envoy's mutations, which are carried out in their order. */
final class Edits {
    private static final int REMOVE_ON_MATCH = 3;

    private Edits() {}

    /**
     * Before a request is routed.
     *
     * @param fingerprints that are taken; of the others there is "-", as where there is no TLS
     * @param first names of headers that go before all else
     */
    static Message early(HeaderEdits edits, Set<Fingerprint> fingerprints, List<String> first) {
        var out =
                io.envoyproxy.envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation
                        .newBuilder();
        first.forEach(name -> out.addMutations(HeaderMutation.newBuilder().setRemove(name)));
        return Additions.early(out.addAllMutations(all(edits, fingerprints)).build());
    }

    /** Last of all before an answer goes to the client. */
    static Message late(HeaderEdits edits) {
        return Additions.late(HeaderMutationPerRoute.newBuilder()
                .setMutations(Mutations.newBuilder().addAllResponseMutations(all(edits, Set.of())))
                .build());
    }

    private static List<HeaderMutation> all(HeaderEdits edits, Set<Fingerprint> fingerprints) {
        List<HeaderMutation> out = new ArrayList<>();
        Route.HeaderMutation plain = edits.mutation();
        plain.set().forEach(h -> out.addAll(append(h, fingerprints, Headers::fixed)));
        plain.add().forEach(h -> out.addAll(append(h, fingerprints, Headers::added)));
        plain.remove().stream()
                .filter(Headers::isAllowed)
                .forEach(name ->
                        out.add(HeaderMutation.newBuilder().setRemove(name).build()));
        edits.addIfAbsent().forEach(h -> out.addAll(append(h, fingerprints, Headers::ifAbsent)));
        edits.removeOnMatch().forEach(name -> out.add(removed(name)));
        return out;
    }

    private interface Form {
        HeaderValueOption of(String name, String value);
    }

    private static List<HeaderMutation> append(Route.Header header, Set<Fingerprint> fingerprints, Form form) {
        if (!Headers.isAllowed(header.name())) {
            return List.of();
        }
        HeaderValueOption.Builder out = form.of(header.name(), header.value()).toBuilder();
        if (!fingerprints.isEmpty()) {
            for (Fingerprint each : Fingerprint.values()) {
                String operator = "%TLS_" + each + "_FINGERPRINT%";
                String escaped = Headers.literal(operator);
                out.getHeaderBuilder()
                        .setValue(out.getHeader()
                                .getValue()
                                .replace(escaped, fingerprints.contains(each) ? operator : "-"));
            }
        }
        return List.of(HeaderMutation.newBuilder().setAppend(out).build());
    }

    /** {@code remove_on_match}, which the jar's message does not have; {@link Additions} knows it. */
    private static HeaderMutation removed(TextMatch name) {
        StringMatcher.Builder key = ClientCertificates.text(name).toBuilder();
        if (name.kind() != TextMatch.Kind.REGEX) {
            key.setIgnoreCase(true);
        }
        UnknownFieldSet match = UnknownFieldSet.newBuilder()
                .addField(1, bytes(key.build().toByteString()))
                .build();
        return HeaderMutation.newBuilder()
                .setUnknownFields(UnknownFieldSet.newBuilder()
                        .addField(REMOVE_ON_MATCH, bytes(match.toByteString()))
                        .build())
                .build();
    }

    private static UnknownFieldSet.Field bytes(ByteString value) {
        return UnknownFieldSet.Field.newBuilder().addLengthDelimited(value).build();
    }
}
