// A recording of two writers, as transactions.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "protocol/json.h"
#include "protocol/text_operation.h"

namespace objectos {

// How many transactions of each writer.
using TransactionCounts = std::array<std::size_t, 2>;

struct Transaction {
  std::size_t writer = 0;
  TransactionCounts seen{};  // with its own
  std::vector<TextOperation> operations;
};

std::vector<Transaction> transactions_of(const Json& recording);

}  // namespace objectos
