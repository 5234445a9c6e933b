// secret_reader: the port by which references of the manifests become secrets.
#pragma once

#include <stop_token>

#include "reconciler/base/result.hpp"
#include "reconciler/base/secret.hpp"
#include "reconciler/model/secret_reference.hpp"

namespace dps::arm {

/// Callable from any thread.
class SecretReader {
 public:
  virtual ~SecretReader() = default;
  /// The text, without the line end that files have. Errors never quote it.
  virtual Result<Secret> read(const SecretReference& reference, std::stop_token stop) = 0;
};

}  // namespace dps::arm
