// Several objects read at once, each by a COPY over a connection of its own, all in one cut: the
// connections import the snapshot that another one has exported and keeps open. Each has a thread
// that receives and decodes; what they decoded waits, up to a bound in bytes, for the one thread
// that writes to the file and calls next().
//
// Invariants: an object is read by one thread, whole. The first error ends all threads, and next()
// throws it. A connection that could not be made, or was not let into the snapshot, is no error:
// its objects go to the others, and what none of them took is left to the caller. Threads: the
// members are for the thread that made the object. Its destructor ends all readers, whatever they
// wait for.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine/copy_decoder.h"
#include "engine/row_batch.h"
#include "transport/transport.h"

namespace objectos {

struct CopyTask {
  std::string query;
  std::vector<CopyColumn> columns;
};

class ParallelCopy {
 public:
  // One reader for each of `connections`, which are not connected yet.
  ParallelCopy(std::vector<CopyTask> tasks, std::string shared_round,
               std::vector<std::unique_ptr<Transport>> connections);
  ~ParallelCopy();
  ParallelCopy(const ParallelCopy&) = delete;
  ParallelCopy& operator=(const ParallelCopy&) = delete;

  // Waits for the next rows; none: the readers have ended. While it waits it calls `check` about 20
  // times a second, which may throw.
  std::unique_ptr<RowBatch> next(const std::function<void()>& check);
  void give_back(std::unique_ptr<RowBatch> batch);
  // After the end: the first task that nobody took, and why connections were of no use.
  std::size_t taken() const { return next_task_; }
  const std::vector<std::string>& refusals() const { return refusals_; }

 private:
  struct Stopped {};
  void read(Transport& connection);
  bool enter(Transport& connection);
  void copy(Transport& connection, std::size_t task);
  void hand_over(std::unique_ptr<RowBatch>& batch);
  std::unique_ptr<RowBatch> empty_batch(std::size_t task);
  void fail(std::exception_ptr error);
  void stop() noexcept;

  const std::vector<CopyTask> tasks_;
  const std::string shared_round_;
  const std::vector<std::unique_ptr<Transport>> connections_;

  std::mutex mutex_;  // guards all below but the threads
  std::condition_variable filled_, freed_;
  std::vector<std::unique_ptr<RowBatch>> ready_, spare_;  // ready_: the oldest first
  std::size_t ready_bytes_ = 0;
  std::size_t next_task_ = 0;
  std::size_t running_ = 0;
  bool stopping_ = false;
  std::exception_ptr error_;
  std::vector<std::string> refusals_;
  std::vector<std::thread> threads_;
};

}  // namespace objectos
