package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

const (
	nodeName = "here"
	nodeIP   = "10.244.0.1"
)

// kubelet stands in for scheduler and kubelet of the one node: every Pod is bound here, and runs as processes that see a network
// and mounts of their own. An image that no program is named for gets no process; its Pod is ready at once.
type kubelet struct {
	client           kubernetes.Interface
	dir, net         string
	programs         pairs
	dns              string // what Pods ask for names
	apiHost, apiPort string
	pods             corelisters.PodLister
	queue            workqueue.TypedRateLimitingInterface[string]

	mu      sync.Mutex
	running map[string]*pod
	used    map[int]bool
	ending  atomic.Bool // with the cluster: nothing is waited for
}

func newKubelet(client kubernetes.Interface, dir, net string, programs pairs, apiHost, apiPort string) *kubelet {
	return &kubelet{client: client, dir: dir, net: net, programs: programs, apiHost: apiHost, apiPort: apiPort,
		running: map[string]*pod{}, used: map[int]bool{}}
}

func (k *kubelet) program(image string) string {
	for part, program := range k.programs {
		if strings.Contains(image, part) {
			return program
		}
	}
	return ""
}

func (k *kubelet) start(ctx context.Context) error {
	if err := k.serveLogs(ctx); err != nil {
		return err
	}
	if err := k.register(ctx); err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(k.client, 0)
	pods := factory.Core().V1().Pods()
	k.pods = pods.Lister()
	k.queue = workqueue.NewTypedRateLimitingQueue(
		workqueue.NewTypedItemExponentialFailureRateLimiter[string](50*time.Millisecond, time.Second))
	add := func(o any) {
		if key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(o); err == nil {
			k.queue.Add(key)
		}
	}
	if _, err := pods.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: add, UpdateFunc: func(_, o any) { add(o) }, DeleteFunc: add}); err != nil {
		return err
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	// Of those that wait for a Pod to drain there may be many.
	for range 64 {
		go k.work(ctx)
	}
	go func() { <-ctx.Done(); k.queue.ShutDown() }()
	return nil
}

func (k *kubelet) work(ctx context.Context) {
	for {
		key, quit := k.queue.Get()
		if quit {
			return
		}
		if err := k.sync(ctx, key); err != nil {
			log.Printf("%s: %v", key, err)
			k.queue.AddRateLimited(key)
		} else {
			k.queue.Forget(key)
		}
		k.queue.Done(key)
	}
}

func (k *kubelet) register(ctx context.Context) error {
	node, err := k.client.CoreV1().Nodes().Create(ctx, &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: nodeName, Labels: map[string]string{
			"kubernetes.io/hostname": nodeName, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}},
		Spec: corev1.NodeSpec{PodCIDR: "10.244.0.0/24", PodCIDRs: []string{"10.244.0.0/24"}}}, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		node, err = k.client.CoreV1().Nodes().Get(ctx, nodeName, metav1.GetOptions{})
	}
	if err != nil {
		return err
	}
	// That it is not ready yet, which admission says of each new one; what would take it back is not here.
	node.Spec.Taints = nil
	if node, err = k.client.CoreV1().Nodes().Update(ctx, node, metav1.UpdateOptions{}); err != nil {
		return err
	}
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: nodeIP}}
	node.Status.DaemonEndpoints.KubeletEndpoint.Port = logPort
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue,
		Reason: "KubeletReady", LastHeartbeatTime: now(), LastTransitionTime: now()}}
	node.Status.NodeInfo.KubeletVersion = "v0.0.0-processes"
	_, err = k.client.CoreV1().Nodes().UpdateStatus(ctx, node, metav1.UpdateOptions{})
	return err
}

func (k *kubelet) sync(ctx context.Context, key string) error {
	namespace, name, _ := cache.SplitMetaNamespaceKey(key)
	spec, err := k.pods.Pods(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		k.stop(key)
		return nil
	} else if err != nil {
		return err
	}
	k.mu.Lock()
	known := k.running[key]
	k.mu.Unlock()
	if known != nil && known.uid != spec.UID {
		k.stop(key)
		known = nil
	}
	switch {
	case spec.DeletionTimestamp != nil:
		k.stop(key)
		at := int64(0)
		return gone(k.client.CoreV1().Pods(namespace).Delete(ctx, name, metav1.DeleteOptions{
			GracePeriodSeconds: &at, Preconditions: &metav1.Preconditions{UID: &spec.UID}}))
	case spec.Spec.NodeName == "":
		return gone(k.client.CoreV1().Pods(namespace).Bind(ctx, &corev1.Binding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: spec.UID},
			Target:     corev1.ObjectReference{Kind: "Node", Name: nodeName}}, metav1.CreateOptions{}))
	case known != nil:
		return nil
	}
	return k.run(ctx, key, spec)
}

