// Behind one role stand many users, each with a key. Mallory has hers and what she overheard, and
// tries to write or read as Ada.
#include <doctest/doctest.h>
#include <openssl/hmac.h>

#include "protocol/json.h"
#include "protocol/signed_payload.h"
#include "tests/e2e/attack_world.h"

using namespace e2e;

namespace {

struct Key {
  std::string id, secret;  // bytes
};

std::string hmac(const std::string& secret, const std::string& bytes) {
  unsigned char tag[32];
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), tag, &size);
  return objectos::hex_text({reinterpret_cast<const char*>(tag), size});
}

struct World : AttackWorld {
  World() {
    server.exec(
        "CREATE TABLE notes (id text PRIMARY KEY, owner text DEFAULT sync_user_id(), body text)");
    server.exec("ALTER TABLE notes ENABLE ROW LEVEL SECURITY");
    server.exec("CREATE POLICY own ON notes USING (owner = (SELECT sync_user_id()))");
    server.exec("SELECT sync_enable('notes'); GRANT ALL ON notes TO mallory");
    server.exec("INSERT INTO notes VALUES ('a', 'user-ada', 'ada-secret')");
    epoch = server.exec("SELECT epoch FROM objectos_sync.state");
    ada_key = make_key("user-ada");
    own_key = make_key("user-mallory");
  }
  Key make_key(const std::string& user) {
    const std::string both =
        server.exec("SELECT key_id || ' ' || secret FROM sync_create_key('" + user + "')");
    return {both.substr(0, 36), *objectos::bytes_of_hex(both.substr(37))};
  }
  std::string sign(const Key& key, const std::string& client, const std::string& payload) const {
    return hmac(key.secret,
                objectos::mutation_prefix({epoch, key.id, client}, payload.size()) + payload);
  }
  static std::string form(const std::string& key_id, const std::string& signature,
                          const std::string& payload) {
    return "{\"key_id\":\"" + key_id + "\",\"signature\":\"" + signature +
           "\",\"payload\":" + objectos::json_string(payload) + "}";
  }
  Answer send(const Key& key, const std::string& client, const std::string& payload) {
    return push(mallory, client, form(key.id, sign(key, client, payload), payload));
  }
  std::string log_in(const Key& key, const std::string& client) {
    const std::string challenge =
        mallory.rows("SELECT challenge FROM sync_challenge('" + client + "')");
    const std::string proof =
        hmac(key.secret, objectos::login_message({epoch, key.id, client}, challenge));
    return mallory.rows("SELECT token FROM sync_login('" + client + "', '" + key.id + "', '" +
                        challenge + "', '" + proof + "')");
  }
  std::string notes() {
    return server.exec("SELECT string_agg(owner || ' ' || body, ',' ORDER BY id) FROM notes");
  }

  std::string epoch;
  Key ada_key, own_key;
  std::string payload =
      mutation(1, "notes", "b", "insert", R"("data":{"body":"two","owner":"user-ada"})");
};

constexpr const char* kFailed = "OS016";

}  // namespace

TEST_CASE("what the key's user signed is applied as the user's") {
  World world;
  CHECK(world.send(world.ada_key, "phone", world.payload).has("applied|"));
  CHECK(world.notes() == "user-ada ada-secret,user-ada two");
}

TEST_CASE("a signature with any digit changed is refused, with one answer for all of them") {
  World world;
  const std::string right = world.sign(world.ada_key, "phone", world.payload);
  std::string told;
  for (std::size_t at = 0; at < right.size(); ++at) {
    std::string wrong = right;
    wrong[at] = wrong[at] == '0' ? '1' : '0';
    const Answer answer =
        push(world.mallory, "phone", World::form(world.ada_key.id, wrong, world.payload));
    CHECK(answer.state == kFailed);
    if (told.empty()) told = answer.message;
    CHECK(answer.message == told);  // how much of it was right does not show
  }
  // An unknown key and a key of hers are told the same.
  for (const std::string& key : {world.own_key.id, mutation_id(7)})
    CHECK(push(world.mallory, "phone", World::form(key, right, world.payload)).message == told);
  CHECK(world.notes() == "user-ada ada-secret");
}

TEST_CASE("a payload with any byte changed is refused before it is parsed") {
  World world;
  const std::string right = world.sign(world.ada_key, "phone", world.payload);
  for (std::size_t at = 0; at < world.payload.size(); ++at) {
    std::string other = world.payload;
    other[at] = other[at] == 'x' ? 'y' : 'x';
    CHECK(push(world.mallory, "phone", World::form(world.ada_key.id, right, other)).state ==
          kFailed);
  }
  CHECK(push(world.mallory, "phone", World::form(world.ada_key.id, right, world.payload + " "))
            .state == kFailed);
  CHECK(world.notes() == "user-ada ada-secret");
}

TEST_CASE("a signature made for one client id counts for no other") {
  World world;
  const std::string right = world.sign(world.ada_key, "phone", world.payload);
  CHECK(push(world.mallory, "tablet", World::form(world.ada_key.id, right, world.payload)).state ==
        kFailed);
}

