# shellcheck shell=bash
# The Go programs: those of the node, and those that run on the host.

# go_build MODULE OUTPUT [FLAG...] PACKAGE...: static, the same bytes wherever the recipe lies.
go_build() {
  local module=$1 output=$2
  shift 2
  (cd "$here/$module" && CGO_ENABLED=0 GOFLAGS=-mod=readonly GOOS=linux GOARCH=amd64 \
    go build -trimpath -buildvcs=false -o "$output" "$@")
}

# The folder of a module's files, checked against the go.sum of the module of ours that requires it.
module_folder() {
  (cd "$here/$1" && go mod download "$2" >&2 && go list -mod=readonly -m -f '{{.Dir}}' "$2")
}

# All Kubernetes programs in one, linked to their names.
build_kubernetes() {
  local version short
  version=$(module_version kubernetes k8s.io/kubernetes)
  short=${version#v}
  local component=k8s.io/component-base/version
  say "compiling Kubernetes $version (minutes)"
  mkdir "$1"
  go_build kubernetes "$1/kubernetes" -ldflags "-s -w
    -X $component.gitVersion=$version -X $component.gitTreeState=clean
    -X $component.gitMajor=${short%%.*} -X $component.gitMinor=$(cut -d. -f2 <<<"$short")" .
  local name
  for name in kube-apiserver kube-controller-manager kube-proxy kube-scheduler kubeadm kubectl kubelet; do
    ln -s kubernetes "$1/$name"
  done
}

# Everything else on a node, each program by its own name. The storage provisioner is a module of its own, since it
# names a dependency in a spelling that Go refuses beside the usual one.
build_node_programs() {
  local containerd=github.com/containerd/containerd/v2 tools
  say "compiling containerd, etcd, CoreDNS, CNI plugins and the rest"
  mapfile -t tools < <(cd "$here/programs" && go list -f '{{.ImportPath}}' tool)
  ((${#tools[@]})) || fail "can't list the tools of $here/programs/go.mod"
  mkdir "$1"
  go_build programs "$1/" -tags "no_btrfs no_zfs no_aufs no_devmapper" -ldflags "-s -w
    -X $containerd/version.Version=$(module_version programs $containerd)
    -X sigs.k8s.io/cri-tools/pkg/version.Version=$(module_version programs sigs.k8s.io/cri-tools)" \
    ./etcd ./coredns ./cni-routes "${tools[@]}"
  go_build storage "$1/" -ldflags "-s -w" tool
}

build_kind() { build_host_program kind sigs.k8s.io/kind "$1"; }
build_registry() { build_host_program registry . "$1"; }

build_host_program() {
  say "compiling $1"
  mkdir "$3"
  go_build "$1" "$3/$1" -ldflags "-s -w" "$2"
}

# Prints the path of a program for the host.
host_program() {
  local key
  key=$(key_of "$1" lib/programs.sh)
  result=$cache/$1-$key
  if [[ ! -e $result ]]; then
    needs_go
    needs_space 2
    open_scratch
    cached "$1" "$key" "build_$1"
  fi
  echo "$result/$1"
}
