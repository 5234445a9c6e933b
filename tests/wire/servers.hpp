// servers: what the wire is tested against: certificates of our own, nginx, openssl's test server.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/support/process.hpp"

namespace dps::wire {

/// A folder that goes when it goes.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  void write(const std::string& name, const std::string& text) const;
  std::string read(const std::string& name) const;

 private:
  std::filesystem::path folder_;
};

enum class Validity { Good, Expired };

/// Files of a self-signed certificate and its key.
struct Certificate {
  std::string file;
  std::string key;
};
/// For localhost, 127.0.0.1 and arm.example.test. Throws when openssl cannot make it.
Certificate make_certificate(const Folder& folder, const std::string& name, Validity validity);
/// The same for the same names, signed by a CA: `ca` is written beside.
Certificate make_signed_certificate(const Folder& folder, const std::string& name);

/// A port of loopback that was free a moment ago.
int free_port();

/// One line of nginx's log.
struct Served {
  std::string connection;
  std::string protocol;  ///< "HTTP/2.0"
  std::string method;
  std::string uri;
  int status = 0;
};

struct NginxSettings {
  std::string upstream;  ///< "127.0.0.1:8080"; empty: serves the files of the folder
  Certificate certificate;
  bool http2 = true;
  int requests_per_connection = 100'000;  ///< then GOAWAY, or Connection: close
};

/// nginx on a free port, with TLS, in a folder of its own, as whoever runs the test.
class Nginx {
 public:
  explicit Nginx(NginxSettings settings);
  ~Nginx();
  std::string url(const std::string& path) const;
  std::string endpoint() const { return url(""); }
  int port() const { return port_; }
  std::vector<Served> served() const;
  std::set<std::string> connections() const;
  const Folder& folder() const { return folder_; }

 private:
  Folder folder_;
  int port_ = 0;
  std::unique_ptr<testing_support::Process> process_;
};

/// openssl s_server with these options; answers a GET with a page.
class OpensslServer {
 public:
  OpensslServer(const Certificate& certificate, const std::vector<std::string>& options);
  std::string url(const std::string& path) const;

 private:
  int port_ = 0;
  std::unique_ptr<testing_support::Process> process_;
};

}  // namespace dps::wire
