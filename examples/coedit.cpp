// A document that several people write at the same time, each in a terminal of their own.
//
//   coedit SERVER FILE DOCUMENT      e.g. coedit postgresql:///todo /tmp/me.db minutes
//   coedit --week SERVER DIRECTORY   two who wrote apart for a week, and what became of it
//
// Start it twice, with two files, and type. Ctrl-O goes offline and comes back: what both wrote
// meanwhile is merged. Ctrl-D ends it. Without a terminal it reads keys from its input and prints
// the document at its end.
#include <objectos/sync_engine.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <iostream>
#include <mutex>
#include <set>
#include <string>
#include <vector>

using objectos::SyncEngine;
using objectos::TextChange;
using objectos::TextCursor;
using objectos::TextField;

// Positions are code points, as the engine counts: a byte that continues one is none.
bool begins_point(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0) != 0x80;
}

std::size_t points(const std::string& text) {
  std::size_t count = 0;
  for (const char byte : text) count += begins_point(byte);
  return count;
}

// The first start fills the file from the server; later ones have it already.
void prepare(SyncEngine& engine, const std::string& file, const std::string& document) {
  if (!std::filesystem::exists(file)) engine.clone();
  engine.transaction([&](objectos::Transaction& transaction) {
    transaction.execute("INSERT INTO documents (id, body) VALUES (?1, '') ON CONFLICT DO NOTHING",
                        {document});
  });
}

// The keyboard without its line editing, as long as this lives.
class RawTerminal {
 public:
  RawTerminal() {
    tcgetattr(STDIN_FILENO, &before_);
    termios raw = before_;
    cfmakeraw(&raw);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  }
  ~RawTerminal() {
    tcsetattr(STDIN_FILENO, TCSANOW, &before_);
    std::cout << "\r\n" << std::flush;
  }

 private:
  termios before_{};
};

class Editor {
 public:
  Editor(SyncEngine& engine, const std::string& document)
      : engine_(engine), field_(engine.text("documents", document, "body")), name_(document) {
    if (pipe(woken_) != 0) throw std::runtime_error("pipe");
    // Callbacks come on a thread of the engine's: they note what has changed, and wake this one.
    changes_ = field_.on_change([this](const TextChange& change) {
      const std::lock_guard<std::mutex> lock(mutex_);
      text_ = change.text;
      const bool others = change.origin == objectos::Origin::remote;  // they leave the caret behind
      caret_ = objectos::moved_position(caret_, change.operation, others || !told_);
      told_ = true;
      changed_.notify_all();
      wake();
    });
    cursors_ = field_.on_cursors([this](const std::vector<TextCursor>& others) {
      const std::lock_guard<std::mutex> lock(mutex_);
      others_ = others;
      wake();
    });
    engine_.start();
    // The first thing that is told is the text as it stands.
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return told_; });
  }
  ~Editor() {
    engine_.stop();
    close(woken_[0]);
    close(woken_[1]);
  }

  // Until the end of the input.
  void run() {
    const bool screen = isatty(STDIN_FILENO) != 0;
    pollfd ends[] = {{STDIN_FILENO, POLLIN, 0}, {woken_[0], POLLIN, 0}};
    for (bool open = true; open;) {
      if (screen) draw();
      poll(ends, 2, -1);
      char bytes[256];
      if (ends[1].revents != 0) (void)!read(woken_[0], bytes, sizeof bytes);
      if (ends[0].revents == 0) continue;
      const ssize_t got = read(STDIN_FILENO, bytes, sizeof bytes);
      open = got > 0 && take(std::string(bytes, static_cast<std::size_t>(got)));
    }
    if (!screen) engine_.wait_until_synced(std::chrono::seconds(30));
    if (!screen) std::cout << field_.text() << "\n";
  }

 private:
  void wake() { (void)!write(woken_[1], "!", 1); }

  // Keys: arrows, backspace, Ctrl-O, Ctrl-D; all else is text. False at the end.
  bool take(const std::string& keys) {
    std::string typed;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const char key = keys[i];
      if (key == '\x1b' && i + 2 < keys.size() && keys[i + 1] == '[') {
        type(typed);
        move(keys[i += 2]);
      } else if (key == '\x7f' || key == '\b') {
        type(typed);
        erase();
      } else if (key == '\x0f') {
        type(typed);
        (online_ = !online_) ? engine_.start() : engine_.stop();
      } else if (key == '\x04' || key == '\x03') {
        type(typed);
        return false;
      } else if (key == '\r' || key == '\n' || static_cast<unsigned char>(key) >= ' ') {
        typed += key == '\r' ? '\n' : key;
      }
    }
    type(typed);
    field_.share_cursor(caret_, caret_);
    return true;
  }

  void type(std::string& typed) {
    if (typed.empty()) return;
    edit([&](std::size_t caret) { field_.insert(caret, typed); });
    typed.clear();
  }
  void erase() {
    edit([&](std::size_t caret) {
      if (caret > 0) field_.erase(caret - 1, 1);
    });
  }
  // An edit is told like everybody's, and moves the caret then.
  template <typename Work>
  void edit(const Work& work) {
    std::unique_lock<std::mutex> lock(mutex_);
    const std::size_t caret = caret_;
    const std::string before = text_;
    lock.unlock();
    work(caret);
    lock.lock();
    changed_.wait_for(lock, std::chrono::seconds(5), [&] { return text_ != before; });
  }
  void move(char key) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (key == 'D' && caret_ > 0) --caret_;
    if (key == 'C' && caret_ < points(text_)) ++caret_;
  }
  void draw() {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::string screen = "\x1b[2J\x1b[H\x1b[7m " + name_ + (online_ ? " · online" : " · offline") +
                         ", others here: " + std::to_string(others_.size()) + " \x1b[0m\r\n";
    std::size_t at = 0;
    const auto mark = [&] {
      if (at == caret_)
        screen +=
            "\x1b"
            "7";  // the terminal remembers this place
      for (const TextCursor& other : others_)
        if (other.position == at) screen += "\x1b[7m|\x1b[0m";
    };
    for (std::size_t i = 0; i < text_.size(); ++i) {
      if (begins_point(text_[i])) {
        mark();
        ++at;
      }
      screen += text_[i] == '\n' ? std::string("\r\n") : std::string(1, text_[i]);
    }
    mark();
    std::cout << screen
              << "\x1b"
                 "8"
              << std::flush;
  }

  SyncEngine& engine_;
  TextField field_;
  std::string name_;
  int woken_[2] = {-1, -1};
  std::mutex mutex_;  // of what callbacks write
  std::condition_variable changed_;
  std::string text_;
  bool told_ = false;
  std::size_t caret_ = 0;
  std::vector<TextCursor> others_;
  bool online_ = true;
  objectos::Subscription changes_, cursors_;  // they end first
};

