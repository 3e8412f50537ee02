// Stacks into which no value is put twice; see special/stacks.py.
#pragma once

#include <array>

#include "special_passages.hpp"

namespace special {
namespace detail {

constexpr std::int32_t NO = -1;

// Sorted numbers in lines, each a circle through a number beyond all; any can be taken out.
struct Lines {
  Numbers after, before;

  explicit Lines(std::size_t size) : after(size, NO), before(size, NO) {}

  std::int32_t line(Numbers& numbers) {
    auto end = static_cast<std::int32_t>(after.size());
    after.push_back(end);
    before.push_back(end);
    std::sort(numbers.begin(), numbers.end());
    auto last = end;
    numbers.push_back(end);
    for (auto one : numbers) {
      after[last] = one;
      before[one] = last;
      last = one;
    }
    return end;
  }
  void take(std::int32_t one) {
    after[before[one]] = after[one];
    before[after[one]] = before[one];
  }
};

// Takes values away; events are numbered in order, calls at the very end before returns there.
class StackOrder {
 public:
  explicit StackOrder(const Passages& through)
      : events_(4 * through.put.size()), stays_(4 * through.put.size()), through_(through), of_(4 * through.put.size()) {
    auto count = through.put.size();
    std::vector<Place> places;
    places.reserve(4 * count);
    for (auto end : through.put_ended) places.push_back(end < NEVER ? end : NEVER + 1);
    places.insert(places.begin(), through.put_called.begin(), through.put_called.end());
    places.insert(places.end(), through.get_called.begin(), through.get_called.end());
    places.insert(places.end(), through.get_ended.begin(), through.get_ended.end());
    auto ranked = sorted_by(places.size(), places);
    Numbers number(places.size());
    for (std::size_t rank = 0; rank < ranked.size(); rank++) {
      number[ranked[rank]] = static_cast<std::int32_t>(rank);
      of_[rank] = static_cast<std::int32_t>(ranked[rank] % count);
    }
    for (int side = 0; side < 4; side++) {
      auto begin = number.begin() + static_cast<std::ptrdiff_t>(side * count);
      sides_[side].assign(begin, begin + static_cast<std::ptrdiff_t>(count));
    }
  }

  // Add values after those added before, and gets that find nothing after these.
  void part(const Numbers& values, const Numbers& empties) {
    auto left = last_;
    auto right = last_ = place(NOBODY, left);
    todo_.push_back(component(values, left, right));
    for (auto one : empties) last_ = place(one, last_);
  }

  // Take everything away; what is left has no order.
  Numbers conquer() {
    while (!todo_.empty()) {
      auto some = todo_.back();
      todo_.pop_back();
      while (events_.after[some.returns] != some.returns) {
        if (auto value = bottom(some); value != NO) {
          take(value);
          some.left = place(through_.put[value], some.left);
          some.right = place(through_.get[value], some.left);
          continue;
        }
        auto at = moment(some);
        if (at == NO) return upto(some, some.returns - 1);
        divide(some, at);
      }
    }
    return {};
  }

  Numbers order() const {
    Numbers all;
    for (std::int32_t at = 0; at != NO; at = next_[at])
      if (operations_[at] != NOBODY) all.push_back(operations_[at]);
    return all;
  }

 private:
  enum Side { PUT_CALLED, PUT_ENDED, GET_CALLED, GET_ENDED };

  struct Component {  // lines, and the places in the order between which its values go
    std::int32_t calls, returns, stays, left, right;
  };

  std::int32_t place(std::int32_t operation, std::int32_t left) {
    operations_.push_back(operation);
    next_.push_back(next_[left]);
    return next_[left] = static_cast<std::int32_t>(next_.size()) - 1;
  }
  bool sure(std::int32_t value) const { return sides_[PUT_ENDED][value] < sides_[GET_CALLED][value]; }

  Component component(const Numbers& values, std::int32_t left, std::int32_t right) {
    Numbers calls, returns, stays;
    for (auto value : values) {
      calls.insert(calls.end(), {sides_[PUT_CALLED][value], sides_[GET_CALLED][value]});
      returns.insert(returns.end(), {sides_[PUT_ENDED][value], sides_[GET_ENDED][value]});
      if (sure(value)) stays.insert(stays.end(), {sides_[PUT_ENDED][value], sides_[GET_CALLED][value]});
    }
    auto first = events_.line(calls), second = events_.line(returns);
    return {first, second, stays_.line(stays), left, right};
  }

  // A value whose push can be the first and whose pop can be the last.
  std::int32_t bottom(const Component& some) const {
    auto first_return = events_.after[some.returns], last_call = events_.before[some.calls];
    for (auto one = events_.after[some.calls]; one < first_return; one = events_.after[one])
      if (auto value = of_[one]; one == sides_[PUT_CALLED][value] && sides_[GET_ENDED][value] > last_call) return value;
    return NO;
  }

  void take(std::int32_t value) {
    for (auto& side : sides_) events_.take(side[value]);
    if (!sure(value)) return;
    stays_.take(sides_[PUT_ENDED][value]);
    stays_.take(sides_[GET_CALLED][value]);
  }

