package dev.holdfast.xds;

import java.util.Optional;

/** Prints a bootstrap: node, cluster, host, port, admin port. */
public final class BootstrapMain {
    private BootstrapMain() {}

    public static void main(String[] args) {
        System.out.print(Bootstrap.yaml(
                args[0], args[1], args[2], Integer.parseInt(args[3]), Optional.empty(), Integer.parseInt(args[4])));
    }
}
