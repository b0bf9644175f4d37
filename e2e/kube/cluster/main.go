// Command cluster is a Kubernetes cluster of one machine without containers: the real kube-apiserver, the few controllers that
// tests need, and stand-ins for what has no place here: a kubelet that runs Pods' containers as processes in network and mount
// namespaces of their own, and a load balancer that gives Services of that type an address.
package main

import (
	"fmt"
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "apiserver":
			command := app.NewAPIServerCommand()
			command.SetArgs(os.Args[2:])
			os.Exit(cli.Run(command))
		case "controllers":
			os.Exit(runControllers(os.Args[2:]))
		case "container": // the inside of a Pod's namespaces; started by the kubelet below
			os.Exit(enterContainer(os.Args[2]))
		}
	}
	fmt.Fprintln(os.Stderr, "usage: cluster apiserver … | cluster controllers …")
	os.Exit(2)
}
