package dev.holdfast.translate;

import dev.holdfast.plan.Tls;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** What a listener asks of its clients' certificates: by its ClientTrafficPolicy, else by its Gateway's frontend. */
record ClientCertificates(ResourceSet set, Grants grants, Clients clients, List<Problem> problems) {
    /**
     * @param refused what a policy asks for cannot be checked: a door that would be left open is shut instead
     * @param frontend what the Gateway's frontend says, where that is what holds
     * @param shut of that there is no certificate to check any client by, so the listener is not bound
     */
    record Asked(Optional<Tls.ClientValidation> validation, boolean refused, Optional<Field> frontend, boolean shut) {
        static final Asked NOTHING = new Asked(Optional.empty(), false);
        static final Asked REFUSED = new Asked(Optional.empty(), true);

        Asked(Optional<Tls.ClientValidation> validation, boolean refused) {
            this(validation, refused, Optional.empty(), false);
        }
    }

    Asked of(Resource gateway, int port, Optional<Field> policy) {
        Field byPolicy = policy.map(p -> p.at("tls.clientValidation")).orElse(Field.absent(gateway.origin()));
        if (byPolicy.present()) {
            return policy(byPolicy);
        }
        Field frontend = gateway.spec().at("tls.frontend");
        Field validation = frontend.at("default.validation");
        for (Field perPort : frontend.get("perPort").items()) {
            if (perPort.get("port").number(0) == port) {
                validation = perPort.at("tls.validation");
            }
        }
        if (!validation.present()) {
            return Asked.NOTHING;
        }
        String ca = authorities(validation.get("caCertificateRefs"));
        boolean insecure = insecure(validation);
        return ca.isEmpty()
                ? new Asked(Optional.empty(), false, Optional.of(validation), true)
                : new Asked(
                        Optional.of(new Tls.ClientValidation(
                                !insecure, !insecure, ca, List.of(), List.of(), List.of(), "", false, false)),
                        false,
                        Optional.of(validation),
                        false);
    }

    /** Whether a Gateway's frontend, of itself or for any port, lets clients in whose certificates do not hold. */
    static boolean insecure(Resource gateway) {
        Field frontend = gateway.spec().at("tls.frontend");
        return insecure(frontend.at("default.validation"))
                || frontend.get("perPort").items().stream().anyMatch(p -> insecure(p.at("tls.validation")));
    }

    private static boolean insecure(Field validation) {
        return validation.get("mode").text("").equals("AllowInsecureFallback");
    }

    /** What those of a frontend's references hold that can be had; the others are named. */
    private String authorities(Field refs) {
        StringBuilder out = new StringBuilder();
        for (Field ref : refs.items()) {
            String kind = ref.get("kind").text("ConfigMap");
            String group = ref.get("group").text("");
            if (!group.isEmpty() || !kind.equals("ConfigMap") && !kind.equals("Secret")) {
                wrong(
                        ref,
                        ProblemCode.INVALID_KIND,
                        "certificates of authorities are read from a ConfigMap or Secret, not from a " + kind
                                + (group.isEmpty() ? "" : " of " + group) + "; no client is let in by it",
                        "Name a ConfigMap with the key ca.crt.");
            } else {
                pem(ref, "ConfigMap", "ca.crt", "BEGIN CERTIFICATE", ", so no client is let in by it")
                        .ifPresent(pem -> out.append(pem).append('\n'));
            }
        }
        return out.toString();
    }

