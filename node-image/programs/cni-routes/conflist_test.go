package main

import (
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestConflistIsWrittenOnceForTheSameRanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "10-pod-network.conflist")
	if err := writeConflist(path, prefixes("10.244.4.0/22")); err != nil {
		t.Fatal(err)
	}
	first, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeConflist(path, prefixes("10.244.4.0/22")); err != nil {
		t.Fatal(err)
	}
	second, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(first, second) {
		t.Error("an unchanged configuration was written anew, so containerd loads it anew")
	}
	if err := writeConflist(path, prefixes("10.244.8.0/22")); err != nil {
		t.Fatal(err)
	}
	third, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if os.SameFile(second, third) {
		t.Error("a changed range did not reach the file")
	}
	if files, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(files) != 1 {
		t.Errorf("left behind: %v", files)
	}
}

func TestConflistOfTwoFamilies(t *testing.T) {
	got, err := conflist(prefixes("10.244.4.0/22", "fd00:1::/64"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/dual-stack.conflist")
	if err != nil {
		t.Fatal(err)
	}
	if string(got)+"\n" != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestSettings(t *testing.T) {
	for _, test := range []struct {
		name        string
		environment map[string]string
		subnets     int
	}{
		{"one family", map[string]string{"NODE_NAME": "a", "POD_SUBNET": "10.244.0.0/16"}, 1},
		{"two families, as kind writes them", map[string]string{"NODE_NAME": "a", "POD_SUBNET": "10.244.0.0/16,fd00:10:244::/56"}, 2},
		{"no node", map[string]string{"POD_SUBNET": "10.244.0.0/16"}, 0},
		{"no subnet", map[string]string{"NODE_NAME": "a"}, 0},
		{"no CIDR", map[string]string{"NODE_NAME": "a", "POD_SUBNET": "10.244.0.0"}, 0},
	} {
		got, err := readSettings(func(name string) string { return test.environment[name] })
		if (err == nil) != (test.subnets > 0) {
			t.Errorf("%s: error %v", test.name, err)
		}
		if err == nil && len(got.podSubnets) != test.subnets {
			t.Errorf("%s: %v", test.name, got.podSubnets)
		}
	}
}

func TestABrokenNodeLosesOnlyWhatIsBroken(t *testing.T) {
	got := nodeOf(&corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "a"},
		Spec:       corev1.NodeSpec{PodCIDRs: []string{"nonsense", "10.244.4.7/22"}},
		Status: corev1.NodeStatus{Addresses: []corev1.NodeAddress{
			{Type: corev1.NodeHostName, Address: "10.0.0.1"},
			{Type: corev1.NodeInternalIP, Address: "nonsense"},
			{Type: corev1.NodeInternalIP, Address: "172.18.0.3"},
		}},
	})
	if len(got.podCIDRs) != 1 || got.podCIDRs[0].String() != "10.244.4.0/22" {
		t.Errorf("ranges %v", got.podCIDRs)
	}
	if len(got.addresses) != 1 || got.addresses[0].String() != "172.18.0.3" {
		t.Errorf("addresses %v", got.addresses)
	}
}
