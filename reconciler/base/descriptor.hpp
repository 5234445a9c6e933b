// descriptor: an open file, closed when it goes.
#pragma once

#include <unistd.h>

namespace dps {

class Descriptor {
 public:
  /// Less than 0: nothing is open.
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const { return number_; }

 private:
  int number_;
};

}  // namespace dps
