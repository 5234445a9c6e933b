// shapes: the words that the table of schema.cpp is written in, and the fields of the entries,
// which stand in lists as well as in documents of their own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reconciler/manifest/schema.hpp"

namespace dps::manifest::shapes {

Shape text(bool (*valid)(std::string_view), std::string_view pattern, std::string_view expected);
Shape words(std::string_view expected);
Shape one_of(std::vector<std::string> values);
Shape integer(std::int64_t least, std::int64_t most);
Shape plain(Form form);
Shape list(Shape element, std::size_t fewest = 0, std::size_t most = 10'000);
Shape object(std::vector<Field> fields, Choice choice = Choice::Free);
Field field(std::string_view name, Shape shape, std::string_view note, std::string_view fallback);
Field required(std::string_view name, Shape shape, std::string_view note);

// Names, as Azure takes them.
Shape service_name();
Shape resource_group();
Shape subscription();
Shape location();
Shape entry_name();
Shape owner();

/// Of one entry; the needs differ between lists and documents.
std::vector<Field> hub_fields(Need host);
std::vector<Field> policy_fields(Need name);
std::vector<Field> certificate_fields(Need name, Need content);

}  // namespace dps::manifest::shapes
