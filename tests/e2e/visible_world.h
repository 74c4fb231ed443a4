// Users who may each see something else: random tables, roles, GRANTs, policies, memberships and
// subscriptions, drawn from a seed. After every round each user's file must be what SELECT gives
// that user, and nothing that the user never had a right to may have crossed the wire or be
// anywhere in the file.
//
// Keys and secrets are marks, texts that occur once in a world ("~v12~"), so that bytes can be
// searched for them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "objectos/sync_engine.h"
#include "tests/e2e/faulty_network.h"
#include "tests/e2e/random_runs.h"
#include "tests/e2e/replica.h"

namespace e2e {

// A column whose name begins with v holds marks, the others what rules go by.
struct GuardedTable {
  std::string name;
  std::vector<std::string> columns;  // without id
  std::vector<std::string> policies;
  bool unique_code = false;  // the column vcode is UNIQUE
};

struct User {
  std::string role, file;
  std::unique_ptr<objectos::SyncEngine> engine;
  std::set<std::string> marks;                 // what the user has had a right to see, or wrote
  std::set<std::string> wanted;                // tables subscribed to; with everything: all
  std::map<std::string, std::string> filters;  // table → the filter as SQL
};

class VisibleWorld : private Dice {
 public:
  VisibleWorld(Server& server, std::uint64_t seed, int users);
  ~VisibleWorld();
  VisibleWorld(const VisibleWorld&) = delete;
  VisibleWorld& operator=(const VisibleWorld&) = delete;

  // Changes on both sides, then every user syncs and is looked at.
  void round();
  const std::string& steps() const { return steps_; }
  const std::string& problems() const { return problems_; }
  // Of all rounds: comparisons of a table in a file with SELECT, marks found on the wire.
  long compared() const { return compared_; }
  long marks_seen() const { return marks_seen_; }

  // Once in a server.
  static void make_roles(Server& server);

 private:
  void wrong(const std::string& text) { problems_ += text + "\n"; }
  std::string psql(const std::string& sql);  // noted
  std::string as(const User& user, const std::string& sql);
  std::string mark(char kind) { return std::string("~") + kind + std::to_string(++marks_) + "~"; }

  // visible_rights.cpp: tables, and who may see them.
  void make_tables();
  void insert_rows(const GuardedTable& table, int count);
  std::string value(const std::string& column);
  std::string condition(const GuardedTable& table);
  void add_policy(GuardedTable& table);
  void change_policies(GuardedTable& table);
  std::string columns_to_grant(const GuardedTable& table);
  void change_grants(const GuardedTable& table);
  void change_members();
  void change_roles();
  void change_rows(const GuardedTable& table);
  void change_at_server();

  // visible_world.cpp: users, and what they have.
  void add_user(int number);
  std::string draw_subscription(User& user);
  std::string draw_filter(const User& user, const GuardedTable& table, std::string& sql);
  void subscribe(User& user);
  void edit(User& user);
  void sync(User& user);
  std::vector<std::string> readable(const User& user, const GuardedTable& table);
  void learn_marks(User& user);
  void search_wire(User& user);
  void search_file(User& user);
  void compare(User& user, const GuardedTable& table);

  Server& server_;
  std::string prefix_;
  Directory directory_;
  FaultyNetwork network_;
  std::vector<GuardedTable> tables_;
  std::string members_;   // the table of memberships, perhaps an object itself: then in tables_
  std::string settings_;  // a table of one row, which policies ask
  bool members_synced_ = false;
  std::vector<User> users_;
  int marks_ = 0;
  long compared_ = 0, marks_seen_ = 0;
  std::string steps_, problems_;
};

}  // namespace e2e
