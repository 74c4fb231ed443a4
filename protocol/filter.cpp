#include "protocol/filter.h"

#include <array>
#include <utility>

#include "protocol/errors.h"
#include "protocol/filter_errors.h"
#include "protocol/limits.h"

namespace objectos {

namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool begins_name(char c) {
  return (lower(c) >= 'a' && lower(c) <= 'z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

bool continues_name(char c) {
  return begins_name(c) || is_digit(c);
}

struct Token {
  enum class Kind { word, quoted_name, text, number, variable, symbol, end };
  Kind kind = Kind::end;
  std::string text;  // words folded to lower case; texts and names without quotes
  std::size_t at = 0;
};

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  Token next() {
    while (at_ < source_.size() && std::string_view(" \t\r\n").find(source_[at_]) != npos) ++at_;
    Token token;
    token.at = at_;
    if (at_ == source_.size()) return token;
    const char c = source_[at_];
    if (c == '\'' || c == '"') {
      token.kind = c == '"' ? Token::Kind::quoted_name : Token::Kind::text;
      token.text = quoted(c);
    } else if (c == '$') {
      ++at_;
      token.kind = Token::Kind::variable;
      token.text = name();
    } else if (begins_name(c)) {
      token.kind = Token::Kind::word;
      for (const char letter : name()) token.text += lower(letter);
    } else if (is_digit(c) || c == '-' || c == '+' || c == '.') {
      token.kind = Token::Kind::number;
      token.text = number();
    } else {
      token.kind = Token::Kind::symbol;
      token.text = symbol();
    }
    return token;
  }

  [[noreturn]] void fail(std::size_t at, const std::string& problem) const {
    detail::refuse_filter("the filter cannot be read",
                          "At character " + std::to_string(at + 1) + ": " + problem);
  }

 private:
  static constexpr std::size_t npos = std::string_view::npos;

  std::string quoted(char quote) {
    const std::size_t begin = at_++;
    std::string text;
    for (; at_ < source_.size(); ++at_) {
      if (source_[at_] == quote) {
        if (at_ + 1 >= source_.size() || source_[at_ + 1] != quote) {
          ++at_;
          return text;
        }
        ++at_;
      }
      text += source_[at_];
    }
    fail(begin, "a quote that is not closed");
  }

  std::string name() {
    const std::size_t begin = at_;
    while (at_ < source_.size() && continues_name(source_[at_])) ++at_;
    return std::string(source_.substr(begin, at_ - begin));
  }

  std::string number() {
    const std::size_t begin = at_;
    if (source_[at_] == '+' || source_[at_] == '-') ++at_;
    std::size_t digits = 0;
    const auto take_digits = [&] {
      for (; at_ < source_.size() && is_digit(source_[at_]); ++at_) ++digits;
    };
    take_digits();
    if (at_ < source_.size() && source_[at_] == '.') {
      ++at_;
      take_digits();
    }
    if (digits > 0 && at_ < source_.size() && lower(source_[at_]) == 'e') {
      ++at_;
      if (at_ < source_.size() && (source_[at_] == '+' || source_[at_] == '-')) ++at_;
      digits = 0;
      take_digits();
    }
    if (digits == 0 || (at_ < source_.size() && begins_name(source_[at_]))) {
      fail(begin, "not a number");
    }
    return std::string(source_.substr(begin, at_ - begin));
  }

  std::string symbol() {
    for (const std::string_view two : {"<>", "<=", ">=", "!="}) {
      if (source_.substr(at_, 2) != two) continue;
      at_ += 2;
      return std::string(two);
    }
    const char c = source_[at_++];
    if (std::string_view("=<>(),").find(c) == npos) {
      fail(at_ - 1, std::string("\"") + c + "\" has no place in a filter");
    }
    return std::string(1, c);
  }

  std::string_view source_;
  std::size_t at_ = 0;
};

class Parser {
 public:
  explicit Parser(std::string_view source) : lexer_(source), token_(lexer_.next()) {}

  Filter whole() {
    Filter filter = any(0);
    if (token_.kind != Token::Kind::end) fail("AND, OR or the end was expected");
    return filter;
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const { lexer_.fail(token_.at, problem); }

  Token take() {
    Token taken = std::move(token_);
    token_ = lexer_.next();
    return taken;
  }
  bool at_word(std::string_view word) const {
    return token_.kind == Token::Kind::word && token_.text == word;
  }
  bool at_symbol(std::string_view symbol) const {
    return token_.kind == Token::Kind::symbol && token_.text == symbol;
  }
  bool take_word(std::string_view word) {
    if (!at_word(word)) return false;
    take();
    return true;
  }
  void expect(std::string_view symbol) {
    if (!at_symbol(symbol)) fail("\"" + std::string(symbol) + "\" was expected");
    take();
  }
  void count_term() {
    if (++terms_ > limits::filter_terms_max) detail::refuse_terms();
  }

  template <typename Part>
  Filter joined(Filter::Kind kind, std::string_view word, const Part& part) {
    Filter first = part();
    if (!at_word(word)) return first;
    Filter all;
    all.kind = kind;
    all.parts.push_back(std::move(first));
    while (take_word(word)) all.parts.push_back(part());
    return all;
  }
  Filter any(int depth) {
    return joined(Filter::Kind::any_of, "or", [&] { return all(depth); });
  }
  Filter all(int depth) {
    return joined(Filter::Kind::all_of, "and", [&] { return one(depth); });
  }
  Filter one(int depth) {
    if (!at_symbol("(")) return test();
    if (depth == limits::filter_depth_max) {
      detail::refuse_filter(
          "the filter is nested too deep",
          "More than " + std::to_string(limits::filter_depth_max) + " parentheses are open.",
          "Leave out those that are not needed.");
    }
    take();
    Filter inner = any(depth + 1);
    expect(")");
    return inner;
  }

  Filter test() {
    count_term();
    Filter test;
    static constexpr std::array<std::string_view, 8> reserved = {"and", "or",   "in",   "is",
                                                                 "not", "null", "true", "false"};
    const bool is_word = token_.kind == Token::Kind::word;
    if (!is_word && token_.kind != Token::Kind::quoted_name) fail("a column was expected");
    for (const std::string_view word : reserved) {
      if (at_word(word)) {
        fail("a column was expected, not the word " + token_.text +
             "; a column of that name stands in double quotes");
      }
    }
    test.column = take().text;
    if (test.column.empty()) fail("a column's name is empty");
    if (take_word("is")) {
      test.comparison = take_word("not") ? Comparison::is_not_null : Comparison::is_null;
      if (!take_word("null")) fail("NULL was expected");
    } else if (take_word("in")) {
      expect("(");
      test.values.push_back(value());
      while (at_symbol(",")) {
        take();
        test.values.push_back(value());
      }
      expect(")");
    } else {
      test.comparison = comparison();
      test.values.push_back(value());
    }
    return test;
  }

  Comparison comparison() {
    static constexpr std::array<std::pair<std::string_view, Comparison>, 7> known = {{
        {"=", Comparison::equal},
        {"<>", Comparison::not_equal},
        {"!=", Comparison::not_equal},
        {"<", Comparison::less},
        {"<=", Comparison::less_or_equal},
        {">", Comparison::greater},
        {">=", Comparison::greater_or_equal},
    }};
    for (const auto& [text, comparison] : known) {
      if (!at_symbol(text)) continue;
      take();
      return comparison;
    }
    fail("=, <>, <, <=, >, >=, IN or IS was expected");
  }

  FilterValue value() {
    count_term();
    FilterValue value;
    switch (token_.kind) {
      case Token::Kind::text:
      case Token::Kind::number:
        value.text = take().text;
        return value;
      case Token::Kind::variable:
        detail::require_known_variable(token_.text);
        value.is_variable = true;
        value.text = take().text;
        return value;
      case Token::Kind::word:
        if (at_word("true") || at_word("false")) {
          value.text = take().text;
          return value;
        }
        if (at_word("null")) fail("a comparison with NULL never holds; write IS NULL");
        fail("a value was expected, not a column; a text stands in single quotes");
      default:
        fail("a value was expected");
    }
  }

  Lexer lexer_;
  Token token_;
  std::size_t terms_ = 0;
};

void add_quoted(std::string& out, std::string_view text, char quote) {
  out += quote;
  for (const char c : text) {
    if (c == quote) out += quote;
    out += c;
  }
  out += quote;
}

void add_value(std::string& out, const FilterValue& value) {
  if (value.is_variable) {
    out += '$' + value.text;
  } else {
    add_quoted(out, value.text, '\'');
  }
}

void add_test(std::string& out, const Filter& test) {
  static constexpr std::array<const char*, 8> signs = {
      " = ", " <> ", " < ", " <= ", " > ", " >= ", " IS NULL", " IS NOT NULL"};
  add_quoted(out, test.column, '"');
  if (test.comparison == Comparison::equal && test.values.size() > 1) {
    out += " IN (";
    for (std::size_t i = 0; i < test.values.size(); ++i) {
      if (i > 0) out += ", ";
      add_value(out, test.values[i]);
    }
    out += ')';
    return;
  }
  out += signs[static_cast<std::size_t>(test.comparison)];
  for (const FilterValue& value : test.values) add_value(out, value);
}

void add_filter(std::string& out, const Filter& filter, bool nested) {
  if (filter.kind == Filter::Kind::test) {
    add_test(out, filter);
    return;
  }
  if (nested) out += '(';
  for (std::size_t i = 0; i < filter.parts.size(); ++i) {
    if (i > 0) out += filter.kind == Filter::Kind::all_of ? " AND " : " OR ";
    add_filter(out, filter.parts[i], true);
  }
  if (nested) out += ')';
}

void collect_columns(const Filter& filter, std::set<std::string>& columns) {
  if (filter.kind == Filter::Kind::test) columns.insert(filter.column);
  for (const Filter& part : filter.parts) collect_columns(part, columns);
}

}  // namespace

namespace detail {

void refuse_filter(std::string message, std::string detail, std::string hint) {
  throw ProtocolError(ErrorCode::invalid_subscription, std::move(message), std::move(detail),
                      std::move(hint));
}

void refuse_terms() {
  refuse_filter(
      "the filter is too large",
      "It has more than " + std::to_string(limits::filter_terms_max) + " tests and values.",
      "Put what is common to the records into a column, and filter on that.");
}

void require_known_variable(const std::string& name) {
  if (name == "user" || name == "client" || name == "device") return;
  refuse_filter("there is no variable $" + name, "Those that there are: $user, $client, $device.");
}

void require_short(std::size_t bytes, std::size_t most, const char* what) {
  if (bytes <= most) return;
  refuse_filter(std::string(what) + " is too long",
                "It has " + std::to_string(bytes) + " bytes; at most " + std::to_string(most) +
                    " are allowed.",
                "Put what is common to the records into a column, and filter on that.");
}

}  // namespace detail

Filter parse_filter(std::string_view expression) {
  detail::require_short(expression.size(), limits::filter_bytes_max, "the filter");
  return Parser(expression).whole();
}

std::string filter_text(const Filter& filter) {
  std::string text;
  add_filter(text, filter, false);
  return text;
}

std::set<std::string> filter_columns(const Filter& filter) {
  std::set<std::string> columns;
  collect_columns(filter, columns);
  return columns;
}

}  // namespace objectos
