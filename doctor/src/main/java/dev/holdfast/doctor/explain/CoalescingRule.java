package dev.holdfast.doctor.explain;

import dev.holdfast.doctor.probe.CoalescingProbe;
import dev.holdfast.doctor.probe.CoalescingProbe.Coalescing;
import java.util.List;

/** Another host of the same certificate gets a wrong answer on this connection. */
final class CoalescingRule implements Rule {
    @Override
    public List<Finding> findings(Case seen) {
        return seen
                .find(Coalescing.class)
                .filter(c -> c.together() != 421 && c.together() >= 400 && c.apart() < 400)
                .map(c -> Finding.of(
                                Code.COALESCING_WRONG,
                                "The certificate is for " + seen.target().host() + " and " + c.other()
                                        + ", so that browsers send"
                                        + " requests for both over one HTTP/2 connection. This server answers the other host with "
                                        + c.together() + " there and with " + c.apart()
                                        + " on a connection of its own: users see"
                                        + " errors that come and go with what they opened first. 421 would make the browser try again.",
                                List.of(seen.seen(CoalescingProbe.NAME)),
                                List.of(
                                        Cure.of(
                                                "One certificate a host, so that nothing is coalesced.",
                                                "as many certificates to renew as hosts"),
                                        Cure.of(
                                                "One listener (without hostname, or with a wildcard) for all hosts of the certificate;"
                                                        + " routes tell them apart.",
                                                "policies of single listeners no longer apply"),
                                        Cure.of(
                                                "On Holdfast: nothing. It answers 421, and the browser asks again on a new connection.",
                                                "a change of gateway")))
                        .blame(Manifests.blame(
                                seen.manifests().certificate(), "this certificate is for more than one host")))
                .stream()
                .toList();
    }
}
