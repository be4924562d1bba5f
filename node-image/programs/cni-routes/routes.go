package main

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// routeProtocol marks the routes that are ours in the kernel's table: those without it are never touched.
const routeProtocol netlink.RouteProtocol = 83

// planRoutes says which pod range is reached by which node address: every other node's, by its address of the same family.
func planRoutes(self string, nodes []node) map[netip.Prefix]netip.Addr {
	plan := map[netip.Prefix]netip.Addr{}
	for _, n := range nodes {
		if n.name == self {
			continue
		}
		for _, cidr := range n.podCIDRs {
			for _, address := range n.addresses {
				if address.Is4() == cidr.Addr().Is4() {
					plan[cidr] = address
					break
				}
			}
		}
	}
	return plan
}

// syncRoutes makes the kernel's routes of ours equal to the plan. One route that can't be set does not keep the others from it.
func syncRoutes(plan map[netip.Prefix]netip.Addr) error {
	present, err := netlink.RouteListFiltered(netlink.FAMILY_ALL, &netlink.Route{Protocol: routeProtocol}, netlink.RT_FILTER_PROTOCOL)
	if err != nil {
		return fmt.Errorf("can't list routes: %w", err)
	}
	missing := maps.Clone(plan)
	var problems []error
	for _, route := range present {
		destination, gateway, ok := routeEnds(route)
		if ok && plan[destination] == gateway {
			delete(missing, destination)
			continue
		}
		if _, replaced := plan[destination]; ok && replaced {
			continue // RouteReplace below changes it without a gap
		}
		if err := netlink.RouteDel(&route); err != nil && !errors.Is(err, unix.ESRCH) {
			problems = append(problems, fmt.Errorf("can't remove the route to %v: %w", route.Dst, err))
			continue
		}
		slog.Info("route removed", "to", destination, "via", gateway)
	}
	for destination, gateway := range missing {
		route := netlink.Route{
			Dst:      &net.IPNet{IP: destination.Addr().AsSlice(), Mask: net.CIDRMask(destination.Bits(), destination.Addr().BitLen())},
			Gw:       gateway.AsSlice(),
			Protocol: routeProtocol,
		}
		if err := netlink.RouteReplace(&route); err != nil {
			problems = append(problems, fmt.Errorf("can't set the route to %v via %v: %w", destination, gateway, err))
			continue
		}
		slog.Info("route set", "to", destination, "via", gateway)
	}
	return errors.Join(problems...)
}

func routeEnds(route netlink.Route) (destination netip.Prefix, gateway netip.Addr, ok bool) {
	if route.Dst == nil {
		return destination, gateway, false
	}
	address, addressOk := netip.AddrFromSlice(route.Dst.IP)
	gateway, gatewayOk := netip.AddrFromSlice(route.Gw)
	bits, _ := route.Dst.Mask.Size()
	return netip.PrefixFrom(address.Unmap(), bits), gateway.Unmap(), addressOk && gatewayOk
}
