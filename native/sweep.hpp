// The sweep: which orders of a history's operations a sequential machine could have produced.
//
// It goes forward over calls and returns (just-in-time linearization, Lowe 2017). A configuration is one
// explanation of all that has returned so far: which of the open operations have taken effect already, and the
// state. At a return, every configuration in which that operation has not taken effect yet is extended by open
// operations until it has. The first return that no configuration survives cannot be explained.
//
// The rules that keep a layer of configurations small are explained, and tested, in sweep.py, the same search in
// Python. No Python is in here.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "layer.hpp"
#include "losses.hpp"
#include "problem.hpp"
#include "trails.hpp"

namespace sweep {

template <class Machine, int W>
class Sweep {
 public:
  Sweep(Machine& machine, const Problem& problem, const Stop& stop)
      : machine_(machine), problem_(problem), stop_(stop), losses_(problem), tried_(problem.facts.size(), 0),
        tried_in_(problem.facts.size(), 0) {}

  // From one state or another.
  Outcome run(const std::vector<int>& initial, const Bounds& bounds) {
    scarce_ = bounds.scarce;
    outcome_ = {};
    reset(initial, bounds);
    auto window = bounds.windows.begin();
    auto end = std::min<std::size_t>(problem_.events.size(), bounds.until);
    for (std::size_t at = bounds.from; at < end; at++) {
      auto event = problem_.events[at];
      outcome_.event = static_cast<std::int32_t>(at);
      plenty_ = outcome_.event < bounds.plenty;
      while (window != bounds.windows.end() && window->to <= outcome_.event) ++window;
      beam_ = window != bounds.windows.end() && window->from <= outcome_.event ? window->beam : bounds.beam;
      if (event >= 0)
        call(event);
      else if (!returned(~event, static_cast<std::int32_t>(at)) || ((bounds.plenty || bounds.from) && outcome_.pruned))
        return outcome_;  // with plenty, what was left out leaves nothing to be shown
      if ((at & 4095) == 0 && stopped()) return outcome_;
    }
    outcome_.event = static_cast<std::int32_t>(end);
    return outcome_;
  }

  // One explanation of everything up to where the run ended, in the order of events; see place() for its rest.
  std::vector<Step> steps() {
    if (layer_.items.empty()) return trails_.steps(0);
    auto less = [](const Config& one, const Config& other) { return one.excess < other.excess; };
    return trails_.steps(std::min_element(layer_.items.begin(), layer_.items.end(), less)->trail);
  }

 private:
  using Config = sweep::Config<W>;
  using Layer = sweep::Layer<W>;

  void reset(const std::vector<int>& initial, const Bounds& bounds) {
    slots_.clear();
    order_.clear();
    pending_ = observers_ = total_ = {};
    losses_.reset();
    trails_.reset(!bounds.from && (!bounds.plenty || bounds.scarce), problem_.symbols.size());
    work_ = 0;
    layer_.clear();
    for (std::int32_t at = 0; at < bounds.from; at++)
      if (auto op = problem_.events[at]; op >= 0 && problem_.returns[op] >= bounds.from) call(op);
    for (auto state : initial) add(layer_, Config{observers_, pending_.without(observers_), state, 0, 0, 0});
  }

  bool stopped() {
    auto bytes = layer_.held() + todo_.held() + next_.held() + trails_.held() + losses_.held() + machine_.held();
    if (!stop_(bytes)) return false;
    outcome_.end = End::STOPPED;
    return true;
  }

  void call(int op) {
    auto symbol = problem_.symbols[op];
    if (problem_.returns[op] == Problem::NEVER) {
      losses_.call(op, symbol);
      return;
    }
    int slot = 0;
    while (pending_.has(slot)) slot++;
    if (static_cast<std::size_t>(slot) >= slots_.size()) slots_.resize(slot + 1);
    slots_[slot] = op;
    pending_.add(slot);
    if (problem_.facts[symbol] & OBSERVES) observers_.add(slot);
    else {
      if (problem_.facts[symbol] & TOTAL) total_.add(slot);
      // First to return first, so that of twins that one is tried first.
      auto place = std::upper_bound(order_.begin(), order_.end(), op,
                                    [&](int a, int b) { return problem_.returns[a] < problem_.returns[slots_[b]]; });
      order_.insert(place, slot);
    }
  }