func gone(err error) error {
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return err
}

func (k *kubelet) run(ctx context.Context, key string, spec *corev1.Pod) (err error) {
	p := &pod{kubelet: k, key: key, uid: spec.UID, dir: filepath.Join(k.dir, string(spec.UID)), spec: spec,
		published: map[string]map[string][]byte{}, changed: make(chan struct{}, 1)}
	k.mu.Lock()
	for i := 10; p.number == 0; i++ {
		if i == 250 {
			k.mu.Unlock()
			return fmt.Errorf("no free address")
		}
		if !k.used[i] {
			k.used[i], p.number = true, i
		}
	}
	k.running[key] = p
	k.mu.Unlock()
	if err := p.start(ctx); err != nil {
		k.stop(key)
		return err
	}
	log.Printf("%s: started, address %s", key, p.ip())
	return nil
}

func (k *kubelet) stop(key string) {
	k.mu.Lock()
	p := k.running[key]
	delete(k.running, key)
	k.mu.Unlock()
	if p == nil {
		return
	}
	p.stop()
	k.mu.Lock()
	delete(k.used, p.number)
	k.mu.Unlock()
	log.Printf("%s: stopped", key)
}

func (k *kubelet) stopAll() {
	k.ending.Store(true)
	k.mu.Lock()
	var keys []string
	for key := range k.running {
		keys = append(keys, key)
	}
	k.mu.Unlock()
	var all sync.WaitGroup
	for _, key := range keys {
		all.Go(func() { k.stop(key) })
	}
	all.Wait()
}

// tell writes the Pod's status as a kubelet does.
func (k *kubelet) tell(ctx context.Context, p *pod) error {
	ready := corev1.ConditionTrue
	status := corev1.PodStatus{Phase: corev1.PodRunning, PodIP: p.ip(), PodIPs: []corev1.PodIP{{IP: p.ip()}},
		HostIP: nodeIP, HostIPs: []corev1.HostIP{{IP: nodeIP}}, StartTime: &p.began}
	for _, c := range p.containers {
		state := c.status()
		if !state.Ready {
			ready = corev1.ConditionFalse
		}
		status.ContainerStatuses = append(status.ContainerStatuses, state)
	}
	for kind, value := range map[corev1.PodConditionType]corev1.ConditionStatus{corev1.PodScheduled: corev1.ConditionTrue,
		corev1.PodInitialized: corev1.ConditionTrue, corev1.ContainersReady: ready, corev1.PodReady: ready} {
		status.Conditions = append(status.Conditions, corev1.PodCondition{Type: kind, Status: value, LastTransitionTime: now()})
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": p.uid}, "status": status})
	if err != nil {
		return err
	}
	_, err = k.client.CoreV1().Pods(p.spec.Namespace).Patch(ctx, p.spec.Name, types.StrategicMergePatchType, patch,
		metav1.PatchOptions{}, "status")
	return gone(err)
}

// volumes writes what the Pod's volumes hold below its folder and returns each volume's folder by name. An object that is not
// there yet is an error; the Pod is tried again.
func (k *kubelet) volumes(ctx context.Context, p *pod) (map[string]string, error) {
	out := map[string]string{}
	for _, volume := range p.spec.Spec.Volumes {
		folder := filepath.Join(p.dir, volume.Name)
		if err := os.MkdirAll(folder, 0o777); err != nil {
			return nil, err
		}
		if err := os.Chmod(folder, 0o777); err != nil {
			return nil, err
		}
		out[volume.Name] = folder
		if source := renewed(volume); source != nil {
			files, err := k.project(ctx, p.spec, *source)
			if err == nil {
				err = publish(folder, files)
			}
			p.published[volume.Name] = files
			if err != nil {
				return nil, fmt.Errorf("volume %s: %w", volume.Name, err)
			}
			continue
		}
		var sources []corev1.VolumeProjection
		if volume.Projected != nil {
			sources = volume.Projected.Sources
		}
		for _, source := range sources {
			files, err := k.project(ctx, p.spec, source)
			if err != nil {
				return nil, fmt.Errorf("volume %s: %w", volume.Name, err)
			}
			for name, content := range files {
				at := filepath.Join(folder, filepath.Clean("/"+name))
				if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
					return nil, err
				}
				if err := os.WriteFile(at, content, 0o644); err != nil {
					return nil, err
				}
			}
		}
	}
	return out, nil
}

