# shellcheck shell=bash
# The node image: root, programs and preloaded images put together, kept as a file and loaded into the engine.

# The key of all that the image is made from, and the reference that it makes.
name_node() {
  node_tag=$(key_of build lib rootfs manifests kubernetes programs storage kind)
  node_reference=spinkube-dev/node:$(module_version kubernetes k8s.io/kubernetes)-$node_tag
}

# Prints the reference. An engine that has the image is asked nothing more.
node_image() {
  local key reference
  name_node
  key=$node_tag reference=$node_reference
  needs_engine
  if ! docker image inspect "$reference" >/dev/null 2>&1; then
    result=$cache/node-$key
    if [[ ! -e $result ]]; then
      needs_root
      needs_go
      needs debootstrap=debootstrap jq=jq zstd=zstd chroot=coreutils
      needs_space 12
      open_scratch
      cached node "$key" build_node
    fi
    say "loading $reference into the engine"
    zstd -qdc "$result" | docker load >&2
    docker image inspect "$reference" >/dev/null 2>&1 || fail "the engine loaded $result but does not have $reference."
  fi
  echo "$reference"
}

# build_node FILE. The file system is made beside the compilers, which use the cores while it downloads.
build_node() {
  local root kubernetes programs job
  root=$cache/root-$(key_of lib/root.sh kind)
  # The job runs in a group of its own, so that it and its children can be ended together.
  set -m
  (cached root "${root##*-}" build_root) &
  job=$!
  set +m
  jobs_beside+=("$job")
  cached kubernetes "$(key_of lib/programs.sh kubernetes)" build_kubernetes
  kubernetes=$result
  cached programs "$(key_of lib/programs.sh programs storage)" build_node_programs
  programs=$result
  wait "$job" || fail "the node's file system could not be made."
  jobs_beside=()

  say "putting the node together"
  local node=$scratch/node-root
  cp -a "$root" "$node"
  install_programs "$node" "$kubernetes" "$programs"
  configure "$node" "$kubernetes" "$programs"
  say "making the images that it holds"
  node_images "$root" "$kubernetes" "$programs" "$node_tag" "$scratch/images.tar"
  preload "$programs" "$scratch/images.tar" "$node/var/lib/containerd"
  share_layers "$node"
  say "packing it"
  pack "$node" "$1"
}

install_programs() {
  local node=$1 kubernetes=$2 programs=$3
  cp "$kubernetes/kubernetes" "$node/usr/bin/"
  ln -s kubernetes "$node/usr/bin/kubelet"
  ln -s kubernetes "$node/usr/bin/kubeadm"
  ln -s kubernetes "$node/usr/bin/kubectl"
  cp "$programs"/{containerd,containerd-shim-runc-v2,ctr,crictl} "$node/usr/local/bin/"
  cp "$programs"/{host-local,loopback,portmap,ptp} "$node/opt/cni/bin/"
}

# configure NODE KUBERNETES PROGRAMS: our files, units, versions, and what kind applies to a new cluster.
configure() {
  local node=$1 kubernetes=$2 programs=$3 base metrics=$scratch/metrics-server
  cp -r --no-preserve=ownership "$here/rootfs/." "$node/"
  chmod 0755 "$node"/usr/local/bin/node-quirks
  SYSTEMD_OFFLINE=1 chroot "$node" systemctl --quiet enable kubelet containerd undo-mount-hacks node-quirks 2>"$scratch/units.log" \
    || fail "the node's units can't be enabled: $(tail -n 1 "$scratch/units.log")"
  SYSTEMD_OFFLINE=1 chroot "$node" systemctl --quiet mask systemd-binfmt 2>>"$scratch/units.log"
  module_version kubernetes k8s.io/kubernetes >"$node/kind/version"
  # containerd's default runtime specification, without its limit of 1024 open files and with kind's hook.
  "$programs/ctr" oci spec | jq 'del(.process.rlimits)
    | .hooks.createContainer += [{path: "/kind/bin/mount-product-files.sh"}]' >"$node/etc/containerd/cri-base.json"

  mkdir -p "$node/kind/manifests"
  base=$(module_folder programs sigs.k8s.io/metrics-server)/manifests/base
  cp -r "$here/manifests/metrics-server" "$metrics"
  cp -r --no-preserve=mode "$base" "$metrics/base"
  sed "s/@KEY@/$node_tag/" "$here/manifests/default-cni.yaml" >"$node/kind/manifests/default-cni.yaml"
  {
    cat "$here/manifests/default-storage.yaml"
    echo ---
    "$kubernetes/kubectl" kustomize "$metrics" 2>"$scratch/kustomize.log" || fail "kustomize: $(tail -n 1 "$scratch/kustomize.log")"
  } | sed "s/@KEY@/$node_tag/" >"$node/kind/manifests/default-storage.yaml"
}

