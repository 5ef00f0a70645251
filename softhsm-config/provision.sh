#!/bin/sh
# Prepares a SoftHSM token for Coffer with pkcs11-tool: token, user PIN, master secret, transport key pair. Prints the token URI.
# PINs come from files and travel in the environment of pkcs11-tool, never in its arguments.
set -eu
umask 077

usage() {
	cat <<'EOF'
Usage: provision.sh --pin-file FILE --so-pin-file FILE [options]

  --pin-file FILE      the user PIN, one line, mode 0600; coffer reads it at every start
  --so-pin-file FILE   the security officer's PIN, one line, mode 0600; keep it away from this machine afterwards
  --tokendir DIR       folder of the token's files (default /var/lib/coffer-tokend/softhsm/tokens); softhsm2.conf is written beside it
  --token LABEL        label of the token (default coffer)
  --key LABEL          label of the master secret (default master)
  --module PATH        the SoftHSM module (default: where the distribution has it)

Nothing is overwritten: a token or a key that exists already is left as it is and said so.
EOF
}

die() { echo "provision.sh: $*" >&2; exit 1; }

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
pin_file='' so_pin_file='' module='' tokendir=/var/lib/coffer-tokend/softhsm/tokens token=coffer key=master
while [ $# -gt 0 ]; do
	case $1 in
	--help) usage; exit 0 ;;
	--pin-file|--so-pin-file|--tokendir|--token|--key|--module) [ $# -ge 2 ] || die "$1 needs a value" ;;
	*) usage >&2; die "unknown option '$1'" ;;
	esac
	case $1 in
	--pin-file) pin_file=$2 ;;
	--so-pin-file) so_pin_file=$2 ;;
	--tokendir) tokendir=$2 ;;
	--token) token=$2 ;;
	--key) key=$2 ;;
	--module) module=$2 ;;
	esac
	shift 2
done
if [ -z "$pin_file" ] || [ -z "$so_pin_file" ]; then
	usage >&2
	die "--pin-file and --so-pin-file are needed"
fi
case $token$key in *[!A-Za-z0-9._-]*) die "labels: letters, digits, '.', '_' and '-' only" ;; esac
case $tokendir in /*) ;; *) die "--tokendir must be an absolute path" ;; esac
case $pin_file in /*) ;; *) die "--pin-file must be an absolute path, because it becomes part of the token URI" ;; esac
command -v pkcs11-tool >/dev/null || die "pkcs11-tool is missing; install the package opensc"

if [ -z "$module" ]; then
	for candidate in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so /usr/lib64/pkcs11/libsofthsm2.so; do
		[ -e "$candidate" ] && { module=$candidate; break; }
	done
fi
[ -e "$module" ] || die "the SoftHSM module is missing; install the package softhsm2 or use --module"

read_pin() {
	if [ ! -f "$1" ] || [ -L "$1" ]; then die "$1 is not a regular file"; fi
	case $(stat -c %a "$1") in 600|400) ;; *) die "$1 can be read by others; run: chmod 600 $1" ;; esac
	pin=$(cat "$1")
	[ ${#pin} -ge 4 ] || die "the PIN in $1 is shorter than 4 characters"
}
read_pin "$so_pin_file"; COFFER_SO_PIN=$pin
read_pin "$pin_file"; COFFER_PIN=$pin
export COFFER_PIN COFFER_SO_PIN

conf=$(dirname -- "$tokendir")/softhsm2.conf
mkdir -p "$tokendir"
[ -e "$conf" ] || sed "s|@TOKENDIR@|$tokendir|" "$here/softhsm2.conf.in" >"$conf"
SOFTHSM2_CONF=$conf
export SOFTHSM2_CONF

p11() { pkcs11-tool --module "$module" "$@"; }
as_user() { p11 --token-label "$token" --login --pin env:COFFER_PIN "$@"; }
# pkcs11-tool warns that it cannot show a secret key's value: its words are shown only when it fails.
quietly() { said=$("$@" 2>&1) || die "$said"; }

if p11 --list-token-slots | grep -q "^ *token label *: $token\$"; then
	echo "token '$token' exists already" >&2
else
	slot=$(p11 --list-slots | awk '/^Slot /{slot=$3} /token state: *uninitialized/{gsub(/[():]/, "", slot); print slot; exit}')
	[ -n "$slot" ] || die "SoftHSM shows no free slot"
	quietly p11 --init-token --slot "$slot" --label "$token" --so-pin env:COFFER_SO_PIN
	quietly p11 --token-label "$token" --login --login-type so --so-pin env:COFFER_SO_PIN --init-pin --pin env:COFFER_PIN
	echo "token '$token' made" >&2
fi

quietly as_user --list-objects --type secrkey # one try: a wrong PIN ends here
has() { as_user --list-objects --type "$1" 2>/dev/null | grep -q "^ *label: *$2\$"; }

if has secrkey "$key"; then
	echo "master secret '$key' exists already" >&2
else
	quietly as_user --keygen --key-type AES:32 --label "$key" --id 11 --sensitive --private --usage-wrap \
		--allowed-mechanisms AES-KEY-WRAP
	has secrkey "$key" || die "the token did not keep the master secret"
	echo "master secret '$key' made" >&2
fi
if has privkey transport; then
	echo "transport key pair exists already" >&2
else
	quietly as_user --keypairgen --key-type EC:prime256v1 --label transport --id 12 --sensitive --private --usage-derive
	has privkey transport || die "the token did not keep the transport key pair"
	echo "transport key pair made" >&2
fi
sync # SoftHSM does not flush its files

serial=$(p11 --list-token-slots | awk -v want="$token" '/token label/{found = ($NF == want)} found && /serial num/{print $NF; exit}')
echo "configuration: SOFTHSM2_CONF=$conf" >&2
echo "token URI:" >&2
echo "pkcs11:token=$token;serial=$serial;object=$key?module-path=$module&pin-source=file:$pin_file"
