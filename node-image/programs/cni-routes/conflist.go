package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
)

const conflistPath = "/etc/cni/net.d/10-pod-network.conflist"

// conflist renders the CNI configuration of a node. Pods are joined by ptp, not by a bridge: all traffic is routed, so
// Services work between pods of one node without the kernel's br_netfilter, which not every host can load.
func conflist(podCIDRs []netip.Prefix) ([]byte, error) {
	type object = map[string]any
	var ranges [][]object
	var routes []object
	for _, cidr := range podCIDRs {
		ranges = append(ranges, []object{{"subnet": cidr.String()}})
		everywhere := "0.0.0.0/0"
		if cidr.Addr().Is6() {
			everywhere = "::/0"
		}
		routes = append(routes, object{"dst": everywhere})
	}
	return json.MarshalIndent(object{
		"cniVersion": "1.0.0",
		"name":       "pod-network",
		"plugins": []object{
			{
				"type":   "ptp",
				"ipMasq": false, // cni-routes masquerades for the whole node at once
				"ipam": object{
					"type": "host-local",
					// On tmpfs: the addresses of pods that a stopped node lost are free again when it starts.
					"dataDir": "/run/cni-ipam-state",
					"ranges":  ranges,
					"routes":  routes,
				},
			},
			{"type": "portmap", "capabilities": object{"portMappings": true}},
		},
	}, "", "  ")
}

// writeConflist puts the file in place by a rename, so that containerd never reads half of it, and only when it differs,
// since every change makes containerd load it anew.
func writeConflist(path string, podCIDRs []netip.Prefix) error {
	want, err := conflist(podCIDRs)
	if err != nil {
		return err
	}
	if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, want) {
		return nil
	}
	draft := filepath.Join(filepath.Dir(path), "."+filepath.Base(path))
	if err := os.WriteFile(draft, want, 0o644); err != nil {
		return fmt.Errorf("can't write the CNI configuration: %w", err)
	}
	if err := os.Rename(draft, path); err != nil {
		return fmt.Errorf("can't put the CNI configuration in place: %w", err)
	}
	slog.Info("CNI configuration written", "path", path, "podCIDRs", podCIDRs)
	return nil
}
