#include "engine/replica_verifier.h"

#include <openssl/rand.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "engine/record_fields.h"
#include "objectos/error.h"
#include "store/json_slices.h"

namespace objectos {

namespace {

constexpr std::size_t kDigestBytes = 32;         // as hex digits
constexpr std::size_t kRowsAtOnce = 1000;        // ids that one question for rows names
constexpr std::size_t kHeldBytes = 1 << 20;      // of rows, before the file's write lock is taken
constexpr std::int64_t kRecordsAtOnce = 20'000;  // digests of records that one answer brings
// Buckets are small enough when their records' own digests weigh no more than 256 sums would.
constexpr std::int64_t kRecordsPerBucket = 32, kRecordsOutright = 256;

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  if (RAND_bytes(reinterpret_cast<unsigned char*>(&seed), sizeof seed) != 1) {
    throw Error(ErrorClass::internal, "no_randomness", "No random bytes are to be had.");
  }
  return seed;
}

// The larger of the two sides' numbers of records, for each bucket whose sums differ.
std::map<std::uint64_t, std::int64_t> differing(const BucketSums& one, const BucketSums& other) {
  std::map<std::uint64_t, std::int64_t> sizes;
  const auto look = [&](const BucketSums& from, const BucketSums& to) {
    for (const auto& [bucket, sum] : from) {
      const auto found = to.find(bucket);
      if (found != to.end() && found->second == sum) continue;
      std::int64_t& size = sizes[bucket];
      size = std::max(size, sum.records);
    }
  };
  look(one, other);
  look(other, one);
  return sizes;
}

std::vector<std::string> differing_fields(const LocalObject& object, const ImageRow& local,
                                          const PullRow& server) {
  std::vector<std::string> fields;
  const RawMembers theirs = json_members(server.data);
  const std::optional<RawMembers> ours = readable_row(local.json);
  if (!ours) {  // nothing of it is right
    for (const LocalColumn& column : object.columns) fields.push_back(column.name);
    return fields;
  }
  for (const LocalColumn& column : object.columns) {
    if (!same_stored(column, json_find(*ours, column.name), json_find(theirs, column.name)))
      fields.push_back(column.name);
  }
  if (local.version != server.version) fields.emplace_back("_version");
  return fields;
}

const LocalObject& object_named(const LocalDatabase& database, const std::string& name) {
  for (const LocalObject& object : database.objects()) {
    if (object.name == name) return object;
  }
  throw Error(ErrorClass::upgrade, "unexpected_answer",
              "The server compares an object that it does not describe.", name);
}

void list(ObjectVerification& object, const std::vector<std::string>& ids, DifferenceKind kind,
          std::size_t max) {
  for (const std::string& id : ids) {
    if (object.differences.size() >= max) return;
    object.differences.push_back({object.object, id, kind, {}});
  }
}

}  // namespace

const char* difference_kind_name(DifferenceKind kind) noexcept {
  switch (kind) {
    case DifferenceKind::missing:
      return "missing";
    case DifferenceKind::extra:
      return "extra";
    case DifferenceKind::different:
      break;
  }
  return "different";
}

ReplicaVerifier::ReplicaVerifier(Transport& transport, LocalDatabase& database,
                                 VerifyOptions options, SessionEvents& events, Progress& progress)
    : transport_(transport),
      database_(database),
      options_(options),
      events_(events),
      progress_(progress),
      client_id_(database.state().client_id),
      seed_(random_seed()) {}

VerifyReport ReplicaVerifier::run() {
  const std::vector<ObjectSum> sums = transport_.digests(client_id_, seed_);
  for (const ObjectSum& sum : sums) received(sum.object.size() + kDigestBytes, 0);
  report_.round_trips = 1;
  {
    const auto reader = database_.read_image(seed_);
    for (const ObjectSum& server : sums) compare(*reader, server);
  }
  for (std::size_t place = 0; place < found_.size(); ++place) fetch_rows(place);
  take_fetched();
  commit();
  return std::move(report_);
}

