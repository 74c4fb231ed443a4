// One object's table during a long round. Three forms of it:
//   - the server image, in the staging file: begins as the file's own, gets the round's changes;
//   - the incoming table, in the file: server image (+) queue, written in short transactions when
//     the round has been received;
//   - the object's table, untouched until the round's transaction exchanges it for the incoming
//     one.
// Local writes go on in the object's table; what they touch is noted by triggers and brought into
// the incoming table, the last of it in the round's transaction.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "row_writer.h"
#include "short_transactions.h"
#include "staging_file.h"

namespace objectos {

class Store;

class StagedTable {
 public:
  // Copies the server image.
  StagedTable(Store& store, StagingFile& staging, const LocalObject& object);

  const std::string& name() const { return image_object_.name; }
  // A mutation or removal of this object.
  void apply(const PulledView& row);
  // An acknowledgement: the mutation leaves the queue with this round. `absorbed`: what it set
  // becomes part of the server image, as version.
  void acknowledge(const QueuedMutation& own, bool absorbed, std::optional<int64_t> version);

  // The round has been received: begins the incoming table, fills it, brings in what is queued.
  // `between` is called between two transactions and may throw.
  void build(const std::function<void()>& between);
  // Within the round's transaction, when what leaves the queue has left it: the records named and
  // those touched since build(), the base images, and the exchange.
  void complete(const std::set<std::string>& records);

  int64_t changes() const { return changes_; }
  // After complete().
  int64_t missing_rows() const { return static_cast<int64_t>(missing_.size()); }

 private:
  void restore_server_image();
  void change(std::string_view record_id, std::string_view operation, std::string_view data,
              std::optional<int64_t> version);
  void fill(ShortTransactions& slices, const std::function<void()>& between);
  void settle_queued(ShortTransactions& slices, const std::function<void()>& between);
  // True when it has taken all that there were.
  bool settle_touched(ShortTransactions& slices, const std::function<void()>& between);
  std::vector<std::string> touched(std::size_t max) const;
  void settle(const std::string& record_id);
  void forget_touched(const std::string& record_id);
  void move_base_images();
  void forget_missing_of_queue();

  Store& store_;
  StagingFile& staging_;
  const LocalObject image_object_, incoming_object_;
  RowWriter image_;
  std::unique_ptr<RowWriter> incoming_;
  JsonSlices slices_;
  std::set<int64_t> leaving_;  // numbers of mutations that this round acknowledges
  std::set<std::string> missing_;
  int64_t changes_ = 0;
  std::string shape_;
  Statement deleted_, keep_base_;
};

}  // namespace objectos
