// Registers, sets and counters; see special/registers.py, sets.py and counters.py.
#pragma once

#include <map>

#include "special_passages.hpp"

namespace special {

// A register that begins with a value; none is written twice, nor this one.
inline std::optional<Finding> reg(const Intervals& known, std::int64_t initial) {
  auto highest = initial;
  for (auto value : known.values) highest = std::max(highest, value);
  struct Cluster {  // a value's operations: its write, and the first to return and the last to be called of all
    std::int32_t write = NOBODY, first = NOBODY, last = NOBODY;
    bool any = false;
  };
  constexpr std::int32_t AT_FIRST = -2;
  std::vector<Cluster> clusters(highest + 1);
  for (std::int32_t one = 0; one < known.size(); one++)
    if (known.roles[one] == Role::PUT) clusters[known.values[one]] = {one, one, one, true};
  clusters[initial].write = AT_FIRST;
  Numbers reads;
  for (std::int32_t one = 0; one < known.size(); one++) {
    if (known.roles[one] == Role::PUT || known.returns[one] == NEVER) continue;
    auto& [write, first, last, any] = clusters[known.values[one]];
    if (write == NOBODY) return contradiction({one});
    if (write != AT_FIRST && known.returns[one] < known.calls[write]) return contradiction({write, one}, known.returns[one]);
    if (!any || known.returns[one] < known.returns[first]) first = one;
    if (!any || known.calls[one] > known.calls[last]) last = one;
    any = true;
    reads.push_back(one);
  }
  struct Zone {
    Place begins, ends;
    std::int64_t value;
    bool operator<(const Zone& other) const { return begins < other.begins; }
  };
  std::vector<Zone> forward, backward;
  for (std::int64_t value = 0; value <= highest; value++) {
    auto& [write, first, last, any] = clusters[value];
    if (!any) continue;
    auto ends = write == AT_FIRST ? -1 : known.returns[first];
    if (ends == NEVER) continue;
    auto begins = known.calls[last];
    if (ends < begins)
      forward.push_back({ends, begins, value});
    else
      backward.push_back({begins, ends, value});
  }
  std::sort(forward.begin(), forward.end());
  std::sort(backward.begin(), backward.end());
  auto decisive = [&](const Zone& one, const Zone& other) {
    std::set<std::int32_t> all;
    for (auto* zone : {&one, &other}) {
      auto& [write, first, last, any] = clusters[zone->value];
      all.insert({first, last});
      if (write != AT_FIRST) all.insert(write);
    }
    return contradiction({all.begin(), all.end()});
  };
  for (std::size_t at = 1; at < forward.size(); at++)
    if (forward[at].begins < forward[at - 1].ends) return decisive(forward[at - 1], forward[at]);
  constexpr Place NOWHERE = -2;
  std::vector<Place> moments(highest + 1, NOWHERE);
  for (auto& zone : forward) moments[zone.value] = zone.begins;
  std::size_t ahead = 0;
  for (auto& [begins, ends, value] : backward) {
    while (ahead < forward.size() && forward[ahead].ends < begins) ahead++;
    moments[value] = begins;
    if (ahead == forward.size() || forward[ahead].begins >= begins) continue;
    moments[value] = forward[ahead].ends;
    if (ends < moments[value]) return decisive(forward[ahead], {begins, ends, value});
  }
  struct Turn {
    Place moment;
    std::int32_t write, one;  // reads after their write
    bool operator<(const Turn& other) const {
      return std::tie(moment, write, one) < std::tie(other.moment, other.write, other.one);
    }
  };
  std::vector<Turn> turns;
  for (auto& cluster : clusters)
    if (cluster.write >= 0 && moments[known.values[cluster.write]] != NOWHERE)
      turns.push_back({moments[known.values[cluster.write]], cluster.write, NOBODY});
  for (auto one : reads) turns.push_back({moments[known.values[one]], std::max(clusters[known.values[one]].write, NOBODY), one});
  std::sort(turns.begin(), turns.end());
  Numbers order;
  for (auto& [moment, write, one] : turns) order.push_back(one == NOBODY ? write : one);
  return explained(std::move(order));
}

// A counter to which always the same is added.
inline std::optional<Finding> counter(const Intervals& known, std::int64_t initial) {
  std::int64_t step = 1;
  Numbers events(known.size());
  for (std::int32_t one = 0; one < known.size(); one++) {
    events[one] = one;
    if (known.roles[one] == Role::PUT) step = known.values[one];
    if (known.returns[one] != NEVER) events.push_back(~one);
  }
  auto place = [&](std::int32_t event) { return event < 0 ? known.returns[~event] : known.calls[event]; };
  std::sort(events.begin(), events.end(), [&](auto one, auto other) { return place(one) < place(other); });
  using Open = std::pair<Place, std::int32_t>;
  std::priority_queue<Open, std::vector<Open>, std::greater<>> adds;
  Numbers counted;
  std::vector<bool> done(known.size());
  std::vector<std::int64_t> at_call(known.size());
  std::vector<std::pair<std::int64_t, std::int32_t>> found;
  for (auto event : events) {
    auto one = event < 0 ? ~event : event;
    auto so_far = static_cast<std::int64_t>(counted.size());
    bool add = known.roles[one] == Role::PUT;
    if (event >= 0) {
      if (add) adds.emplace(known.returns[one], one);
      at_call[one] = so_far;
      continue;
    }
    if (add && done[one]) continue;
    auto many = so_far + 1;
    if (!add) {
      auto rest = (known.values[one] - initial) % step;
      many = (known.values[one] - initial) / step;
      if (rest || many < at_call[one] || many > so_far + static_cast<std::int64_t>(adds.size())) {
        Numbers all;
        for (std::int32_t other = 0; other < known.size() && known.calls[other] < place(event); other++) all.push_back(other);
        return contradiction(std::move(all), place(event));
      }
      found.emplace_back(many, one);
    }
    for (; so_far < many; so_far++) {
      auto next = adds.top().second;
      adds.pop();
      done[next] = true;
      counted.push_back(next);
    }
  }
  std::sort(found.begin(), found.end());
  Numbers order;
  auto at = counted.begin();
  for (auto& [many, one] : found) {
    for (; at - counted.begin() < many; at++) order.push_back(*at);
    order.push_back(one);
  }
  order.insert(order.end(), at, counted.end());
  return explained(std::move(order));
}

namespace detail {

class Rounds {  // places operations round after round
 public:
  explicit Rounds(const Intervals& known) : known_(known) {}

