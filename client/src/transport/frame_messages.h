// The messages that go in frames (protocol/frame.h), in the terms of the transport.
//
// A PullResponse names its rows kind by kind; a page has them in the order in which sync_pull gives
// them: the schema, what is read again, then by sequence, which is how the round is applied. Values
// stay the raw JSON texts that they are, as views into the message.
//
// Errors: Error of class upgrade, code OS013, for a frame of another version; of class transient,
// code damaged_frame, for bytes that are no frame or hold no such message; of class upgrade, code
// OS007, for one that grows beyond limits::response_bytes_max.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "transport/transport.h"

namespace objectos {

// What the frame holds.
std::string open_answer(std::string_view frame);

std::unique_ptr<PullPage> page_of_message(std::string message);
std::vector<VerdictRow> verdicts_of_message(const std::string& message);

// A PushRequest, `mutations_json` being the array of its mutations.
std::string push_message(const std::string& client_id, const std::string& mutations_json);

}  // namespace objectos
