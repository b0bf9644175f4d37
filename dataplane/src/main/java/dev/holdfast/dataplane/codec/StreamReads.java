package dev.holdfast.dataplane.codec;

import java.util.ArrayList;
import java.util.List;

/**
 * What the reads of one HTTP/2 connection bring its streams. It is passed on at a read's end, in one write for each stream,
 * however many frames came for it; and counts against the stream's window (RFC 9113 §5.2) for as long as the stream takes
 * nothing.
 */
public final class StreamReads {
    private final List<Stream> due = new ArrayList<>();

    /** A stream whose other side is written to. */
    public abstract static class Stream {
        private boolean due;
        private boolean taking = true;
        private int unconsumed;

        /** Flushes what has been written; also where there is nothing. */
        protected abstract void passOn();

        /** Before the read's end, for the stream is over. */
        public final void passOnNow() {
            if (due) {
                passOn();
            }
        }

        /** Octets that count against the window. */
        public final void came(int octets) {
            unconsumed += octets;
        }

        /** Octets that count no longer: all that have come, or none while nothing is taken. */
        public final int takeConsumed() {
            if (!taking) {
                return 0;
            }
            int octets = unconsumed;
            unconsumed = 0;
            return octets;
        }

        protected final void taking(boolean on) {
            taking = on;
        }

        protected final boolean unconsumed() {
            return unconsumed > 0;
        }
    }

    /** For a stream that something has come for. */
    public void passOnAfterwards(Stream stream) {
        if (!stream.due) {
            stream.due = true;
            due.add(stream);
        }
    }

    /** What a flush makes others ask for meanwhile is done too. */
    public void readComplete() {
        for (int i = 0; i < due.size(); i++) {
            Stream stream = due.get(i);
            stream.due = false;
            stream.passOn();
        }
        due.clear();
    }
}
