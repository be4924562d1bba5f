package main

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

const tableName = "cni-routes"

// masquerade gives what leaves the pod subnets the node's address, since nobody outside the cluster knows a way back to a pod.
// Traffic between pods keeps its source. Each family's table is replaced in one transaction.
func masquerade(podSubnets []netip.Prefix) error {
	connection, err := nftables.New()
	if err != nil {
		return fmt.Errorf("can't speak to nftables: %w", err)
	}
	for _, subnet := range podSubnets {
		family := nftables.TableFamilyIPv4
		if subnet.Addr().Is6() {
			family = nftables.TableFamilyIPv6
		}
		table := &nftables.Table{Name: tableName, Family: family}
		// Added first, since removing what is not there would fail the whole transaction.
		connection.AddTable(table)
		connection.DelTable(table)
		connection.AddTable(table)
		chain := connection.AddChain(&nftables.Chain{
			Name:     "postrouting",
			Table:    table,
			Type:     nftables.ChainTypeNAT,
			Hooknum:  nftables.ChainHookPostrouting,
			Priority: nftables.ChainPriorityNATSource,
		})
		connection.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: leaving(subnet)})
	}
	if err := connection.Flush(); err != nil {
		return fmt.Errorf("can't set the masquerade rules; this kernel must have nf_tables and nft_masq: %w", err)
	}
	return nil
}

// leaving is nft's `ip saddr SUBNET ip daddr != SUBNET masquerade`.
func leaving(subnet netip.Prefix) []expr.Any {
	source, destination := uint32(12), uint32(16)
	if subnet.Addr().Is6() {
		source, destination = 8, 24
	}
	length := uint32(subnet.Addr().BitLen() / 8)
	mask := []byte(net.CIDRMask(subnet.Bits(), subnet.Addr().BitLen()))
	match := func(offset uint32, operation expr.CmpOp) []expr.Any {
		return []expr.Any{
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: length},
			&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: length, Mask: mask, Xor: make([]byte, length)},
			&expr.Cmp{Register: 1, Op: operation, Data: subnet.Addr().AsSlice()},
		}
	}
	rule := append(match(source, expr.CmpOpEq), match(destination, expr.CmpOpNeq)...)
	return append(rule, &expr.Masq{})
}