  bool returned(int op, std::int32_t event) {
    auto symbol = problem_.symbols[op];
    bool observes = problem_.facts[symbol] & OBSERVES;
    int slot = observes ? slot_of(op) : order_.front();  // order_ begins with what returns first
    next_.clear();
    todo_.clear();
    now_++;
    for (auto& config : layer_.items) {
      if (config.done.has(slot)) {
        config.done.drop(slot);
        add(next_, config);
      } else
        arrive(config, slot, event);
    }
    // First all that can do with what they are, then, while there is room, those that need one thing before, then
    // those that need more.
    auto tried = finished(0, slot, event);
    for (std::size_t at = 0, size = beam_ < PROBED ? tried : 0; at < size && next_.items.size() < beam_; at++)
      if (!todo_.dead[at]) branch(todo_.items[at], slot, event, true);
    for (std::size_t at = 0; at < todo_.items.size(); at++) {
      tried = finished(tried, slot, event);
      if (todo_.dead[at]) continue;
      if ((++work_ & 63) == 0 && stopped()) return false;
      bool enough = next_.items.size() >= beam_ || (!next_.items.empty() && (at >= 2 * beam_ || beam_ < PROBED));
      if (enough || todo_.items.size() / 16 > beam_ || (plenty_ && todo_.states > CROWD)) {
        outcome_.pruned = true;
        break;
      }
      branch(todo_.items[at], slot, event, false);
    }
    if (next_.items.empty()) {
      outcome_.end = End::STUCK;
      for (auto& config : todo_.items)
        if (!hides(config.state) && std::find(outcome_.states.begin(), outcome_.states.end(), config.state) == outcome_.states.end())
          outcome_.states.push_back(config.state);
      return false;
    }
    pending_.drop(slot);
    observers_.drop(slot);
    total_.drop(slot);
    if (!observes) order_.erase(order_.begin());
    outcome_.pruned |= next_.sift(beam_, [&](const Config& config) { return cost(config); });
    std::swap(layer_, next_);
    outcome_.widest = std::max(outcome_.widest, layer_.items.size());
    trails_.tidy(layer_.items);
    losses_.tidy(layer_.items);
    return true;
  }

  int slot_of(int op) const {
    int slot = 0;
    while (slots_[slot] != op || !pending_.has(slot)) slot++;
    return slot;
  }

  // Take up a configuration whose state is new at this event.
  void arrive(Config config, int slot, std::int32_t event) {
    auto& here = look(config.state);
    auto seen = here.observed.without(config.done);
    if (!seen.empty()) {
      seen.each([&](int other) { config.trail = trails_.node(config.trail, {slots_[other], event, false}); });
      config.done = config.done | seen;
    }
    config.maybe = config.maybe | here.nothing.without(config.done);
    if (config.done.has(slot)) {
      config.done.drop(slot);
      add(next_, config);
    } else
      add(todo_, config);
  }

  // Let the operation that returns take effect wherever it can, from a place on.
  std::size_t finished(std::size_t from, int slot, std::int32_t event) {
    for (; from < todo_.items.size(); from++)
      if (!todo_.dead[from]) finish(todo_.items[from], slot, event);
    return from;
  }

  // Let the operation that returns take effect in a configuration, if it can.
  void finish(const Config& config, int slot, std::int32_t event) {
    if (config.maybe.has(slot)) {
      auto satisfied = config;
      satisfied.maybe.drop(slot);
      satisfied.trail = trails_.node(config.trail, {slots_[slot], event, !hides(config.state)});
      add(next_, satisfied);
    }
    if (observers_.has(slot)) return;  // it was not possible when the state was entered
    auto symbol = problem_.symbols[slots_[slot]];
    auto state = seen(config, machine_.step(config.state, symbol), event);
    if (state == REJECT || (state == config.state && !hides(state))) return;
    auto after = config;
    after.maybe.drop(slot);
    after.trail = trails_.node(config.trail, {slots_[slot], event, false});
    after.done.add(slot);
    enter(after, state, symbol);
    after.done.drop(slot);
    add(next_, after);
  }

  // Let anything else that is open take effect in it; or only that after which what returns is possible.
  void branch(const Config config, int slot, std::int32_t event, bool leading) {
    round_++;
    auto wanted = problem_.symbols[slots_[slot]];
    auto useless = [&](int state) {
      return state == REJECT || state == config.state || (leading && machine_.step(state, wanted) == REJECT);
    };
    for (auto other : order_) {
      if (config.done.has(other)) continue;
      auto symbol = problem_.symbols[slots_[other]];
      bool maybe = config.maybe.has(other);
      auto& tried = tried_[symbol];
      if (tried_in_[symbol] != round_) {
        tried_in_[symbol] = round_;
        tried = 0;
      }
      bool twin = (tried & FIRM) || (maybe && tried);
      tried |= maybe ? MAYBE : FIRM;
      if (twin || other == slot) continue;
      auto state = seen(config, machine_.step(config.state, symbol), event);
      if (useless(state)) continue;
      auto after = config;
      after.done.add(other);
      after.maybe.drop(other);
      after.trail = trails_.node(config.trail, {slots_[other], event, false});
      enter(after, state, symbol);
      arrive(after, slot, event);
    }
    for (auto kind : losses_.offered()) {
      auto symbol = losses_.symbol(kind);
      auto count = losses_.used(config.used, kind);
      bool short_of = count >= losses_.supply(kind);
      if (short_of && !supposed(kind)) continue;
      if (tried_in_[symbol] == round_) continue;  // one that will return does the same
      auto state = seen(config, machine_.step(config.state, symbol), event);
      if (useless(state)) continue;
      auto after = config;
      after.trail = trails_.node(config.trail, {losses_.operation(kind, short_of ? 0 : count), event, false});
      after.excess += short_of;
      if (!plenty_ || scarce_) after.used = losses_.use(config.used, kind);
      enter(after, state, symbol);
      arrive(after, slot, event);
    }
  }

