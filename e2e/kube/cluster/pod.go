package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// pod is one running Pod: a network namespace with one address on the bridge, and its containers' processes.
type pod struct {
	kubelet    *kubelet
	key, dir   string
	uid        types.UID
	number     int // last byte of its address
	spec       *corev1.Pod
	began      metav1.Time
	published  map[string]map[string][]byte // by volume, what its files hold; of start, then of follow
	containers []*container
	cancel     context.CancelFunc
	changed    chan struct{}
	all        sync.WaitGroup
}

func (p *pod) ip() string        { return fmt.Sprintf("10.244.0.%d", p.number) }
func (p *pod) namespace() string { return fmt.Sprintf("%s-%d", p.kubelet.net, p.number) }

func (p *pod) start(outer context.Context) error {
	volumes, err := p.kubelet.volumes(outer, p)
	if err != nil {
		return err
	}
	if err := p.network(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel, p.began = cancel, now()
	resolver := filepath.Join(p.dir, ".resolv.conf")
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(resolver, []byte("nameserver "+p.kubelet.dns+"\n"), 0o644); err != nil {
		return err
	}
	for i := range p.spec.Spec.Containers {
		spec := &p.spec.Spec.Containers[i]
		c := &container{pod: p, spec: spec, program: p.kubelet.program(spec.Image), since: now()}
		p.containers = append(p.containers, c)
		if c.program == "" {
			c.ready = true
			continue
		}
		env, err := p.environment(outer, spec)
		if err != nil {
			cancel()
			return err
		}
		inside := entrance{Program: c.program, Args: expand(append(append([]string{}, spec.Command...), spec.Args...), env), Env: env}
		inside.Mounts = []bind{{resolver, "/etc/resolv.conf", true}}
		for _, mount := range spec.VolumeMounts {
			if from, ok := volumes[mount.Name]; ok {
				inside.Mounts = append(inside.Mounts, bind{filepath.Join(from, mount.SubPath), mount.MountPath, mount.ReadOnly})
			}
		}
		for _, security := range []*int64{podUser(p.spec), containerUser(spec)} {
			if security != nil {
				inside.User = int(*security)
			}
		}
		if inside.User != 0 {
			// As with user namespaces: what the kernel counts for each user, such as inotify instances, Pods do not share.
			inside.User += p.number << 16
		}
		inside.ReadOnlyRoot = spec.SecurityContext != nil && spec.SecurityContext.ReadOnlyRootFilesystem != nil &&
			*spec.SecurityContext.ReadOnlyRootFilesystem
		inside.Scratch = filepath.Join(p.dir, "."+spec.Name)
		p.all.Go(func() { c.keepRunning(ctx, inside) })
		p.all.Go(func() { c.probe(ctx) })
	}
	p.all.Go(func() { p.report(ctx) })
	p.all.Go(func() { p.kubelet.follow(ctx, p) })
	return nil
}

func (p *pod) report(ctx context.Context) {
	for {
		if err := p.kubelet.tell(ctx, p); err != nil && ctx.Err() == nil {
			log.Printf("%s: status: %v", p.key, err)
			time.Sleep(200 * time.Millisecond)
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-p.changed:
		}
	}
}

func (p *pod) poke() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// network makes the namespace, a cable to the bridge, and lets any user bind low ports, as container engines do. The Ethernet address
// goes with the IP address, which a later Pod may have: neighbours that remember it reach the new one at once.
func (p *pod) network() error {
	ns, cable := p.namespace(), fmt.Sprintf("pod%d", p.number)
	_ = exec.Command("ip", "netns", "del", ns).Run()
	_ = exec.Command("ip", "link", "del", cable).Run()
	script := fmt.Sprintf(`set -e
ip netns add %[1]s
ip link add %[2]s type veth peer name eth0 address 02:00:0a:f4:00:%02[5]x netns %[1]s
ip link set %[2]s master pods up
ip -n %[1]s addr add %[3]s/24 dev eth0
ip -n %[1]s link set lo up
ip -n %[1]s link set eth0 up
ip -n %[1]s route add default via %[4]s
ip netns exec %[1]s sh -c 'echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start'`, ns, cable, p.ip(), nodeIP, p.number)
	if out, err := exec.Command("sh", "-c", script).CombinedOutput(); err != nil {
		return fmt.Errorf("network: %w: %s", err, out)
	}
	return nil
}

func (p *pod) stop() {
	if p.cancel != nil {
		p.cancel()
		p.all.Wait()
	}
	_ = exec.Command("ip", "netns", "del", p.namespace()).Run()
	_ = os.RemoveAll(p.dir)
}

func podUser(spec *corev1.Pod) *int64 {
	if spec.Spec.SecurityContext != nil {
		return spec.Spec.SecurityContext.RunAsUser
	}
	return nil
}

func containerUser(spec *corev1.Container) *int64 {
	if spec.SecurityContext != nil {
		return spec.SecurityContext.RunAsUser
	}
	return nil
}

func tokenRequest(spec *corev1.Pod, source *corev1.ServiceAccountTokenProjection) *authenticationv1.TokenRequest {
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: source.ExpirationSeconds,
		BoundObjectRef: &authenticationv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: spec.Name, UID: spec.UID}}}
	if source.Audience != "" {
		request.Spec.Audiences = []string{source.Audience}
	}
	return request
}

