// git_servers: a repository behind a real web server, and behind a real sshd, on loopback.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/support/process.hpp"
#include "tests/wire/servers.hpp"

namespace dps::sources {

/// One line of the web server's log.
struct Asked {
  std::string uri;
  int status = 0;
  std::string authorization;  ///< the header as it came; "-": none
};

/// nginx with TLS and fcgiwrap around git http-backend, as whoever runs the test. /PATH is the
/// repository PATH of the folder, for the user "git" with the password; /moved/PATH leads to the
/// same at another port before it asks for a password, /behind/PATH after; that other one wants a
/// password too.
class WebServer {
 public:
  explicit WebServer(const std::string& repositories);
  ~WebServer();
  std::string url(const std::string& path) const;
  void set_password(const std::string& password) const;
  /// The certificate that signed itself; a file.
  std::string ca_file() const { return certificate_.file; }
  std::vector<Asked> asked() const { return log("access.log"); }
  std::vector<Asked> asked_elsewhere() const { return log("other.log"); }
  int port() const { return port_; }

 private:
  std::vector<Asked> log(const std::string& name) const;
  bool start(const std::string& repositories);

  wire::Folder folder_;
  wire::Certificate certificate_;
  int port_ = 0;
  int other_port_ = 0;
  std::unique_ptr<testing_support::Process> fcgiwrap_;
  std::unique_ptr<testing_support::Process> nginx_;
};

/// sshd for the user that runs the test, by key alone.
class SshServer {
 public:
  SshServer();
  ~SshServer();
  /// "ssh://me@127.0.0.1:2222/PATH"
  std::string url(const std::string& path) const;
  /// The only key that may come in from now on: a public one's file.
  void allow(const std::string& public_key) const;
  /// A line for known_hosts.
  std::string host_line() const;
  /// The same port, another host key.
  void change_host_key();

 private:
  bool start();
  void stop();

  wire::Folder folder_;
  int port_ = 0;
  int keys_ = 0;
  std::string user_;
  std::unique_ptr<testing_support::Process> process_;
};

}  // namespace dps::sources