  // An event between the first return and the last call after which nothing is surely inside.
  std::int32_t moment(const Component& some) const {
    auto first_return = events_.after[some.returns], last_call = events_.before[some.calls];
    auto low = stays_.after[some.stays], high = stays_.before[some.stays];
    if (low > first_return) return first_return;
    if (high < last_call) return last_call - 1;
    for (int inside_low = 0, inside_high = 0; low != some.stays; low = stays_.after[low], high = stays_.before[high]) {
      inside_low += low == sides_[PUT_ENDED][of_[low]] ? 1 : -1;
      if (!inside_low && low < last_call) return low;
      inside_high += high == sides_[GET_CALLED][of_[high]] ? 1 : -1;
      if (!inside_high && high > first_return) return high - 1;
    }
    return NO;
  }

  // Set the smaller side of a moment aside; what can go to either side stays.
  void divide(Component& some, std::int32_t moment) {
    auto ended = events_.after[some.returns], called = events_.before[some.calls];
    while (ended <= moment && moment < called && called != some.calls) {
      ended = events_.after[ended];
      called = events_.before[called];
    }
    auto middle = place(NOBODY, some.left);
    bool early = ended > moment;
    auto side = early ? upto(some, moment) : from(some, moment);
    for (auto value : side) take(value);
    todo_.push_back(early ? component(side, some.left, middle) : component(side, middle, some.right));
    (early ? some.left : some.right) = middle;
  }

  // Values of the events of a walk, each once.
  Numbers upto(const Component& some, std::int32_t moment) {
    Numbers values;
    for (auto one = events_.after[some.returns]; one <= moment; one = events_.after[one]) values.push_back(of_[one]);
    return once(std::move(values));
  }
  Numbers from(const Component& some, std::int32_t moment) {
    Numbers values;
    for (auto one = events_.before[some.calls]; one > moment && one != some.calls; one = events_.before[one]) values.push_back(of_[one]);
    return once(std::move(values));
  }
  static Numbers once(Numbers values) {
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    return values;
  }

  Lines events_, stays_;
  const Passages& through_;
  Numbers of_;  // by event, the value
  std::array<Numbers, 4> sides_;
  std::vector<Component> todo_;
  Numbers operations_{NOBODY}, next_{NO};  // a chain of places
  std::int32_t last_ = 0;
};

inline Finding stack_order(const Passages& through, const Intervals& known) {
  StackOrder stack(through);
  auto done = part_by_part(through, known, [&](const Numbers& part, const Numbers& empties) -> std::optional<Finding> {
    stack.part(part, empties);
    return {};
  });
  if (!done.explained) return done;
  auto values = stack.conquer();
  if (values.empty()) return explained(stack.order());
  return contradiction(through.operations(values, NEVER, known));
}

// By when each of the values that nobody got has surely to be gone.
inline std::vector<Place> deadlines(const Passages& through, const Intervals& known) {
  std::vector<Place> until(through.put.size(), NEVER);
  auto by_put = sorted_by(through.put.size(), through.put_ended);
  auto size = static_cast<std::size_t>(known.calls.back()) + 2;
  std::vector<Place> soonest(size + 1, NEVER);  // ends of gets, by their calls backwards: a tree of minima
  std::size_t ahead = 0;
  for (std::int32_t value = 0; value < through.size(); value++) {
    for (; through.put_ended[by_put[ahead]] < through.put_called[value]; ahead++) {
      auto below = by_put[ahead];
      if (through.get[below] == NOBODY) continue;
      for (auto at = size - through.get_called[below]; at <= size; at += at & -at)
        soonest[at] = std::min(soonest[at], through.get_ended[below]);
    }
    if (through.get[value] != NOBODY || through.put_ended[value] >= static_cast<Place>(size)) continue;
    for (auto at = size - through.put_ended[value]; at; at -= at & -at) until[value] = std::min(until[value], soonest[at]);
  }
  auto empty = through.empty;
  std::sort(empty.begin(), empty.end(), std::greater<>());
  std::vector<std::pair<Place, Place>> first;  // by calls backwards: the soonest end from there on
  for (auto one : empty) first.emplace_back(known.calls[one], std::min(known.returns[one], first.empty() ? NEVER : first.back().second));
  for (std::int32_t value = 0; value < through.size(); value++) {
    if (through.get[value] != NOBODY) continue;
    auto after = std::partition_point(first.begin(), first.end(), [&](auto& one) { return one.first > through.put_ended[value]; });
    if (after != first.begin()) until[value] = std::min(until[value], std::prev(after)->second);
  }
  return until;
}

inline Numbers by_deadline(const Passages& through, const Intervals& known) {
  auto values = through.left();
  if (!values.empty() && !through.lost.empty()) sort_by(values, deadlines(through, known));
  return values;
}

}  // namespace detail

inline std::optional<Finding> stack(const Intervals& known) {
  return ordered(known, detail::stack_order, detail::by_deadline, false);
}

}  // namespace special
