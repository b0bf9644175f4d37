package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"os/exec"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

// balancer stands in for a cloud's load balancer: each Service of type LoadBalancer gets an address of 10.244.1.0/24 (or the
// one it asks for in that range), and connections and datagrams to it go to a ready endpoint; the client's address is lost. It does the
// same for the cluster addresses of Services in namespaces *-system, which is where Pods need them.
type balancer struct {
	client   kubernetes.Interface
	services corelisters.ServiceLister
	slices   discoverylisters.EndpointSliceLister

	mu      sync.Mutex
	owners  map[string]string               // address to namespace/name
	open    map[string]map[string]io.Closer // namespace/name to protocol address:port
	counter int
}

func startBalancer(ctx context.Context, client kubernetes.Interface) error {
	b := &balancer{client: client, owners: map[string]string{}, open: map[string]map[string]io.Closer{}}
	factory := informers.NewSharedInformerFactory(client, 0)
	services, slices := factory.Core().V1().Services(), factory.Discovery().V1().EndpointSlices()
	b.services, b.slices = services.Lister(), slices.Lister()
	slices.Informer()
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[string](50*time.Millisecond, 2*time.Second))
	add := func(o any) {
		if key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(o); err == nil {
			queue.Add(key)
		}
	}
	if _, err := services.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: add, UpdateFunc: func(_, o any) { add(o) }, DeleteFunc: add}); err != nil {
		return err
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	if err := serveNames(ctx, b.services); err != nil {
		return err
	}
	go func() {
		for {
			key, quit := queue.Get()
			if quit {
				return
			}
			if err := b.sync(ctx, key); err != nil {
				log.Printf("balancer: %s: %v", key, err)
				queue.AddRateLimited(key)
			} else {
				queue.Forget(key)
			}
			queue.Done(key)
		}
	}()
	go func() { <-ctx.Done(); queue.ShutDown() }()
	return nil
}

func (b *balancer) sync(ctx context.Context, key string) error {
	namespace, name, _ := cache.SplitMetaNamespaceKey(key)
	service, err := b.services.Services(namespace).Get(name)
	outside := err == nil && service.Spec.Type == corev1.ServiceTypeLoadBalancer
	within := err == nil && strings.HasSuffix(namespace, "-system") && net.ParseIP(service.Spec.ClusterIP) != nil
	if apierrors.IsNotFound(err) || (err == nil && !outside && !within) {
		b.shut(key, nil)
		b.mu.Lock()
		for address, owner := range b.owners {
			if owner == key {
				delete(b.owners, address)
			}
		}
		b.mu.Unlock()
		return nil
	} else if err != nil {
		return err
	}
	var addresses []string
	if within {
		if out, err := exec.Command("ip", "addr", "replace", service.Spec.ClusterIP+"/32", "dev", "lo").CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %s", err, out)
		}
		addresses = append(addresses, service.Spec.ClusterIP)
	}
	address := ""
	if outside {
		if address, err = b.address(key, service); err != nil {
			return err
		}
		addresses = append(addresses, address)
	}
	wanted := map[string]bool{}
	for _, port := range service.Spec.Ports {
		for _, host := range addresses {
			at := net.JoinHostPort(host, fmt.Sprint(port.Port))
			wanted[string(port.Protocol)+" "+at] = true
			if err := b.listen(key, at, port); err != nil {
				return err
			}
		}
	}
	b.shut(key, wanted)
	if !outside || len(service.Status.LoadBalancer.Ingress) == 1 && service.Status.LoadBalancer.Ingress[0].IP == address {
		return nil
	}
	patch, _ := json.Marshal(map[string]any{"status": map[string]any{"loadBalancer": map[string]any{
		"ingress": []map[string]string{{"ip": address, "ipMode": "VIP"}}}}})
	_, err = b.client.CoreV1().Services(namespace).Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// address is what the Service asks for, what it had, or the next free one; it is put on the loopback of this namespace.
