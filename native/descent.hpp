// Depth first: one explanation, extended at each return by what returns, after others if need be; where it leads
// nowhere, the last choice is made otherwise.
//
// Where little is open at once few choices turn out badly: then it decides at the cost of walking through. It gives up
// where that is not so. What it leaves out, and why it may, is explained in descent.py, the same in Python.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "flat.hpp"
#include "problem.hpp"

namespace sweep {

template <class Machine>
class Descent {
 public:
  static constexpr std::size_t OPEN = 64;  // operations open at once, that return or do not, at most

  Descent(Machine& machine, const Problem& problem, int initial, const Limits& limits)
      : machine_(machine), problem_(problem), limits_(limits), slot_of_(problem.symbols.size()), state_(initial),
        order_(problem.symbols.size()) {
    choices_.reserve(16);  // one piece of memory where there would be five
    if constexpr (!FORESEES) return;
    losses_.resize(problem.facts.size());
    for (std::size_t op = 0; op < problem.symbols.size(); op++) losses_[problem.symbols[op]] += problem.returns[op] == Problem::NEVER;
  }

  // What it found; STOPPED if its patience is at its end, and it can go on, or if it is over.
  Outcome run(int patience) {
    auto end = static_cast<std::int32_t>(problem_.events.size());
    most_ = patience_ = std::int64_t{patience} * (1 + end / LONG);
    if (begun_ && !back()) return outcome_;
    begun_ = true;
    while (at_ < end) {
      if ((at_ & 1023) == 1023 && told_to_stop()) return outcome_;
      auto op = problem_.events[at_];
      if (op >= 0)
        call(op);
      else if (auto slot = slot_of_[~op]; done_ >> slot & 1)
        leave(slot);
      else if (!arrive(~op) && !back())
        return outcome_;
    }
    outcome_.end = End::EXPLAINED;
    outcome_.event = end;
    return outcome_;
  }

  // Whether it is of no use to go on, or to look at where it is stuck: it was told to stop, or there were more that
  // never return than it can tell apart.
  bool over() const { return stopped_ || lacking_; }

  // Operations that took effect before the event, in order; to be taken once.
  std::vector<std::int32_t> order() {
    if (outcome_.end != End::EXPLAINED) {
      std::copy(beyond_.rbegin(), beyond_.rend(), order_.begin() + static_cast<std::ptrdiff_t>(shared_));
      ordered_ = shared_ + beyond_.size();
    }
    order_.resize(ordered_);
    return std::move(order_);
  }

 private:
  using Set = std::uint64_t;  // of slots, or of places in lost_

  // A moment at which an operation has to take effect, and what was tried there; the operation by itself always was.
  struct Choice {
    std::int32_t at;
    int state;
    Set done, used;
    std::size_t order;
    bool leading = true;  // only that is tried after which it is possible
    Set tried = 0, tried_lost = 0;
  };

  static constexpr bool FORESEES = requires(const Machine& machine, bool (*left)(std::int32_t)) { machine.seen(0, 0, left); };
  static constexpr std::int32_t NOTHING = -1;
  static constexpr int CHEAP = 16;  // where less is open the sweep costs less, so there is less patience
  static constexpr std::int32_t LONG = 8192;  // events with which there is twice the patience
  static constexpr std::size_t KEPT = 8192;  // choices

  bool told_to_stop() { return stopped_ = limits_.stop(held()); }

  void call(std::int32_t op) {
    if (problem_.returns[op] == Problem::NEVER) {
      if (!observes(op)) lost_.size() < OPEN ? lost_.push_back(op) : void(lacking_ = true);
    } else
      occupy(slot_of_[op] = static_cast<std::uint8_t>(std::countr_one(open_)), op);
    at_++;
  }

  void occupy(int slot, std::int32_t op) {
    slots_[slot] = op;
    open_ |= Set{1} << slot;
    if (observes(op))
      observers_ |= Set{1} << slot;
    else
      observers_ &= ~(Set{1} << slot);
  }

  void leave(int slot) {
    open_ &= ~(Set{1} << slot);
    done_ &= ~(Set{1} << slot);
    at_++;
  }