void ReplicaVerifier::compare(ImageReader& reader, const ObjectSum& server) {
  progress_.object = server.object;
  events_.progress(progress_);
  object_named(database_, server.object);
  BucketSums local = reader.sums(server.object, {});
  BucketSum whole;
  for (const auto& [bucket, sum] : local) whole.add(sum);
  ObjectVerification object;
  object.object = server.object;
  object.server_records = server.sum.records;
  object.local_records = whole.records;
  Found found;
  if (whole != server.sum) found = search(reader, server.object, std::move(local));
  object.different = static_cast<std::int64_t>(found.different.size());
  object.missing = static_cast<std::int64_t>(found.missing.size());
  object.extra = static_cast<std::int64_t>(found.extra.size());
  report_.differences += object.different + object.missing + object.extra;
  list(object, found.different, DifferenceKind::different, options_.differences_max);
  list(object, found.missing, DifferenceKind::missing, options_.differences_max);
  list(object, found.extra, DifferenceKind::extra, options_.differences_max);
  report_.objects.push_back(std::move(object));
  found_.push_back(std::move(found));
}

// `local`: the sums of the 256 coarsest buckets.
ReplicaVerifier::Found ReplicaVerifier::search(ImageReader& reader, const std::string& object,
                                               BucketSums local) {
  Found found;
  DigestQuestion question{object, 0, {0}};
  for (;;) {
    const BucketSums server = transport_.digest_buckets(client_id_, seed_, question);
    ++report_.round_trips;
    received(server.size() * (kDigestBytes + 8), 0);
    const auto sizes = differing(server, local);
    std::int64_t records = 0;
    question.bits += digest_step_bits;
    question.buckets.clear();
    for (const auto& [bucket, size] : sizes) {
      question.buckets.push_back(bucket);
      records += size;
    }
    const auto buckets = static_cast<std::int64_t>(sizes.size());
    const bool small = records <= kRecordsOutright + kRecordsPerBucket * buckets;
    if (small || question.bits + digest_step_bits > digest_bits_max ||
        sizes.size() > limits::digest_buckets_max) {
      search_records(reader, question.bits, object, sizes, found);
      return found;
    }
    local =
        reader.sums(object, {question.bits, {question.buckets.begin(), question.buckets.end()}});
  }
}

// A few buckets at a time, so that no answer is large.
void ReplicaVerifier::search_records(ImageReader& reader, int bits, const std::string& object,
                                     const BucketSizes& sizes, Found& found) {
  DigestQuestion question{object, bits, {}};
  std::int64_t records = 0;
  for (const auto& [bucket, size] : sizes) {
    const bool full =
        question.buckets.size() >= limits::digest_buckets_max || records + size > kRecordsAtOnce;
    if (full && !question.buckets.empty()) {
      compare_records(reader, question, found);
      question.buckets.clear();
      records = 0;
    }
    question.buckets.push_back(bucket);
    records += size;
  }
  if (!question.buckets.empty()) compare_records(reader, question, found);
}

void ReplicaVerifier::compare_records(ImageReader& reader, const DigestQuestion& question,
                                      Found& found) {
  std::unordered_map<std::string, Digest> server;
  for (RecordSum& record : transport_.digest_records(client_id_, seed_, question)) {
    received(record.record_id.size() + kDigestBytes, 0);
    server.emplace(std::move(record.record_id), record.digest);
  }
  ++report_.round_trips;
  std::unordered_set<std::string> different;
  std::unordered_set<std::string> here;
  const WantedBuckets wanted{question.bits, {question.buckets.begin(), question.buckets.end()}};
  reader.digests(question.object, wanted, [&](std::string record_id, const Digest& digest) {
    const auto theirs = server.find(record_id);
    if (theirs == server.end()) {
      found.extra.push_back(record_id);
    } else if (theirs->second != digest) {
      different.insert(record_id);
    }
    here.insert(std::move(record_id));
  });
  for (const auto& [record_id, digest] : server) {
    if (here.count(record_id) == 0) found.missing.push_back(record_id);
  }
  found.different.insert(found.different.end(), different.begin(), different.end());
}

// To mend, the rows that are not right; else those whose fields are to be named.
std::vector<std::string> ReplicaVerifier::wanted_rows(std::size_t place) const {
  const Found& found = found_[place];
  std::vector<std::string> ids = found.different;
  if (options_.repair) {
    ids.insert(ids.end(), found.missing.begin(), found.missing.end());
  } else if (ids.size() > options_.differences_max) {
    ids.resize(options_.differences_max);
  }
  return ids;
}

