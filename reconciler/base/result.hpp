// result: a value or an Error; the only mention of tl.
#pragma once

#include <tl/expected.hpp>

#include "reconciler/base/error.hpp"

namespace dps {

/// What may fail on a good day. Functions that return Result<void> are marked [[nodiscard]].
template <class T>
using Result = tl::expected<T, Error>;

using Failure = tl::unexpected<Error>;

/// For `return fail(error)` in a function that returns any Result.
inline Failure fail(Error error) {
  return Failure(std::move(error));
}

}  // namespace dps
