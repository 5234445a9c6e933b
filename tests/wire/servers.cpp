#include "tests/wire/servers.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "tests/support/new_folder.hpp"

namespace dps::wire {
namespace {

using testing_support::Process;
using Arguments = std::vector<std::string>;

void openssl(const Arguments& arguments) {
  Arguments argv = {"openssl"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  const auto ended = testing_support::run(argv);
  if (ended.exit_code != 0) throw std::runtime_error("openssl: " + ended.err);
}

Arguments new_key(const std::string& file) {
  return {"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", file};
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

std::string configuration(const NginxSettings& settings, const Folder& folder, int port) {
  const auto place =
      settings.upstream.empty()
          ? fmt::format("root {};", folder.path("files"))
          : std::string(
                "proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "
                "\"\"; proxy_set_header Host $http_host; proxy_next_upstream off;");
  const auto upstream =
      settings.upstream.empty()
          ? std::string()
          : fmt::format("upstream origin {{ server {}; keepalive 64; }}", settings.upstream);
  std::string temporary;
  for (const char* kind : {"client_body", "proxy", "fastcgi", "scgi", "uwsgi"}) {
    temporary += fmt::format("  {}_temp_path {};\n", kind, folder.path(kind));
  }
  return fmt::format(R"(daemon off;
master_process off;
pid {pid};
error_log {error};
events {{ worker_connections 512; }}
http {{
{temporary}
  log_format lines '$connection $server_protocol $request_method $request_uri $status';
  access_log {access} lines;
  {upstream}
  server {{
    listen 127.0.0.1:{port} ssl{http2};
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    keepalive_requests {requests};
    gzip on;
    gzip_types *;
    location / {{ {place} }}
  }}
}}
)",
                     fmt::arg("pid", folder.path("pid")),
                     fmt::arg("error", folder.path("error.log")),
                     fmt::arg("temporary", temporary),
                     fmt::arg("access", folder.path("access.log")),
                     fmt::arg("upstream", upstream),
                     fmt::arg("port", port),
                     fmt::arg("http2", settings.http2 ? " http2" : ""),
                     fmt::arg("certificate", settings.certificate.file),
                     fmt::arg("key", settings.certificate.key),
                     fmt::arg("requests", settings.requests_per_connection),
                     fmt::arg("place", place));
}

// Debian keeps it where a person's PATH does not look.
std::string nginx_program() {
  for (const char* place : {"/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"}) {
    if (::access(place, X_OK) == 0) return place;
  }
  return "nginx";
}

}  // namespace

Folder::Folder() {
  folder_ = test::new_folder("wire");
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void Folder::write(const std::string& name, const std::string& text) const {
  std::filesystem::create_directories((folder_ / name).parent_path());
  std::ofstream(folder_ / name) << text;
}

std::string Folder::read(const std::string& name) const {
  std::ostringstream text;
  text << std::ifstream(folder_ / name).rdbuf();
  return text.str();
}

Certificate make_certificate(const Folder& folder, const std::string& name, Validity validity) {
  const Certificate out{folder.path(name + ".pem"), folder.path(name + ".key")};
  if (validity == Validity::Good) {
    Arguments arguments = {"req", "-x509"};
    for (auto& argument : new_key(out.key)) arguments.push_back(argument);
    for (const char* argument : {"-days",
                                 "2",
                                 "-subj",
                                 "/CN=localhost",
                                 "-addext",
                                 "subjectAltName=DNS:localhost,DNS:arm.example.test,IP:127.0.0.1",
                                 "-out"}) {
      arguments.emplace_back(argument);
    }
    arguments.push_back(out.file);
    openssl(arguments);
    return out;
  }
  Arguments arguments = {"req", "-new", "-subj", "/CN=localhost", "-out", folder.path("request")};
  for (auto& argument : new_key(out.key)) arguments.push_back(argument);
  openssl(arguments);
  openssl({"x509",
           "-req",
           "-in",
           folder.path("request"),
           "-signkey",
           out.key,
           "-days",
           "-1",
           "-out",
           out.file});
  return out;
}

Certificate make_signed_certificate(const Folder& folder, const std::string& name) {
  const auto ca = make_certificate(folder, "ca", Validity::Good);
  const Certificate out{folder.path(name + ".pem"), folder.path(name + ".key")};
  Arguments arguments = {
      "req", "-new", "-subj", "/CN=arm.example.test", "-out", folder.path("request")};
  for (auto& argument : new_key(out.key)) arguments.push_back(argument);
  openssl(arguments);
  openssl({"x509",
           "-req",
           "-in",
           folder.path("request"),
           "-CA",
           ca.file,
           "-CAkey",
           ca.key,
           "-CAcreateserial",
           "-days",
           "2",
           "-out",
           out.file});
  return out;
}

int free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  const bool bound = ::bind(socket, reinterpret_cast<sockaddr*>(&address), length) == 0 &&
                     ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length) == 0;
  ::close(socket);
  if (!bound) throw std::runtime_error("no free port");
  return ntohs(address.sin_port);
}

Nginx::Nginx(NginxSettings settings) {
  std::filesystem::create_directory(folder_.path("files"));
  // Another process may take the port between the look and the start.
  for (int attempt = 0; attempt < 5; ++attempt) {
    port_ = free_port();
    folder_.write("nginx.conf", configuration(settings, folder_, port_));
    process_ = std::make_unique<Process>(Arguments{nginx_program(),
                                                   "-p",
                                                   folder_.path(""),
                                                   "-c",
                                                   folder_.path("nginx.conf"),
                                                   "-e",
                                                   folder_.path("error.log")},
                                         testing_support::Variables{});
    for (int look = 0; look < 500; ++look) {
      if (::kill(process_->pid(), 0) == 0 && answers(port_) &&
          std::filesystem::exists(folder_.path("pid"))) {
        return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
      if (folder_.read("error.log").find("[emerg]") != std::string::npos) break;
    }
  }
  throw std::runtime_error("nginx does not start (is the package nginx-light installed?): " +
                           folder_.read("error.log"));
}

Nginx::~Nginx() {
  process_->signal(SIGTERM);
  process_->wait();
}

std::string Nginx::url(const std::string& path) const {
  return fmt::format("https://127.0.0.1:{}{}", port_, path);
}

std::vector<Served> Nginx::served() const {
  std::vector<Served> out;
  std::istringstream lines(folder_.read("access.log"));
  Served one;
  while (lines >> one.connection >> one.protocol >> one.method >> one.uri >> one.status) {
    out.push_back(one);
  }
  return out;
}

std::set<std::string> Nginx::connections() const {
  std::set<std::string> out;
  for (const auto& one : served()) out.insert(one.connection);
  return out;
}

OpensslServer::OpensslServer(const Certificate& certificate, const Arguments& options) {
  Arguments argv = {"openssl",
                    "s_server",
                    "-accept",
                    "127.0.0.1:0",
                    "-www",
                    "-cert",
                    certificate.file,
                    "-key",
                    certificate.key};
  argv.insert(argv.end(), options.begin(), options.end());
  process_ = std::make_unique<Process>(argv, testing_support::Variables{});
  for (int line = 0; line < 5 && port_ == 0; ++line) {
    const auto text = process_->read_line();
    if (text.starts_with("ACCEPT ")) port_ = std::stoi(text.substr(text.rfind(':') + 1));
  }
  if (port_ == 0) throw std::runtime_error("openssl s_server does not start");
}

std::string OpensslServer::url(const std::string& path) const {
  return fmt::format("https://127.0.0.1:{}{}", port_, path);
}

}  // namespace dps::wire
