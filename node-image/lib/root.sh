# shellcheck shell=bash
# The node's file system below Kubernetes: Debian's packages, then the files of kind's own base image.

readonly suite=trixie
# What systemd, kubelet, kube-proxy, containerd and kind's entrypoint call; catatonit is the pause program and
# busybox-static the helper of the storage provisioner.
readonly root_packages=(
  systemd systemd-sysv dbus runc
  conntrack iptables nftables iproute2 ethtool kmod libseccomp2
  util-linux mount e2fsprogs pigz bash ca-certificates curl jq procps
  catatonit busybox-static
)

# build_root FOLDER. In a mount namespace of its own: what debootstrap mounts goes away with it, however it ends.
build_root() {
  say "unpacking Debian $suite (${#root_packages[@]} packages and what they need)"
  mkdir -p "$1" "$cache/debs"
  unshare --mount --propagation private bash -euo pipefail -s -- "$1" "$cache/debs" "$suite" \
    "$(IFS=, && echo "${root_packages[*]}")" "${DEBIAN_MIRROR-}" >"$scratch/root.log" 2>&1 <<'STEPS' \
    || fail "debootstrap failed: $(tail -n 3 "$scratch/root.log" | tr '\n' ' ')"
root=$1 debs=$2 suite=$3 packages=$4 mirror=$5
export PATH=$PATH:/usr/sbin:/sbin
debootstrap --variant=minbase --foreign --cache-dir="$debs" --include="$packages" "$suite" "$root" ${mirror:+"$mirror"}
# The root is thrown away if anything fails, so dpkg need not wait for the disk; manuals have no reader in a node.
mkdir -p "$root/etc/dpkg/dpkg.cfg.d"
cat >"$root/etc/dpkg/dpkg.cfg.d/node-image" <<'DPKG'
force-unsafe-io
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/share/man/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/info/*
DPKG
chroot "$root" /debootstrap/debootstrap --second-stage
STEPS
  prune_root "$1"
  add_kind_files "$1"
}

prune_root() {
  rm -rf "${1:?}"/var/lib/apt/lists/* "$1"/var/cache/* "$1"/var/log/* "$1"/tmp/* "$1"/usr/share/{man,locale,info}/* \
    "$1"/var/lib/dpkg/*-old "$1"/etc/{hostname,resolv.conf,machine-id} "$1"/usr/lib/udev/hwdb.d "$1"/usr/share/i18n
  find "$1/usr/share/doc" -type f ! -name copyright -delete
  : >"$1/etc/machine-id"
}

# kind's base image as its module carries it: entrypoint, systemd units, containerd's and crictl's configuration.
add_kind_files() {
  local files root=$1
  files=$(module_folder kind sigs.k8s.io/kind)/images/base/files
  [[ -f $files/usr/local/bin/entrypoint ]] || fail "the kind module has no base image in $files"
  cp -r --no-preserve=mode,ownership "$files"/{etc,kind,usr,LICENSES} "$root/"
  rm "$root/usr/local/bin/clean-install"
  chmod 0755 "$root"/usr/local/bin/entrypoint "$root"/kind/bin/*.sh
  mkdir -p "$root"/etc/kubernetes/manifests "$root"/opt/cni/bin
  # As in kind's Dockerfile: no unit that has no place in a container, and no kernel log in the journal.
  rm -f "$root"/lib/systemd/system/{multi-user.target.wants,local-fs.target.wants,basic.target.wants}/* \
    "$root"/lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service \
    "$root"/lib/systemd/system/sockets.target.wants/{*udev*,*initctl*} "$root"/etc/systemd/system/*.wants/*
  mkdir -p "$root/etc/systemd/journald.conf.d"
  printf '[Journal]\nReadKMsg=no\n' >"$root/etc/systemd/journald.conf.d/container.conf"
}
