// A program of somebody else's: it knows the installed headers and the pkg-config file, no more.
#include <objectos/sync_engine.h>

#include <iostream>

int main() {
  try {
    objectos::Options options;
    options.database = "/nonexistent/phone.db";
    objectos::SyncEngine engine(options);
    engine.status();
    std::cout << "opened a database that cannot be there\n";
    return 1;
  } catch (const objectos::Error& error) {
    std::cout << "refused: " << error.what() << "\n";
    return 0;
  }
}
