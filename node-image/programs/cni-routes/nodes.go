package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// node is what routing needs of a Node.
type node struct {
	name      string
	addresses []netip.Addr
	podCIDRs  []netip.Prefix
}

// nodeWatch is the live list of the cluster's nodes.
type nodeWatch struct {
	store cache.Store
	// changed carries a token whenever the list may differ from when it was last read.
	changed chan struct{}
}

// watchNodes starts watching; the watch ends with ctx.
func watchNodes(ctx context.Context, endpoint string) (*nodeWatch, error) {
	client, err := nodeClient(endpoint)
	if err != nil {
		return nil, err
	}
	w := &nodeWatch{changed: make(chan struct{}, 1)}
	signal := func() {
		select {
		case w.changed <- struct{}{}:
		default:
		}
	}
	store, controller := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: cache.NewListWatchFromClient(client, "nodes", metav1.NamespaceAll, fields.Everything()),
		ObjectType:    &corev1.Node{},
		Transform:     trim,
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { signal() },
			UpdateFunc: func(_, _ any) { signal() },
			DeleteFunc: func(any) { signal() },
		},
	})
	w.store = store
	go controller.RunWithContext(ctx)
	return w, nil
}

// nodeClient knows the core API alone: the full client set would triple the program's size and memory.
func nodeClient(endpoint string) (rest.Interface, error) {
	config, err := rest.InClusterConfig()
	if err != nil {
		return nil, fmt.Errorf("no service account is mounted; cni-routes runs as a pod: %w", err)
	}
	if endpoint != "" {
		config.Host = "https://" + endpoint
	}
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	metav1.AddToGroupVersion(scheme, corev1.SchemeGroupVersion)
	config.APIPath = "/api"
	config.GroupVersion = &corev1.SchemeGroupVersion
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	config.ContentType = runtime.ContentTypeProtobuf
	config.UserAgent = "cni-routes"
	return rest.RESTClientFor(config)
}

// trim keeps of a Node what nodeOf reads; a Node's image list alone is kilobytes.
func trim(object any) (any, error) {
	full, ok := object.(*corev1.Node)
	if !ok {
		return object, nil
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: full.Name, ResourceVersion: full.ResourceVersion},
		Spec:       corev1.NodeSpec{PodCIDRs: full.Spec.PodCIDRs},
		Status:     corev1.NodeStatus{Addresses: full.Status.Addresses},
	}, nil
}

func (w *nodeWatch) nodes() []node {
	var nodes []node
	for _, object := range w.store.List() {
		if n, ok := object.(*corev1.Node); ok {
			nodes = append(nodes, nodeOf(n))
		}
	}
	return nodes
}

// nodeOf leaves out what does not parse: one broken Node must not take the routes of the others away.
func nodeOf(object *corev1.Node) node {
	n := node{name: object.Name}
	for _, address := range object.Status.Addresses {
		if address.Type != corev1.NodeInternalIP {
			continue
		}
		if ip, err := netip.ParseAddr(address.Address); err == nil {
			n.addresses = append(n.addresses, ip)
		} else {
			fmt.Fprintf(os.Stderr, "node %s has the internal address %q, which is no IP address\n", n.name, address.Address)
		}
	}
	for _, text := range object.Spec.PodCIDRs {
		if cidr, err := netip.ParsePrefix(text); err == nil {
			n.podCIDRs = append(n.podCIDRs, cidr.Masked())
		} else {
			fmt.Fprintf(os.Stderr, "node %s has the pod range %q, which is no CIDR\n", n.name, text)
		}
	}
	return n
}
