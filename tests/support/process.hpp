// process: runs a program as a user would: argv, environment, what it printed, how it ended.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace dps::testing_support {

struct Ended {
  int exit_code = -1;  ///< 128 + n when signal n ended it
  std::string out;
  std::string err;
};

using Variables = std::map<std::string, std::string>;

/// A running child with its output collected by pipes. Killed and reaped by the destructor.
class Process {
 public:
  /// The environment is exactly `variables` and PATH.
  Process(const std::vector<std::string>& argv, const Variables& variables);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// The next line of stdout, without its end; "" when the output ended first.
  std::string read_line();
  void signal(int number) const;
  pid_t pid() const { return pid_; }
  /// Reads both outputs to their end and waits. After `limit` the child is killed (exit code 137).
  Ended wait(std::chrono::milliseconds limit = std::chrono::seconds{60});

 private:
  void close_all();
  pid_t pid_ = -1;
  int out_ = -1;
  int err_ = -1;
  std::string out_text_, err_text_;
};

/// Start and wait.
Ended run(const std::vector<std::string>& argv, const Variables& variables = {});

}  // namespace dps::testing_support
