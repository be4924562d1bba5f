package main

import (
	"net/netip"
	"os"
	"runtime"
	"testing"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

func prefixes(texts ...string) (list []netip.Prefix) {
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

func addresses(texts ...string) (list []netip.Addr) {
	for _, text := range texts {
		list = append(list, netip.MustParseAddr(text))
	}
	return list
}

func TestPlanLeadsToEveryOtherNodeByItsOwnFamily(t *testing.T) {
	plan := planRoutes("a", []node{
		{name: "a", addresses: addresses("172.18.0.2"), podCIDRs: prefixes("10.244.0.0/22")},
		{name: "b", addresses: addresses("fc00::3", "172.18.0.3"), podCIDRs: prefixes("10.244.4.0/22", "fd00:1::/64")},
		{name: "no address of the family", addresses: addresses("fc00::4"), podCIDRs: prefixes("10.244.8.0/22")},
		{name: "no range yet", addresses: addresses("172.18.0.5")},
	})
	want := map[string]string{"10.244.4.0/22": "172.18.0.3", "fd00:1::/64": "fc00::3"}
	if len(plan) != len(want) {
		t.Fatalf("got %v, want %v", plan, want)
	}
	for cidr, gateway := range want {
		if got := plan[netip.MustParsePrefix(cidr)]; got != netip.MustParseAddr(gateway) {
			t.Errorf("%s goes to %v, want %s", cidr, got, gateway)
		}
	}
}

// inNewNetwork gives the test an empty network namespace with one interface, on a thread that ends with the test.
func inNewNetwork(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a network namespace takes root")
	}
	runtime.LockOSThread()
	before, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	created, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := netns.Set(before); err != nil {
			t.Fatal(err) // the thread stays locked, so no other test runs in the wrong network
		}
		before.Close()
		created.Close()
		runtime.UnlockOSThread()
	})
	link := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}, PeerName: "other-end"}
	address, err := netlink.ParseAddr("172.18.0.2/16")
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{
		func() error { return netlink.LinkAdd(link) },
		func() error { return netlink.AddrAdd(link, address) },
		func() error { return netlink.LinkSetUp(link) },
		func() error {
			otherEnd, err := netlink.LinkByName("other-end")
			if err != nil {
				return err
			}
			return netlink.LinkSetUp(otherEnd)
		},
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
}

func kernelRoutes(t *testing.T) map[string]string {
	t.Helper()
	routes, err := netlink.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, route := range routes {
		if destination, gateway, ok := routeEnds(route); ok {
			found[destination.String()] = gateway.String()
		}
	}
	return found
}

func TestSyncFollowsThePlanAndLeavesOtherRoutesAlone(t *testing.T) {
	inNewNetwork(t)
	foreign := netlink.Route{Dst: netlink.NewIPNet([]byte{10, 9, 0, 0}), Gw: []byte{172, 18, 0, 9}, Protocol: unix.RTPROT_STATIC}
	if err := netlink.RouteAdd(&foreign); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name string
		plan map[string]string
	}{
		{"two nodes", map[string]string{"10.244.4.0/22": "172.18.0.3", "10.244.8.0/22": "172.18.0.4"}},
		{"nothing changed", map[string]string{"10.244.4.0/22": "172.18.0.3", "10.244.8.0/22": "172.18.0.4"}},
		{"they swapped addresses", map[string]string{"10.244.4.0/22": "172.18.0.4", "10.244.8.0/22": "172.18.0.3"}},
		{"one left", map[string]string{"10.244.8.0/22": "172.18.0.3"}},
		{"all left", nil},
	} {
		plan := map[netip.Prefix]netip.Addr{}
		for cidr, gateway := range step.plan {
			plan[netip.MustParsePrefix(cidr)] = netip.MustParseAddr(gateway)
		}
		if err := syncRoutes(plan); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		got := kernelRoutes(t)
		if got["10.9.0.0/32"] != "172.18.0.9" {
			t.Errorf("%s: the foreign route is gone: %v", step.name, got)
		}
		delete(got, "10.9.0.0/32")
		if len(got) != len(step.plan) {
			t.Errorf("%s: got %v, want %v", step.name, got, step.plan)
		}
		for cidr, gateway := range step.plan {
			if got[cidr] != gateway {
				t.Errorf("%s: %s goes to %q, want %s", step.name, cidr, got[cidr], gateway)
			}
		}
	}
}

func TestOneUnreachableGatewayDoesNotKeepTheOthersFromTheirRoutes(t *testing.T) {
	inNewNetwork(t)
	err := syncRoutes(map[netip.Prefix]netip.Addr{
		netip.MustParsePrefix("10.244.4.0/22"): netip.MustParseAddr("192.0.2.1"),
		netip.MustParsePrefix("10.244.8.0/22"): netip.MustParseAddr("172.18.0.4"),
	})
	if err == nil {
		t.Error("a gateway on no network of the node's was accepted")
	}
	if got := kernelRoutes(t)["10.244.8.0/22"]; got != "172.18.0.4" {
		t.Errorf("the other route goes to %q", got)
	}
}

func TestMasqueradeCanBeSetAgain(t *testing.T) {
	inNewNetwork(t)
	for range 2 {
		if err := masquerade(prefixes("10.244.0.0/16", "fd00::/48")); err != nil {
			t.Fatal(err)
		}
	}
	connection, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range []nftables.TableFamily{nftables.TableFamilyIPv4, nftables.TableFamilyIPv6} {
		table := &nftables.Table{Name: tableName, Family: family}
		rules, err := connection.GetRules(table, &nftables.Chain{Name: "postrouting", Table: table})
		if err != nil {
			t.Fatal(err)
		}
		if len(rules) != 1 {
			t.Errorf("family %v has %d rules, want 1", family, len(rules))
		}
	}
}
