#include "report.h"

#include <cstdio>
#include <fstream>
#include <stdexcept>

#include "machine.h"

namespace bench {

namespace {

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + '"';
}

std::string list(const std::vector<double>& values) {
  std::string out;
  for (const double value : values) out += (out.empty() ? "" : ", ") + number(value);
  return "[" + out + "]";
}

std::string figures(const Measurement& m) {
  std::string out = "{\"what\": " + quoted(m.what) + ", \"floor\": " + quoted(m.floor_what) +
                    ", \"rows\": " + std::to_string(m.rows) + ", \"ours_" + m.unit +
                    "\": " + list(m.ours) + ", \"floor_" + m.unit + "\": " + list(m.floor);
  for (const auto& [name, value] : m.extra) out += ", " + quoted(name) + ": " + number(value);
  out += ", \"machine\": {";
  bool first = true;
  for (const auto& [name, value] : machine()) {
    out += (first ? "" : ", ") + quoted(name) + ": " + quoted(value);
    first = false;
  }
  return out + "}}";
}

// For people: milliseconds, or whole bytes.
std::string shown(double value, const std::string& unit) {
  char text[48];
  if (unit == "s")
    std::snprintf(text, sizeof text, "%.2f ms", value * 1000);
  else if (unit == "ms")
    std::snprintf(text, sizeof text, "%.2f ms", value);
  else
    std::snprintf(text, sizeof text, "%.0f %s", value, unit == "bytes" ? "B" : unit.c_str());
  return text;
}

}  // namespace

void print_machine() {
  for (const auto& [name, value] : machine())
    std::printf("%-16s %s\n", name.c_str(), value.c_str());
  std::printf("\n");
}

void print_table(const std::vector<Measurement>& measurements) {
  std::printf("\n%-23s %7s %6s  %-4s %11s %11s  %s\n", "name", "ratio", "goal", "met", "ours",
              "floor", "against");
  for (const Measurement& m : measurements) {
    if (m.absolute())
      std::printf("%-23s %7s %6.0f  %-4s %11s\n", m.name.c_str(), "", m.goal,
                  m.met() ? "yes" : "NO", shown(m.value(), m.unit).c_str());
    else
      std::printf("%-23s %6.2fx %5.2fx  %-4s %11s %11s  %s\n", m.name.c_str(), m.ratio(), m.goal,
                  m.met() ? "yes" : "NO", shown(m.value(), m.unit).c_str(),
                  shown(median(m.floor), m.unit).c_str(), m.floor_what.c_str());
    for (const auto& [name, value] : m.extra)
      std::printf("%-23s   %s = %s\n", "", name.c_str(), number(value).c_str());
  }
}

void write_json(const std::vector<Measurement>& measurements, const std::string& path) {
  std::ofstream file(path);
  const char* separator = "[";
  for (const Measurement& m : measurements) {
    file << separator << "\n  {\"name\": " << quoted(m.name) << ", \"value\": " << number(m.value())
         << ", \"unit\": " << quoted(m.unit)
         << ", \"ratio\": " << (m.absolute() ? "null" : number(m.ratio()))
         << ", \"goal\": " << number(m.goal) << ", \"met\": " << (m.met() ? "true" : "false")
         << ",\n   \"figures\": " << figures(m) << "}";
    separator = ",";
  }
  file << (measurements.empty() ? "[]\n" : "\n]\n");
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path);
}

}  // namespace bench
