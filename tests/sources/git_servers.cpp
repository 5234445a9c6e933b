#include "tests/sources/git_servers.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "tests/support/git_origin.hpp"

namespace dps::sources {
namespace {

using testing_support::Process;
namespace fs = std::filesystem;

// Debian keeps servers where a person's PATH does not look.
std::string server_program(const std::string& name) {
  for (const char* folder : {"/usr/sbin/", "/usr/local/sbin/", "/usr/bin/"}) {
    if (::access((folder + name).c_str(), X_OK) == 0) return folder + name;
  }
  throw std::runtime_error(name + " is not installed");
}

std::string backend() {
  const auto folder = testing_support::run({"git", "--exec-path"}).out;
  return std::string(trim(folder)) + "/git-http-backend";
}

bool answers(int port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool connected =
      ::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(socket);
  return connected;
}

template <class Condition>
bool comes_true(const Condition& condition) {
  for (int look = 0; look < 500; ++look) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
  return false;
}

}  // namespace

WebServer::WebServer(const std::string& repositories)
    : certificate_(wire::make_certificate(folder_, "server", wire::Validity::Good)) {
  set_password("none");
  const auto socket = folder_.path("fcgi");
  fcgiwrap_ = std::make_unique<Process>(
      std::vector<std::string>{server_program("fcgiwrap"), "-s", "unix:" + socket},
      testing_support::Variables{{"HOME", folder_.path("")}});
  if (!comes_true([&] { return fs::exists(socket); })) {
    throw std::runtime_error("fcgiwrap does not start");
  }
  // Another process may take a port between the look and the start.
  for (int attempt = 0; attempt < 5; ++attempt) {
    if (start(repositories)) return;
  }
  throw std::runtime_error("nginx does not start: " + folder_.read("error.log"));
}

WebServer::~WebServer() {
  if (nginx_) {
    nginx_->signal(SIGTERM);
    nginx_->wait();
  }
}

bool WebServer::start(const std::string& repositories) {
  port_ = wire::free_port();
  other_port_ = wire::free_port();
  std::string temporary;
  for (const char* kind : {"client_body", "proxy", "fastcgi", "scgi", "uwsgi"}) {
    temporary += fmt::format("  {}_temp_path {};\n", kind, folder_.path(kind));
  }
  const auto git = fmt::format(R"(
      auth_basic git; auth_basic_user_file {passwords};
      client_max_body_size 0;
      fastcgi_pass unix:{socket};
      fastcgi_param SCRIPT_FILENAME {backend};
      fastcgi_param GIT_PROJECT_ROOT {root};
      fastcgi_param GIT_HTTP_EXPORT_ALL 1;
      fastcgi_param PATH_INFO $uri;
      fastcgi_param QUERY_STRING $query_string;
      fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param CONTENT_TYPE $content_type;
      fastcgi_param CONTENT_LENGTH $content_length;
      fastcgi_param REMOTE_USER $remote_user;
      fastcgi_param HTTP_AUTHORIZATION "";
      fastcgi_param REMOTE_ADDR $remote_addr;)",
                               fmt::arg("passwords", folder_.path("passwords")),
                               fmt::arg("socket", folder_.path("fcgi")),
                               fmt::arg("backend", backend()),
                               fmt::arg("root", repositories));
  folder_.write("nginx.conf",
                fmt::format(R"(daemon off;
master_process off;
pid {pid};
error_log {error};
events {{ worker_connections 64; }}
http {{
{temporary}
  log_format lines '$request_uri $status $http_authorization';
  ssl_certificate {certificate};
  ssl_certificate_key {key};
  server {{
    listen 127.0.0.1:{port} ssl http2;
    access_log {access} lines;
    location / {{ {git} }}
    location /moved/ {{ rewrite ^/moved/(.*)$ https://127.0.0.1:{other}/$1 redirect; }}
    location /behind/ {{
      auth_basic git; auth_basic_user_file {passwords};
      try_files /nothing @behind;
    }}
    location @behind {{ rewrite ^/behind/(.*)$ https://127.0.0.1:{other}/$1 redirect; }}
  }}
  server {{
    listen 127.0.0.1:{other} ssl http2;
    access_log {other_log} lines;
    location / {{ {git} }}
  }}
}}
)",
                            fmt::arg("pid", folder_.path("pid")),
                            fmt::arg("error", folder_.path("error.log")),
                            fmt::arg("temporary", temporary),
                            fmt::arg("certificate", certificate_.file),
                            fmt::arg("key", certificate_.key),
                            fmt::arg("port", port_),
                            fmt::arg("other", other_port_),
                            fmt::arg("access", folder_.path("access.log")),
                            fmt::arg("other_log", folder_.path("other.log")),
                            fmt::arg("passwords", folder_.path("passwords")),
                            fmt::arg("git", git)));
  nginx_ = std::make_unique<Process>(std::vector<std::string>{server_program("nginx"),
                                                              "-p",
                                                              folder_.path(""),
                                                              "-c",
                                                              folder_.path("nginx.conf"),
                                                              "-e",
                                                              folder_.path("error.log")},
                                     testing_support::Variables{});
  bool refused = false;
  return comes_true([&] {
           refused = folder_.read("error.log").find("[emerg]") != std::string::npos;
           return refused || (answers(port_) && fs::exists(folder_.path("pid")));
         }) &&
         !refused;
}

std::string WebServer::url(const std::string& path) const {
  return fmt::format("https://127.0.0.1:{}/{}", port_, path);
}

void WebServer::set_password(const std::string& password) const {
  folder_.write("passwords", "git:{PLAIN}" + password + "\n");
}

std::vector<Asked> WebServer::log(const std::string& name) const {
  std::vector<Asked> out;
  std::istringstream lines(folder_.read(name));
  for (std::string line; std::getline(lines, line);) {
    Asked one;
    std::istringstream words(line);
    words >> one.uri >> one.status;
    std::getline(words >> std::ws, one.authorization);
    out.push_back(one);
  }
  return out;
}

SshServer::SshServer() {
  const auto* entry = ::getpwuid(::getuid());
  if (entry == nullptr) throw std::runtime_error("the user has no name");
  user_ = entry->pw_name;
  folder_.write("authorized", "");
  // Where sshd, as root, locks itself in.
  if (::getuid() == 0) fs::create_directories("/run/sshd");
  test::new_ssh_key(folder_.path(""), "host0");
  for (int attempt = 0; attempt < 5; ++attempt) {
    port_ = wire::free_port();
    if (start()) return;
  }
  throw std::runtime_error("sshd does not start (is the package openssh-server installed?)");
}

SshServer::~SshServer() {
  stop();
}

void SshServer::stop() {
  if (!process_) return;
  process_->signal(SIGTERM);
  process_->wait();
  process_.reset();
}

bool SshServer::start() {
  folder_.write("sshd.conf",
                fmt::format("Port {}\n"
                            "ListenAddress 127.0.0.1\n"
                            "HostKey {}\n"
                            "AuthorizedKeysFile {}\n"
                            "PidFile {}\n"
                            "StrictModes no\n"
                            "UsePAM no\n"
                            "PasswordAuthentication no\n"
                            "KbdInteractiveAuthentication no\n"
                            "PermitRootLogin prohibit-password\n",
                            port_,
                            folder_.path(fmt::format("host{}", keys_)),
                            folder_.path("authorized"),
                            folder_.path(fmt::format("pid{}-{}", keys_, port_))));
  process_ = std::make_unique<Process>(
      std::vector<std::string>{server_program("sshd"), "-D", "-f", folder_.path("sshd.conf")},
      testing_support::Variables{});
  const auto pid = folder_.path(fmt::format("pid{}-{}", keys_, port_));
  return comes_true([&] { return fs::exists(pid) && answers(port_); });
}

std::string SshServer::url(const std::string& path) const {
  return fmt::format("ssh://{}@127.0.0.1:{}{}", user_, port_, path);
}

void SshServer::allow(const std::string& public_key) const {
  folder_.write("authorized", test::text_of(public_key));
}

std::string SshServer::host_line() const {
  return fmt::format(
      "[127.0.0.1]:{} {}", port_, test::text_of(folder_.path(fmt::format("host{}.pub", keys_))));
}

void SshServer::change_host_key() {
  stop();
  test::new_ssh_key(folder_.path(""), fmt::format("host{}", ++keys_));
  if (!start()) throw std::runtime_error("sshd does not start again");
}

}  // namespace dps::sources
