// Answers and acknowledgements: what is read, written and read again is the same.
#include "protocol/messages.h"

#include "tests/fuzz/fuzz.h"

using namespace objectos;
using fuzz::require;

FUZZ_TARGET(responses) {
  PullResponse response;
  if (fuzz::accepted([&] { response = decode_pull_response(input); })) {
    const std::string text = encode_pull_response(response);
    require(encode_pull_response(decode_pull_response(text)) == text, "a page comes back the same");
  }
  std::vector<Verdict> verdicts;
  if (fuzz::accepted([&] { verdicts = decode_push_response(input); })) {
    const std::string text = encode_push_response(verdicts);
    const std::vector<Verdict> again = decode_push_response(text);
    require(again.size() == verdicts.size(), "as many verdicts");
    require(encode_push_response(again) == text, "verdicts come back the same");
  }
  Ack ack;
  if (fuzz::accepted([&] { ack = decode_ack(input); })) {
    const Ack again = decode_ack(encode_ack(ack));
    require(again.client_id == ack.client_id && again.checkpoint == ack.checkpoint &&
                again.confirmed == ack.confirmed,
            "an acknowledgement comes back the same");
  }
}
