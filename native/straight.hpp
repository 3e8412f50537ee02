// Straight through: one explanation, extended at each return by what returns, and by one more operation if need be.
//
// Finds nothing where it takes choices to be made well. Where little is open at once it decides most of a history's
// parts, at the cost of walking through them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "sweep.hpp"

namespace sweep {

template <class Machine>
class Straight {
 public:
  Straight(Machine& machine, const Problem& problem, int initial) : machine_(machine), problem_(problem), state_(initial) {}

  // Operations that took effect, in an order that explains the history; nothing if this way leads nowhere.
  std::optional<std::vector<std::int32_t>> run() {
    order_.reserve(problem_.symbols.size());
    for (std::size_t at = 0; at < problem_.events.size(); at++) {
      event_ = static_cast<std::int32_t>(at);
      auto op = problem_.events[at];
      if (op >= 0)
        call(op);
      else if (std::find(open_.begin(), open_.end(), ~op) != open_.end() && !returned(~op))
        return {};
    }
    return std::move(order_);
  }

 private:
  static constexpr std::size_t KINDS = 64;  // of what never returned that are tried

  void call(std::int32_t op) {
    if (problem_.returns[op] != Problem::NEVER)
      open_.push_back(op);
    else if (!(problem_.facts[problem_.symbols[op]] & OBSERVES) && lost_.size() < KINDS)
      lost_.push_back(op);
  }

  bool returned(std::int32_t op) {
    if (possible(state_, op)) return take(op, open_);
    for (auto* among : {&open_, &lost_})
      for (auto other : *among) {
        auto after = machine_.step(state_, problem_.symbols[other]);
        if (other == op || after == REJECT || after == state_ || !viable(after, other) || !possible(after, op)) continue;
        return take(other, *among) && take(op, open_);
      }
    return false;
  }

  bool possible(int state, std::int32_t op) {
    auto after = machine_.step(state, problem_.symbols[op]);
    return after != REJECT && (after == state || viable(after, op));
  }

  // Before it changes the state, whatever can be seen of that one is seen.
  bool take(std::int32_t op, std::vector<std::int32_t>& among) {
    auto after = machine_.step(state_, problem_.symbols[op]);
    among.erase(std::find(among.begin(), among.end(), op));
    if (after != state_)
      std::erase_if(open_, [&](auto other) {
        auto symbol = problem_.symbols[other];
        bool seen = problem_.facts[symbol] & OBSERVES && machine_.step(state_, symbol) != REJECT;
        if (seen) order_.push_back(other);
        return seen;
      });
    order_.push_back(op);
    state_ = after;
    return true;
  }

  bool viable(int state, std::int32_t taken) const {
    auto left = [&](std::int32_t symbol) {
      auto counts = [&](auto op) { return op != taken && problem_.symbols[op] == symbol; };
      return std::any_of(lost_.begin(), lost_.end(), counts);
    };
    if constexpr (requires { machine_.seen(state, event_, left); })
      return machine_.seen(state, event_, left) != REJECT;
    else
      return true;
  }

  Machine& machine_;
  const Problem& problem_;
  int state_;
  std::int32_t event_ = 0;
  std::vector<std::int32_t> open_;  // that return, and have not taken effect
  std::vector<std::int32_t> lost_;  // that never return, and have not taken effect
  std::vector<std::int32_t> order_;
};

}  // namespace sweep
