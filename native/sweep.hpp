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
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <tuple>
#include <vector>

namespace sweep {

constexpr int REJECT = -1;

// What is known of a symbol, in every state.
enum Fact : std::uint8_t {
  OBSERVES = 1,  // changes no state
  TOTAL = 2,     // is possible in every state
  RESETS = 4,    // is possible in every state, and all lead to the same one
};

// A history as the search sees it. Operations are numbered by their calls.
struct Problem {
  std::vector<std::int32_t> events;   // an operation's call, ~operation for its return, in order
  std::vector<std::int32_t> symbols;  // by operation: equal for those that no machine can tell apart
  std::vector<std::int32_t> returns;  // by operation: the place of its return in events, or NEVER
  std::vector<std::uint8_t> facts;    // by symbol
  static constexpr std::int32_t NEVER = INT32_MAX;
};

// Open operations that return have a slot each; a mask is a set of slots.
template <int W>
struct Mask {
  std::array<std::uint64_t, W> words{};
  bool has(int slot) const { return words[slot >> 6] >> (slot & 63) & 1; }
  void add(int slot) { words[slot >> 6] |= std::uint64_t{1} << (slot & 63); }
  void drop(int slot) { words[slot >> 6] &= ~(std::uint64_t{1} << (slot & 63)); }
  template <class F>
  static Mask of(F f) {
    Mask made;
    for (int i = 0; i < W; i++) made.words[i] = f(i);
    return made;
  }
  friend Mask operator|(const Mask& a, const Mask& b) {
    return of([&](int i) { return a.words[i] | b.words[i]; });
  }
  friend Mask operator&(const Mask& a, const Mask& b) {
    return of([&](int i) { return a.words[i] & b.words[i]; });
  }
  friend Mask operator^(const Mask& a, const Mask& b) {
    return of([&](int i) { return a.words[i] ^ b.words[i]; });
  }
  Mask without(const Mask& other) const {
    return of([&](int i) { return words[i] & ~other.words[i]; });
  }
  bool empty() const {
    std::uint64_t any = 0;
    for (auto word : words) any |= word;
    return any == 0;
  }
  int size() const {
    int count = 0;
    for (auto word : words) count += std::popcount(word);
    return count;
  }
  template <class F>
  void each(F f) const {
    for (int i = 0; i < W; i++)
      for (auto word = words[i]; word; word &= word - 1) f(i * 64 + std::countr_zero(word));
  }
};

// Events between which more configurations are kept.
struct Window {
  std::int32_t from, to;
  std::size_t beam;
};

// How one run over the history is held in bounds.
struct Bounds {
  std::size_t beam = SIZE_MAX;    // configurations kept in a layer
  std::vector<Window> windows{};  // where it is more, in order
  // Events before this one at which whatever never returned may take effect any number of times after its call.
  // From here on it is counted, as if none of it had been used yet.
  std::int32_t plenty = 0;
  std::int32_t until = INT32_MAX;        // events looked at
  // By symbol, if told at all: counted all the same. Of the rest no more is used than there is while that will do.
  const std::uint8_t* scarce = nullptr;
};

enum class End { EXPLAINED, STUCK, STOPPED };

struct Outcome {
  End end = End::EXPLAINED;
  std::int32_t event = 0;  // the return that nothing survived, or where it was stopped
  bool pruned = false;     // configurations were left out: STUCK is no proof
  std::vector<std::int32_t> states;  // STUCK: all that could have been met by the operation that returned
  std::size_t widest = 0;
};

// One operation that took effect: at which event it was made to, and whether it may stand elsewhere as well.
struct Step {
  std::int32_t operation;
  std::int32_t event;
  bool anywhere;  // somewhere between its call and the event, where it changes nothing that follows
};

// Called now and then; true ends the search.
using Stop = std::function<bool(std::size_t bytes)>;

template <class Machine, int W>
class Sweep {
 public:
  Sweep(Machine& machine, const Problem& problem, const Stop& stop)
      : machine_(machine), problem_(problem), stop_(stop), kind_of_(problem.facts.size(), -1) {
    for (std::size_t op = 0; op < problem.symbols.size(); op++)
      if (problem.returns[op] == Problem::NEVER) {
        auto symbol = problem.symbols[op];
        if (problem.facts[symbol] & OBSERVES) continue;  // it need not happen, and nobody could tell
        auto& kind = kind_of_[symbol];
        if (kind < 0) {
          kind = static_cast<int>(lost_.size());
          lost_.push_back(symbol);
          total_of_.push_back(0);
        }
        auto most = ++total_of_[kind];
        if (most >= harmonic_.size()) harmonic_.push_back(harmonic_.back() + SCALE / most);
      }
    tried_.assign(problem.facts.size(), 0);
    tried_in_.assign(problem.facts.size(), 0);
    ended_.resize(lost_.size());
  }

