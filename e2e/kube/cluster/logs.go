package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"strconv"
	"time"
)

const logPort = 10250

type logLine struct {
	at   time.Time
	text string
}

// serveLogs is the part of the kubelet's API that kube-apiserver asks for `kubectl logs`.
func (k *kubelet) serveLogs(ctx context.Context) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: nodeName},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(240 * time.Hour), IPAddresses: []net.IP{net.ParseIP(nodeIP)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	listener, err := tls.Listen("tcp", fmt.Sprintf("%s:%d", nodeIP, logPort),
		&tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", k.logs)
	server := &http.Server{Handler: mux}
	go func() { _ = server.Serve(listener) }()
	go func() { <-ctx.Done(); server.Close() }()
	return nil
}

func (k *kubelet) logs(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	p := k.running[r.PathValue("namespace")+"/"+r.PathValue("pod")]
	k.mu.Unlock()
	var c *container
	if p != nil {
		for _, one := range p.containers {
			if one.spec.Name == r.PathValue("container") {
				c = one
			}
		}
	}
	if c == nil {
		http.Error(w, "no such container", http.StatusNotFound)
		return
	}
	query := r.URL.Query()
	var since time.Time
	if at, err := time.Parse(time.RFC3339, query.Get("sinceTime")); err == nil {
		since = at
	} else if seconds, err := strconv.Atoi(query.Get("sinceSeconds")); err == nil {
		since = time.Now().Add(-time.Duration(seconds) * time.Second)
	}
	c.mu.Lock()
	lines := append([]logLine(nil), c.lines...)
	c.mu.Unlock()
	if n, err := strconv.Atoi(query.Get("tailLines")); err == nil && n < len(lines) {
		lines = lines[len(lines)-n:]
	}
	for _, line := range lines {
		if line.at.Before(since) {
			continue
		}
		if query.Get("timestamps") == "true" {
			fmt.Fprint(w, line.at.UTC().Format(time.RFC3339Nano), " ")
		}
		fmt.Fprintln(w, line.text)
	}
}
