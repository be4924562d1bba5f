# shellcheck shell=bash
# What the build needs of this machine: named, and on Debian as root installed, before it starts.

# needs COMMAND=PACKAGE...: the command must be on PATH; the Debian package brings it.
needs() {
  local pair command missing=() packages=()
  for pair in "$@"; do
    command=${pair%%=*}
    if ! PATH=$PATH:/usr/sbin:/sbin command -v "$command" >/dev/null; then
      missing+=("$command")
      packages+=("${pair#*=}")
    fi
  done
  ((${#missing[@]})) || return 0
  if ((EUID == 0)) && command -v apt-get >/dev/null; then
    say "installing ${packages[*]}"
    export DEBIAN_FRONTEND=noninteractive
    local quiet=(-qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300)
    if apt-get "${quiet[@]}" update >/dev/null 2>&1 \
      && apt-get "${quiet[@]}" install --no-install-recommends -y "${packages[@]}" >/dev/null 2>&1 </dev/null; then
      return
    fi
  fi
  cannot "missing here: ${missing[*]}; run 'apt-get install ${packages[*]}' as root, or install them as your system does."
}

needs_go() {
  local wanted have
  wanted=$(awk '$1 == "go" { print $2 }' "$here"/{kubernetes,programs,kind,registry}/go.mod | sort -V | tail -1)
  command -v go >/dev/null || cannot "missing here: Go $wanted or newer; install it from https://go.dev/dl and put its bin folder on PATH."
  have=$(go env GOVERSION)
  if [[ $(printf '%s\n' "$wanted" "${have#go}" | sort -V | head -1) != "$wanted" ]]; then
    cannot "Go ${have#go} is too old, $wanted or newer is needed; install it from https://go.dev/dl and put its bin folder on PATH."
  fi
}

# needs_space GIGABYTES: free in the cache's file system.
needs_space() {
  local free
  mkdir -p "$cache"
  free=$(df --output=avail -B1G "$cache" | tail -1)
  ((free >= $1)) || cannot "only ${free// /} GB are free in $cache, $1 GB are needed; free some, or set XDG_CACHE_HOME to a larger disk."
}

needs_engine() {
  command -v docker >/dev/null || cannot "the docker command is missing; install it (Debian: 'apt-get install docker.io')."
  docker info >/dev/null 2>&1 || cannot "no Docker engine answers; start it, or run scripts/ensure-engine."
}

needs_root() {
  ((EUID == 0)) || cannot "making the node's file system takes root (debootstrap); run '$here/build' with sudo."
  [[ $(uname -m) == x86_64 ]] || cannot "this recipe makes amd64 images, and this machine is $(uname -m); give --node-image an image for it instead."
}