  Outcome run(int initial, const Bounds& bounds) {
    told_ = bounds.plenty == 0 || bounds.scarce;
    scarce_ = bounds.scarce;
    outcome_ = {};
    reset(initial);
    auto window = bounds.windows.begin();
    auto end = std::min<std::size_t>(problem_.events.size(), bounds.until);
    for (std::size_t at = 0; at < end; at++) {
      auto event = problem_.events[at];
      outcome_.event = static_cast<std::int32_t>(at);
      plenty_ = outcome_.event < bounds.plenty;
      while (window != bounds.windows.end() && window->to <= outcome_.event) ++window;
      beam_ = window != bounds.windows.end() && window->from <= outcome_.event ? window->beam : bounds.beam;
      if (event >= 0)
        call(event);
      else if (!returned(~event, static_cast<std::int32_t>(at)) || (bounds.plenty && outcome_.pruned))
        return outcome_;  // with plenty, what was left out leaves nothing to be shown
      if ((at & 4095) == 0 && stopped()) return outcome_;
    }
    outcome_.event = static_cast<std::int32_t>(end);
    return outcome_;
  }

  // One explanation of everything up to where the run ended, in the order of events; see place() for its rest.
  std::vector<Step> steps() {
    if (layer_.items.empty()) return steps_;
    auto all = steps_;
    auto less = [](const Config& one, const Config& other) { return one.excess < other.excess; };
    append(all, std::min_element(layer_.items.begin(), layer_.items.end(), less)->trail);
    return all;
  }

 private:
  struct Config {
    Mask<W> done;   // have taken effect
    Mask<W> maybe;  // have, or have not: both explain the same
    std::int32_t state;
    std::uint32_t trail;  // node of what took effect last
    std::uint32_t used;   // counts of operations that never returned, in used_
    std::uint32_t excess;  // how often one was used that there was not, or not yet
  };

  struct Node {
    std::uint32_t parent;
    Step step;
  };

  // Configurations of one moment, found by state; none is dominated by another.
  struct Layer {
    std::vector<Config> items;
    std::vector<std::int32_t> link;  // to another of the same state, or -1
    std::vector<std::int32_t> head;
    std::vector<std::uint32_t> stamp;
    std::vector<std::uint8_t> dead;
    std::uint32_t epoch = 0;
    std::size_t states = 0;

    Layer() {
      items.reserve(32);
      link.reserve(32);
      dead.reserve(32);
    }
    void clear() {
      states = 0;
      items.clear();
      link.clear();
      dead.clear();
      epoch++;
    }
    std::int32_t& first(int state) {
      if (static_cast<std::size_t>(state) >= head.size()) {
        head.resize(std::max<std::size_t>(state + 1, head.size() * 2), -1);
        stamp.resize(head.size(), 0);
      }
      if (stamp[state] != epoch) {
        stamp[state] = epoch;
        head[state] = -1;
        states++;
      }
      return head[state];
    }
  };

  void reset(int initial) {
    slots_.clear();
    order_.clear();
    pending_ = observers_ = total_ = {};
    supply_.assign(lost_.size(), 0);
    offered_.clear();
    for (auto& ended : ended_) ended.clear();
    used_.assign(lost_.size(), 0);
    nodes_.assign(1, Node{0, {}});
    steps_.clear();
    steps_.reserve(problem_.symbols.size());
    compact_at_ = 1 << 16;
    work_ = 0;
    layer_.clear();
    add(layer_, Config{{}, {}, initial, 0, 0, 0});
  }

  bool stopped() {
    auto bytes = (layer_.items.capacity() + todo_.items.capacity() + next_.items.capacity()) * sizeof(Config) +
                 nodes_.capacity() * sizeof(Node) + steps_.capacity() * sizeof(Step) + used_.capacity() * 4 + machine_.held();
    if (!stop_(bytes)) return false;
    outcome_.end = End::STOPPED;
    return true;
  }