  // Begin a round with the adds of each of some elements, first called first.
  std::optional<Finding> added(const std::vector<Numbers>& groups) {
    next();
    reads_ = false;
    for (auto& group : groups)
      for (auto one : group) {
        if (one != group.front() && known_.returns[one] == NEVER) continue;
        if (known_.returns[one] < begin_) return late(one);
        turn(one, one == group.front());
      }
    return {};
  }
  std::optional<Finding> read(std::int32_t one) {
    if (!reads_) {
      next();
      reads_ = true;
      read_[round_ - 1] = one;
    }
    if (known_.returns[one] < begin_) return late(one);
    turn(one, true);
    return {};
  }
  Numbers order() {
    std::sort(turns_.begin(), turns_.end());
    Numbers all;
    for (auto& [moment, round, one] : turns_) all.push_back(one);
    return all;
  }

 private:
  void next() {
    round_++;
    begin_ = latest_;
    by_ = latest_by_;
  }
  void turn(std::int32_t one, bool counts) {
    auto call = known_.calls[one];
    turns_.emplace_back(std::max(call, begin_), round_, one);
    if (counts && call > latest_) {
      latest_ = call;
      latest_by_ = one;
    }
  }
  // It ended before something of an earlier round began; of two adds a read shows which is earlier.
  Finding late(std::int32_t one) const {
    std::set<std::int32_t> all{by_, one};
    if (known_.roles[one] == Role::PUT && known_.roles[by_] == Role::PUT)
      for (auto& [moment, round, other] : turns_)
        if (other == by_) all.insert(read_.at(round));
    Numbers operations(all.begin(), all.end());
    return contradiction(operations, known_.last_return(operations));
  }

  const Intervals& known_;
  std::vector<std::tuple<Place, std::int32_t, std::int32_t>> turns_;  // moment, round and operation
  std::int32_t round_ = 0;
  bool reads_ = true;                     // what this round is
  Place begin_ = -1, latest_ = -1;        // where this round begins, and the next
  std::int32_t by_ = -1, latest_by_ = -1;  // operations that were called there
  std::map<std::int32_t, std::int32_t> read_;  // by round of adds, a read that follows
};

}  // namespace detail

// A set to which elements are added. What was read is the number of a list, or NOBODY if it was no set.
inline std::optional<Finding> set(const Intervals& known, const std::vector<Numbers>& lists, std::int32_t elements) {
  std::vector<Numbers> adds(elements);
  Numbers reads;
  for (std::int32_t one = 0; one < known.size(); one++) {
    if (known.roles[one] == Role::PUT)
      adds[known.values[one]].push_back(one);
    else if (known.returns[one] != NEVER) {
      if (known.values[one] == NOBODY) return contradiction({one}, known.returns[one]);
      reads.push_back(one);
    }
  }
  auto listed = [&](std::int32_t one) -> const Numbers& { return lists[known.values[one]]; };
  std::stable_sort(reads.begin(), reads.end(), [&](auto one, auto other) { return listed(one).size() < listed(other).size(); });
  detail::Rounds rounds(known);
  std::vector<bool> seen(elements);
  std::size_t many = 0;
  auto last = NOBODY;
  for (auto one : reads) {
    Numbers fresh;
    for (auto element : listed(one))
      if (!seen[element]) fresh.push_back(element);
    if (listed(one).size() - fresh.size() < many) {
      Numbers both{last, one};
      return contradiction(both, known.last_return(both));
    }
    if (!fresh.empty()) {
      std::vector<Numbers> groups;
      for (auto element : fresh) {
        if (adds[element].empty()) return contradiction({one}, known.returns[one]);
        seen[element] = true;
        groups.push_back(std::move(adds[element]));
        adds[element].clear();
      }
      many = listed(one).size();
      std::sort(groups.begin(), groups.end());
      if (auto against = rounds.added(groups)) return *against;
    }
    if (auto against = rounds.read(one)) return *against;
    last = one;
  }
  std::vector<Numbers> unseen;
  for (auto& group : adds) {
    std::erase_if(group, [&](auto one) { return known.returns[one] == NEVER; });
    if (!group.empty()) unseen.push_back(std::move(group));
  }
  std::sort(unseen.begin(), unseen.end());
  if (auto against = rounds.added(unseen)) return *against;
  return explained(rounds.order());
}

}  // namespace special
