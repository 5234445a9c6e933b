// x509_openssl: owners of OpenSSL's things. For the files of base/ that use it.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <memory>
#include <string>
#include <string_view>

#include "reconciler/base/clock.hpp"

namespace dps::openssl {

template <auto release>
struct Release {
  template <class T>
  void operator()(T* pointer) const {
    release(pointer);
  }
};
using X509Pointer = std::unique_ptr<X509, Release<X509_free>>;
using BioPointer = std::unique_ptr<BIO, Release<BIO_free>>;
using KeyPointer = std::unique_ptr<EVP_PKEY, Release<EVP_PKEY_free>>;
using StorePointer = std::unique_ptr<X509_STORE, Release<X509_STORE_free>>;
using StoreContextPointer = std::unique_ptr<X509_STORE_CTX, Release<X509_STORE_CTX_free>>;

/// A view: the bytes outlive it.
BioPointer reading(std::string_view bytes);
/// Nothing when these are not the DER of exactly one certificate.
X509Pointer certificate_from_der(std::string_view der);
/// What a memory BIO holds.
std::string text_of(BIO* bio);
/// RFC 2253.
std::string name_text(const X509_NAME* name);
/// Years past the range of the clock are its ends.
WallTime time_of(const ASN1_TIME* time);

}  // namespace dps::openssl