  void call(int op) {
    auto symbol = problem_.symbols[op];
    if (problem_.returns[op] == Problem::NEVER) {
      auto kind = kind_of_[symbol];
      if (kind < 0) return;
      if (supply_[kind]++ == 0) offered_.push_back(kind);
      ended_[kind].push_back(op);
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
    sift();
    std::swap(layer_, next_);
    outcome_.widest = std::max(outcome_.widest, layer_.items.size());
    tidy();
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
      seen.each([&](int other) { config.trail = node(config.trail, {slots_[other], event, false}); });
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
      satisfied.trail = node(config.trail, {slots_[slot], event, !hides(config.state)});
      add(next_, satisfied);
    }
    if (observers_.has(slot)) return;  // it was not possible when the state was entered
    auto symbol = problem_.symbols[slots_[slot]];
    auto state = seen(config, machine_.step(config.state, symbol), event);
    if (state == REJECT || (state == config.state && !hides(state))) return;
    auto after = config;
    after.maybe.drop(slot);
    after.trail = node(config.trail, {slots_[slot], event, false});
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
      after.trail = node(config.trail, {slots_[other], event, false});
      enter(after, state, symbol);
      arrive(after, slot, event);
    }
    for (auto kind : offered_) {
      auto symbol = lost_[kind];
      auto count = used_[config.used + kind];
      bool short_of = count >= supply_[kind];
      if (short_of && !supposed(kind)) continue;
      if (tried_in_[symbol] == round_) continue;  // one that will return does the same
      auto state = seen(config, machine_.step(config.state, symbol), event);
      if (useless(state)) continue;
      auto after = config;
      after.trail = node(config.trail, {ended_[kind][short_of ? 0 : count], event, false});
      after.excess += short_of;
      if (!plenty_ || scarce_) {
        auto from = config.used;
        after.used = static_cast<std::uint32_t>(used_.size());
        used_.resize(used_.size() + lost_.size());
        std::copy_n(used_.begin() + from, lost_.size(), used_.begin() + after.used);
        used_[after.used + kind]++;
      }
      enter(after, state, symbol);
      arrive(after, slot, event);
    }
  }

