//go:build tools

// Package tools pins what is built here unchanged: the conformance suite and its backend.
package tools

import (
	_ "sigs.k8s.io/gateway-api-conformance-images/echo-basic"
	_ "sigs.k8s.io/gateway-api/conformance"
)
