#include "contacts.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>

namespace bench {

const char* const contact_columns =
    "id, name, email, phone, company, age, balance, active, created";

void create_contacts(Postgres& server, const std::string& table) {
  server.run("CREATE TABLE " + table +
             " (id uuid PRIMARY KEY, name text NOT NULL, email text, phone text, company text,"
             " age int, balance bigint, active boolean NOT NULL, created timestamptz NOT NULL)");
}

std::string insert_contacts_sql(const std::string& table, std::size_t rows) {
  return "INSERT INTO " + table + " (" + contact_columns +
         ") SELECT md5(i::text)::uuid, 'Person number ' || i, 'person' || i || '@example.org',"
         " '+43 1 ' || (1000000 + i), 'Company ' || i % 1000, 18 + i % 70, i * 37::bigint,"
         " i % 3 = 0, timestamptz '2024-01-01 00:00Z' + i * interval '1 second'"
         " FROM generate_series(1, " +
         std::to_string(rows) + ") AS i";
}

void create_local_contacts(Sqlite& file, const std::string& table) {
  file.run("CREATE TABLE " + table +
           " (id TEXT, name TEXT, email TEXT, phone TEXT, company TEXT, age INT, balance BIGINT,"
           " active BOOLEAN, created TEXT, _version BIGINT, PRIMARY KEY(id))");
}

std::string bench_file(const std::string& name) {
  const char* directory = std::getenv("OBJECTOS_BENCH_DIR");
  const std::filesystem::path base = directory != nullptr ? directory : "build/bench";
  std::filesystem::create_directories(base);
  return (base / name).string();
}

namespace {

// A cursor over one row of COPY's binary form.
class CopyRow {
 public:
  CopyRow(const char* bytes, int length) : at_(bytes), end_(bytes + length) {}

  std::int64_t integer(int bytes) {
    std::uint64_t value = 0;
    need(bytes);
    for (int i = 0; i < bytes; i++) value = value << 8 | static_cast<unsigned char>(*at_++);
    if (bytes == 2) return static_cast<std::int16_t>(value);
    if (bytes == 4) return static_cast<std::int32_t>(value);
    return static_cast<std::int64_t>(value);
  }
  // The next field; data() is null for SQL NULL.
  std::string_view field() {
    const auto length = integer(4);
    if (length < 0) return {};
    need(static_cast<int>(length));
    const std::string_view value(at_, static_cast<std::size_t>(length));
    at_ += length;
    return value;
  }
  void skip_header() {
    need(19);
    at_ += 15;
    const auto extension = integer(4);
    need(static_cast<int>(extension));
    at_ += extension;
  }
  bool at_end() const { return at_ == end_; }

 private:
  void need(int bytes) const {
    if (end_ - at_ < bytes) throw std::runtime_error("COPY row is cut off");
  }
  const char* at_;
  const char* end_;
};

std::int64_t big_endian(std::string_view field) {
  return CopyRow(field.data(), static_cast<int>(field.size()))
      .integer(static_cast<int>(field.size()));
}

std::string_view uuid_text(std::string_view bytes, char (&buffer)[40]) {
  static const char digits[] = "0123456789abcdef";
  char* out = buffer;
  for (std::size_t i = 0; i < 16; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
    *out++ = digits[static_cast<unsigned char>(bytes[i]) >> 4];
    *out++ = digits[static_cast<unsigned char>(bytes[i]) & 15];
  }
  return {buffer, 36};
}

// ISO form of whole seconds since 2000-01-01; the contacts have no fractions. Days to date by
// Howard Hinnant's civil_from_days (howardhinnant.github.io/date_algorithms.html).
std::string_view time_text(std::int64_t microseconds, char (&buffer)[40]) {
  const std::int64_t seconds = microseconds / 1'000'000;
  const std::int64_t day = seconds / 86'400, rest = seconds % 86'400;
  const std::int64_t z = day + 10'957 + 719'468;
  const std::int64_t era = z / 146'097, doe = z - era * 146'097;
  const std::int64_t yoe = (doe - doe / 1'460 + doe / 36'524 - doe / 146'096) / 365;
  const std::int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const std::int64_t mp = (5 * doy + 2) / 153, d = doy - (153 * mp + 2) / 5 + 1;
  const std::int64_t m = mp < 10 ? mp + 3 : mp - 9, y = yoe + era * 400 + (m <= 2 ? 1 : 0);
  const int length = std::snprintf(buffer, sizeof buffer, "%04d-%02d-%02dT%02d:%02d:%02d+00:00",
                                   static_cast<int>(y), static_cast<int>(m), static_cast<int>(d),
                                   static_cast<int>(rest / 3600), static_cast<int>(rest / 60 % 60),
                                   static_cast<int>(rest % 60));
  return {buffer, static_cast<std::size_t>(length)};
}

void bind_row(CopyRow& row, SqliteStatement& insert) {
  char uuid[40], time[40];
  insert.bind(1, uuid_text(row.field(), uuid));
  for (int column = 2; column <= 5; column++) {
    const std::string_view text = row.field();
    if (text.data() == nullptr)
      insert.bind_null(column);
    else
      insert.bind(column, text);
  }
  insert.bind(6, big_endian(row.field()));
  insert.bind(7, big_endian(row.field()));
  insert.bind(8, static_cast<std::int64_t>(row.field()[0]));
  insert.bind(9, time_text(big_endian(row.field()), time));
  insert.bind(10, big_endian(row.field()));
  insert.execute();
}

}  // namespace

std::size_t bare_load(Postgres& server, const std::string& table, const std::string& path) {
  std::size_t rows = 0;
  {
    Sqlite file(path);
    file.run(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -262144;"
        "PRAGMA locking_mode = EXCLUSIVE");
    create_local_contacts(file, "contacts");
    server.run("COPY (SELECT " + std::string(contact_columns) + ", _version FROM " + table +
               ") TO STDOUT (FORMAT binary)");
    file.run("BEGIN");
    SqliteStatement insert(file, "INSERT INTO contacts VALUES (?,?,?,?,?,?,?,?,?,?)");
    char* buffer = nullptr;
    int length;
    bool first = true;
    while ((length = PQgetCopyData(server.raw(), &buffer, 0)) > 0) {
      const std::unique_ptr<char, void (*)(void*)> owned(buffer, PQfreemem);
      CopyRow row(buffer, length);
      if (first) row.skip_header();
      first = false;
      if (row.at_end() || row.integer(2) < 0) continue;
      bind_row(row, insert);
      rows++;
    }
    if (length == -2) throw std::runtime_error(PQerrorMessage(server.raw()));
    while (PGresult* result = PQgetResult(server.raw())) PQclear(result);
    file.run("COMMIT");
  }
  flush_file(path);
  return rows;
}

}  // namespace bench
