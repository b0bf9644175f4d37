package dev.holdfast.xds.resource;

import dev.holdfast.plan.Listener;

/**
 * What resources are made of beside the plan.
 *
 * @param documents what OpenID providers say of themselves
 * @param behindServices whether clients come by the ports of the manifests, since a Service stands before those that are bound
 */
public record Known(OidcDocuments documents, boolean behindServices) {
    /** Where nothing is. */
    public static final Known NOTHING = new Known(OidcDocuments.NONE, false);

    public Known(OidcDocuments documents) {
        this(documents, false);
    }

    /** The port by which clients come to a listener; 0 where that is not known. */
    int port(Listener listener) {
        return behindServices ? listener.port() : 0;
    }
}