  // At its return an operation has to take effect: by itself, if it can.
  bool arrive(std::int32_t op) {
    if (dead()) return false;
    auto after = entered(state_, op);
    if (after == REJECT) {
      auto choice = here();
      return choose(choice);
    }
    auto slot = slot_of_[op];
    bool others = open_ != (done_ | Set{1} << slot) || lost_.size() != static_cast<std::size_t>(std::popcount(used_));
    if (others && !observes(op)) push(here());
    take(slot, op, after);
    leave(slot);
    return true;
  }

  Choice here() const { return {at_, state_, done_, used_, ordered_}; }

  // Have something else take effect that was not tried yet, so that what returns may.
  bool choose(Choice& choice) {
    auto op = ~problem_.events[at_];
    auto slot = slot_of_[op];
    for (;; choice.leading = false, choice.tried = choice.tried_lost = 0) {
      auto others = open_ & ~done_ & ~observers_ & ~(Set{1} << slot);
      for (Set left = others & ~choice.tried; left; left &= left - 1) {
        auto other = std::countr_zero(left);
        choice.tried |= Set{1} << other;
        if (has_twin(slots_[other], others)) continue;
        auto after = entered(state_, slots_[other]);
        if (after == REJECT || leads(after, op) != choice.leading) continue;
        push(choice);
        take(other, slots_[other], after);
        return true;
      }
      for (std::size_t place = 0; place < lost_.size(); place++) {
        auto bit = Set{1} << place;
        if ((used_ | choice.tried_lost) & bit) continue;
        choice.tried_lost |= bit;
        if (has_twin(lost_[place], others, place)) continue;
        auto after = entered(state_, lost_[place]);
        if (after == REJECT || after == state_ || leads(after, op) != choice.leading) continue;
        push(choice);
        used_ |= bit;
        take(-1, lost_[place], after);
        return true;
      }
      if (!choice.leading) break;
    }
    stuck(choice);
    return false;
  }

  // Whether another does the same that has to be done with earlier: no use in trying this one.
  bool has_twin(std::int32_t op, Set others, std::size_t place = 0) const {
    auto symbol = problem_.symbols[op];
    for (; others; others &= others - 1) {
      auto other = slots_[std::countr_zero(others)];
      if (problem_.symbols[other] == symbol && problem_.returns[other] < problem_.returns[op]) return true;
    }
    while (place-- > 0)
      if (!(used_ >> place & 1) && problem_.symbols[lost_[place]] == symbol) return true;
    return false;
  }

  bool observes(std::int32_t op) const { return problem_.facts[problem_.symbols[op]] & OBSERVES; }
  bool leads(int state, std::int32_t op) { return entered(state, op) != REJECT; }

  // The state after an operation, or REJECT if what is still to come cannot come of it.
  int entered(int state, std::int32_t op) {
    auto after = machine_.step(state, problem_.symbols[op]);
    return after == REJECT || after == state ? after : seen(after, op);
  }

  int seen(int state, std::int32_t taken) const {
    auto left = [&](std::int32_t symbol) {  // also of those that are called later
      auto count = losses_[symbol];
      for (std::size_t place = 0; place < lost_.size(); place++)
        if ((used_ >> place & 1 || lost_[place] == taken) && problem_.symbols[lost_[place]] == symbol) count--;
      return count > 0;
    };
    if constexpr (FORESEES)
      return machine_.seen(state, at_, left);
    else
      return state;
  }

  bool hides(int state) const {
    if constexpr (FORESEES)
      return machine_.hides(state);
    else
      return false;
  }

  // Before the state changes, whatever can be seen of it is seen.
  void take(int slot, std::int32_t op, int after) {
    if (slot >= 0) done_ |= Set{1} << slot;
    if (after != state_)
      for (Set left = open_ & observers_ & ~done_; left; left &= left - 1) {
        auto other = std::countr_zero(left);
        if (machine_.step(state_, problem_.symbols[slots_[other]]) == REJECT) continue;
        done_ |= Set{1} << other;
        order_[ordered_++] = slots_[other];
      }
    order_[ordered_++] = op;
    state_ = after;
  }