    private Asked policy(Field asked) {
        String mode = asked.get("mode").text(asked.get("optional").flag(false) ? "VerifyIfGiven" : "RequireAndVerify");
        boolean verified = mode.equals("VerifyIfGiven") || mode.equals("RequireAndVerify");
        Field refs = asked.get("caCertificateRefs");
        if (verified && refs.items().isEmpty()) {
            problems.add(Problem.at(
                    asked.origin(),
                    ProblemCode.INVALID_VALUE,
                    Severity.ERROR,
                    "tls.clientValidation.mode \"" + mode + "\" requires caCertificateRefs",
                    "Add caCertificateRefs with the name of a Secret or ConfigMap that has ca.crt."));
            return Asked.REFUSED;
        }
        Optional<String> ca = pems(refs, "Secret", "ca.crt", "BEGIN CERTIFICATE");
        Optional<String> crl = pems(asked.at("crl.refs"), "Secret", "ca.crl", "BEGIN X509 CRL");
        List<Tls.Name> names = new ArrayList<>();
        Field wanted = asked.get("subjectAltNames");
        boolean readable = names(wanted.get("dnsNames"), Tls.NameType.DNS, names)
                & names(wanted.get("emailAddresses"), Tls.NameType.EMAIL, names)
                & names(wanted.get("ipAddresses"), Tls.NameType.IP, names)
                & names(wanted.get("uris"), Tls.NameType.URI, names)
                & names(wanted.get("otherNames"), Tls.NameType.OTHER, names);
        if (ca.isEmpty() || crl.isEmpty() || !readable) {
            return Asked.REFUSED;
        }
        return new Asked(
                Optional.of(new Tls.ClientValidation(
                        mode.startsWith("Require"),
                        verified,
                        ca.get(),
                        texts(asked.get("spkiHashes")),
                        texts(asked.get("certificateHashes")).stream()
                                .map(h -> h.replace(":", "").toLowerCase(Locale.ROOT))
                                .toList(),
                        names,
                        crl.get(),
                        asked.at("crl.onlyVerifyLeafCertificate").flag(false),
                        asked.get("allowExpiredCertificate").flag(false))),
                false);
    }

    private static List<String> texts(Field list) {
        return list.items().stream().map(i -> i.text("")).toList();
    }

    private boolean names(Field list, Tls.NameType type, List<Tls.Name> out) {
        boolean all = true;
        for (Field item : list.items()) {
            int before = out.size();
            clients.match(item)
                    .ifPresent(m -> out.add(new Tls.Name(type, item.get("oid").text(""), m)));
            all &= out.size() > before;
        }
        return all;
    }

    /** What a policy's references hold, one after another; empty where one of them cannot be had. */
    private Optional<String> pems(Field refs, String otherwise, String key, String begins) {
        StringBuilder out = new StringBuilder();
        for (Field ref : refs.items()) {
            Optional<String> pem = pem(
                    ref,
                    otherwise,
                    key,
                    begins,
                    ", so no client can be checked and every connection's requests are answered 500");
            if (pem.isEmpty()) {
                return pem;
            }
            out.append(pem.get()).append('\n');
        }
        return Optional.of(out.toString());
    }

    /** What one reference holds; empty, and named with what follows from it, where it cannot be had. */
    private Optional<String> pem(Field ref, String otherwise, String key, String begins, String follows) {
        ResourceRef from = ref.resource();
        String kind = ref.get("kind").text(otherwise);
        String namespace = ref.get("namespace").text(from.namespace());
        String name = ref.get("name").text("");
        String what = kind + " " + namespace + "/" + name;
        if (!grants.permits(from.group(), from.kind(), from.namespace(), "", kind, namespace, name)) {
            return wrong(
                    ref,
                    ProblemCode.REF_NOT_PERMITTED,
                    what + " lies in another namespace and no ReferenceGrant there permits it",
                    "Add a ReferenceGrant in " + namespace + ", or move it.");
        }
        Optional<Resource> found =
                kind.equals("Secret") || kind.equals("ConfigMap") ? set.find(kind, namespace, name) : Optional.empty();
        String pem = found.map(f -> Certificates.value(f, key)).orElse("");
        return pem.contains(begins)
                ? Optional.of(pem)
                : wrong(
                        ref,
                        ProblemCode.CERTIFICATE_REF,
                        what + (found.isEmpty() ? " does not exist" : " has no PEM under " + key) + follows,
                        "Add it with the key " + key + ".");
    }

    private Optional<String> wrong(Field ref, ProblemCode code, String message, String fix) {
        problems.add(Problem.at(ref.origin(), code, Severity.ERROR, message, fix));
        return Optional.empty();
    }
}
