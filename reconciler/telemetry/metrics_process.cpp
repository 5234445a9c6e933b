#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "reconciler/telemetry/metrics_text.hpp"

namespace dps::telemetry {
namespace {

void single(std::vector<prometheus::MetricFamily>& all, std::string_view name, double value) {
  all.push_back(empty_family(name));
  add_sample(all.back(), {}, value);
}

// proc(5): the fields of /proc/self/stat after the name, which may hold anything up to ")".
struct Stat {
  double start_ticks = 0, virtual_bytes = 0, resident_pages = 0;
  bool known = false;
};

Stat read_stat() {
  Stat out;
  std::string line;
  std::getline(std::ifstream("/proc/self/stat"), line);
  const auto end = line.rfind(')');
  if (end == std::string::npos) return out;
  std::istringstream fields(line.substr(end + 1));
  std::string word;
  for (int number = 3; number <= 21; ++number) fields >> word;
  out.known =
      static_cast<bool>(fields >> out.start_ticks >> out.virtual_bytes >> out.resident_pages);
  return out;
}

// Of the start of the machine, which the ticks of a process count from.
double boot_time() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("btime ")) return std::strtod(line.c_str() + 6, nullptr);
  }
  return 0;
}

int open_descriptors() {
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return -1;
  int count = -3;  // "." and "..", and the one that reads
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count;
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

std::vector<prometheus::MetricFamily> process_families() {
  std::vector<prometheus::MetricFamily> all;
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  single(all, "process_cpu_seconds_total", seconds(usage.ru_utime) + seconds(usage.ru_stime));
  if (const auto stat = read_stat(); stat.known) {
    const auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
    const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
    single(all, "process_resident_memory_bytes", stat.resident_pages * page);
    single(all, "process_virtual_memory_bytes", stat.virtual_bytes);
    single(all, "process_start_time_seconds", boot_time() + stat.start_ticks / ticks);
  }
  if (const auto open = open_descriptors(); open >= 0) {
    single(all, "process_open_fds", static_cast<double>(open));
  }
  rlimit most{};
  if (::getrlimit(RLIMIT_NOFILE, &most) == 0) {
    single(all, "process_max_fds", static_cast<double>(most.rlim_cur));
  }
  return all;
}

}  // namespace dps::telemetry
