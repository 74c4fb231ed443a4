#include "transport/conninfo.h"

#include <libpq-fe.h>

#include <cstring>
#include <memory>

#include "objectos/error.h"

namespace objectos {

namespace {

struct OptionsFree {
  void operator()(PQconninfoOption* options) const noexcept { PQconninfoFree(options); }
};
using ConninfoOptions = std::unique_ptr<PQconninfoOption, OptionsFree>;

ConninfoOptions parsed(const std::string& conninfo) {
  char* message = nullptr;
  ConninfoOptions options(PQconninfoParse(conninfo.c_str(), &message));
  if (!options) {
    // libpq's message may quote the string, and with it a password: it is not passed on.
    PQfreemem(message);
    throw Error(ErrorClass::usage, "bad_conninfo", "The connection string cannot be read.", {},
                "Write it like postgresql://user@host:5432/database or \"host=... dbname=...\".");
  }
  return options;
}

}  // namespace

std::string conninfo_without_password(const std::string& conninfo) {
  const ConninfoOptions options = parsed(conninfo);
  std::string text;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    // '*' marks what libpq itself treats as a password.
    bool secret = std::strchr(option->dispchar, '*') != nullptr;
    if (option->val == nullptr || secret) continue;
    if (!text.empty()) text += ' ';
    text += option->keyword;
    text += "='";
    for (const char* c = option->val; *c != '\0'; ++c) {
      if (*c == '\'' || *c == '\\') text += '\\';
      text += *c;
    }
    text += '\'';
  }
  return text;
}

void check_conninfo(const std::string& conninfo) {
  parsed(conninfo);
}

}  // namespace objectos
