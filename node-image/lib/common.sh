# shellcheck shell=bash
# The cache, its keys, and how a step speaks and fails.

# The tool says where its cache is; a person's calls land in the same place.
readonly cache=${SPINKUBE_DEV_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/spinkube-dev}/node-image
started=$SECONDS

say() { printf 'node-image: %4ss  %s\n' "$((SECONDS - started))" "$*" >&2; }

# The machine can't do it: one sentence with the cure.
cannot() {
  echo "node-image: $*" >&2
  exit 3
}

fail() {
  echo "node-image: $*" >&2
  exit 1
}

# The content and names of files and folders under $here, as 12 hex digits. Modes and times don't count: a copy of the
# recipe elsewhere has the same key, and so has one with other tests.
key_of() {
  (cd "$here" && find "$@" -type f ! -name "*_test.go" ! -path "*/testdata/*" -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c1-12)
}

# The version of a module that a go.mod of ours requires: pinned there and nowhere else.
module_version() {
  awk -v module="$2" '$1 == module || ($1 == "require" && $2 == module) { print $NF ~ /^v/ ? $NF : $2; exit }' \
    <(sed 's#//.*##' "$here/$1/go.mod")
}

# Takes the build lock and makes $scratch, which is gone at exit. What an earlier build that was killed left is removed.
open_scratch() {
  mkdir -p "$cache"
  exec 8>"$cache/lock"
  if ! flock -n 8; then
    say "waiting for another build to end"
    flock 8
  fi
  rm -rf --one-file-system "$cache"/scratch.*
  scratch=$(mktemp -d "$cache/scratch.XXXXXX")
  trap close_scratch EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

# The jobs that run beside this shell are whole trees (debootstrap, compilers), so each is a group of its own.
close_scratch() {
  local job
  for job in "${jobs_beside[@]}"; do kill -- "-$job" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf --one-file-system "$scratch"
}
jobs_beside=()

# cached NAME KEY STEP: sets $result to the cache's entry for NAME and KEY. When there is none, `STEP path` makes it in
# the scratch folder and it is renamed into place, so that an entry is whole or absent.
cached() {
  # A step may call this function for its own parts, so the result is set last.
  local entry=$cache/$1-$2
  if [[ -e $entry ]]; then
    touch -c "$entry"
  else
    "$3" "$scratch/$1"
    mv -T "$scratch/$1" "$entry"
    forget_old "$1"
  fi
  result=$entry
}

# Of each name the two entries used last are kept: this recipe's, and the one before it to go back to.
forget_old() {
  local entry
  while read -r entry; do
    rm -rf --one-file-system "$entry"
  done < <(find "$cache" -maxdepth 1 -name "$1-*" -printf '%T@ %p\n' | sort -rn | awk 'NR > 2 { print $2 }')
}
