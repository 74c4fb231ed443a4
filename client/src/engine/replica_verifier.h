// Compares a replica with the server, and mends it: digests of whole objects first, then of ever
// smaller buckets of their records, then of records; rows only where something differs.
//
// Runs within a pull round that is still open, after the file has committed it: both sides speak of
// one cut. The file is read in one snapshot; other programs may write to it meanwhile, for their
// writes change no server image.
// Threads, errors: as SyncSession.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/sync_session.h"

namespace objectos {

class ReplicaVerifier {
 public:
  // `progress` is that of the session, whose phase is `verifying`.
  ReplicaVerifier(Transport& transport, LocalDatabase& database, VerifyOptions options,
                  SessionEvents& events, Progress& progress);
  VerifyReport run();

 private:
  using BucketSizes = std::map<std::uint64_t, std::int64_t>;  // records, by bucket
  // The records of one object that are not alike on both sides.
  struct Found {
    std::vector<std::string> different, missing, extra;
  };
  // A page of rows, and which object's they are.
  struct Fetched {
    std::size_t place;
    std::unique_ptr<PullPage> page;
  };
  void compare(ImageReader& reader, const ObjectSum& server);
  Found search(ImageReader& reader, const std::string& object, BucketSums local);
  void search_records(ImageReader& reader, int bits, const std::string& object,
                      const BucketSizes& sizes, Found& found);
  void compare_records(ImageReader& reader, const DigestQuestion& question, Found& found);
  std::vector<std::string> wanted_rows(std::size_t place) const;
  void fetch_rows(std::size_t place);
  void take_fetched();
  void take(std::size_t place, const PullRow& row);
  void remove_rows(std::size_t place, const std::vector<std::string>& record_ids);
  RoundApplier& applier();
  void commit();
  void received(std::size_t bytes, std::size_t rows);

  Transport& transport_;
  LocalDatabase& database_;
  const VerifyOptions options_;
  SessionEvents& events_;
  Progress& progress_;
  const std::string client_id_;
  const std::uint64_t seed_;
  VerifyReport report_;
  std::vector<Found> found_;  // by place in report_.objects
  std::vector<Fetched> fetched_;
  std::vector<std::pair<std::size_t, std::string>> gone_;  // to be removed, by place
  std::size_t fetched_bytes_ = 0;
  std::unique_ptr<WriteScope> scope_;  // outlives the applier
  std::unique_ptr<RoundApplier> applier_;
};

}  // namespace objectos
