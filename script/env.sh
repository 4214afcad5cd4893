# Sourced by the other scripts: goes to the repository's root and makes sure of .venv with exactly the packages of requirements.lock.
# When nothing changed this costs one `cmp`.
# shellcheck shell=bash

root=$(dirname "$(dirname "$(realpath "${BASH_SOURCE[0]}")")")
lock=$root/requirements.lock
venv=$root/.venv
python=$venv/bin/python
# What was installed last: a copy of the lock, so comparing needs no hash and no Python.
stamp=$venv/requirements.lock

# Without its compiled copies every process would compile all modules anew: ten seconds of each start.
unset PYTHONDONTWRITEBYTECODE
unset PYTHONHOME PYTHONPATH VIRTUAL_ENV
export RASA_TELEMETRY_ENABLED=false

say() { printf 'careloop: %s\n' "$*" >&2; }
die() {
  say "$*"
  exit 1
}

env_is_ready() { [ -x "$venv/bin/python3.11" ] && cmp -s "$lock" "$stamp"; }

check_machine() {
  [ "$(uname -s) $(uname -m)" = "Linux x86_64" ] ||
    die "this needs Linux on x86_64 (TensorFlow 2.12 has no other wheels for us); here it is $(uname -s) on $(uname -m)."
  getconf GNU_LIBC_VERSION >/dev/null 2>&1 || die "this needs a Linux with glibc; Alpine and other musl systems cannot run TensorFlow's wheels."
  local folder
  for folder in "$root" "$root/.careloop" "$venv"; do
    [ ! -e "$folder" ] || [ -w "$folder" ] ||
      die "$(id -un) may not write to $folder, which belongs to $(stat -c %U "$folder"); run this as $(stat -c %U "$folder"), or give the folder away with chown."
  done
}

# 2 GB of packages, hard-linked from uv's cache where that can be, and room for what is being unpacked.
check_disk() {
  local free_mb
  free_mb=$(df -Pm "$root" | awk 'NR == 2 { print $4 }')
  [ "$free_mb" -ge 3000 ] || die "the first start needs 3 GB of free disk; $root has ${free_mb} MB."
}

# Before 0.9.8 uv did not know `exclude-dependencies` and would ignore our whole [tool.uv]. A version manager's shim may stand on
# PATH with nothing behind it, so the version is asked for, not the file.
uv_is_good() {
  local version
  version=$("$1" --version 2>/dev/null | awk '{ print $2 }') && [ -n "$version" ] &&
    [ "$(printf '%s\n0.9.8\n' "$version" | sort -V | head -n 1)" = 0.9.8 ]
}

# Sets `uv` to a program that works; brings a private one when the machine has none.
find_uv() {
  local private=$root/.careloop/uv version
  for uv in uv "$private/bin/uv" "${HOME:-}/.local/bin/uv"; do
    if uv_is_good "$uv"; then return; fi
  done
  uv=$private/bin/uv
  version=$(sed -n 's/^uv==\([0-9.]*\).*/\1/p' "$root/script/uv.txt")
  say "uv, which installs Python packages, is missing here; fetching uv $version into .careloop/uv."
  rm -rf "$private"
  if python3 -m venv "$private" >/dev/null 2>&1 &&
    "$private/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r "$root/script/uv.txt" &&
    uv_is_good "$uv"; then
    return
  fi
  rm -rf "$private"
  if command -v curl >/dev/null; then
    say "python3 with venv and pip could not bring it; trying uv's own installer."
    if curl --proto '=https' --fail --silent --show-error --location --connect-timeout 20 \
      "https://astral.sh/uv/$version/install.sh" -o "$root/.careloop/uv-install.sh" &&
      UV_UNMANAGED_INSTALL=$private/bin sh "$root/.careloop/uv-install.sh" >&2 && uv_is_good "$uv"; then
      rm -f "$root/.careloop/uv-install.sh"
      return
    fi
  fi
  rm -rf "$private" "$root/.careloop/uv-install.sh"
  die "uv could not be fetched: check the network (HTTPS_PROXY for a proxy, PIP_INDEX_URL for a mirror), or install uv by hand and repeat."
}

# Sets `interpreter` to a Python 3.11 outside any virtual environment.
find_python() {
  local search=("$uv" python find --system --no-project 3.11)
  interpreter=$("${search[@]}" 2>/dev/null) && return
  say "Python 3.11 is missing here; uv fetches one for this user."
  "$uv" python install 3.11 >&2 && interpreter=$("${search[@]}" 2>/dev/null) && return
  die "Python 3.11 could not be fetched: check the network (HTTPS_PROXY, UV_PYTHON_INSTALL_MIRROR), or install python3.11 by hand and repeat."
}

install_packages() {
  if [ ! -x "$venv/bin/python3.11" ]; then
    check_disk
    find_python
    say "creating .venv with $interpreter."
    "$uv" venv --quiet --no-project --clear --python "$interpreter" "$venv" || die "uv could not create $venv; its message above says why."
    say "installing the locked packages: about 0.6 GB to download the first time, some minutes on a usual line."
  else
    say "bringing .venv to what requirements.lock says."
  fi
  rm -f "$stamp"
  cp "$lock" "$stamp.new"
  "$uv" pip sync --require-hashes --python "$python" "$stamp.new" ||
    die "the packages could not be installed, uv's message above says why; without a direct line set HTTPS_PROXY or UV_DEFAULT_INDEX (a mirror) and repeat: it goes on where it stopped."
  mv "$stamp.new" "$stamp"
}

make_env() {
  check_machine
  mkdir -p "$root/.careloop"
  exec 9>"$root/.careloop/env.lock"
  if ! flock --nonblock 9; then
    say "another start is setting up .venv; waiting for it."
    flock 9
  fi
  if ! env_is_ready; then
    find_uv
    install_packages
    say "ready."
  fi
  # A server started next must not keep the lock.
  exec 9>&-
}

caller=$PWD
cd "$root" || exit
env_is_ready || make_env