void edit(SyncEngine& engine, const std::string& who, const std::string& operation) {
  const std::string text = engine.edit_text("documents", "minutes", "body", operation);
  std::cout << who << ": " << text << "\n";
}

// What became of the edits that were sent: of all of them.
std::string sync(SyncEngine& engine) {
  std::set<std::string> statuses;
  for (const objectos::Verdict& verdict : engine.sync_now().verdicts)
    statuses.insert(verdict.status);
  std::string text;
  for (const std::string& status : statuses) text += " " + status;
  return text.empty() ? " nothing" : text;
}

// Two engines stand for two devices. Operations say what is kept, inserted and deleted.
void write_apart(const std::string& server, const std::string& directory) {
  const std::string ada_file = directory + "/ada.db", bob_file = directory + "/bob.db";
  SyncEngine ada({.database = ada_file, .server = server, .device = "ada"});
  SyncEngine bob({.database = bob_file, .server = server, .device = "bob"});
  prepare(ada, ada_file, "minutes");
  edit(ada, "Ada", R"(["We meet on Monday."])");
  std::cout << "Ada sends" << sync(ada) << "\n";
  prepare(bob, bob_file, "minutes");
  sync(bob);

  std::cout << "\nFor a week nobody is online.\n";
  edit(ada, "Ada", R"([3, "all ", 8, "Tuesday", -6])");
  edit(ada, "Ada", R"([23, " Ada brings cake."])");
  edit(bob, "Bob", R"([17, " at noon"])");
  edit(bob, "Bob", R"(["Note: "])");

  std::cout << "\nThen they are.\n";
  std::cout << "Ada sends" << sync(ada) << "\n";
  std::cout << "Bob sends" << sync(bob) << "\n";
  sync(ada);
  std::cout << "Ada: " << ada.text("documents", "minutes", "body").text() << "\n";
  std::cout << "Bob: " << bob.text("documents", "minutes", "body").text() << "\n";
}

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: coedit SERVER FILE DOCUMENT\n       coedit --week SERVER DIRECTORY\n";
    return 2;
  }
  try {
    if (std::string(argv[1]) == "--week") {
      write_apart(argv[2], argv[3]);
      return 0;
    }
    SyncEngine engine({.database = argv[2], .server = argv[1]});
    prepare(engine, argv[2], argv[3]);
    std::unique_ptr<RawTerminal> raw;
    if (isatty(STDIN_FILENO)) raw = std::make_unique<RawTerminal>();
    Editor(engine, argv[3]).run();
    return 0;
  } catch (const objectos::Error& error) {
    std::cerr << error.message() << " [" << error.code() << "]\n";
    return 1;
  }
}
