package dev.holdfast.dataplane.upstream;

/** A hash of 64 bits that is the same in every process: FNV-1a, then mixed (the finalizer of MurmurHash3). */
public final class Hash {
    private static final long BASIS = 0xcbf29ce484222325L;
    private static final long PRIME = 0x100000001b3L;

    private Hash() {}

    public static long of(String text) {
        return mix(add(BASIS, text));
    }

    /** Of several texts in their order. */
    public static long add(long hash, String text) {
        long out = hash;
        for (int i = 0; i < text.length(); i++) {
            out = (out ^ text.charAt(i)) * PRIME;
        }
        return (out ^ 0xffff) * PRIME;
    }

    static long mix(long value) {
        long out = value;
        out = (out ^ (out >>> 33)) * 0xff51afd7ed558ccdL;
        out = (out ^ (out >>> 33)) * 0xc4ceb9fe1a85ec53L;
        return out ^ (out >>> 33);
    }
}