TEST_CASE("what was overheard and is sent again is answered, and applied once") {
  World world;
  const std::string heard = World::form(
      world.ada_key.id, world.sign(world.ada_key, "phone", world.payload), world.payload);
  CHECK(push(world.mallory, "phone", heard).has("applied|"));
  world.server.exec("UPDATE notes SET body = 'newer' WHERE id = 'b'");
  CHECK(push(world.mallory, "phone", heard).has("applied|"));
  CHECK(world.notes() == "user-ada ada-secret,user-ada newer");
  // Also when its verdict is confirmed and gone, and after a new beginning of the record.
  world.server.exec("DELETE FROM objectos_sync.verdicts; DELETE FROM notes WHERE id = 'b'");
  push(world.mallory, "phone", heard);
  CHECK(world.notes() == "user-ada ada-secret");
}

TEST_CASE("signing as oneself into another user's client id is refused") {
  World world;
  REQUIRE(world.send(world.ada_key, "phone", world.payload).has("applied|"));
  const std::string own =
      mutation(2, "notes", "c", "insert", R"("data":{"body":"m","owner":"user-mallory"})");
  CHECK(world.send(world.own_key, "phone", own).state == "42501");
}

TEST_CASE("an unsigned mutation into a client that signs is refused") {
  World world;
  REQUIRE(world.send(world.ada_key, "phone", world.payload).has("applied|"));
  const Answer answer =
      push(world.mallory, "phone", mutation(2, "notes", "c", "insert", R"("data":{"body":"m"})"));
  CHECK_MESSAGE((answer.state == "OS017" || answer.state == "42501"), answer.rows);
}

TEST_CASE("a payload that names another user is still the key's") {
  World world;
  const std::string own = mutation(1, "notes", "c", "insert",
                                   R"("data":{"body":"m","owner":"user-ada"},"user":"user-ada")");
  CHECK(world.send(world.own_key, "m", own).has("42501"));
  CHECK(world.notes() == "user-ada ada-secret");
}

TEST_CASE("a token with any character changed opens nothing, and is no fall-back to the role") {
  World world;
  const std::string token = world.log_in(world.own_key, "m");
  world.mallory.rows("SET objectos_sync.session_token = '" + token + "'");
  CHECK(world.mallory.rows("SELECT sync_user_id()") == "user-mallory");
  std::vector<std::string> forged = {"x", token + "0", token.substr(1), token + "." + token};
  for (std::size_t at = 0; at < token.size(); ++at) {
    forged.push_back(token);
    forged.back()[at] = forged.back()[at] == '1' ? '2' : '1';
  }
  for (const std::string& text : forged) {
    world.mallory.rows("SET objectos_sync.session_token = '" + text + "'");
    CHECK(world.mallory.ask("SELECT sync_user_id()").state == "OS018");
    CHECK(world.mallory.ask("SELECT * FROM notes").state == "OS018");
    CHECK(world.mallory.ask("SELECT * FROM sync_pull('m', '0')").state == "OS018");
  }
}

TEST_CASE("a token of one database, one client or a revoked key opens no other") {
  World world;
  const std::string token = world.log_in(world.own_key, "m");
  world.mallory.rows("SET objectos_sync.session_token = '" + token + "'");
  CHECK(world.mallory.ask("SELECT * FROM sync_pull('phone', '0')").state == "OS018");
  CHECK_FALSE(world.mallory.ask("SELECT * FROM sync_pull('m', '0')").has("ada-secret"));
  world.server.exec("SELECT sync_revoke_key('" + world.own_key.id + "')");
  CHECK(world.mallory.ask("SELECT sync_user_id()").state == "OS018");
  Server other;
  other.exec("SELECT sync_grant('mallory')");
  Session there(other, "mallory");
  there.rows("SET objectos_sync.session_token = '" + token + "'");
  CHECK(there.ask("SELECT sync_user_id()").state == "OS018");
  other.exec("SELECT sync_revoke('mallory')");
}

TEST_CASE("a proof of one challenge, client or purpose is none of another") {
  World world;
  const std::string challenge = world.mallory.rows("SELECT challenge FROM sync_challenge('phone')");
  const auto login = [&](const std::string& client, const std::string& asked,
                         const std::string& proof) {
    return world.mallory.ask("SELECT token FROM sync_login('" + client + "', '" + world.ada_key.id +
                             "', '" + asked + "', '" + proof + "')");
  };
  const std::string proof =
      hmac(world.ada_key.secret,
           objectos::login_message({world.epoch, world.ada_key.id, "phone"}, challenge));
  const std::string fresh = world.mallory.rows("SELECT challenge FROM sync_challenge('phone')");
  CHECK(login("phone", fresh, proof).state == kFailed);
  CHECK(login("tablet", challenge, proof).state == kFailed);
  // One of her own making, and a signature of a mutation that says the challenge.
  CHECK(login("phone", "challenge-1.00.00", proof).state == kFailed);
  CHECK(login("phone", challenge, world.sign(world.ada_key, "phone", challenge)).state == kFailed);
  CHECK(login("phone", challenge, proof).state == "");
}

TEST_CASE("keys, their secrets and their making are the operator's alone") {
  World world;
  for (const char* statement :
       {"SELECT * FROM sync_create_key('user-ada')",
        "SELECT * FROM sync_rotate_key('00000000-0000-4000-8000-000000000001')",
        "SELECT sync_revoke_key('00000000-0000-4000-8000-000000000001')",
        "SELECT * FROM sync_keys()", "SELECT * FROM objectos_sync.keys",
        "SELECT secret FROM objectos_sync.state", "SELECT * FROM objectos_sync.signatures",
        "SELECT sync_require_signatures(false)"})
    CHECK_MESSAGE(world.mallory.ask(statement).state == "42501", statement);
}
