// show: one live service, for people and scripts; never a key.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "reconciler/arm/client.hpp"
#include "reconciler/base/result.hpp"
#include "reconciler/model/live_service.hpp"

namespace dps::app {

struct Shown {
  LiveService service;
  std::optional<std::vector<std::pair<std::string, std::string>>> policies;  ///< name, rights
  std::string policies_problem;  ///< why they could not be read
  std::optional<std::vector<LiveCertificate>> certificates;
  std::string certificates_problem;
};

/// `name` is SUBSCRIPTION/GROUP/NAME or an ARM id; GROUP/NAME or NAME is looked for in `known`
/// (what the manifests name). GiveUp "Usage" when that is not exactly one.
Result<Shown> show(const std::string& name,
                   const std::vector<ServiceId>& known,
                   arm::Client& client,
                   std::stop_token stop);
std::string show_text(const Shown& shown);
std::string show_json(const Shown& shown);  ///< "dps-reconciler/service/v1"

}  // namespace dps::app
