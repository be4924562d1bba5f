// Command cni-routes gives the pods of a kind cluster their network. It runs once on every node, as a DaemonSet, and
//
//   - writes the node's CNI configuration for the node's own spec.podCIDRs (conflist.go),
//   - keeps a route to every other node's spec.podCIDRs by that node's address (routes.go),
//   - masquerades what pods send out of the cluster (masquerade.go).
//
// It may read Nodes and nothing else.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

const (
	// A route that someone else removed is back within this time.
	resyncPeriod = 30 * time.Second
	retryDelay   = time.Second
)

type settings struct {
	nodeName   string
	podSubnets []netip.Prefix
	// endpoint is the API server's host:port. kind fills it in, so that routes need not wait for kube-proxy's Service addresses.
	endpoint string
}

func readSettings(getenv func(string) string) (settings, error) {
	s := settings{nodeName: getenv("NODE_NAME"), endpoint: getenv("CONTROL_PLANE_ENDPOINT")}
	if s.nodeName == "" {
		return s, fmt.Errorf("NODE_NAME is empty; set it from the pod's spec.nodeName")
	}
	for _, text := range strings.Split(getenv("POD_SUBNET"), ",") {
		subnet, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			return s, fmt.Errorf("POD_SUBNET %q is no list of CIDRs: %w", getenv("POD_SUBNET"), err)
		}
		s.podSubnets = append(s.podSubnets, subnet.Masked())
	}
	return s, nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		slog.Error("cni-routes stopped", "error", err)
		os.Exit(1)
	}
}

// Two actors: the informer, which fills the store of nodes and signals `changed` (capacity 1, so that a burst of
// changes is one signal), and this loop, which alone touches the kernel and the configuration file.
func run(ctx context.Context) error {
	settings, err := readSettings(os.Getenv)
	if err != nil {
		return err
	}
	if err := masquerade(settings.podSubnets); err != nil {
		return err
	}
	watch, err := watchNodes(ctx, settings.endpoint)
	if err != nil {
		return err
	}
	resync := time.NewTicker(resyncPeriod)
	defer resync.Stop()
	var retry <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-watch.changed:
		case <-resync.C:
		case <-retry:
		}
		retry = nil
		if err := reconcile(settings.nodeName, watch.nodes()); err != nil {
			slog.Error("reconciling failed; will retry", "error", err, "in", retryDelay)
			retry = time.After(retryDelay)
		}
	}
}

func reconcile(self string, nodes []node) error {
	for _, n := range nodes {
		if n.name == self && len(n.podCIDRs) > 0 {
			if err := writeConflist(conflistPath, n.podCIDRs); err != nil {
				return err
			}
		}
	}
	return syncRoutes(planRoutes(self, nodes))
}
