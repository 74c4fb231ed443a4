#include "soundness.h"

#include <fstream>
#include <sstream>

#include "tests/e2e/support.h"

namespace faults {

void begin_witness(Session& session) {
  std::ifstream file("tests/regress/include/replica.sql");
  std::stringstream text;
  text << file.rdbuf();
  session.must(text.str());
  session.must("SELECT replica.pulled('witness')");
}

std::vector<std::string> differences_of_witness(Session& session) {
  Answer answer = session.run("SELECT replica.pulled('witness')");
  if (answer.sqlstate == "OS001") {  // a new epoch, or pruned: it begins anew, as a device does
    session.must("UPDATE replica.clients SET checkpoint = '0' WHERE client = 'witness'");
    answer = session.run("SELECT replica.pulled('witness')");
  }
  if (!answer.ok()) return {answer.sqlstate + " " + answer.message};
  std::vector<std::string> wrong;
  for (const auto& row : session.run("SELECT * FROM replica.differences('witness')").rows) {
    wrong.push_back(row[0] + " " + row[1] + ": has " + row[2] + ", should have " + row[3]);
    if (wrong.size() == 20) break;
  }
  // And what it has are the rows themselves.
  for (const auto& row : session.run("SELECT object, table_name FROM sync_objects()").rows) {
    const std::string counts = session.must(
        "SELECT (SELECT count(*) FROM replica.rows WHERE client = 'witness' AND object = " +
        quoted(row[0]) + ") || ' rows, the table ' || (SELECT count(*) FROM " + row[1] + ")");
    const auto space = counts.find(' ');
    if (counts.substr(0, space) != counts.substr(counts.rfind(' ') + 1))
      wrong.push_back(row[0] + " has " + counts);
  }
  return wrong;
}

std::vector<std::string> problems_of_status(Session& session) {
  std::vector<std::string> wrong;
  // The cluster is a throwaway one, without fsync.
  for (const auto& row : session
                             .run("SELECT fact, value, problem FROM sync_status() WHERE problem IS "
                                  "NOT NULL AND fact NOT IN ('fsync', 'full_page_writes')")
                             .rows)
    wrong.push_back(row[0] + " " + row[1] + ": " + row[2]);
  if (session.run("SELECT FROM sync_status()").rows.size() < 10) wrong.push_back("no status");
  return wrong;
}

std::vector<std::string> differences_of_clone(Session& session) {
  const e2e::Directory directory;
  const std::string file = directory.file("phone.db");
  const std::string server =
      std::string("host=") + std::getenv("PGHOST") + " dbname=crash user=" + std::getenv("PGUSER");
  const e2e::Ended clone =
      e2e::command("clone " + e2e::shell_quoted(server) + " " + e2e::shell_quoted(file));
  if (clone.code != 0) return {clone.output};
  std::vector<std::string> wrong;
  const auto objects = session.run("SELECT object, table_name FROM sync_objects()").rows;
  if (objects.empty()) wrong.push_back("no object is left");
  for (const auto& row : objects) {
    std::string name = "\"";
    for (const char c : row[0]) name += c == '"' ? std::string("\"\"") : std::string(1, c);
    const std::string sum =
        "SELECT count(*) || ' rows, versions ' || coalesce(sum(_version), 0) FROM ";
    const std::string here = e2e::local(file, sum + name + "\"");
    const std::string there = session.must(sum + row[1]);
    if (here != there) wrong.push_back(row[0] + ": " + here + ", on the server " + there);
  }
  const e2e::Ended sync = e2e::command("sync " + e2e::shell_quoted(file));
  constexpr int kOk = 0, kConflicts = 4;  // manual conflicts may be open
  if (sync.code != kOk && sync.code != kConflicts)
    wrong.push_back("the sync after it: " + sync.output);
  return wrong;
}

}  // namespace faults