func (b *balancer) address(key string, service *corev1.Service) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	asked := service.Spec.LoadBalancerIP
	if asked != "" && !strings.HasPrefix(asked, "10.244.1.") {
		return "", fmt.Errorf("%s is not an address of this balancer", asked)
	}
	if asked == "" && len(service.Status.LoadBalancer.Ingress) == 1 {
		asked = service.Status.LoadBalancer.Ingress[0].IP
	}
	if asked == "" {
		for address, owner := range b.owners {
			if owner == key {
				asked = address
			}
		}
	}
	for asked == "" {
		b.counter++
		candidate := fmt.Sprintf("10.244.1.%d", 1+b.counter%200)
		if b.owners[candidate] == "" {
			asked = candidate
		}
	}
	if owner := b.owners[asked]; owner != "" && owner != key {
		return "", fmt.Errorf("%s belongs to %s", asked, owner)
	}
	for address, owner := range b.owners {
		if owner == key && address != asked {
			delete(b.owners, address)
		}
	}
	b.owners[asked] = key
	if out, err := exec.Command("ip", "addr", "replace", asked+"/32", "dev", "lo").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %s", err, out)
	}
	return asked, nil
}

func (b *balancer) listen(key, at string, port corev1.ServicePort) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open[key] == nil {
		b.open[key] = map[string]io.Closer{}
	}
	name := string(port.Protocol) + " " + at
	if b.open[key][name] != nil {
		return nil
	}
	if port.Protocol == corev1.ProtocolUDP {
		socket, err := net.ListenPacket("udp", at)
		if err != nil {
			return err
		}
		b.open[key][name] = socket
		go b.datagrams(key, port.Name, socket)
		return nil
	}
	listener, err := net.Listen("tcp", at)
	if err != nil {
		return err
	}
	b.open[key][name] = listener
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go b.relay(key, port.Name, client.(*net.TCPConn))
		}
	}()
	return nil
}

func (b *balancer) shut(key string, keep map[string]bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for at, listener := range b.open[key] {
		if !keep[at] {
			listener.Close()
			delete(b.open[key], at)
		}
	}
}

func (b *balancer) relay(key, port string, client *net.TCPConn) {
	defer client.Close()
	for _, target := range b.targets(key, port) {
		to, err := net.DialTimeout("tcp", target, time.Second)
		if err != nil {
			continue
		}
		server := to.(*net.TCPConn)
		defer server.Close()
		done := make(chan struct{})
		go func() {
			io.Copy(server, client)
			server.CloseWrite()
			close(done)
		}()
		io.Copy(client, server)
		client.CloseWrite()
		select {
		case <-done:
		case <-time.After(30 * time.Second):
		}
		return
	}
	client.SetLinger(0)
}

// datagrams relays those of each client from a socket of its own, until it has been quiet for half a minute.
func (b *balancer) datagrams(key, port string, socket net.PacketConn) {
	var mu sync.Mutex
	sessions := map[string]net.Conn{}
	buffer := make([]byte, 65536)
	for {
		n, client, err := socket.ReadFrom(buffer)
		if err != nil {
			return
		}
		mu.Lock()
		to := sessions[client.String()]
		mu.Unlock()
		if to == nil {
			targets := b.targets(key, port)
			if len(targets) == 0 {
				continue
			}
			if to, err = net.Dial("udp", targets[0]); err != nil {
				continue
			}
			mu.Lock()
			sessions[client.String()] = to
			mu.Unlock()
			go func() {
				back := make([]byte, 65536)
				for {
					_ = to.SetReadDeadline(time.Now().Add(30 * time.Second))
					n, err := to.Read(back)
					if err != nil {
						break
					}
					_, _ = socket.WriteTo(back[:n], client)
				}
				mu.Lock()
				delete(sessions, client.String())
				mu.Unlock()
				to.Close()
			}()
		}
		_, _ = to.Write(buffer[:n])
	}
}

func (b *balancer) targets(key, portName string) []string {
	namespace, name, _ := cache.SplitMetaNamespaceKey(key)
	slices, _ := b.slices.EndpointSlices(namespace).List(labels.SelectorFromSet(labels.Set{discoveryv1.LabelServiceName: name}))
	var out []string
	for _, slice := range slices {
		for _, p := range slice.Ports {
			if p.Name == nil || *p.Name != portName || p.Port == nil {
				continue
			}
			for _, endpoint := range slice.Endpoints {
				if endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready {
					out = append(out, net.JoinHostPort(endpoint.Addresses[0], fmt.Sprint(*p.Port)))
				}
			}
		}
	}
	b.mu.Lock()
	b.counter++
	turn := b.counter
	b.mu.Unlock()
	if len(out) > 1 {
		turn %= len(out)
		out = append(out[turn:], out[:turn]...)
	}
	return out
}
