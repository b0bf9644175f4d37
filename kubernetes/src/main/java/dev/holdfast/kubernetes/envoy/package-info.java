/**
 * Envoys in the cluster: for each group of Gateways a Deployment or DaemonSet and what belongs to it, as its EnvoyProxy says, and the
 * certificates by which they and the control plane know each other. What Envoys are told is no business of this package.
 */
@NullMarked
package dev.holdfast.kubernetes.envoy;

import org.jspecify.annotations.NullMarked;
