package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/controller-manager/pkg/informerfactory"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/controller/certificates/rootcacertpublisher"
	"k8s.io/kubernetes/pkg/controller/daemon"
	"k8s.io/kubernetes/pkg/controller/deployment"
	"k8s.io/kubernetes/pkg/controller/endpointslice"
	"k8s.io/kubernetes/pkg/controller/garbagecollector"
	"k8s.io/kubernetes/pkg/controller/namespace"
	"k8s.io/kubernetes/pkg/controller/replicaset"
	"k8s.io/kubernetes/pkg/controller/serviceaccount"
)

// pairs is a repeatable flag KEY=VALUE.
type pairs map[string]string

func (p pairs) String() string { return "" }
func (p pairs) Set(s string) error {
	key, value, _ := strings.Cut(s, "=")
	p[key] = value
	return nil
}

func runControllers(args []string) int {
	flags := flag.NewFlagSet("controllers", flag.ExitOnError)
	kubeconfig := flags.String("kubeconfig", "", "the admin's kubeconfig")
	rootCA := flags.String("root-ca", "", "file with the API server's CA")
	net := flags.String("net", "hf-kube", "prefix of the Pods' network namespaces")
	dir := flags.String("dir", "", "folder for volumes and logs")
	apiHost := flags.String("api-host", "10.96.0.1", "where Pods find the API server")
	apiPort := flags.String("api-port", "6443", "its port")
	programs := pairs{}
	flags.Var(programs, "image", "SUBSTRING=PROGRAM: what to run for images whose name holds SUBSTRING; repeatable")
	_ = flags.Parse(args)
	log.SetFlags(log.Ltime | log.Lmicroseconds)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()

	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		log.Print(err)
		return 1
	}
	config.QPS, config.Burst = 300, 600
	client := kubernetes.NewForConfigOrDie(config)
	if err := startControllers(ctx, client, metadata.NewForConfigOrDie(config), *rootCA); err != nil {
		log.Print(err)
		return 1
	}
	node := newKubelet(client, *dir, *net, programs, *apiHost, *apiPort)
	node.dns = dnsAddress
	if err := node.start(ctx); err != nil {
		log.Print(err)
		return 1
	}
	if err := startBalancer(ctx, client); err != nil {
		log.Print(err)
		return 1
	}
	log.Print("ready")
	<-ctx.Done()
	node.stopAll()
	return 0
}

// startControllers runs Kubernetes' own controllers, unchanged; the rest of the controller manager is left out, for it would
// double the time to build.
func startControllers(ctx context.Context, client kubernetes.Interface, meta metadata.Interface, rootCA string) error {
	ca, err := os.ReadFile(rootCA)
	if err != nil {
		return err
	}
	logger := klog.FromContext(ctx)
	shared := informers.NewSharedInformerFactory(client, 0)
	core, apps := shared.Core().V1(), shared.Apps().V1()
	deployments, err := deployment.NewDeploymentController(ctx, apps.Deployments(), apps.ReplicaSets(), core.Pods(), client)
	if err != nil {
		return err
	}
	replicas := replicaset.NewReplicaSetController(ctx, apps.ReplicaSets(), core.Pods(), client, replicaset.BurstReplicas)
	daemons, err := daemon.NewDaemonSetsController(ctx, apps.DaemonSets(), apps.ControllerRevisions(), core.Pods(), core.Nodes(), client,
		flowcontrol.NewBackOff(time.Second, 15*time.Second))
	if err != nil {
		return err
	}
	slices := endpointslice.NewController(ctx, core.Pods(), core.Services(), core.Nodes(),
		shared.Discovery().V1().EndpointSlices(), 100, client, 100*time.Millisecond)
	accounts, err := serviceaccount.NewServiceAccountsController(logger, core.ServiceAccounts(), core.Namespaces(), client,
		serviceaccount.DefaultServiceAccountsControllerOptions())
	if err != nil {
		return err
	}
	publisher, err := rootcacertpublisher.NewPublisher(core.ConfigMaps(), core.Namespaces(), client, ca)
	if err != nil {
		return err
	}
	namespaces := namespace.NewNamespaceController(ctx, client, meta, client.Discovery().ServerPreferredNamespacedResources,
		core.Namespaces(), 5*time.Minute, corev1.FinalizerKubernetes)

	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client.Discovery()))
	started := make(chan struct{})
	ignored := map[schema.GroupResource]struct{}{}
	for resource := range garbagecollector.DefaultIgnoredResources() {
		ignored[resource] = struct{}{}
	}
	collector, err := garbagecollector.NewGarbageCollector(ctx, client, meta, mapper, ignored,
		informerfactory.NewInformerFactory(shared, metadatainformer.NewSharedInformerFactory(meta, 0)), started)
	if err != nil {
		return err
	}
	shared.Start(ctx.Done())
	close(started)

	go deployments.Run(ctx, 5)
	go replicas.Run(ctx, 5)
	go daemons.Run(ctx, 2)
	go slices.Run(ctx, 5)
	go accounts.Run(ctx, 1)
	go publisher.Run(ctx, 1)
	go namespaces.Run(ctx, 5)
	go collector.Run(ctx, 5, 30*time.Second)
	go collector.Sync(ctx, client.Discovery(), 30*time.Second)
	return nil
}

var now = metav1.Now
