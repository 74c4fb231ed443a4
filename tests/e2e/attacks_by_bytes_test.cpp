// Mallory sends what no client of ours would: bombs, lies and broken bytes. Each is refused by its
// name, with nothing done, and the backend goes on.
#include <doctest/doctest.h>
#include <zstd.h>

#include "protocol/frame.h"
#include "protocol/limits.h"
#include "tests/e2e/attack_world.h"

using namespace e2e;

namespace {

std::string hex(const std::string& bytes) {
  static const char digits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text += digits[static_cast<unsigned char>(c) >> 4];
    text += digits[c & 15];
  }
  return text;
}

Answer push_frame(Session& session, const std::string& frame) {
  return session.ask("SELECT sync_push_frame('\\x" + hex(frame) + "')");
}

void check_refused(AttackWorld& world, const Answer& answer) {
  CHECK_MESSAGE(answer.state.substr(0, 2) == "OS", answer.state << answer.message);
  CHECK(answer.state != "OS000");
  CHECK(world.mallory.is_alive());
  CHECK(world.server.exec("SELECT count(*) FROM objectos_sync.clients") == "0");
}

// Pushed raw, as the whole text of `mutations`.
Answer push_text(Session& session, const std::string& text) {
  return session.ask("SELECT * FROM sync_push('m', $text$" + text + "$text$::json)");
}

// One frame around what libzstd makes of `message` with these parameters.
std::string frame_of(const std::string& message, int window_log = 0) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  if (window_log > 0) ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
  std::string body(ZSTD_compressBound(message.size()), '\0');
  const std::size_t size =
      ZSTD_compress2(context, body.data(), body.size(), message.data(), message.size());
  ZSTD_freeCCtx(context);
  REQUIRE(ZSTD_isError(size) == 0);
  return std::string("OSF\x01", 4) + '\0' + body.substr(0, size);
}

}  // namespace

TEST_CASE("JSON of a million levels is refused without using the stack") {
  AttackWorld world;
  check_refused(world,
                push_frame(world.mallory, objectos::encode_frame(std::string(1000000, '['))));
  check_refused(
      world, push_frame(world.mallory, objectos::encode_frame(R"({"client_id":"m","mutations":)" +
                                                              std::string(100, '[') +
                                                              std::string(100, ']') + "}")));
  const std::string deep = std::string(80, '[') + std::string(80, ']');
  check_refused(world, push_text(world.mallory, "[" +
                                                    mutation(1, "diary", "m1", "insert",
                                                             "\"data\":{\"body\":" + deep + "}") +
                                                    "]"));
}

TEST_CASE("duplicate keys are refused wherever they stand") {
  AttackWorld world;
  check_refused(world, push_text(world.mallory, R"([{"id":"1","id":"2"}])"));
  check_refused(world, push_text(world.mallory, "[" +
                                                    mutation(1, "diary", "m1", "insert",
                                                             R"("data":{"body":"a","body":"b"})") +
                                                    "]"));
  check_refused(world, push_frame(world.mallory,
                                  objectos::encode_frame(
                                      R"({"client_id":"m","client_id":"bob-1","mutations":[]})")));
}

TEST_CASE("NUL, broken UTF-8 and lone surrogates in a text are refused") {
  AttackWorld world;
  for (const std::string& text :
       {std::string("\\u0000"), std::string("\\ud800"), std::string("\\udc00x"),
        std::string("\xff"), std::string("\xc0\x80"), std::string("\xed\xa0\x80"),
        std::string("a\0b", 3), std::string("\x01")}) {
    const std::string message =
        R"({"client_id":"m","mutations":[)" +
        mutation(1, "diary", "m1", "insert", "\"data\":{\"body\":\"" + text + "\"}") + "]}";
    CAPTURE(hex(text));
    check_refused(world, push_frame(world.mallory, objectos::encode_frame(message)));
  }
}

TEST_CASE("numbers of any size are exact or rejected, and never something else") {
  AttackWorld world;
  world.server.exec("CREATE TABLE numbers (id int PRIMARY KEY, i int8, n numeric, f float8)");
  world.server.exec("SELECT sync_enable('numbers'); GRANT ALL ON numbers TO mallory");
  int number = 0;
  const auto send = [&](const std::string& field, const std::string& value) {
    ++number;
    return push(world.mallory, "m",
                mutation(number, "numbers", std::to_string(number), "insert",
                         "\"data\":{\"" + field + "\":" + value + "}"));
  };
  CHECK(send("i", "9223372036854775807").has("applied|"));
  for (const char* value :
       {"9223372036854775808", "1e3000000", "-1e-400", "0.5", "\"1; DROP TABLE staff\""})
    CHECK_MESSAGE(send("i", value).has("rejected|"), value);
  CHECK(send("n", std::string(1000, '9')).has("applied|"));
  CHECK(send("n", "1e200000").has("rejected|"));
  CHECK(send("f", "1e400").has("rejected|"));
  CHECK(world.server.exec("SELECT count(*) FROM numbers WHERE n = repeat('9', 1000)::numeric") ==
        "1");
  for (const char* field : {"version", "client_sequence"}) {
    for (const char* value : {"-1", "1.5", "9223372036854775808", "\"1\"", "1e3", "true"}) {
      const Answer answer = world.mallory.ask(
          "SELECT status FROM sync_push('n', $j$[{\"id\":\"" + mutation_id(99) +
          R"(","object":"numbers","record_id":"1","operation":"update","data":{"i":1},")" + field +
          "\":" + value + "}]$j$)");
      CHECK_MESSAGE((answer.has("rejected") || answer.state.substr(0, 2) == "OS"),
                    field << value << answer.rows);
      world.server.exec("DELETE FROM objectos_sync.verdicts WHERE client_id = 'n'");
    }
  }
}

