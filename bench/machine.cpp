#include "machine.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "objectos/sync_engine.h"
#include "postgres.h"
#include "sqlite.h"

namespace bench {

namespace {

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

std::string memory_gib() {
  const double bytes =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", bytes / (1 << 30));
  return text;
}

std::string kernel() {
  utsname names{};
  return uname(&names) == 0 ? std::string(names.sysname) + " " + names.release : "unknown";
}

}  // namespace

std::vector<std::pair<std::string, std::string>> machine() {
  Postgres server("postgres");
  return {
      {"cpu", cpu_model()},
      {"cores", std::to_string(sysconf(_SC_NPROCESSORS_ONLN))},
      {"memory_gib", memory_gib()},
      {"kernel", kernel()},
      {"postgresql", server.value("SHOW server_version")},
      {"shared_buffers", server.value("SHOW shared_buffers")},
      {"fsync", server.value("SHOW fsync")},
      {"sqlite", sqlite3_libversion()},
#ifdef __clang__
      {"compiler", "clang " __clang_version__},
#else
      {"compiler", "g++ " __VERSION__},
#endif
      {"objectos_sync", objectos::version()},
  };
}

}  // namespace bench
