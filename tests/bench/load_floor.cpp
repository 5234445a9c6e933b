// bench-load-floor: the least that loading manifests can cost: every *.yaml below a folder through
// yaml-cpp's event parser, every *.pem through OpenSSL's X.509 parser, and nothing else.
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/parser.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace {

class Nothing final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&,
                const std::string&,
                YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&,
                       const std::string&,
                       YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&,
                  const std::string&,
                  YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

bool parse_certificate(const std::string& text) {
  auto* memory = BIO_new_mem_buf(text.data(), static_cast<int>(text.size()));
  auto* certificate = PEM_read_bio_X509(memory, nullptr, nullptr, nullptr);
  BIO_free(memory);
  X509_free(certificate);
  return certificate != nullptr;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::fputs("usage: bench-load-floor FOLDER\n", stderr);
    return 64;
  }
  std::size_t documents = 0;
  std::size_t certificates = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(arguments[1])) {
    const auto extension = entry.path().extension();
    if (extension != ".yaml" && extension != ".pem") continue;
    std::stringstream text;
    text << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    if (extension == ".pem") {
      certificates += parse_certificate(text.str()) ? 1U : 0U;
      continue;
    }
    YAML::Parser parser(text);
    Nothing nothing;
    while (parser.HandleNextDocument(nothing)) ++documents;
  }
  std::printf("%zu documents, %zu certificates\n", documents, certificates);
  return 0;
}
