#include "reconciler/telemetry/log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconciler/base/json.hpp"
#include "reconciler/http/redact.hpp"

namespace dps::telemetry {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

http::Exchanged event() {
  http::Exchanged out;
  out.operation = "poll";
  out.gate = "sub/reads";
  out.method = http::Method::Get;
  out.url = http::redacted_url("https://h/op?api-version=1&s=canary");
  out.attempt = 2;
  out.status = 503;
  out.duration = milliseconds{120};
  out.waited = seconds{4};
  out.retry_in = seconds{2};
  out.client_request_id = "client-1";
  out.headers = {{"x-ms-request-id", "server-1"}};
  out.protocol = http::Protocol::Http2;
  out.connection = http::Connection::Reused;
  return out;
}

std::string lines(LogForm form, LogLevel level, const http::Exchanged& what) {
  testing::internal::CaptureStderr();
  {
    Log log(form, level);
    LoggingObserver observer(log);
    observer.exchanged(what);
    observer.throttled("sub/reads", seconds{3});
    observer.closed("sub/reads", seconds{17});
  }
  return testing::internal::GetCapturedStderr();
}

TEST(ExchangeLog, TellsEverythingAtTraceAsText) {
  const auto out = lines(LogForm::Text, LogLevel::Trace, event());
  for (const char* part : {" trace exchange ",
                           "operation=poll",
                           "method=GET",
                           "status=503",
                           "duration=120ms",
                           "attempt=2",
                           "retry_in=2s",
                           "waited=4s",
                           "protocol=HTTP/2",
                           "connection=reused",
                           "client_request_id=client-1",
                           "request_id=server-1",
                           "[redacted]"}) {
    EXPECT_THAT(out, HasSubstr(part));
  }
  EXPECT_THAT(out, Not(HasSubstr("canary")));
}

TEST(ExchangeLog, TellsTheSameAsJson) {
  const auto out = lines(LogForm::Json, LogLevel::Trace, event());
  const auto line = parse_json(out.substr(0, out.find('\n')));
  ASSERT_TRUE(line) << out;
  EXPECT_EQ(text_member(*line, "level"), "trace");
  EXPECT_EQ(text_member(*line, "url"), "https://h/op?api-version=1&s=[redacted]");
  EXPECT_EQ(text_member(*line, "status"), "503");
  EXPECT_EQ(text_member(*line, "attempt"), "2");
  EXPECT_EQ(text_member(*line, "protocol"), "HTTP/2");
  EXPECT_EQ(text_member(*line, "connection"), "reused");
  EXPECT_EQ(text_member(*line, "request_id"), "server-1");
}

TEST(ExchangeLog, NamesTheFailureWhereThereIsNoAnswer) {
  auto lost = event();
  lost.status = 0;
  lost.failure = "ConnectTimeout";
  lost.protocol = http::Protocol::Unknown;
  lost.connection = http::Connection::Unknown;
  const auto out = lines(LogForm::Text, LogLevel::Trace, lost);
  EXPECT_THAT(out, HasSubstr("status=ConnectTimeout"));
  EXPECT_THAT(out, Not(HasSubstr("protocol=")));
}

TEST(ExchangeLog, SaysAtInfoOnlyWhatSomebodyMightWonderAbout) {
  const auto out = lines(LogForm::Text, LogLevel::Info, event());
  EXPECT_THAT(out, Not(HasSubstr("exchange")));
  EXPECT_THAT(out, HasSubstr("info Azure's request limit is reached quota=sub/reads pause=17s"));
  EXPECT_THAT(lines(LogForm::Text, LogLevel::Off, event()), IsEmpty());
}

TEST(ExchangeLog, WarnsWhenTooMuchHasFailed) {
  auto spent = event();
  spent.retry_in.reset();
  spent.budget_spent = true;
  EXPECT_THAT(lines(LogForm::Text, LogLevel::Warn, spent),
              HasSubstr("warn too many requests have failed"));
}

}  // namespace
}  // namespace dps::telemetry
