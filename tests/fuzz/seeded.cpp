// Proof that the fuzzer works: a copy of what a careless decoder would do with a mutation's id.
// With -DOBJECTOS_PLANTED_DEFECT it trusts the id's length, and fuzz.sh demands that this is found.
// Its seeds are push's. Nothing of the product is built from this file.
#include <cstring>

#include "protocol/json.h"

#include "tests/fuzz/fuzz.h"

using namespace objectos;

namespace {

void take_id(const Json& mutation) {
  const Json* id = mutation.find("id");
  if (id == nullptr || !id->is_string()) return;
  char* const buffer = new char[36];
#ifdef OBJECTOS_PLANTED_DEFECT
  const std::size_t length = id->text().size();
#else
  const std::size_t length = id->text().size() < 36 ? id->text().size() : 36;
#endif
  std::memcpy(buffer, id->text().data(), length);
  asm volatile("" : : "r"(buffer) : "memory");  // or the compiler leaves it all out
  delete[] buffer;
}

}  // namespace

FUZZ_TARGET(seeded) {
  Json list;
  if (!fuzz::accepted([&] { list = parse_json(input); })) return;
  for (const Json& mutation : list.items()) take_id(mutation);
}
