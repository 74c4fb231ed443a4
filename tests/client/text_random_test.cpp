// Random devices on one server's texts, in one process. Invariant: local row = base image (+) queue
// after every step, and with empty queues everybody has the server's text.
#include <doctest/doctest.h>

#include <random>

#include "tests/client/text_server.h"

using namespace text_server;

TEST_CASE("random devices: whatever is lost, rejected or late, all end with the server's texts") {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto one_of = [&](std::size_t count) {
      return static_cast<std::size_t>(random()) % count;
    };
    Server server;
    server.put("1", "ab");
    server.put("2", "The quick brown fox");
    Device ann(server, "ann"), ben(server, "ben");
    ann.folds = seed % 2 == 0;
    const auto edited = [&](std::string text) {
      static const std::string pieces[] = {"x", "ß", "😀", "hello ", "e\u0301"};
      std::size_t at = text.empty() ? 0 : one_of(text.size() + 1);
      while (at < text.size() && (text[at] & 0xC0) == 0x80) --at;
      if (one_of(3) == 0 && at < text.size()) {
        std::size_t end = at + 1;
        while (end < text.size() && (text[end] & 0xC0) == 0x80) ++end;
        return text.erase(at, end - at);
      }
      return text.insert(at, pieces[one_of(5)]);
    };
    for (int step = 0; step < 40; ++step) {
      Device& device = one_of(2) == 0 ? ann : ben;
      const std::string id = one_of(2) == 0 ? "1" : "2";
      server.behind_max = one_of(4) == 0 ? 1 : 512;
      server.keeps_steps = one_of(5) != 0;
      switch (one_of(8)) {
        case 0:
          server.edit(id, edited(content(server.notes.at(id).body)));
          break;
        case 1:
          device.push(one_of(3) != 0);
          break;
        case 2:
        case 3:
          device.pull();
          break;
        case 4:
          device.sql("UPDATE notes SET title = 'bad', body = body || '!' WHERE id = '" + id + "'");
          break;
        case 5:
          device.sql("UPDATE notes SET title = 'n" + std::to_string(step) + "' WHERE id = '" + id +
                     "'");
          break;
        default: {
          std::string text = device.body(id);
          if (text == "(null)") text.clear();
          device.write(edited(text), id);
        }
      }
    }
    server.behind_max = 512;
    ann.sync();
    ben.sync();
    ann.sync();
    for (const std::string id : {"1", "2"}) {
      CHECK(ann.body(id) == content(server.notes.at(id).body));
      CHECK(ben.body(id) == content(server.notes.at(id).body));
    }
  }
}
