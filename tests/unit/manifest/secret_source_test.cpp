#include "reconciler/manifest/secret_source.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <chrono>
#include <thread>

#include "reconciler/base/child_process.hpp"
#include "tests/unit/manifest/temporary_folder.hpp"

namespace dps::manifest {
namespace {

ExecReference shell(const std::string& script) {
  return {{"/bin/sh", "-c", script}};
}

SystemSecretSource source(SecretSourceOptions options = {}) {
  options.allow_exec = true;
  return SystemSecretSource(std::move(options));
}

std::string failure(const Result<Secret>& result) {
  return result ? "none" : result.error().id;
}

TEST(SecretSource, ReadsAVariable) {
  SecretSourceOptions options;
  options.environment = [](const std::string& name) -> std::optional<std::string> {
    if (name == "HUB") return "value";
    if (name == "EMPTY") return "";
    return std::nullopt;
  };
  auto subject = source(options);

  EXPECT_EQ(subject.read(EnvironmentReference{"HUB"}, {}).value().reveal(), "value");
  EXPECT_EQ(failure(subject.read(EnvironmentReference{"EMPTY"}, {})), "SecretMissing");
  EXPECT_EQ(failure(subject.read(EnvironmentReference{"OTHER"}, {})), "SecretMissing");
  EXPECT_EQ(failure(subject.read(EnvironmentReference{"AZURE_CLIENT_SECRET"}, {})),
            "VariableNotAllowed");
}

TEST(SecretSource, ReadsAFileWithoutItsFinalNewline) {
  const TemporaryFolder folder;
  const auto path = folder.write("key", "line 1\nline 2\r\n");

  EXPECT_EQ(source().read(FileReference{path, "key"}, {}).value().reveal(), "line 1\nline 2");
}

TEST(SecretSource, LeavesDerOfAKeyWhole) {
  const TemporaryFolder folder;
  const auto der = [](std::string head, std::size_t length) {
    return head + std::string(length - 1, 'k') + '\n';
  };
  const std::string cases[] = {
      der(std::string("\x30\x77\x02", 3), 0x76),        // SEC1, P-256
      der(std::string("\x30\x81\x87\x02", 4), 0x86),    // PKCS#8, P-256
      der(std::string("\x30\x82\x04\xA4", 4), 0x04A4),  // PKCS#1, RSA 2048
  };
  for (const auto& bytes : cases) {
    const auto path = folder.write("key", bytes);
    EXPECT_EQ(source().read(FileReference{path, "key"}, {}).value().reveal(), bytes);
    const auto longer = folder.write("text", bytes + "\n");  // so it is text with a line end
    EXPECT_EQ(source().read(FileReference{longer, "text"}, {}).value().reveal(), bytes);
  }
  const auto word = folder.write("word", "0123456789\n");
  EXPECT_EQ(source().read(FileReference{word, "word"}, {}).value().reveal(), "0123456789");
}

TEST(SecretSource, RefusesWhatIsNoReadableFile) {
  const TemporaryFolder folder;
  const auto empty = folder.write("empty", "\n");
  const auto large = folder.write("large", std::string(70'000, 'x'));
  ASSERT_EQ(::mkfifo(folder.path("pipe").c_str(), 0600), 0);

  for (const auto& path : {empty, large, folder.path("pipe"), folder.path(), folder.path("none")}) {
    EXPECT_EQ(failure(source().read(FileReference{path, "shown"}, {})), "SecretMissing") << path;
  }
}

TEST(SecretSource, RefusesALinkThatNowLeavesItsFolders) {
  const TemporaryFolder folder;
  folder.write("outside/key", "secret");
  folder.write("secrets/inside", "secret");
  folder.link("secrets/key", "../outside/key");
  SecretSourceOptions options;
  options.folders = {folder.path("secrets")};
  auto subject = source(options);

  EXPECT_EQ(failure(subject.read(FileReference{folder.path("secrets/key"), "key"}, {})),
            "OutsideRoot");
  EXPECT_TRUE(subject.read(FileReference{folder.path("secrets/inside"), "inside"}, {}));
}

TEST(SecretSource, RunsAProgramWithoutAShell) {
  const auto secret = source().read(ExecReference{{"/bin/echo", "$HOME", "; ls"}}, {});

  EXPECT_EQ(secret.value().reveal(), "$HOME ; ls");
}

TEST(SecretSource, DoesNotRunProgramsUnlessAllowed) {
  SystemSecretSource subject{SecretSourceOptions{}};

  EXPECT_EQ(failure(subject.read(shell("echo secret"), {})), "ExecNotAllowed");
}

TEST(SecretSource, AFailingProgramIsAFaultWithoutItsWords) {
  const auto result = source().read(shell("echo canary; echo canary >&2; exit 3"), {});

  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().id, "ProgramFailed");
  EXPECT_NE(result.error().what.find("exit code 3"), std::string::npos);
  EXPECT_EQ(result.error().what.find("canary"), std::string::npos);
  EXPECT_EQ(failure(source().read(ExecReference{{"/no/such/program"}}, {})), "ProgramNotFound");
  EXPECT_EQ(failure(source().read(shell("true"), {})), "SecretMissing");
}

TEST(ChildProcess, KillsTheWholeGroupAtTheEndOfTheTime) {
  const TemporaryFolder folder;
  Program program;
  // The grandchild would hold the pipe open for a minute.
  program.argv = {"/bin/sh", "-c", "sleep 60 & echo $! > '" + folder.path("pid") + "'; sleep 60"};
  program.limit = std::chrono::milliseconds{300};
  const auto before = std::chrono::steady_clock::now();

  EXPECT_EQ(failure(run_program(program, {})), "ProgramTooSlow");

  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds{10});
  pid_t grandchild = 0;
  std::ifstream(folder.path("pid")) >> grandchild;
  ASSERT_GT(grandchild, 0);
  // Killed, if perhaps not yet reaped by init: a zombie's command line is empty.
  std::string command;
  for (const auto end = before + std::chrono::seconds{20};
       std::chrono::steady_clock::now() < end;) {
    std::ifstream file("/proc/" + std::to_string(grandchild) + "/cmdline");
    command.clear();
    std::getline(file, command, '\0');
    if (command.empty()) break;
    std::this_thread::yield();
  }
  EXPECT_EQ(command, "");
}

TEST(ChildProcess, DoesNotWaitForWhatTheProgramLeftBehind) {
  const auto before = std::chrono::steady_clock::now();
  const auto secret = source().read(shell("sleep 60 & echo done"), {});

  EXPECT_EQ(secret.value().reveal(), "done");
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds{5});
}

TEST(ChildProcess, BoundsTheOutput) {
  EXPECT_EQ(failure(source().read(shell("yes"), {})), "ProgramTooTalkative");
  EXPECT_EQ(failure(source().read(shell("head -c 70000 /dev/zero"), {})), "ProgramTooTalkative");
  EXPECT_EQ(
      source().read(shell("head -c 65536 /dev/zero | tr '\\0' x"), {}).value().reveal().size(),
      65536U);
}

TEST(ChildProcess, StopsWhenAsked) {
  std::stop_source stop;
  stop.request_stop();

  EXPECT_EQ(failure(source().read(shell("sleep 60"), stop.get_token())), "Interrupted");
}

TEST(ChildProcess, GivesInputAndVariables) {
  Program program;
  program.argv = {"/bin/sh", "-c", "tr a-z A-Z; printf %s \"$DPS_TEST_PATH\""};
  program.input = "code";
  program.environment = {{"DPS_TEST_PATH", "/ca.pem"}};

  EXPECT_EQ(run_program(program, {}).value().reveal(), "CODE/ca.pem");
}

TEST(ChildProcess, SurvivesAProgramThatDoesNotReadItsInput) {
  Program program;
  program.argv = {"/bin/true"};
  program.input = std::string(1 << 20U, 'x');

  EXPECT_TRUE(run_program(program, {}));
}

TEST(ChildProcess, StartsWithACleanSignalMask) {
  sigset_t every;
  sigset_t before;
  sigfillset(&every);
  pthread_sigmask(SIG_BLOCK, &every, &before);
  Program program;
  program.argv = {"/bin/sh", "-c", "grep SigBlk /proc/self/status"};
  const auto output = run_program(program, {});
  pthread_sigmask(SIG_SETMASK, &before, nullptr);

  ASSERT_TRUE(output);
  EXPECT_NE(output->reveal().find("0000000000000000"), std::string::npos);
}

}  // namespace
}  // namespace dps::manifest
