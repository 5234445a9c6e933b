#include "reconciler/app/harden.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cstdlib>
#include <exception>
#include <stdexcept>

namespace dps::app {
namespace {

using testing::HasSubstr;
using testing::Not;

#ifdef __SANITIZE_ADDRESS__
constexpr int kDumpable = 1;  // its leak check must trace the process
#else
constexpr int kDumpable = 0;
#endif

[[noreturn]] void harden_and_look() {
  harden_process();
  rlimit core = {1, 1};
  ::getrlimit(RLIMIT_CORE, &core);
  const bool sealed = ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == kDumpable;
  std::_Exit(core.rlim_cur == 0 && core.rlim_max == 0 && sealed ? 7 : 1);
}

void fall() {
  throw std::runtime_error("bad text: HostName=h;SharedAccessKey=c2VjcmV0Y2FuYXJ5");
}

void harden_and_fall() noexcept {
  harden_process();
  fall();
}

TEST(HardenDeathTest, LeavesNoCoreAndNoReadableMemory) {
  EXPECT_EXIT(harden_and_look(), testing::ExitedWithCode(7), "");
}

TEST(HardenDeathTest, TerminatesWithoutQuotingASecret) {
  EXPECT_EXIT(
      harden_and_fall(),
      testing::KilledBySignal(SIGABRT),
      "internal fault: std::runtime_error: bad text: HostName=h;SharedAccessKey=.secret.; please");
}

TEST(FaultText, ShowsTheTypeAndMasksSecrets) {
  std::string text;
  try {
    throw std::invalid_argument("token Bearer abc.def.ghi\x1b[31m" + std::string(1000, 'x'));
  } catch (...) {
    text = fault_text();
  }
  EXPECT_THAT(text, testing::StartsWith("std::invalid_argument: token Bearer [secret]"));
  EXPECT_THAT(text, Not(HasSubstr("abc.def")));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_LT(text.size(), 400U);
  try {
    throw 42;
  } catch (...) {
    EXPECT_EQ(fault_text(), "int");
  }
}

}  // namespace
}  // namespace dps::app
