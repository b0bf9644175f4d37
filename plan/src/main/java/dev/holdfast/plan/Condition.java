package dev.holdfast.plan;

/**
 * One statement about a resource, as the Gateway API's conditions make it.
 *
 * @param type for example {@code Accepted}; each stands once in a list
 * @param holds True or False; nothing that translation says is Unknown
 * @param reason one CamelCase word
 */
public record Condition(String type, boolean holds, String reason, String message) {
    /** Kubernetes' limit for a condition's message. */
    private static final int LONGEST = 32_768;

    private static final String CUT = " (message truncated).";

    public Condition {
        if (message.length() > LONGEST) {
            message = message.substring(0, LONGEST - CUT.length()) + CUT;
        }
    }
}
