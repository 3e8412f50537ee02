// Histories that need no search, as special/_intervals.py tells them: operations between call and return.
//
// A case is a function of intervals alone. It answers with an order that explains them, or with operations that
// contradict each other. Each is the same algorithm as in Python, where it is shown to be exact.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

namespace special {

using Place = std::int32_t;     // of an event
using Numbers = std::vector<std::int32_t>;
constexpr Place NEVER = INT32_MAX - 1;
constexpr std::int32_t NOBODY = -1;

enum class Role : std::uint8_t { PUT, GET, EMPTY };

// Operations in the order of their calls. Values are numbers; what a set's read found is the number of a list.
struct Intervals {
  std::vector<Role> roles;
  std::vector<std::int64_t> values;
  std::vector<Place> calls, returns;

  std::int32_t size() const { return static_cast<std::int32_t>(calls.size()); }
  void add(Role role, std::int64_t value, Place call, Place end) {
    roles.push_back(role);
    values.push_back(value);
    calls.push_back(call);
    returns.push_back(end);
  }
  Intervals before(Place event) const {  // what had not returned by then need not have happened
    Intervals some;
    for (std::int32_t one = 0; one < size() && calls[one] < event; one++)
      some.add(roles[one], values[one], calls[one], returns[one] < event ? returns[one] : NEVER);
    return some;
  }
  Intervals only(const Numbers& operations) const {
    Intervals some;
    for (auto one : operations) some.add(roles[one], values[one], calls[one], returns[one]);
    return some;
  }
  Place last_return(const Numbers& operations) const {
    Place last = -1;
    for (auto one : operations)
      if (returns[one] != NEVER) last = std::max(last, returns[one]);
    return last;
  }
};

struct Finding {
  bool explained;
  Numbers operations;  // in an order that explains all that returned; else they contradict each other
  Place by = NEVER;    // that far already
};

inline Finding explained(Numbers order) { return {true, std::move(order), NEVER}; }
inline Finding contradiction(Numbers operations, Place by = NEVER) { return {false, std::move(operations), by}; }

using Case = std::function<std::optional<Finding>(const Intervals&)>;  // nothing: it cannot tell

struct Settled {  // operations are named by the places of their calls
  bool valid;
  Place event;
  bool exact;
  Numbers order, culprits;
};

std::optional<Settled> settle(const Case& judge, const Intervals& known);

namespace detail {

inline Numbers called(const Intervals& known, const Numbers& operations) {
  Numbers places;
  for (auto one : operations) places.push_back(known.calls[one]);
  return places;
}

inline Place guessed_end(const Case& judge, const Intervals& known, const Finding& found) {
  constexpr std::size_t FEW = 4;
  auto few = found.operations;
  std::sort(few.begin(), few.end());
  if (found.by == NEVER && FEW * few.size() < known.calls.size())
    if (auto alone = settle(judge, known.only(few))) return alone->event;
  return std::min(found.by, known.last_return(few));
}

}  // namespace detail

// Judge intervals, and look for the first return that cannot be explained.
inline std::optional<Settled> settle(const Case& judge, const Intervals& all) {
  auto found = judge(all);
  if (!found) return {};
  if (found->explained) return Settled{true, NEVER, true, detail::called(all, found->operations), {}};
  Intervals here = all;
  Settled told{false, 0, false, {}, {}};
  Place good = 0, bad = 0;
  for (auto end : all.returns)
    if (end != NEVER) bad = std::max(bad, end + 1);
  for (int guesses = 2;; guesses--) {
    Place at = good;
    if (found && !found->explained) {
      told.culprits = detail::called(here, found->operations);
      auto end = 1 + detail::guessed_end(judge, here, *found);
      at = good < end && end < bad ? end : bad - 1;
    }
    if (guesses < 1 || at <= good) at = (good + bad) / 2;
    if (at <= good) break;
    here = all.before(at);
    found = judge(here);
    if (found && !found->explained) {
      bad = at;
      continue;
    }
    good = at;
    told.exact = found.has_value();
    told.order = found ? detail::called(here, found->operations) : Numbers{};
  }
  told.event = bad - 1;
  return told;
}

}  // namespace special
