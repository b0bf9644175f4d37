package dev.holdfast.dataplane.upstream;

import dev.holdfast.plan.Cluster;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What one request says about the endpoint it is to go to, and which it went to. Made only for routes and clusters that
 * care; stays on the request's loop.
 */
public final class Selection {
    private boolean hashed;
    private boolean calm;
    private long hash;
    private @Nullable EndpointState preferred;
    private Cluster.@Nullable Endpoint only;
    private @Nullable EndpointState taken;
    private List<EndpointState> tried = List.of();

    /** This endpoint or none, healthy or not, and without waiting for a slot: a check's. */
    public static Selection only(Cluster.Endpoint endpoint) {
        Selection selection = new Selection();
        selection.only = endpoint;
        return selection;
    }

    /** See {@link Levels.Choice}. */
    public void calm(boolean value) {
        calm = value;
    }

    boolean isCalm() {
        return calm;
    }

    /** Requests of one hash go to one endpoint. */
    public void hash(long value) {
        hashed = true;
        hash = value;
    }

    boolean hashed() {
        return hashed;
    }

    long hashValue() {
        return hash;
    }

    /** To be taken if it is healthy. */
    public void prefer(@Nullable EndpointState endpoint) {
        preferred = endpoint;
    }

    @Nullable
    EndpointState preferred() {
        return preferred;
    }

    Cluster.@Nullable Endpoint only() {
        return only;
    }

    void take(EndpointState endpoint) {
        release();
        taken = endpoint;
        endpoint.began();
    }

    public @Nullable EndpointState taken() {
        return taken;
    }

    boolean wasTried(EndpointState endpoint) {
        return tried.contains(endpoint);
    }

    /** The endpoint that was taken has failed: the next choice should be another. */
    public void again() {
        EndpointState failed = taken;
        release();
        if (failed != null) {
            if (tried.isEmpty()) {
                tried = new ArrayList<>(2);
            }
            tried.add(failed);
        }
    }

    /** The request is over. */
    public void release() {
        EndpointState of = taken;
        if (of != null) {
            taken = null;
            of.ended();
        }
    }
}
