#include "reconciler/telemetry/event_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"

namespace dps::telemetry {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

controller::Event updated() {
  controller::Event event;
  event.kind = controller::EventKind::Updated;
  event.service = ServiceId{"91d12660-3dec-467a-be2a-213b5544ddc0", "iot-eu", "fleet-eu"};
  event.message = "2 changes were made";
  event.details = {"~ allocationPolicy: Hashed → GeoLatency", "+ tags.env: \"prod\""};
  event.reason = "Drift";
  event.revision = "4f1c2d9ab03e";
  event.pass = "s-17";
  event.request_id = "7f3a1c52";
  return event;
}

std::vector<std::string> lines(const controller::Event& event,
                               LogLevel level = LogLevel::Info,
                               LogForm form = LogForm::Text) {
  testing::internal::CaptureStderr();
  {
    Log log(form, level);
    EventLog(log).event(event);
  }
  auto all = split(testing::internal::GetCapturedStderr(), '\n');
  if (!all.empty() && all.back().empty()) all.pop_back();
  return all;
}

TEST(EventLines, NameWhatAPersonSearchesFor) {
  const auto all = lines(updated());
  ASSERT_THAT(all, SizeIs(3));
  for (const char* part : {" info 2 changes were made event=updated ",
                           "service=91d12660-3dec-467a-be2a-213b5544ddc0/iot-eu/fleet-eu",
                           "pass=s-17",
                           "reason=Drift",
                           "revision=4f1c2d9ab03e",
                           "request_id=7f3a1c52"}) {
    EXPECT_THAT(all[0], HasSubstr(part));
  }
  EXPECT_THAT(all[1], HasSubstr(" info ~ allocationPolicy: Hashed → GeoLatency event=updated"));
  EXPECT_THAT(all[2], AllOf(HasSubstr("+ tags.env"), HasSubstr("/fleet-eu pass=s-17")));
}

TEST(EventLines, AreObjectsAsJson) {
  for (const auto& line : lines(updated(), LogLevel::Info, LogForm::Json)) {
    const auto object = parse_json(line);
    ASSERT_TRUE(object) << line;
    EXPECT_EQ(text_member(*object, "level"), "info");
    EXPECT_EQ(text_member(*object, "event"), "updated");
    EXPECT_EQ(text_member(*object, "pass"), "s-17");
  }
}

TEST(EventLines, HaveTheLevelOfTheirSeverityAndNoFieldWithoutValue) {
  controller::Event event;
  event.kind = controller::EventKind::SourceFault;
  event.message = "the source cannot be read";
  event.severity = controller::Severity::Warning;
  EXPECT_THAT(lines(event, LogLevel::Warn),
              testing::ElementsAre(
                  testing::EndsWith(" warn the source cannot be read event=source_fault")));
  EXPECT_THAT(lines(event, LogLevel::Error), IsEmpty());
  event.severity = controller::Severity::Error;
  EXPECT_THAT(lines(event, LogLevel::Error), SizeIs(1));
}

TEST(EventLines, AreBounded) {
  auto event = updated();
  event.details.assign(1000, "~ x");
  const auto all = lines(event);
  ASSERT_THAT(all, SizeIs(52));
  EXPECT_THAT(all.back(), HasSubstr("and 950 more of these"));
}

TEST(EventLines, StayOneLineEachAndWithoutSecretsWhateverAzureSays) {
  auto event = updated();
  event.message = "refused: SharedAccessKey=canary;x\n2026 error forged \x1b[31m";
  event.details.clear();
  event.reason =
      "a\x7f"
      "b\nc";
  const auto all = lines(event);
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_THAT(all[0], AllOf(Not(HasSubstr("canary")), Not(HasSubstr("\x1b"))));
}

TEST(EventLines, SayNothingAtRestButForDebug) {
  controller::RunEnded run;
  run.pass = "s-18";
  run.took = std::chrono::milliseconds{420};
  run.services = 40;
  const auto said = [&](LogLevel level) {
    testing::internal::CaptureStderr();
    {
      Log log(LogForm::Text, level);
      EventLog(log).run_ended(run);
    }
    return testing::internal::GetCapturedStderr();
  };
  EXPECT_THAT(said(LogLevel::Info), IsEmpty());
  EXPECT_THAT(said(LogLevel::Debug),
              HasSubstr("debug run ended work=sweep result=success pass=s-18 took=420ms "
                        "services=40 differing=0 writes=0"));
}

}  // namespace
}  // namespace dps::telemetry