TEST_CASE("a gigabyte of zeros in a frame of a few kilobytes is stopped at the cap") {
  AttackWorld world;
  const std::string zeros(std::size_t{64} << 20, '\0');
  std::string bomb = frame_of(zeros);
  REQUIRE(bomb.size() < 16000);
  const std::string one = frame_of(std::string(std::size_t{1} << 20, ' '));
  check_refused(world, push_frame(world.mallory, bomb));
  check_refused(world, push_frame(world.mallory, one));
}

TEST_CASE("a frame that declares another size than it has is measured, not believed") {
  AttackWorld world;
  const std::string message = R"({"client_id":"m","mutations":[]})";
  // Magic, a descriptor with an 8-byte size, a window byte left out, the lie, a raw last block.
  const std::string magic("\x28\xb5\x2f\xfd", 4), header = std::string("OSF\x01", 4) + '\0';
  const auto block = [&](std::size_t size) {
    const std::uint32_t head = 1 | static_cast<std::uint32_t>(size) << 3;
    return std::string{static_cast<char>(head), static_cast<char>(head >> 8),
                       static_cast<char>(head >> 16)};
  };
  for (const std::uint64_t lie : {UINT64_C(0), UINT64_C(1), UINT64_C(1) << 40, ~UINT64_C(0)}) {
    std::string frame = header + magic + '\xc0' + '\x50';
    for (int i = 0; i < 8; ++i) frame += static_cast<char>(lie >> 8 * i);
    frame += block(message.size()) + message;
    const Answer answer = push_frame(world.mallory, frame);
    CHECK_MESSAGE((answer.state.empty() || answer.state.substr(0, 2) == "OS"), answer.message);
    CHECK(world.mallory.is_alive());
  }
}

TEST_CASE("two frames, a cut one, a skippable one, a huge window and garbage are refused") {
  AttackWorld world;
  const std::string message = R"({"client_id":"m","mutations":[]})";
  const std::string frame = objectos::encode_frame(message);
  const std::string skippable("\x50\x2a\x4d\x18\x04\x00\x00\x00zzzz", 12);
  std::vector<std::string> bad = {frame + frame,
                                  frame + '\0',
                                  frame.substr(0, frame.size() - 1),
                                  frame.substr(0, 5),
                                  std::string("OSF\x01", 4) + '\0' + skippable,
                                  frame + skippable,
                                  "",
                                  "OSF",
                                  std::string(100000, 'x'),
                                  "OSF\x02" + frame.substr(4),
                                  frame_of(message + std::string(std::size_t{24} << 20, ' '), 27)};
  bad.push_back(frame);
  bad.back()[4] = 99;  // a dictionary that nobody has
  for (std::size_t i = 0; i < bad.size(); ++i) {
    CAPTURE(i);
    check_refused(world, push_frame(world.mallory, bad[i]));
  }
}

TEST_CASE("more mutations, longer names and longer ids than there may be are refused") {
  AttackWorld world;
  std::string many;
  for (std::size_t i = 0; i <= objectos::limits::mutations_per_push_max; ++i)
    many += (many.empty() ? "" : ",") + mutation(static_cast<int>(i + 1), "diary", "m", "delete");
  check_refused(world, push_text(world.mallory, "[" + many + "]"));
  check_refused(
      world, world.mallory.ask("SELECT * FROM sync_push('" + std::string(300, 'c') + "', '[]')"));
  check_refused(world, world.mallory.ask("SELECT * FROM sync_push('', '[]')"));
  for (const char* call :
       {"sync_pull('m', '0', 0)", "sync_pull('m', '0', -1)", "sync_pull('m', '0', 2147483647)",
        "sync_pull('m', '0', 1, -1)", "sync_history('staff', '1', 0)",
        "sync_history('staff', '1', 2147483647)", "sync_digest_buckets('m', 1, 'staff', 99, '{0}')",
        "sync_digest_buckets('m', 1, 'staff', -1, '{0}')",
        "sync_reserve_ids('staff', 9223372036854775807)", "sync_reserve_ids('staff', -1)"}) {
    CAPTURE(call);
    check_refused(world, world.mallory.ask(std::string("SELECT * FROM ") + call));
  }
}

TEST_CASE("odd arrays as arguments are errors") {
  AttackWorld world;
  for (const char* call :
       {"sync_records('m', 'staff', '{{1,2},{3,4}}')", "sync_records('m', 'staff', '{NULL}')",
        "sync_records('m', 'staff', '[5:6]={1,2}')", "sync_records('m', 'staff', NULL)",
        "sync_digest_buckets('m', 1, 'staff', 8, '{NULL}')",
        "sync_digest_buckets('m', NULL, 'staff', 8, '{1}')",
        "sync_digest_records('m', 1, NULL, 8, '{1}')",
        "sync_digest_records('m', 1, 'staff', 8, '{-1}')", "sync_fork('m', 'n', 'null')",
        "sync_fork('m', 'n', '[1]')", "sync_fork(NULL, NULL, NULL)", "sync_ack('[]')",
        "sync_ack('null')", "sync_ack(NULL)", "sync_push(NULL, NULL)", "sync_push_request(NULL)",
        "sync_push('m', '{}')", "sync_push('m', 'null')", "sync_push('m', '[null]')"}) {
    CAPTURE(call);
    const Answer answer = world.mallory.ask(std::string("SELECT * FROM ") + call);
    CHECK(answer.state.substr(0, 2) != "XX");
    CHECK(answer.state != "OS000");
    CHECK(world.mallory.is_alive());
  }
}
