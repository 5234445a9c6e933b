// traffic: what kind of request this is: its operation, its quota, and whether it may be repeated.
#pragma once

#include <string>
#include <vector>

#include "reconciler/http/pipeline.hpp"

namespace dps::arm {

/// By method and path, without regard to case. The gate is "<subscription>/<quota>" with the quotas
/// of ARM's headers: reads, writes (POST, certificate PUT), resource-requests (service PUT, PATCH)
/// and deletes; without a subscription "/reads" and so on. GET, listkeys and the name check may be
/// repeated freely; the verification code and the proof change the certificate's ETag: writes.
http::Traits traits_of(const http::Request& request);

/// What an answer's x-ms-ratelimit-remaining-subscription-QUOTA and -tenant-QUOTA headers say, each
/// for the gate of that quota, whichever the request was charged to. Other headers of the family
/// (resource, global) and what is no number are passed over.
std::vector<http::QuotaReading> quotas_of(const http::Request& request,
                                          const http::Response& response);

/// What the bucket behind a gate gains a second: 25 reads, 10 of everything else (documented).
double documented_pace(const std::string& gate);

}  // namespace dps::arm
