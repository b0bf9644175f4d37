package dev.holdfast.dataplane.exchange;

import dev.holdfast.dataplane.filter.BodyStage;
import io.netty.buffer.ByteBuf;
import io.netty.handler.codec.http.HttpHeaders;

/** A body's stage and what comes after it; several in a row are one pipe. */
final class Pipe implements BodyStage.Sink {
    private final BodyStage stage;
    private final BodyStage.Sink after;

    Pipe(BodyStage stage, BodyStage.Sink after) {
        this.stage = stage;
        this.after = after;
    }

    @Override
    public void data(ByteBuf data, boolean end) {
        stage.data(data, end, after);
    }

    @Override
    public void trailers(HttpHeaders trailers) {
        stage.trailers(trailers, after);
    }

    @Override
    public void flush() {
        stage.flush(after);
    }

    @Override
    public void ready() {
        if (!stage.full()) {
            after.ready();
        }
    }

    boolean full() {
        return stage.full() || (after instanceof Pipe next && next.full());
    }

    void drop() {
        stage.drop();
        if (after instanceof Pipe next) {
            next.drop();
        }
    }
}