var subscript = regexp.MustCompile(`^metadata\.(labels|annotations)\['([^']+)'\]$`)

func fieldOf(spec *corev1.Pod, path, ip string) string {
	switch path {
	case "metadata.name":
		return spec.Name
	case "metadata.namespace":
		return spec.Namespace
	case "metadata.uid":
		return string(spec.UID)
	case "spec.nodeName":
		return nodeName
	case "spec.serviceAccountName":
		return spec.Spec.ServiceAccountName
	case "status.podIP", "status.podIPs":
		return ip
	case "status.hostIP":
		return nodeIP
	}
	if m := subscript.FindStringSubmatch(path); m != nil {
		if m[1] == "labels" {
			return spec.Labels[m[2]]
		}
		return spec.Annotations[m[2]]
	}
	return ""
}

func (p *pod) environment(ctx context.Context, c *corev1.Container) ([]string, error) {
	env := []string{"HOSTNAME=" + p.spec.Name, "PATH=" + os.Getenv("PATH"), "KUBERNETES_SERVICE_HOST=" + p.kubelet.apiHost,
		"KUBERNETES_SERVICE_PORT=" + p.kubelet.apiPort, "KUBERNETES_SERVICE_PORT_HTTPS=" + p.kubelet.apiPort}
	if limit := c.Resources.Limits.Memory(); !limit.IsZero() {
		// Of the control group that there would be.
		env = append(env, fmt.Sprintf("MEMORY_LIMIT=%d", limit.Value()))
	}
	for _, e := range c.Env {
		value := e.Value
		if from := e.ValueFrom; from != nil {
			switch {
			case from.FieldRef != nil:
				value = fieldOf(p.spec, from.FieldRef.FieldPath, p.ip())
			case from.SecretKeyRef != nil:
				secret, err := p.kubelet.client.CoreV1().Secrets(p.spec.Namespace).Get(ctx, from.SecretKeyRef.Name, metav1.GetOptions{})
				if err != nil {
					return nil, err
				}
				value = string(secret.Data[from.SecretKeyRef.Key])
			case from.ConfigMapKeyRef != nil:
				config, err := p.kubelet.client.CoreV1().ConfigMaps(p.spec.Namespace).Get(ctx, from.ConfigMapKeyRef.Name, metav1.GetOptions{})
				if err != nil {
					return nil, err
				}
				value = config.Data[from.ConfigMapKeyRef.Key]
			}
		}
		env = append(env, e.Name+"="+value)
	}
	return env, nil
}

// expand replaces $(NAME) by what the environment has of that name.
func expand(args, env []string) []string {
	out := make([]string, len(args))
	for i, arg := range args {
		for _, one := range env {
			name, value, _ := strings.Cut(one, "=")
			arg = strings.ReplaceAll(arg, "$("+name+")", value)
		}
		out[i] = arg
	}
	return out
}

// container is one process that is started again when it ends.
type container struct {
	pod      *pod
	spec     *corev1.Container
	program  string
	mu       sync.Mutex
	lines    []logLine
	ready    bool
	pid      int
	since    metav1.Time
	restarts int32
	last     *corev1.ContainerStateTerminated
}

func (c *container) status() corev1.ContainerStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	started := true
	state := corev1.ContainerStatus{Name: c.spec.Name, Image: c.spec.Image, Ready: c.ready, Started: &started,
		RestartCount: c.restarts, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: c.since}}}
	state.LastTerminationState.Terminated = c.last
	return state
}

