package dev.holdfast.dataplane.codec;

import java.util.ArrayList;
import java.util.List;

/**
 * The streams of one HTTP/2 connection that a read has brought something: it is passed on at the read's end, in one write
 * for each stream, however many frames came for it.
 */
public final class ReadFlush {
    private final List<Stream> due = new ArrayList<>();

    /** A stream whose other side has been written to. */
    public abstract static class Stream {
        private boolean due;

        /** Flushes what has been written; also where there is nothing. */
        protected abstract void passOn();

        /** Before the read's end, for the stream is over. */
        public final void passOnNow() {
            if (due) {
                passOn();
            }
        }
    }

    public void ask(Stream stream) {
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
