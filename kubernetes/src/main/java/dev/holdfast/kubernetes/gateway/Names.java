package dev.holdfast.kubernetes.gateway;

import io.fabric8.kubernetes.api.model.HasMetadata;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;

/** Names of what is made for Gateways, within Kubernetes' limits: a Service's has at most 63 characters, a Gateway's up to 253. */
public final class Names {
    /** On all that is ours. */
    public static final String MANAGED_BY = "app.kubernetes.io/managed-by";

    /** Names the group. */
    public static final String FLEET = "holdfast.dev/fleet";

    private Names() {}

    /** Of all objects of a group: {@code gateway-web-1f0a22bc}. */
    public static String object(String group) {
        String plain = group.substring(group.indexOf('/') + 1).replace('.', '-');
        return (group.contains("/") ? "gateway-" : "class-")
                + (plain.length() > 40 ? plain.substring(0, 40) : plain)
                + "-"
                + digest(group);
    }

    /** {@code value} where it is a label's value, else its beginning and a digest. */
    public static String label(String value) {
        String plain = value.replace('/', '.');
        return plain.equals(value) && value.length() <= 63
                ? value
                : (plain.length() > 54 ? plain.substring(0, 54) : plain) + "-" + digest(value);
    }

    /** Whose an object is; a Service's Pods are found by two of them. */
    public static Map<String, String> labels(Group group) {
        Map<String, String> out = marks(group);
        if (group.name().contains("/")) {
            out.put(
                    "gateway.networking.k8s.io/gateway-name",
                    label(group.gateways().getFirst().ref().name()));
            out.put(
                    "holdfast.dev/gateway-namespace",
                    label(group.gateways().getFirst().ref().namespace()));
        } else {
            out.put("gateway.networking.k8s.io/gateway-class-name", label(group.name()));
        }
        return out;
    }

    /** What an object has to say of itself for us to write over it. */
    public static Map<String, String> marks(Group group) {
        Map<String, String> out = new TreeMap<>(fleet(group));
        out.put(MANAGED_BY, "holdfast");
        return out;
    }

    /** Whether we have made an object for a group, be there such a group or not; an annotation alone comes along with a copy. */
    static boolean isOurs(HasMetadata object, String group) {
        Map<String, String> labels = object.getMetadata().getLabels();
        return labels != null
                && "holdfast".equals(labels.get(MANAGED_BY))
                && label(group).equals(labels.get(FLEET));
    }

    /** The labels of a group's own Envoys. */
    public static Map<String, String> fleet(Group group) {
        return Map.of(FLEET, label(group.name()));
    }

    /** The first 32 bits of a SHA-256. */
    public static String digest(String text) {
        try {
            return HexFormat.of()
                    .formatHex(MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)))
                    .substring(0, 8);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this JDK has no SHA-256", e);
        }
    }
}