  void push(const Choice& choice) {
    if (choices_.size() == KEPT) {
      choices_.erase(choices_.begin(), choices_.begin() + KEPT / 2);
      complete_ = false;
    }
    choices_.push_back(choice);
  }

  // Nothing is left to be tried here.
  void stuck(const Choice& choice) {
    if (at_ > outcome_.event) {
      patience_ = std::min(most_, patience_ + (at_ - outcome_.event));
      outcome_.event = at_;
      outcome_.states.clear();
      beyond_.clear();
      shared_ = ordered_;
    }
    auto& states = outcome_.states;
    bool known = at_ < outcome_.event || std::find(states.begin(), states.end(), state_) != states.end();
    if (!known && !hides(state_) && !hides(seen(state_, NOTHING))) states.push_back(state_);
    dead_.try_emplace(moment(), *sets_.try_emplace(signed_of(choice.done), signed_of(choice.used), sets_.size()).first, 0);
  }

  bool dead() const {
    if (at_ > outcome_.event) return false;  // nothing was ever stuck there
    auto* sets = sets_.find(signed_of(done_), signed_of(used_));
    return sets && dead_.find(moment(), *sets);
  }

  std::int64_t moment() const { return std::int64_t{at_} << 32 | state_; }
  static std::int64_t signed_of(Set set) { return static_cast<std::int64_t>(set); }

  // Forget what took effect last, but for the explanation that led furthest.
  void shorten(std::size_t size) {
    for (; shared_ > size; shared_--) beyond_.push_back(order_[shared_ - 1]);
    ordered_ = size;
  }

  // Go back to the last choice of which something is left to be tried, and try it.
  bool back() {
    while (!choices_.empty()) {
      patience_ -= std::max(1, CHEAP / std::max(1, std::popcount(open_)));
      if (patience_ < 0 || ((dead_.size() & 255) == 255 && told_to_stop())) return false;
      auto choice = choices_.back();
      choices_.pop_back();
      while (at_ > choice.at) uncall(problem_.events[--at_]);
      state_ = choice.state;
      done_ = choice.done;
      used_ = choice.used;
      shorten(choice.order);
      if (choose(choice)) return true;
    }
    if (complete_ && !lacking_) outcome_.end = End::STUCK;
    return false;
  }

  void uncall(std::int32_t event) {
    auto op = event < 0 ? ~event : event;
    if (event < 0)
      occupy(slot_of_[op], op);
    else if (problem_.returns[op] != Problem::NEVER)
      open_ &= ~(Set{1} << slot_of_[op]);
    else if (!lost_.empty() && lost_.back() == op)
      lost_.pop_back();
  }

  std::size_t held() const {
    return (order_.size() + beyond_.capacity()) * sizeof(std::int32_t) + slot_of_.size() + choices_.capacity() * sizeof(Choice) +
           sets_.bytes() + dead_.bytes() + machine_.held();
  }

  Machine& machine_;
  const Problem& problem_;
  const Limits& limits_;
  std::vector<std::uint8_t> slot_of_;  // by operation that returns
  std::int32_t slots_[OPEN];           // by slot: the operation
  std::int32_t at_ = 0;
  int state_;
  Set open_ = 0, observers_ = 0;    // of those that return
  Set done_ = 0;                    // of open ones: have taken effect
  std::vector<std::int32_t> lost_;  // that never return, and were called
  Set used_ = 0;                    // of them: have taken effect
  std::vector<int> losses_;         // by symbol: how many never return in all
  std::vector<std::int32_t> order_;   // begins with what took effect
  std::size_t ordered_ = 0;           // how much that is
  std::size_t shared_ = 0;            // of that how much is what led furthest as well
  std::vector<std::int32_t> beyond_;  // the rest of which, last first
  std::vector<Choice> choices_;
  Flat<std::int32_t> sets_;  // numbers of what had taken effect
  Flat<char> dead_;          // moments and such numbers that led nowhere
  bool complete_ = true;   // no choice was forgotten
  bool lacking_ = false;   // operations were left out
  bool begun_ = false, stopped_ = false;
  std::int64_t most_ = 0;  // patience there ever is: the more the longer that is which would have to be swept
  std::int64_t patience_ = 0;
  Outcome outcome_{End::STOPPED};
};

}  // namespace sweep
