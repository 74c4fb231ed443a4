// A program of somebody else's: it knows the installed headers and the pkg-config file, no more.
#include <objectos/sync_engine.h>

#include <iostream>

int main() {
  try {
    objectos::SyncEngine engine({.database = "/nonexistent/phone.db", .server = "", .objects = {}});
    std::cout << "opened a database that cannot be there\n";
    return 1;
  } catch (const objectos::Error& error) {
    std::cout << "refused: " << error.what() << "\n";
    return 0;
  }
}
