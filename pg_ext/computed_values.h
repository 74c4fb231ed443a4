// What a decision leaves to the server: merge functions, and the form that a computed value has in
// its column's type.
#pragma once

#include "pg_ext/push_item.h"
#include "pg_ext/spi.h"

namespace objectos::server {

// A mutation is rejected while it is judged: thrown out of the subtransaction of its group.
struct MutationRejected {
  Verdict verdict;
};

// Makes the decision's calls, as the calling role, and puts computed values into their types' form.
// Throws MutationRejected: user_error if a function fails or its answer is none, and
// constraint_violation if a type does not take a value (an overflow, a domain's CHECK). Errors that
// end a push (cancel, timeout, resources, 40xxx) pass.
void complete(Spi& spi, const PushItem& item, const RecordState& record, Decision& decision);

}  // namespace objectos::server
