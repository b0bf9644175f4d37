package dev.holdfast.dataplane.filter.security;

import dev.holdfast.dataplane.filter.Calls;
import dev.holdfast.plan.SecurityFilter;
import io.netty.channel.EventLoop;
import java.text.ParseException;
import org.jspecify.annotations.Nullable;

/** Where a provider's keys come from. */
interface KeySource {
    /** Those at hand, null for none yet. */
    @Nullable
    KeySet current(EventLoop loop);

    /**
     * Asks for newer keys; {@code then} runs on {@code loop} when there are, or when there are none to be had.
     *
     * @return false where asking now would be of no use; then nothing runs
     */
    boolean fetch(EventLoop loop, Runnable then);

    static KeySource of(SecurityFilter.Keys keys, Calls calls) {
        return switch (keys) {
            case SecurityFilter.Keys.Local(var jwks) -> fixed(jwks.reveal());
            case SecurityFilter.Keys.Remote remote -> new RemoteKeys(remote, calls);
        };
    }

    /** Keys that cannot be read are none, so that no token is good. */
    private static KeySource fixed(String json) {
        KeySet parsed;
        try {
            parsed = KeySet.parse(json, true);
        } catch (ParseException unreadable) {
            parsed = KeySet.NONE;
        }
        KeySet keys = parsed;
        return new KeySource() {
            @Override
            public KeySet current(EventLoop loop) {
                return keys;
            }

            @Override
            public boolean fetch(EventLoop loop, Runnable then) {
                return false;
            }
        };
    }
}