func (c *container) keepRunning(ctx context.Context, inside entrance) {
	plan, err := json.Marshal(inside)
	if err != nil {
		log.Print(err)
		return
	}
	grace := 30 * time.Second
	if s := c.pod.spec.Spec.TerminationGracePeriodSeconds; s != nil {
		grace = time.Duration(*s) * time.Second
	}
	for ctx.Err() == nil {
		cmd := exec.CommandContext(ctx, "ip", "netns", "exec", c.pod.namespace(), "/proc/self/exe", "container", string(plan))
		if self, err := os.Executable(); err == nil {
			cmd.Args[4] = self
		}
		began := time.Now()
		cmd.Cancel = func() error {
			if c.pod.kubelet.ending.Load() {
				return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			}
			if hook := c.spec.Lifecycle; hook != nil && hook.PreStop != nil && hook.PreStop.HTTPGet != nil {
				done := make(chan bool, 1)
				go func() { done <- c.get(hook.PreStop.HTTPGet, grace) }()
				for waiting := true; waiting; {
					select {
					case <-done:
						waiting = false
					case <-time.After(100 * time.Millisecond):
						if c.pod.kubelet.ending.Load() {
							return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
						}
					}
				}
				log.Printf("%s/%s: ran %v; its preStop has answered", c.pod.key, c.spec.Name, time.Since(began).Round(time.Second))
			}
			return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		}
		cmd.WaitDelay = grace
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Cloneflags: syscall.CLONE_NEWNS}
		reader, writer, err := os.Pipe()
		if err != nil {
			log.Print(err)
			return
		}
		cmd.Stdout, cmd.Stderr = writer, writer
		err = cmd.Start()
		writer.Close()
		if err == nil {
			c.mu.Lock()
			c.pid, c.since = cmd.Process.Pid, now()
			c.mu.Unlock()
			read := make(chan struct{})
			go func() { c.read(reader); close(read) }()
			err = cmd.Wait()
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			<-read
		}
		reader.Close()
		if ctx.Err() != nil {
			return
		}
		log.Printf("%s/%s: ended: %v; starting again; its last lines:\n%s", c.pod.key, c.spec.Name, err, c.tail(5))
		code := int32(-1)
		if cmd.ProcessState != nil {
			code = int32(cmd.ProcessState.ExitCode())
		}
		c.mu.Lock()
		c.restarts++
		c.pid, c.ready = 0, false
		c.last = &corev1.ContainerStateTerminated{ExitCode: code, Reason: "Ended", StartedAt: c.since, FinishedAt: now()}
		c.mu.Unlock()
		c.pod.poke()
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func (c *container) read(from io.Reader) {
	lines := bufio.NewReader(from)
	for {
		text, err := lines.ReadString('\n')
		if text != "" {
			c.mu.Lock()
			c.lines = append(c.lines, logLine{time.Now(), strings.TrimSuffix(text, "\n")})
			if len(c.lines) > 40000 {
				c.lines = append([]logLine(nil), c.lines[20000:]...)
			}
			c.mu.Unlock()
		}
		if err != nil {
			return
		}
	}
}

func (c *container) tail(n int) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for _, line := range c.lines[max(0, len(c.lines)-n):] {
		out = append(out, "    "+line.text)
	}
	return strings.Join(out, "\n")
}

// probe follows the readiness probe; a container without one is ready when something of its Pod listens.
func (c *container) probe(ctx context.Context) {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		c.mu.Lock()
		pid, was := c.pid, c.ready
		c.mu.Unlock()
		is := pid != 0
		if is && c.spec.ReadinessProbe != nil && c.spec.ReadinessProbe.HTTPGet != nil {
			is = c.get(c.spec.ReadinessProbe.HTTPGet, time.Second)
		} else if is && !was {
			is = listens(pid)
		}
		if is != was {
			c.mu.Lock()
			c.ready = is
			c.mu.Unlock()
			c.pod.poke()
		}
	}
}

// get asks as a kubelet does, and tells whether the answer was a good one.
func (c *container) get(get *corev1.HTTPGetAction, patience time.Duration) bool {
	port := get.Port.String()
	for _, p := range c.spec.Ports {
		if p.Name == port {
			port = fmt.Sprint(p.ContainerPort)
		}
	}
	client := http.Client{Timeout: patience}
	answer, err := client.Get("http://" + net.JoinHostPort(c.pod.ip(), port) + get.Path)
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode < 400
}

// listens tells whether a TCP or UDP socket waits in the process's network namespace.
func listens(pid int) bool {
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if err != nil {
			continue
		}
		for _, line := range strings.Split(string(text), "\n")[1:] {
			if cells := strings.Fields(line); len(cells) > 3 && (cells[3] == "0A" || strings.HasPrefix(table, "udp")) {
				return true
			}
		}
	}
	return false
}
