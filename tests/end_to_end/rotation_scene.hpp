// rotation_scene: one service in the Lab, CAs to rotate it through, and a manifest of one entry.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/end_to_end/lab.hpp"

namespace dps::lab {

/// A CA of the tests. `expired` is over since years.
enum class Ca { A, B, C, Expired };

struct TestCa {
  std::string pem;
  std::string key;         ///< PEM
  std::string thumbprint;  ///< upper-case hex
};
const TestCa& ca(Ca which);
/// Which of them it is; "?" for another.
std::string letter_of(const std::string& thumbprint);

/// A certificate that stands on the service.
struct Standing {
  Ca which = Ca::A;
  bool verified = true;
  int age_days = 100;         ///< since `updated`
  bool code_pending = false;  ///< somebody asked for a verification code
};

/// The one entry of the manifest; its name is "ca".
struct Wish {
  Ca which = Ca::A;
  std::string verification = "proofOfPossession";  ///< trusted, none; empty: not managed
  std::string strategy;                            ///< overlap, inPlace; empty: not written
  std::string retire;                              ///< hold, automatic; empty: not written
  std::string overlap;                             ///< empty: not written (30d)
  std::vector<Ca> revoked;
};

inline constexpr const char* kSlot1 = "ca";
inline constexpr const char* kSlot2 = "ca-2";

class RotationScene {
 public:
  explicit RotationScene(const std::string& version = "2022-12-12");

  Lab lab;

  /// The service stands, ours, with exactly these certificates by name.
  void stands(const std::map<std::string, Standing>& certificates);
  /// No value: `certificates: []`.
  void wants(const std::optional<Wish>& wish);
  /// "A verified", "B" by name: what stands there now.
  std::map<std::string, std::string> standing();
  /// As `standing`, at each moment since `stands`, the beginning included.
  std::vector<std::map<std::string, std::string>> moments();
  /// How many uploads ARM took since `stands`.
  std::size_t uploads();
  static std::string certificate_path(const std::string& name);

 private:
  SimJson prototype_;  ///< the world with the service and no certificate
  std::map<std::string, std::string> at_first_;
  std::uint64_t history_from_ = 0;
};

}  // namespace dps::lab
