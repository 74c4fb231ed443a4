// What the command says of itself, made from the table of verbs.
#pragma once

#include <string>

namespace objectos::cli {

// The help of one verb, or of all when `verb` is empty or unknown.
std::string help_text(const std::string& verb);
// The manual page, in man's own macros.
std::string man_page();
// What bash reads to complete commands, options and file names.
std::string bash_completion();

}  // namespace objectos::cli
