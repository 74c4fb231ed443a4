#include "engine/parallel_copy.h"

#include <chrono>

#include "objectos/error.h"

namespace objectos {

namespace {

// Rows are handed over in portions that cost the lock little and fit into a processor's cache.
constexpr std::size_t kBatchBytes = 128 << 10;
// What waits for the writer, of all readers together; a larger row waits alone.
constexpr std::size_t kReadyBytes = 4 << 20;
constexpr std::size_t kSpareBatches = 16;
constexpr std::chrono::milliseconds kCheck(50);

}  // namespace

ParallelCopy::ParallelCopy(std::vector<CopyTask> tasks, std::string shared_round,
                           std::vector<std::unique_ptr<Transport>> connections)
    : tasks_(std::move(tasks)),
      shared_round_(std::move(shared_round)),
      connections_(std::move(connections)) {
  running_ = connections_.size();
  try {
    for (const auto& connection : connections_)
      threads_.emplace_back([this, &connection] { read(*connection); });
  } catch (...) {  // no more threads to be had
    stop();
    throw;
  }
}

ParallelCopy::~ParallelCopy() {
  stop();
}

void ParallelCopy::stop() noexcept {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  for (const auto& connection : connections_) connection->cancel();
  freed_.notify_all();
  for (std::thread& thread : threads_)
    if (thread.joinable()) thread.join();
}

void ParallelCopy::fail(std::exception_ptr error) {
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return;  // it was told to end
    stopping_ = true;
    error_ = std::move(error);
  }
  for (const auto& connection : connections_) connection->cancel();
  filled_.notify_all();
  freed_.notify_all();
}

void ParallelCopy::read(Transport& connection) {
  try {
    if (enter(connection)) {
      for (;;) {
        std::size_t task = 0;
        {
          std::lock_guard lock(mutex_);
          if (stopping_ || next_task_ == tasks_.size()) break;
          task = next_task_++;
        }
        copy(connection, task);
      }
    }
  } catch (const Stopped&) {
  } catch (...) {
    fail(std::current_exception());
  }
  connection.disconnect();
  {
    std::lock_guard lock(mutex_);
    --running_;
  }
  filled_.notify_all();
}

bool ParallelCopy::enter(Transport& connection) {
  try {
    connection.connect();
    connection.begin_round_of(shared_round_);
    return true;
  } catch (const Error& error) {
    std::lock_guard lock(mutex_);
    if (!stopping_) refusals_.push_back(error.message());
    return false;
  }
}

void ParallelCopy::copy(Transport& connection, std::size_t task) {
  std::unique_ptr<RowBatch> batch = empty_batch(task);
  // A decoder keeps its sink, batches come and go.
  class Sink final : public RowSink {
   public:
    Sink(ParallelCopy& all, std::unique_ptr<RowBatch>& batch) : all_(all), batch_(batch) {}
    void bind_null() override { batch_->bind_null(); }
    void bind_int64(std::int64_t value) override { batch_->bind_int64(value); }
    void bind_double(double value) override { batch_->bind_double(value); }
    void bind_text(std::string_view value) override { batch_->bind_text(value); }
    void bind_blob(std::string_view value) override { batch_->bind_blob(value); }
    void end_row() override {
      batch_->end_row();
      if (batch_->bytes() < kBatchBytes) return;
      const std::size_t object = batch_->object;
      all_.hand_over(batch_);
      batch_ = all_.empty_batch(object);
    }

   private:
    ParallelCopy& all_;
    std::unique_ptr<RowBatch>& batch_;
  } sink(*this, batch);
  CopyDecoder decoder(tasks_[task].columns, sink);
  connection.request_copy(tasks_[task].query);
  connection.receive_copy([&](std::string_view bytes) {
    batch->source += static_cast<std::int64_t>(bytes.size());
    decoder.feed(bytes);
  });
  decoder.finish();
  batch->last = true;
  hand_over(batch);
}

std::unique_ptr<RowBatch> ParallelCopy::empty_batch(std::size_t task) {
  std::unique_ptr<RowBatch> batch;
  {
    std::lock_guard lock(mutex_);
    if (!spare_.empty()) {
      batch = std::move(spare_.back());
      spare_.pop_back();
    }
  }
  if (!batch) batch = std::make_unique<RowBatch>();
  batch->object = task;
  return batch;
}

void ParallelCopy::hand_over(std::unique_ptr<RowBatch>& batch) {
  const std::size_t bytes = batch->bytes();
  {
    std::unique_lock lock(mutex_);
    freed_.wait(lock,
                [&] { return stopping_ || ready_.empty() || ready_bytes_ + bytes <= kReadyBytes; });
    if (stopping_) throw Stopped{};
    ready_bytes_ += bytes;
    ready_.push_back(std::move(batch));
  }
  filled_.notify_one();
}

std::unique_ptr<RowBatch> ParallelCopy::next(const std::function<void()>& check) {
  for (;;) {
    check();
    std::unique_lock lock(mutex_);
    filled_.wait_for(lock, kCheck, [&] { return error_ || !ready_.empty() || running_ == 0; });
    if (error_) std::rethrow_exception(error_);
    if (!ready_.empty()) {
      std::unique_ptr<RowBatch> batch = std::move(ready_.front());
      ready_.erase(ready_.begin());
      ready_bytes_ -= batch->bytes();
      lock.unlock();
      freed_.notify_all();
      return batch;
    }
    if (running_ == 0) return nullptr;
  }
}

void ParallelCopy::give_back(std::unique_ptr<RowBatch> batch) {
  batch->clear();
  std::lock_guard lock(mutex_);
  if (spare_.size() < kSpareBatches) spare_.push_back(std::move(batch));
}

}  // namespace objectos