  // What a state is to what is still to come, as far as the machine foresees: itself, another, or REJECT.
  int seen(const Config& before, int state, std::int32_t event) const {
    if (state == REJECT) return REJECT;
    auto left = [&](std::int32_t symbol) {
      auto kind = kind_of_[symbol];
      return supposed(kind) || used_[before.used + kind] < total_of_[kind];
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
  bool supposed(int kind) const { return plenty_ && !(scarce_ && scarce_[lost_[kind]]); }

  // Whatever can follow the second can follow the first, in the same state.
  bool dominates(const Config& one, const Config& other) const {
    if (!((one.done ^ other.done) | other.maybe).without(one.maybe).without(observers_).empty()) return false;
    if (!(other.done & observers_).without(one.done).empty()) return false;
    if (one.excess > other.excess) return false;
    if (one.used == other.used) return true;
    for (auto kind : offered_)
      if (used_[one.used + kind] > used_[other.used + kind] && !supposed(kind)) return false;
    return true;
  }

  void add(Layer& layer, const Config& config) {
    auto& first = layer.first(config.state);
    std::int32_t before = -1;
    for (auto at = first; at >= 0;) {
      auto after = layer.link[at];
      if (dominates(layer.items[at], config)) return;
      if (dominates(config, layer.items[at])) {
        layer.dead[at] = 1;
        (before < 0 ? first : layer.link[before]) = after;
      } else
        before = at;
      at = after;
    }
    layer.link.push_back(first);
    layer.dead.push_back(0);
    first = static_cast<std::int32_t>(layer.items.size());
    layer.items.push_back(config);
  }

  // Leave out what is dominated, and what is beyond the beam.
  void sift() {
    std::size_t kept = 0;
    for (std::size_t at = 0; at < next_.items.size(); at++)
      if (!next_.dead[at]) next_.items[kept++] = next_.items[at];
    next_.items.resize(kept);
    if (kept <= beam_) return;
    outcome_.pruned = true;
    // The best of every state first, then the second best of every state: what is in another state differs most.
    struct Ranked {
      long rank, cost;
      std::size_t at;
    };
    std::vector<Ranked> ranked;
    for (std::size_t at = 0; at < kept; at++) ranked.push_back({next_.items[at].state, cost(next_.items[at]), at});
    auto less = [](const Ranked& a, const Ranked& b) { return std::tie(a.rank, a.cost, a.at) < std::tie(b.rank, b.cost, b.at); };
    std::sort(ranked.begin(), ranked.end(), less);
    long state = -1, rank = 0;
    for (auto& one : ranked) {
      rank = one.rank == state ? rank + 1 : 0;
      state = one.rank;
      one.rank = rank;
    }
    std::sort(ranked.begin(), ranked.end(), less);
    std::vector<Config> best;
    for (std::size_t at = 0; at < beam_; at++) best.push_back(next_.items[ranked[at].at]);
    next_.items.swap(best);
  }

  // The last of a kind is dearer than one of many: what is still possible counts.
  long cost(const Config& config) const {
    long used = 0;
    for (auto kind : offered_) {
      auto count = std::min(used_[config.used + kind], supply_[kind]);
      used += harmonic_[supply_[kind]] - harmonic_[supply_[kind] - count];
    }
    return used - (config.maybe | (config.done & observers_)).size() * SCALE / 64;
  }

  std::uint32_t node(std::uint32_t parent, Step step) {
    if (!told_) return 0;
    nodes_.push_back({parent, step});
    return static_cast<std::uint32_t>(nodes_.size() - 1);
  }

  void append(std::vector<Step>& steps, std::uint32_t trail) const {
    auto from = steps.size();
    for (; trail; trail = nodes_[trail].parent) steps.push_back(nodes_[trail].step);
    std::reverse(steps.begin() + static_cast<std::ptrdiff_t>(from), steps.end());
  }

  // Keep of trails and counts only what the layer needs; what all have in common is told once.
  void tidy() {
    if (layer_.items.size() == 1) {
      auto& only = layer_.items.front();
      append(steps_, only.trail);
      nodes_.resize(1);
      only.trail = 0;
    } else if (nodes_.size() > compact_at_) {
      std::vector<std::uint32_t> moved(nodes_.size(), 0);
      for (auto& config : layer_.items)
        for (auto at = config.trail; at && !moved[at]; at = nodes_[at].parent) moved[at] = 1;
      std::uint32_t kept = 1;
      for (std::uint32_t at = 1; at < nodes_.size(); at++)
        if (moved[at]) {
          nodes_[kept] = {moved[nodes_[at].parent], nodes_[at].step};
          moved[at] = kept++;
        }
      nodes_.resize(kept);
      for (auto& config : layer_.items) config.trail = moved[config.trail];
      compact_at_ = std::max<std::size_t>(1 << 16, 2 * kept);
    }
    auto kinds = lost_.size();
    if (kinds && used_.size() > kinds * (2 * layer_.items.size() + 64)) {
      std::vector<std::uint32_t> kept;
      kept.reserve(kinds * layer_.items.size());
      for (auto& config : layer_.items) {
        auto from = used_.begin() + config.used;
        config.used = static_cast<std::uint32_t>(kept.size());
        kept.insert(kept.end(), from, from + static_cast<std::ptrdiff_t>(kinds));
      }
      used_.swap(kept);
    }
  }

  static constexpr std::size_t PROBED = 16;  // of wider beams everything is tried anyway
  static constexpr long SCALE = 1 << 16;
  static constexpr std::size_t CROWD = 1024;  // states at one return: there is no end to them, if there is plenty
  enum Tried : std::uint8_t { MAYBE = 1, FIRM = 2 };

  Machine& machine_;
  const Problem& problem_;
  const Stop& stop_;
  std::size_t beam_ = SIZE_MAX;  // now
  bool plenty_ = false;  // now
  bool told_ = true;     // trails are kept
  const std::uint8_t* scarce_ = nullptr;  // by symbol, or none
  Outcome outcome_;
  std::vector<int> slots_;  // by slot: the operation
  std::vector<int> order_;  // slots of open operations that do not observe, first to return first
  Mask<W> pending_, observers_, total_;
  std::vector<std::int32_t> lost_;     // symbols of operations that never return
  std::vector<std::int32_t> kind_of_;  // by symbol: its place in lost_, or -1
  std::vector<long> harmonic_{0};        // by number: the sum of SCALE / 1, SCALE / 2, ...
  std::vector<std::uint32_t> total_of_;  // by kind: how many there are
  std::vector<std::uint32_t> supply_;    // by kind: how many were called so far
  std::vector<std::int32_t> offered_;  // kinds with a supply
  std::vector<std::vector<std::int32_t>> ended_;  // by kind: the operations
  std::vector<std::uint32_t> used_;    // of every kind, a row for each configuration
  std::vector<Node> nodes_;
  std::vector<Step> steps_;
  std::size_t compact_at_ = 0;
  std::size_t work_ = 0;
  Layer layer_, todo_, next_;
  std::vector<Here> here_;  // by state
  std::uint32_t now_ = 0;
  std::vector<std::uint8_t> tried_;       // by symbol: Tried, in the round of tried_in_
  std::vector<std::uint64_t> tried_in_;
  std::uint64_t round_ = 0;
};

}  // namespace sweep
