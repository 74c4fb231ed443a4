#include "protocol/decimal.h"

#include <algorithm>

namespace objectos {

namespace {

struct Decimal {
  bool negative = false;
  std::string digits;  // of the value times 10^scale, the highest first, without leading zeros
  std::size_t scale = 0;
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

void drop_leading_zeros(std::string& digits) {
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
}

std::optional<Decimal> parse(std::string_view text) {
  Decimal value;
  if (!text.empty() && text.front() == '-') {
    value.negative = true;
    text.remove_prefix(1);
  }
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction =
      point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
  if (whole.empty() || (point != std::string_view::npos && fraction.empty())) return std::nullopt;
  value.digits.append(whole).append(fraction);
  if (!std::all_of(value.digits.begin(), value.digits.end(), is_digit)) return std::nullopt;
  value.scale = fraction.size();
  drop_leading_zeros(value.digits);
  return value;
}

void align(Decimal& a, Decimal& b) {
  const std::size_t scale = std::max(a.scale, b.scale);
  for (Decimal* value : {&a, &b}) {
    if (!value->digits.empty()) value->digits.append(scale - value->scale, '0');
    value->scale = scale;
  }
}

// Of digits without leading zeros.
int compare_digits(const std::string& a, const std::string& b) {
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return a.compare(b);
}

std::string add_digits(const std::string& a, const std::string& b) {
  std::string sum;
  int carry = 0;
  for (std::size_t i = 0; i < std::max(a.size(), b.size()) || carry != 0; ++i) {
    if (i < a.size()) carry += a[a.size() - 1 - i] - '0';
    if (i < b.size()) carry += b[b.size() - 1 - i] - '0';
    sum += static_cast<char>('0' + carry % 10);
    carry /= 10;
  }
  std::reverse(sum.begin(), sum.end());
  return sum;
}

// a - b, where a is not the smaller one.
std::string subtract_digits(const std::string& a, const std::string& b) {
  std::string rest;
  int borrow = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    int digit = a[a.size() - 1 - i] - '0' - borrow;
    if (i < b.size()) digit -= b[b.size() - 1 - i] - '0';
    borrow = digit < 0 ? 1 : 0;
    rest += static_cast<char>('0' + digit + 10 * borrow);
  }
  std::reverse(rest.begin(), rest.end());
  drop_leading_zeros(rest);
  return rest;
}

std::string text_of(const Decimal& value) {
  std::string digits = value.digits;
  if (digits.size() <= value.scale) digits.insert(0, value.scale + 1 - digits.size(), '0');
  if (value.scale > 0) digits.insert(digits.end() - static_cast<long>(value.scale), '.');
  if (value.negative && !value.digits.empty()) digits.insert(digits.begin(), '-');
  return digits;
}

std::string sum_of(Decimal a, Decimal b) {
  align(a, b);
  Decimal sum;
  sum.scale = a.scale;
  if (a.negative == b.negative) {
    sum.negative = a.negative;
    sum.digits = add_digits(a.digits, b.digits);
  } else {
    const bool a_larger = compare_digits(a.digits, b.digits) >= 0;
    sum.negative = a_larger ? a.negative : b.negative;
    sum.digits =
        a_larger ? subtract_digits(a.digits, b.digits) : subtract_digits(b.digits, a.digits);
  }
  return text_of(sum);
}

}  // namespace

std::optional<std::string> decimal_sum(std::string_view a, std::string_view b) {
  const std::optional<Decimal> left = parse(a), right = parse(b);
  if (!left || !right) return std::nullopt;
  return sum_of(*left, *right);
}

std::optional<std::string> decimal_difference(std::string_view a, std::string_view b) {
  const std::optional<Decimal> left = parse(a);
  std::optional<Decimal> right = parse(b);
  if (!left || !right) return std::nullopt;
  right->negative = !right->negative;
  return sum_of(*left, *right);
}

std::optional<int> decimal_compare(std::string_view a, std::string_view b) {
  const std::optional<std::string> rest = decimal_difference(a, b);
  if (!rest) return std::nullopt;
  if (rest->front() == '-') return -1;
  return rest->find_first_not_of("0.") == std::string::npos ? 0 : 1;
}

}  // namespace objectos
