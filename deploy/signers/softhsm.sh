#!/bin/sh
# Signs a proof of possession with a CA key in an HSM, by openssl and its PKCS#11 engine: the key
# never leaves the HSM. In a manifest:
#
#   verification: {proofOfPossession: {exec: [/usr/local/bin/softhsm.sh, "pkcs11:token=ca;object=factory-ca;type=private"]}}
#
# Given: the verification code on stdin, $DPS_RECONCILER_CA_FILE (the CA, PEM). Prints the leaf.
#   PKCS11_PIN_FILE      a file that holds the PIN of the token; needed
#   PKCS11_MODULE_PATH   the HSM's PKCS#11 library; SoftHSM's when absent
#   SOFTHSM2_CONF        SoftHSM's own: where its tokens are
# Needs openssl and libengine-pkcs11-openssl (Debian). Other HSMs: set PKCS11_MODULE_PATH.
set -eu

key=${1:?usage: softhsm.sh PKCS11-URI}
: "${DPS_RECONCILER_CA_FILE:?the path of the CA certificate is missing}"
: "${PKCS11_PIN_FILE:?the path of the file with the PIN is missing}"
export PKCS11_MODULE_PATH="${PKCS11_MODULE_PATH:-/usr/lib/softhsm/libsofthsm2.so}"
[ -r "$PKCS11_PIN_FILE" ] || { echo "the PIN file cannot be read" >&2; exit 1; }
[ "$(wc -l <"$PKCS11_PIN_FILE")" = 0 ] || {
  # The engine would take the line end for a part of it, and wrong PINs lock a token.
  echo "the PIN file has a line end: write it with printf, not echo" >&2
  exit 1
}
[ -r "$PKCS11_MODULE_PATH" ] || { echo "the PKCS#11 library cannot be read" >&2; exit 1; }
read -r code
case $code in
  '' | *[!0-9A-Za-z-]*) echo "this is no verification code" >&2; exit 1 ;;
esac

# The leaf's own key is thrown away at once: nobody ever uses it. No file is written. The PIN goes by
# its file, not by the command line, which every process can read.
sign() {
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null \
    -subj "/CN=$code" 2>/dev/null |
    openssl x509 -req -engine pkcs11 -CAkeyform engine \
      -CAkey "$key;pin-source=file:$PKCS11_PIN_FILE" \
      -CA "$DPS_RECONCILER_CA_FILE" -days 2 -sha256 \
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
