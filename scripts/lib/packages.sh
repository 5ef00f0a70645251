#!/bin/bash
# Debian packages by purpose, and their installation. Sourced by quickstart and test.
# shellcheck disable=SC2034  # used by the scripts that source this
BUILD_PACKAGES="build-essential cmake ninja-build pkg-config libssl-dev libtss2-dev libp11-kit-dev libsqlite3-dev
  libevent-dev libjansson-dev libsystemd-dev libseccomp-dev libpq-dev libcmocka-dev"
# Left out where there is none: intel-ipsec-mb is for x86-64.
[ "$(uname -m)" = x86_64 ] && BUILD_PACKAGES="$BUILD_PACKAGES libipsec-mb-dev"
# shellcheck disable=SC2034
RUN_PACKAGES="swtpm softhsm2 opensc libtss2-tcti-swtpm0 libtss2-tcti-device0 util-linux"
# shellcheck disable=SC2034
TEST_PACKAGES="libgfshare-dev clang-14 libclang-rt-14-dev valgrind tpm2-tools python3 python3-pykmip python3-prometheus-client strace sqlite3 shellcheck
  mandoc procps openssl jq systemd gdb opensc-pkcs11 libnss3 tpm2-abrmd
  libtss2-tcti-tabrmd0 dbus spin postgresql iproute2 patroni etcd-server python3-etcd resource-agents"
# What tests/bench/run compares with; it installs them with --install, and does without.
# shellcheck disable=SC2034
BENCH_PACKAGES="age gnupg openssl softhsm2 swtpm tpm2-tools libtpm2-pkcs11-1 libtpm2-pkcs11-tools python3-pykmip"

have_all_packages() {
  local p
  for p in "$@"; do
    dpkg-query -W -f '${Status}\n' "$p" 2>/dev/null | grep -q '^install ok installed$' || return 1
  done
}

# install_packages NAME…: nothing when all are there; apt-get as root, through sudo otherwise.
install_packages() {
  have_all_packages "$@" && return 0
  command -v apt-get >/dev/null || { echo "this needs Debian 12 or the like (no apt-get here); install: $*" >&2; return 1; }
  local as_root=""
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "run this as root once, or install: $*" >&2; return 1; }
    as_root=sudo
  fi
  echo "installing packages: $*"
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update >/dev/null || echo "apt-get update failed; going on with the old lists" >&2
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >/dev/null
}