# preload PROGRAMS IMAGES STORE: unpacks the images into containerd's store, as the node will find it. The daemon runs
# in namespaces of its own, which take it and its mounts along when they end.
preload() {
  local config=$scratch/containerd.toml
  cat >"$config" <<'CONFIG'
version = 3
required_plugins = ["io.containerd.snapshotter.v1.overlayfs"]
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime"]
CONFIG
  unshare --mount --pid --fork --kill-child --mount-proc bash -euo pipefail -s -- "$1" "$2" "$3" "$config" "$scratch/state" \
    >"$scratch/preload.log" 2>&1 <<'STEPS' || fail "the images could not be unpacked: $(tail -n 3 "$scratch/preload.log" | tr '\n' ' ')"
programs=$1 images=$2 store=$3 config=$4 state=$5 socket=$5/containerd.sock
"$programs/containerd" --config "$config" --root "$store" --state "$state" --address "$socket" &
daemon=$!
until "$programs/ctr" --address "$socket" version; do
  kill -0 "$daemon"
  read -rt 0.1 <> <(:) || true
done
"$programs/ctr" --address "$socket" --namespace k8s.io images import --local --discard-unpacked-layers \
  --snapshotter overlayfs --label io.cri-containerd.pinned=pinned "$images"
# The layers' archives are no longer referenced; collected now, they are not carried in the image.
"$programs/ctr" --address "$socket" --namespace k8s.io content prune references
kill "$daemon"
wait "$daemon"
# What names this daemon, or is made anew by the node's own.
rm -rf "$store"/io.containerd.grpc.v1.introspection "$store"/io.containerd.snapshotter.v1.{blockfile,erofs,native}
STEPS
}

# share_layers NODE: moves the unpacked layers out of /var and leaves links. Docker copies a node's /var into a volume when
# it creates the node; what lies elsewhere is neither copied nor held in memory once for each node. Kubernetes is then
# one file for kubelet and control plane.
share_layers() {
  local node=$1 layer name
  mkdir -p "$node/kind/layers"
  for layer in "$node"/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/*/fs; do
    name=$(basename "${layer%/fs}")
    mv "$layer" "$node/kind/layers/$name"
    ln -s "/kind/layers/$name" "$layer"
    if [[ -f $node/kind/layers/$name/usr/local/bin/kubernetes ]]; then
      ln -f "$node/usr/bin/kubernetes" "$node/kind/layers/$name/usr/local/bin/kubernetes"
    fi
  done
}

# pack NODE FILE: an image of one layer in docker's archive format.
pack() {
  local digest
  mkdir "$scratch/image"
  tar -C "$1" --sort=name --numeric-owner --xattrs --xattrs-include='*' -cf "$scratch/image/layer.tar" .
  digest=sha256:$(sha256sum <"$scratch/image/layer.tar" | cut -d' ' -f1)
  # systemd stops on SIGRTMIN+3 and looks for `container` to know where it runs.
  jq -n --arg digest "$digest" --arg created "$(date -u +%FT%TZ)" '{
    architecture: "amd64", os: "linux", created: $created,
    config: {
      Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "container=docker"],
      Entrypoint: ["/usr/local/bin/entrypoint", "/sbin/init"],
      StopSignal: "SIGRTMIN+3"
    },
    rootfs: {type: "layers", diff_ids: [$digest]}
  }' >"$scratch/image/config.json"
  jq -n --arg reference "$node_reference" '[{Config: "config.json", RepoTags: [$reference], Layers: ["layer.tar"]}]' \
    >"$scratch/image/manifest.json"
  tar -C "$scratch/image" -c config.json manifest.json layer.tar | zstd -q -T0 -3 -o "$2"
}
