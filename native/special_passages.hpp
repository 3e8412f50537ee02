// Values that pass through a container, each put once; see special/_passages.py, bags.py and queues.py.
#pragma once

#include <numeric>
#include <queue>
#include <set>
#include <variant>

#include "special.hpp"

namespace special {

// Numbers in the order of what they are mapped to; those mapped to the same stay in their order.
inline void sort_by(Numbers& numbers, const std::vector<Place>& key) {
  std::stable_sort(numbers.begin(), numbers.end(), [&](auto one, auto other) { return key[one] < key[other]; });
}

inline Numbers sorted_by(std::size_t size, const std::vector<Place>& key) {
  Numbers numbers(size);
  std::iota(numbers.begin(), numbers.end(), 0);
  sort_by(numbers, key);
  return numbers;
}

inline bool distinct(const Intervals& known) {
  std::vector<bool> put;
  for (std::int32_t one = 0; one < known.size(); one++) {
    if (known.roles[one] != Role::PUT) continue;
    auto value = static_cast<std::size_t>(known.values[one]);
    if (value >= put.size()) put.resize(std::max(value + 1, 2 * put.size()));
    if (put[value]) return false;
    put[value] = true;
  }
  return true;
}

using Moments = std::vector<std::pair<Place, std::int32_t>>;  // and the get that found nothing

struct Passages {  // by value, in the order of the puts' calls
  Numbers put, get;
  std::vector<Place> put_called, put_ended, get_called, get_ended;
  Numbers lost, empty, own;

  void add(std::int32_t one, std::int32_t other, Place called, Place ended, Place taken, Place gone) {
    put.push_back(one);
    get.push_back(other);
    put_called.push_back(called);
    put_ended.push_back(ended);
    get_called.push_back(taken);
    get_ended.push_back(gone);
  }
  std::int32_t size() const { return static_cast<std::int32_t>(put.size()); }

  Numbers left() const {
    Numbers values;
    for (std::int32_t value = 0; value < size(); value++)
      if (get[value] == NOBODY) values.push_back(value);
    sort_by(values, put_ended);
    return values;
  }
  void account(const Intervals& known, const Numbers& values) {
    for (std::size_t at = 0; at < std::min(values.size(), lost.size()); at++) {
      get[values[at]] = lost[at];
      get_called[values[at]] = known.calls[lost[at]];
      get_ended[values[at]] = NEVER;
    }
  }

  // As if gets that need not have happened had not, and all that is left were gone since.
  Passages without_own(Place since = NEVER) const {
    auto some = *this;
    for (auto value : own) {
      some.get[value] = NOBODY;
      some.get_called[value] = since < NEVER ? std::min(since, get_called[value]) : NEVER;
    }
    for (auto value : left()) some.get_called[value] = since;
    some.own.clear();
    return some;
  }

