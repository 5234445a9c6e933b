#include "reconciler/http/message.hpp"

namespace dps::http {

std::string_view word(Method method) {
  switch (method) {
    case Method::Get:
      return "GET";
    case Method::Put:
      return "PUT";
    case Method::Patch:
      return "PATCH";
    case Method::Post:
      return "POST";
    case Method::Delete:
      return "DELETE";
  }
  return "?";
}

std::string Response::header(std::string_view name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string() : found->second;
}

}  // namespace dps::http