void ReplicaVerifier::fetch_rows(std::size_t place) {
  const std::string object = report_.objects[place].object;
  std::vector<std::string> left = wanted_rows(place);
  if (options_.repair) remove_rows(place, found_[place].extra);
  while (!left.empty()) {
    const auto end = left.begin() + static_cast<std::ptrdiff_t>(std::min(left.size(), kRowsAtOnce));
    std::vector<std::string> asked(left.begin(), end);
    left.erase(left.begin(), end);
    auto page = transport_.records(client_id_, object, asked);
    ++report_.round_trips;
    std::unordered_set<std::string_view> answered;
    bool more = false;
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < page->size(); ++i) {
      const PullRow row = page->row(i);
      more = row.has_more;
      if (row.kind != "mutation") continue;
      answered.insert(row.record_id);
      bytes += row.data.size();
    }
    received(bytes, answered.size());
    std::erase_if(asked, [&](const std::string& id) { return answered.count(id) > 0; });
    if (more && answered.empty()) {
      throw Error(ErrorClass::upgrade, "unexpected_answer", "The server sent none of the records.");
    }
    if (more) {
      left.insert(left.end(), asked.begin(), asked.end());
    } else if (options_.repair) {
      remove_rows(place, asked);
    }
    fetched_.push_back({place, std::move(page)});
    fetched_bytes_ += bytes;
    if (fetched_bytes_ > kHeldBytes) take_fetched();
  }
}

void ReplicaVerifier::take_fetched() {
  for (const Fetched& fetched : fetched_) {
    for (std::size_t i = 0; i < fetched.page->size(); ++i) {
      const PullRow row = fetched.page->row(i);
      if (row.kind == "mutation") take(fetched.place, row);
    }
  }
  fetched_.clear();
  fetched_bytes_ = 0;
  if (!options_.repair) return;
  for (const auto& [place, record_id] : gone_) {
    PulledView view;
    view.kind = "repair", view.operation = "delete";
    view.object = report_.objects[place].object, view.record_id = record_id;
    applier().apply(view);
    ++report_.objects[place].repaired;
    ++report_.repaired;
  }
  gone_.clear();
}

void ReplicaVerifier::take(std::size_t place, const PullRow& row) {
  ObjectVerification& object = report_.objects[place];
  for (RecordDifference& difference : object.differences) {
    if (difference.kind != DifferenceKind::different || difference.record_id != row.record_id)
      continue;
    const auto local = database_.server_image(object.object, difference.record_id);
    if (local) {
      difference.fields = differing_fields(object_named(database_, object.object), *local, row);
    }
  }
  if (!options_.repair) return;
  PulledView view;
  view.kind = "repair", view.operation = "insert";
  view.object = row.object, view.record_id = row.record_id;
  view.data = row.data, view.version = row.version, view.tag = row.tag;
  applier().apply(view);
  ++object.repaired;
  ++report_.repaired;
}

void ReplicaVerifier::remove_rows(std::size_t place, const std::vector<std::string>& record_ids) {
  for (const std::string& record_id : record_ids) gone_.emplace_back(place, record_id);
}

RoundApplier& ReplicaVerifier::applier() {
  if (!applier_) {
    scope_ = events_.begin_write();
    applier_ = database_.begin_round(scope_->listing());
    scope_->begun(database_);
  }
  return *applier_;
}

void ReplicaVerifier::commit() {
  if (!applier_) return;
  const std::string checkpoint = database_.state().checkpoint;
  PulledView last;
  last.kind = "checkpoint";
  last.checkpoint = checkpoint;
  applier_->apply(last);
  const RoundResult round = applier_->commit(iso_time(events_.now_ms()));
  applier_.reset();
  scope_->applied(round);
  scope_.reset();
  events_.stored(database_);
}

void ReplicaVerifier::received(std::size_t bytes, std::size_t rows) {
  report_.bytes += static_cast<std::int64_t>(bytes);
  report_.rows_fetched += static_cast<std::int64_t>(rows);
  progress_.bytes += static_cast<std::int64_t>(bytes);
  events_.progress(progress_);
}

}  // namespace objectos
