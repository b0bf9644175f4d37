package dev.holdfast.translate;

import dev.holdfast.plan.SecretText;
import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.plan.SecurityFilter.Source;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;

/** Users with passwords and clients with keys, from Secrets. Messages name places, never what stands there. */
final class CredentialFields {
    private static final Pattern BCRYPT = Pattern.compile("\\$2[aby]\\$(\\d\\d)\\$[./A-Za-z0-9]{53}");
    /** 2^14 rounds are about a second of processor time, which anybody may ask for. */
    private static final int DEAREST = 14;

    private static final int CHEAPEST = 4;

    private CredentialFields() {}

    static Optional<SecurityFilter> passwords(Field basic, PolicyRefs refs) {
        Field ref = basic.get("users");
        Optional<String> file = refs.secret(ref, ".htpasswd");
        if (file.isEmpty()) {
            return Optional.empty();
        }
        List<SecretText> users = new ArrayList<>();
        Set<String> names = new HashSet<>();
        List<String> lines = file.get().lines().toList();
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i).strip();
            if (line.isEmpty() || line.startsWith("#")) {
                continue;
            }
            int colon = line.indexOf(':');
            String wrong = colon <= 0
                    ? "is not user:hash"
                    : names.add(line.substring(0, colon)) ? wrong(line.substring(colon + 1)) : "names a user twice";
            if (!wrong.isEmpty()) {
                return refs.invalid(
                        ref,
                        "line " + (i + 1) + " of .htpasswd " + wrong,
                        "Make the file with htpasswd -s ({SHA}) or htpasswd -B (bcrypt).");
            }
            users.add(new SecretText(line));
        }
        return users.isEmpty()
                ? refs.invalid(ref, "there is no user in .htpasswd", "Add one.")
                : Optional.of(new SecurityFilter.BasicAuth(
                        users, basic.get("forwardUsernameHeader").text("")));
    }

    /** What is wrong with a hash, empty for nothing. */
    private static String wrong(String hash) {
        if (hash.startsWith("{SHA}")) {
            try {
                return Base64.getDecoder().decode(hash.substring(5)).length == 20
                        ? ""
                        : "has a {SHA} of another length";
            } catch (IllegalArgumentException notBase64) {
                return "has a {SHA} that is no Base64";
            }
        }
        var bcrypt = BCRYPT.matcher(hash);
        if (!bcrypt.matches()) {
            return "has an unsupported hash: {SHA} and bcrypt are";
        }
        int cost = Integer.parseInt(bcrypt.group(1));
        return cost < CHEAPEST || cost > DEAREST
                ? "has a bcrypt cost of " + cost + ", and " + CHEAPEST + " to " + DEAREST + " are taken"
                : "";
    }

    static Optional<SecurityFilter> apiKeys(Field auth, PolicyRefs refs) {
        Map<String, SecretText> clients = new TreeMap<>();
        for (Field ref : auth.get("credentialRefs").items()) {
            Optional<Resource> secret = refs.secret(ref);
            if (secret.isEmpty()) {
                return Optional.empty();
            }
            Set<String> names =
                    new java.util.TreeSet<>(secret.get().get("data").texts().keySet());
            names.addAll(secret.get().get("stringData").texts().keySet());
            for (String client : names) {
                String key = Certificates.value(secret.get(), client).strip();
                if (key.isEmpty()) {
                    return refs.invalid(ref, "the key of the client " + client + " is empty or no Base64", "Mend it.");
                }
                clients.putIfAbsent(client, new SecretText(key));
            }
        }
        Set<SecretText> keys = new HashSet<>(clients.values());
        if (keys.size() < clients.size()) {
            return refs.invalid(auth.get("credentialRefs"), "duplicated API key", "Give each client a key of its own.");
        }
        List<Source> sources = new ArrayList<>();
        for (Field from : auth.get("extractFrom").items()) {
            CorsFields.texts(from.get("headers"))
                    .forEach(h -> sources.add(new Source.Header(h.toLowerCase(Locale.ROOT), "")));
            CorsFields.texts(from.get("params")).forEach(p -> sources.add(new Source.Parameter(p)));
            CorsFields.texts(from.get("cookies")).forEach(c -> sources.add(new Source.Cookie(c)));
        }
        if (clients.isEmpty() || sources.isEmpty()) {
            return refs.invalid(
                    auth,
                    clients.isEmpty() ? "there is no key in the Secrets" : "nothing says where a key stands",
                    "Name Secrets with keys, and headers, params or cookies that hold them.");
        }
        return Optional.of(new SecurityFilter.ApiKeyAuth(
                clients,
                sources,
                auth.get("sanitize").flag(false),
                auth.get("forwardClientIDHeader").text("")));
    }
}