  // What a state is to what is still to come, as far as the machine foresees: itself, another, or REJECT.
  int seen(const Config& before, int state, std::int32_t event) const {
    if (state == REJECT) return REJECT;
    auto left = [&](std::int32_t symbol) {
      auto kind = losses_.kind(symbol);
      return supposed(kind) || losses_.used(before.used, kind) < losses_.total(kind);
    };
    if constexpr (requires { machine_.seen(state, event, left); })
      return machine_.seen(state, event, left);
    else
      return state;
  }

  // Whether it does not matter what a state is: then what changes nothing there has taken effect there.
  bool hides(int state) const {
    if constexpr (requires { machine_.hides(state); })
      return machine_.hides(state);
    else
      return false;
  }

  // Into a state; what was open and possible anywhere may have come just before what made all states equal.
  void enter(Config& config, int state, int symbol) {
    config.state = state;
    if (problem_.facts[symbol] & RESETS) config.maybe = config.maybe | total_.without(config.done);
  }

  struct Here {
    Mask<W> observed;  // open, observing, and possible in this state
    Mask<W> nothing;   // open, not always observing, but changing nothing in this state
    std::uint32_t now = 0;
  };

  const Here& look(int state) {
    if (static_cast<std::size_t>(state) >= here_.size())
      here_.resize(std::max<std::size_t>(state + 1, here_.size() * 2));
    if (here_[state].now == now_) return here_[state];
    Here found;
    found.now = now_;
    observers_.each([&](int slot) {
      if (machine_.step(state, problem_.symbols[slots_[slot]]) != REJECT) found.observed.add(slot);
    });
    for (auto slot : order_)
      if (machine_.step(state, problem_.symbols[slots_[slot]]) == state) found.nothing.add(slot);
    return here_[state] = found;
  }

  // Whether there is supposed to be plenty of a kind.
  bool supposed(int kind) const { return plenty_ && !(scarce_ && scarce_[losses_.symbol(kind)]); }

  // Whatever can follow the second can follow the first, in the same state.
  bool dominates(const Config& one, const Config& other) const {
    if (!((one.done ^ other.done) | other.maybe).without(one.maybe).without(observers_).empty()) return false;
    if (!(other.done & observers_).without(one.done).empty()) return false;
    if (one.excess > other.excess) return false;
    if (one.used == other.used) return true;
    for (auto kind : losses_.offered())
      if (losses_.used(one.used, kind) > losses_.used(other.used, kind) && !supposed(kind)) return false;
    return true;
  }

  void add(Layer& layer, const Config& config) {
    layer.add(config, [&](const Config& one, const Config& other) { return dominates(one, other); });
  }

  // Cheap is what used up little, and has much behind it, or maybe behind it.
  long cost(const Config& config) const {
    return losses_.cost(config.used) - (config.maybe | (config.done & observers_)).size() * Losses::SCALE / 64;
  }

  static constexpr std::size_t PROBED = 16;  // of wider beams everything is tried anyway
  static constexpr std::size_t CROWD = 1024;  // states at one return: there is no end to them, if there is plenty
  enum Tried : std::uint8_t { MAYBE = 1, FIRM = 2 };

  Machine& machine_;
  const Problem& problem_;
  const Stop& stop_;
  std::size_t beam_ = SIZE_MAX;  // now
  bool plenty_ = false;  // now
  const std::uint8_t* scarce_ = nullptr;  // by symbol, or none
  Outcome outcome_;
  std::vector<int> slots_;  // by slot: the operation
  std::vector<int> order_;  // slots of open operations that do not observe, first to return first
  Mask<W> pending_, observers_, total_;
  Losses losses_;
  Trails trails_;
  std::size_t work_ = 0;
  Layer layer_, todo_, next_;
  std::vector<Here> here_;  // by state
  std::uint32_t now_ = 0;
  std::vector<std::uint8_t> tried_;       // by symbol: Tried, in the round of tried_in_
  std::vector<std::uint64_t> tried_in_;
  std::uint64_t round_ = 0;
};

}  // namespace sweep
