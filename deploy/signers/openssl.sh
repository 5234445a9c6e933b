#!/bin/sh
# Signs a proof of possession with a CA key in a file, by openssl: the smallest signer there is, and
# the pattern for your own. In a manifest:
#
#   verification: {proofOfPossession: {exec: [/usr/local/bin/openssl.sh, /run/secrets/factory-ca.key]}}
#
# Given: the verification code on stdin, $DPS_RECONCILER_CA_FILE (the CA, PEM). Prints the leaf.
# (For a key in a file `key: {file: …}` needs no program; this one shows how a program does it.)
set -eu

key=${1:?usage: openssl.sh KEY-FILE}
: "${DPS_RECONCILER_CA_FILE:?the path of the CA certificate is missing}"
read -r code
case $code in
  '' | *[!0-9A-Za-z-]*) echo "this is no verification code" >&2; exit 1 ;;
esac

# The leaf's own key is thrown away at once: nobody ever uses it. No file is written.
sign() {
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null \
    -subj "/CN=$code" 2>/dev/null |
    openssl x509 -req -CA "$DPS_RECONCILER_CA_FILE" -CAkey "$key" -days 2 -sha256 \
      -set_serial "0x40$(openssl rand -hex 15)" -extfile /dev/fd/3 3<<'EXTENSIONS'
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
EXTENSIONS
}

# What openssl says of its progress is left out: the first line of an error is what dps-reconciler
# shows.
{ said=$(sign 2>&1 >&4); } 4>&1 || {
  printf '%s\n' "$said" | grep -vE '^(Engine |Certificate request self-signature ok|subject=)' >&2
  exit 1
}
