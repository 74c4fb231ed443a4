// The algebra of text fields, by itself: no server, no file, one thread. TRACE=path takes a
// recording for text_replay in place of the generated trace.
#include <time.h>

#include <cstdlib>
#include <stdexcept>

#include "measurement.h"
#include "protocol/operational_transform.h"
#include "protocol/text_rope.h"
#include "text_trace.h"

namespace bench {

namespace {

using objectos::TextOperation;
using objectos::TextRope;
using objectos::ot::Side;

constexpr int samples = 15;

// Processor time of this thread: there is nothing else to wait for, and so it does not matter
// whether somebody else wants the processor.
double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

template <typename Work>
double milliseconds_of(Work&& work) {
  const double begin = processor_seconds();
  work();
  return 1'000 * (processor_seconds() - begin);
}

std::string replayed(const TextTrace& trace) {
  TextRope rope(trace.start);
  for (const TextPatch& patch : trace.patches) {
    if (patch.deleted != 0) rope.erase(patch.position, patch.deleted);
    if (!patch.inserted.empty()) rope.insert(patch.position, patch.inserted);
  }
  return rope.text();
}

std::vector<TextOperation> operations_of(const TextTrace& trace) {
  std::vector<TextOperation> operations;
  operations.reserve(trace.patches.size());
  objectos::TextOperationBuilder builder;
  for (const TextPatch& patch : trace.patches) {
    builder.keep(patch.position).erase(patch.deleted).insert(patch.inserted);
    operations.push_back(builder.build());
  }
  return operations;
}

std::vector<Measurement> measure_replay() {
  const char* const path = std::getenv("TRACE");
  const TextTrace trace = path && *path ? recorded_trace(path) : generated_trace();
  const std::vector<TextOperation> operations = operations_of(trace);
  std::vector<double> by_rope, composed;
  std::string text, text_composed;
  for (int i = 0; i < samples; ++i) {
    by_rope.push_back(milliseconds_of([&] { text = replayed(trace); }));
    composed.push_back(milliseconds_of([&] {
      text_composed = objectos::ot::apply(trace.start, objectos::ot::compose_all(operations));
    }));
  }
  if (text != text_composed || (!trace.end.empty() && text != trace.end))
    throw std::runtime_error("the replay does not end with the text that it should");
  Measurement m{"text_replay",
                "every edit of " + trace.what + " applied to a rope, one by one",
                "",
                30,
                trace.patches.size(),
                by_rope,
                {},
                {{"composed_to_one_and_applied_ms", median(composed)},
                 {"bytes_at_the_end", static_cast<double>(text.size())}}};
  m.unit = "ms";
  return {m};
}

// Two branches of one text, each composed, then each made to follow the other.
class Branches {
 public:
  Branches(std::size_t count, bool scattered)
      : first_(text_branch(count, points, 'a', scattered)),
        second_(text_branch(count, points, 'b', scattered)) {}

  void sample() {
    took_.push_back(milliseconds_of([&] {
      const TextOperation a = objectos::ot::compose_all(first_);
      const TextOperation b = objectos::ot::compose_all(second_);
      const auto [a_after, b_after] = objectos::ot::transform_both(a, b, Side::left);
      length_change_ = a.length_change() + b_after.length_change();
    }));
  }
  const std::vector<double>& took() const { return took_; }

 private:
  static constexpr std::size_t points = 100'000;
  std::vector<TextOperation> first_, second_;
  std::vector<double> took_;
  std::int64_t length_change_ = 0;
};

std::vector<Measurement> measure_branches() {
  Branches small(10'000, false), large(100'000, false);
  Branches small_scattered(10'000, true), large_scattered(100'000, true);
  for (int i = 0; i < samples; ++i) {
    for (Branches* one : {&small, &large, &small_scattered, &large_scattered}) one->sample();
  }
  Measurement first{"text_branches_10k",
                    "two branches of 10,000 edits, composed, and transformed both ways",
                    "",
                    3,
                    20'000,
                    small.took(),
                    {},
                    {{"edits_scattered_over_the_text_ms", median(small_scattered.took())}}};
  first.unit = "ms";
  Measurement second{"text_branches_100k",
                     "the same with 100,000 edits each",
                     "the same with 10,000 edits each",
                     13,
                     200'000,
                     large.took(),
                     small.took(),
                     {{"edits_scattered_over_the_text_ms", median(large_scattered.took())}}};
  second.unit = "ms";
  return {first, second};
}

std::vector<Measurement> measure_small() {
  constexpr int count = 2'000'000;
  objectos::TextOperationBuilder builder;
  const TextOperation insert = builder.keep(5).insert("x").build();
  const TextOperation erase = builder.keep(9).erase(2).build();
  const TextOperation replace = builder.keep(7).erase(2).insert("hello").build();
  std::vector<double> rates, replacing;
  std::size_t components = 0;
  const auto rate = [&](const TextOperation& a, const TextOperation& b) {
    return count / 1e3 / milliseconds_of([&] {
             for (int i = 0; i < count; ++i)
               components += objectos::ot::transform(a, b, Side::left).components().size();
           });
  };
  for (int i = 0; i < samples; ++i) {
    rates.push_back(rate(insert, erase));
    replacing.push_back(rate(insert, replace));
  }
  Measurement m{"text_small_transform",
                "an insert transformed over a deletion, both single edits",
                "",
                20,
                count,
                rates,
                {},
                {{"over_a_replacement_M_per_s", median(replacing)},
                 {"components_each", static_cast<double>(components) / (2.0 * samples * count)}}};
  m.unit = "M/s";
  m.more_is_better = true;
  return {m};
}

}  // namespace

Suite text_replay_suite() {
  return {{"text_replay"}, measure_replay};
}

Suite text_branches_suite() {
  return {{"text_branches_10k", "text_branches_100k"}, measure_branches};
}

Suite text_small_suite() {
  return {{"text_small_transform"}, measure_small};
}

}  // namespace bench
