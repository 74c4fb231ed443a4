// One random history of people who write in a few texts together: devices behind a bad network,
// psql beside them, crashes on both ends, an old log that is pruned. Drawn from a seed.
//
// Every character that is typed is one that was never typed before. So the end can be told from
// what was done: what nobody deleted is there once, what somebody deleted is not there. (Where a
// device met a whole text, what it had to compare it with may have been replaced with its
// neighbours: what was deleted meanwhile comes back then. So may what a device typed and deleted
// again before either was committed, where the server decided a tie otherwise.)
#pragma once

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

using Characters = std::vector<std::string>;  // each the UTF-8 bytes of one code point

class TextWorld : private Dice {
 public:
  TextWorld(Server& server, std::uint64_t seed);
  ~TextWorld();
  TextWorld(const TextWorld&) = delete;
  TextWorld& operator=(const TextWorld&) = delete;

  void run(int steps);
  void settle();
  void check();
  // One line each; no line in problems is a good history.
  const std::string& steps() const { return steps_; }
  const std::string& problems() const { return problems_; }

 private:
  struct Device {
    std::string label, file;
    std::unique_ptr<objectos::SyncEngine> engine;
    bool has_old_connection = false;
  };
  // An edit of one place: so many characters go, these come.
  struct Change {
    std::size_t at = 0, deleted = 0;
    Characters typed;
  };

  void note(const std::string& text) { steps_ += text + "\n"; }
  void wrong(const std::string& text) { problems_ += text + "\n"; }
  void open(Device& device);
  void step();
  std::string record();
  Change draw_change(const Characters& text);
  void remember(const std::string& writer, const Characters& before, const Change& change);
  void edit(Device& device);
  void edit_by_psql();
  bool sync(Device& device, bool must_end_well);
  void crash(Device& device);
  void crash_server();
  void prune();
  void change_weather();
  void sound(const Device& device);
  std::string server_text(const std::string& record);

  Server& server_;
  std::string table_;
  Directory directory_;
  FaultyNetwork network_;
  bool calm_ = true;
  bool whole_texts_ = false;  // some came whole to devices with edits of their own
  std::vector<Device> devices_;
  unsigned typed_count_ = 0;
  std::map<std::string, std::string> typed_;  // by whom
  std::set<std::string> deleted_;
  std::set<std::string> taken_back_;  // by who typed it, on a device
  std::string steps_, problems_;
};

}  // namespace e2e
