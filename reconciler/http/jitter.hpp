// jitter: chance for those who wait; handed in as a function, so that tests own it.
#pragma once

namespace dps::http {

/// Uniform in [0, 1). Thread-safe.
double random_jitter();

}  // namespace dps::http
