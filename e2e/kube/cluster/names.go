package main

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
	corelisters "k8s.io/client-go/listers/core/v1"
)

// dnsAddress is where Pods ask for names.
const dnsAddress = "10.96.0.10"

// serveNames stands in for the cluster's DNS: NAME.NAMESPACE.svc, with or without cluster.local, is the Service's address. There are no
// other names.
func serveNames(ctx context.Context, services corelisters.ServiceLister) error {
	if out, err := exec.Command("ip", "addr", "replace", dnsAddress+"/32", "dev", "lo").CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %s", err, out)
	}
	socket, err := net.ListenPacket("udp", dnsAddress+":53")
	if err != nil {
		return err
	}
	go func() { <-ctx.Done(); socket.Close() }()
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, from, err := socket.ReadFrom(buffer)
			if err != nil {
				return
			}
			if answer := named(buffer[:n], services); answer != nil {
				_, _ = socket.WriteTo(answer, from)
			}
		}
	}()
	return nil
}

func named(query []byte, services corelisters.ServiceLister) []byte {
	var message dnsmessage.Message
	if err := message.Unpack(query); err != nil || len(message.Questions) != 1 {
		return nil
	}
	question := message.Questions[0]
	message.Response, message.RecursionAvailable, message.Additionals = true, true, nil
	message.RCode = dnsmessage.RCodeNameError
	labels := strings.Split(strings.TrimSuffix(strings.TrimSuffix(question.Name.String(), "."), ".cluster.local"), ".")
	if len(labels) == 3 && labels[2] == "svc" {
		if service, err := services.Services(labels[1]).Get(labels[0]); err == nil {
			message.RCode = dnsmessage.RCodeSuccess
			if ip := net.ParseIP(service.Spec.ClusterIP).To4(); ip != nil && question.Type == dnsmessage.TypeA {
				message.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: 5},
					Body:   &dnsmessage.AResource{A: [4]byte(ip)}}}
			}
		}
	}
	answer, err := message.Pack()
	if err != nil {
		return nil
	}
	return answer
}