  std::variant<Moments, Finding> moments(const Intervals& known) const {
    if (empty.empty()) return Moments{};
    Place last = known.calls.back();
    for (auto one : empty) last = std::max(last, known.returns[one]);
    auto end = last + 2;
    std::vector<std::int32_t> free(end + 1, 0);
    for (std::int32_t value = 0; value < size(); value++)
      if (put_ended[value] < get_called[value] && put_ended[value] < end) {
        free[put_ended[value]]++;
        free[std::min(get_called[value], end)]--;
      }
    std::partial_sum(free.begin(), free.end(), free.begin());
    free[end] = end;
    for (auto at = end - 1; at >= 0; at--) free[at] = free[at] ? free[at + 1] : at;
    Moments found;
    for (auto one : empty) {
      auto at = free[known.calls[one]];
      if (at >= known.returns[one]) return contradiction(chain(one, known), known.returns[one]);
      found.emplace_back(at, one);
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  Numbers operations(Numbers values, Place event, const Intervals& known) const {
    std::set<std::int32_t> all;
    for (auto value : values)
      if (get[value] != NOBODY) all.insert(get[value]);
    Place last = -1;
    for (auto value : values)
      if (get_ended[value] >= NEVER) last = std::max(last, put_ended[value]);
    if (!lost.empty() && last >= 0) {
      for (std::int32_t one = 0; one < size(); one++)
        if (get_ended[one] >= NEVER && put_ended[one] <= last) values.push_back(one);
      for (auto one : lost)
        if (known.calls[one] < event) all.insert(one);
    }
    for (auto value : values) all.insert(put[value]);
    return {all.begin(), all.end()};
  }

  std::vector<Numbers> split(const Moments& moments) const {
    std::vector<Place> at;
    for (auto& [moment, one] : moments)
      if (at.empty() || at.back() != moment) at.push_back(moment);
    std::vector<Numbers> parts(at.size() + 1);
    for (std::int32_t value = 0; value < size(); value++) {
      auto ends = std::min(put_ended[value], get_ended[value]);
      parts[std::lower_bound(at.begin(), at.end(), ends) - at.begin()].push_back(value);
    }
    return parts;
  }

 private:
  Numbers chain(std::int32_t one, const Intervals& known) const {
    auto at = known.calls[one], end = known.returns[one];
    auto by_end = sorted_by(put.size(), put_ended);
    Numbers links;
    std::size_t ahead = 0;
    auto longest = NOBODY;
    while (at < end) {
      for (; ahead < by_end.size() && put_ended[by_end[ahead]] <= at; ahead++)
        if (longest == NOBODY || get_called[by_end[ahead]] > get_called[longest]) longest = by_end[ahead];
      links.push_back(longest);
      at = get_called[longest];
    }
    auto all = operations(links, end, known);
    all.insert(all.begin(), one);
    return all;
  }
};

inline std::variant<Passages, Finding> passages(const Intervals& known) {
  Passages found;
  std::int64_t highest = -1;
  for (auto value : known.values) highest = std::max(highest, value);
  Numbers got(highest + 1, NOBODY), puts(highest + 1, NOBODY), open(highest + 1, NOBODY);
  for (std::int32_t one = 0; one < known.size(); one++) {
    auto value = known.values[one];
    if (known.roles[one] == Role::PUT)
      puts[value] = one;
    else if (known.roles[one] == Role::EMPTY) {
      if (known.returns[one] != NEVER) found.empty.push_back(one);
    } else if (value == NOBODY)
      found.lost.push_back(one);
    else if (known.returns[one] == NEVER) {
      if (open[value] == NOBODY) open[value] = one;
    } else if (got[value] != NOBODY)
      return contradiction(puts[value] != NOBODY ? Numbers{puts[value], got[value], one} : Numbers{one});
    else
      got[value] = one;
  }
  for (std::int32_t put = 0; put < known.size(); put++) {
    if (known.roles[put] != Role::PUT) continue;
    auto get = std::exchange(got[known.values[put]], NOBODY);
    auto called = known.calls[put], ended = known.returns[put];
    if (get == NOBODY && ended != NEVER) get = open[known.values[put]];
    if (get == NOBODY) {
      if (ended != NEVER) found.add(put, get, called, ended, NEVER, NEVER + 1);
      continue;
    }
    if (known.returns[get] < called) return contradiction({put, get}, known.returns[get]);
    if (known.returns[get] == NEVER) found.own.push_back(found.size());
    found.add(put, get, called, ended, known.calls[get], known.returns[get] == NEVER ? NEVER + 1 : known.returns[get]);
  }
  auto stray = NOBODY;
  for (auto one : got)
    if (one != NOBODY && (stray == NOBODY || one < stray)) stray = one;
  if (stray != NOBODY) return contradiction({stray});
  return found;
}

// Give parts to be ordered, and after each but the last the gets that found nothing there.
template <class Order>
Finding part_by_part(const Passages& through, const Intervals& known, Order order) {
  auto found = through.moments(known);
  if (auto* against = std::get_if<Finding>(&found)) return *against;
  auto& moments = std::get<Moments>(found);
  auto at = moments.begin();
  for (auto& part : through.split(moments)) {
    Numbers empties;
    for (auto first = at; at != moments.end() && at->first == first->first; at++) empties.push_back(at->second);
    if (auto against = order(part, empties)) return *against;
  }
  return explained({});
}

// Find an order with gets given to values, or a contradiction whatever they are given to.
template <class Order, class Wanting>
std::optional<Finding> ordered(const Intervals& known, Order order, Wanting wanting, bool exact) {
  auto found = passages(known);
  if (auto* against = std::get_if<Finding>(&found)) return *against;
  auto& through = std::get<Passages>(found);
  std::optional<Finding> last;
  for (int way = 0; way < (through.own.empty() || through.lost.empty() ? 1 : 2); way++) {
    auto given = way ? through.without_own() : through;
    given.account(known, wanting(given, known));
    last = order(given, known);
    if (!last->explained) continue;
    auto& all = last->operations;  // what need not have happened at the end is left out
    while (!all.empty() && known.returns[all.back()] == NEVER) all.pop_back();
    return last;
  }
  if (through.lost.empty() || (exact && through.own.empty())) return last;
  last = order(through.without_own(known.calls[through.lost.front()]), known);
  return last->explained ? std::nullopt : last;
}

inline Numbers by_put(const Passages& through, const Intervals&) { return through.left(); }

namespace detail {

inline Finding bag_order(const Passages& through, const Intervals& known) {
  Numbers order;
  std::vector<std::pair<std::int64_t, std::int32_t>> turns;  // twice the moment, and 1 for a get
  auto done = part_by_part(through, known, [&](const Numbers& part, const Numbers& empties) -> std::optional<Finding> {
    turns.clear();
    for (auto value : part) {
      std::int64_t put = through.put_called[value], get = std::max(put, std::int64_t{through.get_called[value]});
      turns.emplace_back(2 * put, through.put[value]);
      if (through.get[value] != NOBODY) turns.emplace_back(2 * get + 1, through.get[value]);
    }
    std::sort(turns.begin(), turns.end());
    for (auto& [moment, one] : turns) order.push_back(one);
    order.insert(order.end(), empties.begin(), empties.end());
    return {};
  });
  return done.explained ? explained(std::move(order)) : done;
}

// Values, given by the calls of their puts, in the order of the queue; fewer if there is none.
inline Numbers in_turn(const Passages& through, const Numbers& values) {
  auto by_put = values, by_get = values;
  sort_by(by_put, through.put_ended);
  sort_by(by_get, through.get_ended);
  std::vector<bool> gone(through.put.size());
  std::size_t put_ahead = 0, get_ahead = 0, called = 0;
  using Ready = std::pair<Place, std::int32_t>;
  std::priority_queue<Ready, std::vector<Ready>, std::greater<>> ready;
  Numbers order;
  while (order.size() < values.size()) {
    while (gone[by_put[put_ahead]]) put_ahead++;
    while (gone[by_get[get_ahead]]) get_ahead++;
    auto get_first = through.get_ended[by_get[get_ahead]];
    auto first = std::min(through.put_ended[by_put[put_ahead]], get_first);
    for (; called < values.size() && through.put_called[values[called]] < first; called++)
      ready.emplace(through.get_called[values[called]], values[called]);
    if (ready.empty() || ready.top().first >= get_first) break;
    auto value = ready.top().second;
    ready.pop();
    gone[value] = true;
    order.push_back(value);
  }
  return order;
}

// Merge the puts and the gets, both in the order of the values, each as early as can be.
inline void merge(const Passages& through, const Numbers& values, Numbers& order) {
  std::size_t behind = 0;
  Place latest = 0;
  std::vector<Place> waits;
  for (auto value : values) {
    latest = std::max(latest, through.put_called[value]);
    for (; behind < waits.size() && waits[behind] < latest; behind++) order.push_back(through.get[values[behind]]);
    order.push_back(through.put[value]);
    waits.push_back(std::max({latest, through.get_called[value], waits.empty() ? 0 : waits.back()}));
  }
  for (; behind < values.size(); behind++)
    if (through.get[values[behind]] != NOBODY) order.push_back(through.get[values[behind]]);
}

// Two values of which the first was put before the second and got after it; the first to show.
inline Finding crossing(const Passages& through, const Intervals& known) {
  auto by_put = sorted_by(through.put.size(), through.put_ended);
  std::size_t ahead = 0;
  auto latest = NOBODY;
  Place first = NEVER;
  Numbers pair;
  for (std::int32_t value = 0; value < through.size(); value++) {
    for (; through.put_ended[by_put[ahead]] < through.put_called[value]; ahead++)
      if (latest == NOBODY || through.get_called[by_put[ahead]] > through.get_called[latest]) latest = by_put[ahead];
    auto ended = through.get_ended[value];
    if (latest != NOBODY && ended < std::min(first, through.get_called[latest])) {
      first = ended;
      pair = {latest, value};
    }
  }
  return contradiction(through.operations(pair, first, known), first);
}

inline Finding queue_order(const Passages& through, const Intervals& known) {
  Numbers order;
  auto done = part_by_part(through, known, [&](const Numbers& part, const Numbers& empties) -> std::optional<Finding> {
    auto values = detail::in_turn(through, part);
    if (values.size() < part.size()) return detail::crossing(through, known);
    detail::merge(through, values, order);
    order.insert(order.end(), empties.begin(), empties.end());
    return {};
  });
  return done.explained ? explained(std::move(order)) : done;
}

}  // namespace detail

inline std::optional<Finding> bag(const Intervals& known) { return ordered(known, detail::bag_order, by_put, true); }
inline std::optional<Finding> queue(const Intervals& known) { return ordered(known, detail::queue_order, by_put, true); }

}  // namespace special
