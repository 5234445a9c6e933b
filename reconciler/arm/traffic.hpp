// traffic: what kind of request this is: its operation, its quota, and whether it may be repeated.
#pragma once

#include "reconciler/http/pipeline.hpp"

namespace dps::arm {

/// By method and path, without regard to case. The gate is "<subscription>/<quota>" with the quotas
/// of ARM's headers: reads, writes (POST, certificate PUT), resource-requests (service PUT, PATCH)
/// and deletes; without a subscription "/reads" and so on. GET, listkeys and the name check may be
/// repeated freely; the verification code and the proof change the certificate's ETag: writes.
http::Traits traits_of(const http::Request& request);

}  // namespace dps::arm
