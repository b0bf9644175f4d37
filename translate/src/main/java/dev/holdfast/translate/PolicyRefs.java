package dev.holdfast.translate;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.util.List;
import java.util.Optional;

/**
 * What the fields of a policy refer to. In a merged policy a reference belongs to the layer that wrote it, and is looked up
 * in that one's namespace.
 *
 * @param layers the policies that were merged, the narrowest first
 * @param closed what becomes of whom where it is wrong
 */
record PolicyRefs(ResourceSet set, Grants grants, List<Resource> layers, List<Problem> problems, String closed) {
    /** Of a policy that guards requests. */
    PolicyRefs(ResourceSet set, Grants grants, List<Resource> layers, List<Problem> problems) {
        this(set, grants, layers, problems, "what the policy guards answers 500");
    }

    /** The policy that wrote {@code field}. */
    Resource owner(Field field) {
        return layers.stream()
                .filter(layer -> at(layer, field.path()).present())
                .findFirst()
                .orElse(layers.getLast());
    }

    private static Field at(Resource layer, String path) {
        Field field = layer.fields();
        for (String part : path.split("\\.")) {
            int bracket = part.indexOf('[');
            field = field.get(bracket < 0 ? part : part.substring(0, bracket));
            if (bracket >= 0) {
                int index = Integer.parseInt(part.substring(bracket + 1, part.length() - 1));
                List<Field> items = field.items();
                if (index >= items.size()) {
                    return Field.absent(layer.origin());
                }
                field = items.get(index);
            }
        }
        return field;
    }

    /** The Secret of a {@code secretRef}, where it exists and may be referred to. */
    Optional<Resource> secret(Field ref) {
        Resource owner = owner(ref);
        String namespace = ref.get("namespace").text(owner.ref().namespace());
        String name = ref.get("name").text("");
        String kind = ref.get("kind").text("Secret");
        if (!kind.equals("Secret") || !ref.get("group").text("").isEmpty()) {
            return invalid(ref, "the kind " + kind + " holds no credentials", "Name a Secret.");
        }
        if (!grants.permits(
                owner.ref().group(), owner.ref().kind(), owner.ref().namespace(), "", kind, namespace, name)) {
            problems.add(Problem.at(
                    ref.origin(),
                    ProblemCode.REF_NOT_PERMITTED,
                    Severity.WARNING,
                    "Secret " + namespace + "/" + name
                            + " lies in another namespace and no ReferenceGrant there permits"
                            + " it; " + closed,
                    "Add a ReferenceGrant in " + namespace + ", or move the Secret."));
            return Optional.empty();
        }
        Optional<Resource> found = set.find("Secret", namespace, name);
        return found.isPresent()
                ? found
                : invalid(ref, "Secret " + namespace + "/" + name + " does not exist", "Add it.");
    }

    /** A value of a Secret under {@code key}. */
    Optional<String> secret(Field ref, String key) {
        Optional<Resource> secret = secret(ref);
        String value = secret.map(s -> Certificates.value(s, key)).orElse("");
        return secret.isEmpty() || !value.isEmpty()
                ? secret.map(s -> value)
                : invalid(
                        ref,
                        "Secret " + secret.get().ref().namespace() + "/"
                                + secret.get().ref().name() + " has no value under " + key,
                        "Put it under " + key + ".");
    }

    /** A ConfigMap or Secret beside the policy. */
    Optional<Resource> beside(Field ref) {
        String kind = ref.get("kind").text("");
        String namespace = owner(ref).ref().namespace();
        String name = ref.get("name").text("");
        if (!kind.equals("ConfigMap") && !kind.equals("Secret")) {
            return invalid(ref, "the kind " + kind + " holds no values", "Name a ConfigMap or Secret.");
        }
        Optional<Resource> found = set.find(kind, namespace, name);
        return found.isPresent()
                ? found
                : invalid(ref, kind + " " + namespace + "/" + name + " does not exist", "Add it.");
    }

    /** Says what is wrong, and that nothing passes by it. */
    <T> Optional<T> invalid(Field at, String message, String fix) {
        problems.add(
                Problem.at(at.origin(), ProblemCode.POLICY_INVALID, Severity.WARNING, message + "; " + closed, fix));
        return Optional.empty();
    }

    /** Says what of a policy does nothing, though the rest of it holds. */
    void remark(Field at, String message, String fix) {
        problems.add(Problem.at(at.origin(), ProblemCode.NOT_CARRIED_OUT, Severity.WARNING, message, fix));
    }

    <T> Optional<T> notCarriedOut(Field at) {
        problems.add(Problem.at(
                at.origin(),
                ProblemCode.GUARD_NOT_CARRIED_OUT,
                Severity.WARNING,
                "the field is valid, but is not carried out on this plane; " + closed + " rather than be let through",
                "Remove it, or have the backend check it."));
        return Optional.empty();
    }
}
