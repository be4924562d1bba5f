package main

import (
	"context"
	"log/slog"
	"net"
	"time"
)

const (
	// Without kube-proxy (kind's kubeProxyMode none) the address never answers, and the node must become Ready all the same.
	servicesPatience = 10 * time.Second
	servicesAttempt  = 250 * time.Millisecond
	servicesPause    = 50 * time.Millisecond
)

// awaitServices returns when the API server accepts connections at its Service address, or after its patience. Only
// then does the node get its CNI configuration, and with it become Ready: pods that ask the API as they start would fail
// before kube-proxy's first sync, and CoreDNS's next readiness probe comes 10 s after a failed one.
func awaitServices(ctx context.Context, address string, patience time.Duration) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		attempt, cancelAttempt := context.WithTimeout(ctx, servicesAttempt)
		connection, err := new(net.Dialer).DialContext(attempt, "tcp", address)
		cancelAttempt()
		if err == nil {
			connection.Close()
			slog.Info("Services answer", "address", address, "after", time.Since(began).Round(time.Millisecond))
			return
		}
		select {
		case <-ctx.Done():
			slog.Warn("Services do not answer; going on without them", "address", address, "error", err)
			return
		case <-time.After(servicesPause):
		}
	}
}
