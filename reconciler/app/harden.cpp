#include "reconciler/app/harden.hpp"

#include <cxxabi.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <memory>
#include <typeinfo>

#include "reconciler/base/text.hpp"
#include "reconciler/http/redact.hpp"

namespace dps::app {
namespace {

std::string readable(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), &std::free);
  return status == 0 && name ? name.get() : type.name();
}

[[noreturn]] void die() {
  const auto text = fmt::format("dps-reconciler: internal fault: {}; please report it\n",
                                std::current_exception() ? fault_text() : "terminated");
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
  std::abort();
}

}  // namespace

void harden_process() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
  std::set_terminate(die);
}

std::string fault_text() {
  const auto* type = abi::__cxa_current_exception_type();
  const auto name = type == nullptr ? std::string("unknown") : readable(*type);
  try {
    throw;
  } catch (const std::exception& fault) {
    // Masked before it is cut: half a key is not recognised as one.
    return fmt::format("{}: {}", name, printable(http::without_secrets(fault.what()), 300));
  } catch (...) {
    return name;
  }
}

}  // namespace dps::app