// renewed is the source of a volume whose files follow what they come from.
func renewed(volume corev1.Volume) *corev1.VolumeProjection {
	switch {
	case volume.Secret != nil:
		return &corev1.VolumeProjection{Secret: &corev1.SecretProjection{
			LocalObjectReference: corev1.LocalObjectReference{Name: volume.Secret.SecretName}, Items: volume.Secret.Items}}
	case volume.ConfigMap != nil:
		return &corev1.VolumeProjection{ConfigMap: &corev1.ConfigMapProjection{
			LocalObjectReference: volume.ConfigMap.LocalObjectReference, Items: volume.ConfigMap.Items}}
	}
	return nil
}

// follow replaces the files of Secrets and ConfigMaps when these change, as a kubelet does: from what they were when the Pod began.
func (k *kubelet) follow(ctx context.Context, p *pod) {
	ticker := time.NewTicker(2 * time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for _, volume := range p.spec.Spec.Volumes {
			source := renewed(volume)
			if source == nil {
				continue
			}
			files, err := k.project(ctx, p.spec, *source)
			if err != nil || reflect.DeepEqual(p.published[volume.Name], files) {
				continue
			}
			if err := publish(filepath.Join(p.dir, volume.Name), files); err != nil {
				log.Printf("%s: volume %s: %v", p.key, volume.Name, err)
				continue
			}
			p.published[volume.Name] = files
		}
	}
}

// publish makes the files of a folder others, all at one moment: they are links into ..data, which is a link that is replaced.
func publish(folder string, files map[string][]byte) error {
	fresh, err := os.MkdirTemp(folder, "..v")
	if err != nil {
		return err
	}
	if err := os.Chmod(fresh, 0o755); err != nil {
		return err
	}
	for name, content := range files {
		at := filepath.Join(fresh, filepath.Clean("/"+name))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(at, content, 0o644); err != nil {
			return err
		}
	}
	data := filepath.Join(folder, "..data")
	before, _ := os.Readlink(data)
	if err := os.Symlink(filepath.Base(fresh), data+"_tmp"); err != nil {
		return err
	}
	if err := os.Rename(data+"_tmp", data); err != nil {
		return err
	}
	for name := range files {
		top := strings.Split(filepath.Clean(name), "/")[0]
		if _, err := os.Lstat(filepath.Join(folder, top)); os.IsNotExist(err) {
			if err := os.Symlink(filepath.Join("..data", top), filepath.Join(folder, top)); err != nil {
				return err
			}
		}
	}
	if before != "" {
		return os.RemoveAll(filepath.Join(folder, before))
	}
	return nil
}

func (k *kubelet) project(ctx context.Context, spec *corev1.Pod, source corev1.VolumeProjection) (map[string][]byte, error) {
	data := map[string][]byte{}
	var items []corev1.KeyToPath
	switch {
	case source.Secret != nil:
		secret, err := k.client.CoreV1().Secrets(spec.Namespace).Get(ctx, source.Secret.Name, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		data, items = secret.Data, source.Secret.Items
	case source.ConfigMap != nil:
		config, err := k.client.CoreV1().ConfigMaps(spec.Namespace).Get(ctx, source.ConfigMap.Name, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		for key, text := range config.Data {
			data[key] = []byte(text)
		}
		for key, bytes := range config.BinaryData {
			data[key] = bytes
		}
		items = source.ConfigMap.Items
	case source.ServiceAccountToken != nil:
		token, err := k.client.CoreV1().ServiceAccounts(spec.Namespace).CreateToken(ctx, spec.Spec.ServiceAccountName,
			tokenRequest(spec, source.ServiceAccountToken), metav1.CreateOptions{})
		if err != nil {
			return nil, err
		}
		data[source.ServiceAccountToken.Path] = []byte(token.Status.Token)
	case source.DownwardAPI != nil:
		for _, item := range source.DownwardAPI.Items {
			data[item.Path] = []byte(fieldOf(spec, item.FieldRef.FieldPath, ""))
		}
	}
	if items == nil {
		return data, nil
	}
	chosen := map[string][]byte{}
	for _, item := range items {
		content, ok := data[item.Key]
		if !ok {
			return nil, fmt.Errorf("no key %q", item.Key)
		}
		chosen[item.Path] = content
	}
	return chosen, nil
}
