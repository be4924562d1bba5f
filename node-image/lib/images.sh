# shellcheck shell=bash
# The container images that a node holds from birth, put together from the programs by hand: one archive in docker's
# format, in which images share their layers. Nothing is pulled, so nothing can be: all are pinned against collection.

# open_archive FOLDER: the archive that the functions below add to.
open_archive() {
  archive=$1
  mkdir -p "$archive"
  archive_entries=()
}

# add_layer NAME FOLDER: the folder's content becomes a layer, which add_image names.
add_layer() {
  tar -C "$2" --sort=name --numeric-owner --owner=0 --group=0 --mtime=@0 -cf "$archive/$1.tar" .
}

# add_image REFERENCE ENTRYPOINT-JSON LAYER...
add_image() {
  local reference=$1 entrypoint=$2 layer digests=() config
  shift 2
  for layer; do digests+=("sha256:$(sha256sum <"$archive/$layer.tar" | cut -d' ' -f1)"); done
  config=$(jq -cn --argjson entrypoint "$entrypoint" '{
    architecture: "amd64", os: "linux",
    config: {Env: ["PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], Entrypoint: $entrypoint, WorkingDir: "/"},
    rootfs: {type: "layers", diff_ids: $ARGS.positional}
  }' --args "${digests[@]}")
  local name
  name=$(sha256sum <<<"$config" | cut -d' ' -f1).json
  printf '%s\n' "$config" >"$archive/$name"
  archive_entries+=("$(jq -cn --arg config "$name" --arg reference "$reference" \
    '{Config: $config, RepoTags: [$reference], Layers: [$ARGS.positional[] + ".tar"]}' --args "$@")")
}

close_archive() {
  jq -cs . <<<"$(printf '%s\n' "${archive_entries[@]}")" >"$archive/manifest.json"
  tar -C "$archive" -cf "$1" .
}

# node_images ROOT KUBERNETES PROGRAMS TAG ARCHIVE: every image of a node. References are those that kubeadm and
# containerd's configuration ask for, so that no tag is written here.
node_images() {
  local root=$1 kubernetes=$2 programs=$3 tag=$4 layers=$scratch/layers version image name ours=localhost/spinkube-dev
  version=$(module_version kubernetes k8s.io/kubernetes)
  open_archive "$scratch/archive"

  mkdir -p "$layers/kubernetes/usr/local"
  cp -a "$kubernetes" "$layers/kubernetes/usr/local/bin"
  rm "$layers"/kubernetes/usr/local/bin/{kubelet,kubeadm}
  add_layer kubernetes "$layers/kubernetes"
  proxy_layer "$root" "$layers/proxy"
  add_layer proxy "$layers/proxy"
  for name in etcd coredns cni-routes metrics-server local-path-provisioner; do
    mkdir -p "$layers/$name/usr/local/bin"
    cp "$programs/$name" "$layers/$name/usr/local/bin/"
    add_layer "$name" "$layers/$name"
  done
  mkdir -p "$layers/pause/usr/bin" "$layers/busybox/bin"
  cp "$root/usr/bin/catatonit" "$layers/pause/usr/bin/"
  add_layer pause "$layers/pause"
  cp "$root/usr/bin/busybox" "$layers/busybox/bin/"
  # Its list of applets has its own name, too, which is taken.
  "$root/usr/bin/busybox" --list | while read -r name; do
    [[ $name == busybox ]] || ln -s busybox "$layers/busybox/bin/$name"
  done
  add_layer busybox "$layers/busybox"

  while read -r image; do
    name=${image##*/}
    name=${name%%:*}
    case $name in
      kube-proxy) add_image "$image" '["/usr/local/bin/kube-proxy"]' kubernetes proxy ;;
      kube-*) add_image "$image" "[\"/usr/local/bin/$name\"]" kubernetes ;;
      pause) ;; # containerd's configuration names the one that is used
      *) add_image "$image" "[\"/usr/local/bin/$name\"]" "$name" ;;
    esac
  done < <("$kubernetes/kubeadm" config images list --kubernetes-version "$version")
  image=$(sed -n 's/^ *sandbox_image = "\(.*\)"/\1/p' "$root/etc/containerd/config.toml")
  [[ -n $image ]] || fail "kind's containerd configuration names no sandbox image"
  add_image "$image" '["/usr/bin/catatonit", "-P"]' pause
  for name in cni-routes metrics-server local-path-provisioner; do
    add_image "$ours/$name:$tag" "[\"/usr/local/bin/$name\"]" "$name"
  done
  add_image "$ours/busybox:$tag" '["/bin/sh"]' busybox
  close_archive "$5"
}

# proxy_layer ROOT FOLDER: what kube-proxy executes, with all that it loads. iptables loads its extensions by name, and
# they bring libraries of their own (libxt_statistic needs libm).
proxy_layer() {
  local root=$1 layer=$2 file
  mkdir -p "$layer/usr/sbin" "$layer/usr/lib/x86_64-linux-gnu"
  ln -s usr/sbin "$layer/sbin"
  ln -s usr/lib "$layer/lib"
  ln -s usr/lib64 "$layer/lib64"
  cp -a "$root/usr/lib/x86_64-linux-gnu/xtables" "$layer/usr/lib/x86_64-linux-gnu/"
  cp "$root"/usr/sbin/{xtables-nft-multi,xtables-legacy-multi,nft,conntrack} "$layer/usr/sbin/"
  for file in iptables ip6tables; do
    ln -s xtables-nft-multi "$layer/usr/sbin/$file"
    ln -s xtables-nft-multi "$layer/usr/sbin/$file-save"
    ln -s xtables-nft-multi "$layer/usr/sbin/$file-restore"
  done
  # shellcheck disable=SC2016 # expanded in the root
  chroot "$root" sh -c 'ldd /usr/sbin/xtables-*-multi /usr/sbin/nft /usr/sbin/conntrack /usr/lib/x86_64-linux-gnu/xtables/*.so' \
    | grep -oE '/[^ ]+\.so[^ ]*' | sort -u | grep -v :$ | while read -r file; do
    mkdir -p "$layer/usr${file%/*}"
    cp -L "$root$file" "$layer/usr${file#/usr}"
  done
}
