// The search: a descent, then sweeps with ever weaker simplifications, until one of them decides.
//
// A descent follows one explanation, and goes back where it leads nowhere; it gives up soon. Then the whole is swept.
// Where either is stuck, that return may be impossible whatever came long before: then a sweep over the last events
// alone, from every state, shows it.
//
// A sweep that keeps only the best configurations proves by reaching the end that a history is valid; one in which
// whatever never returned may happen any number of times proves by getting stuck that it is not. If it does not get
// stuck, either it used nothing more often than there was of it: then that is an explanation. Or it did; what it used
// too often is counted from then on. The beam grows meanwhile until nothing is left out.
#pragma once

#include <array>
#include <iterator>
#include <memory>
#include <unordered_map>
#include <utility>

#include "descent.hpp"
#include "sweep.hpp"

namespace sweep {

struct Verdict {
  enum Kind { VALID, INVALID, UNKNOWN } kind = UNKNOWN;
  std::int32_t event = 0;            // INVALID: the return that cannot be explained; UNKNOWN: how far it was sure
  std::vector<std::int32_t> states;  // INVALID: what that operation could have met
  std::vector<std::int32_t> order;   // operations in an order that explains all before `event`
  std::size_t widest = 0;
};

// A history's operations that took effect, in order; those that may stand anywhere find their place.
template <class Machine>
std::vector<std::int32_t> ordered(const std::vector<Step>& steps, const Problem& problem, Machine& machine, int initial) {
  struct Place {
    std::int32_t operation;
    std::int32_t before;  // the state it was met by
  };
  struct Moved {  // to stand before a place: changing nothing there, or overwritten by it
    std::size_t place;
    bool overwritten;
    std::int32_t operation;
  };
  std::vector<Place> places;
  std::vector<Moved> moved;
  places.reserve(steps.size());
  auto state = initial;
  for (auto& step : steps) {
    auto symbol = problem.symbols[step.operation];
    auto after = machine.step(state, symbol);
    if (!step.anywhere || after == state) {  // if so nothing changed since it could have come: here and now
      places.push_back({step.operation, state});
      state = after;
      continue;
    }
    for (auto at = places.size(); at-- > 0;) {
      bool nothing = machine.step(places[at].before, symbol) == places[at].before;
      bool overwritten = problem.facts[problem.symbols[places[at].operation]] & RESETS && problem.facts[symbol] & TOTAL;
      if (!nothing && !overwritten) continue;
      moved.push_back({at, !nothing, step.operation});
      break;
    }
  }
  std::stable_sort(moved.begin(), moved.end(), [](const Moved& one, const Moved& other) {
    return std::tie(one.place, one.overwritten) < std::tie(other.place, other.overwritten);
  });
  std::vector<std::int32_t> order;
  order.reserve(steps.size());
  auto next = moved.begin();
  for (std::size_t at = 0; at < places.size(); at++) {
    for (; next != moved.end() && next->place == at; ++next) order.push_back(next->operation);
    order.push_back(places[at].operation);
  }
  return order;
}

// One history's search, a stage at a time.
template <class Machine, int W>
class Search {
 public:
  Search(Machine machine, const Problem& problem, int initial, const Limits& limits)
      : machine_(std::move(machine)), problem_(problem), initial_(initial), limits_(limits) {
    for (std::size_t op = 0; op < problem.symbols.size() && !losses_; op++)
      losses_ = problem.returns[op] == Problem::NEVER && !(problem.facts[problem.symbols[op]] & OBSERVES);
    beam_ = losses_ ? NARROW : 16 * NARROW;
  }
  Search(const Search&) = delete;
  Search& operator=(const Search&) = delete;

  const Verdict& verdict() const { return verdict_; }
  Machine& machine() { return machine_; }

  // Whether that decided it, or the budget is at its end.
  bool advance() {
    if (!descended_) {
      descended_ = true;
      if (descended()) return true;
    }
    if (refining_ && refined_ % REFINED) return refined();
    auto outcome = sweeping().run({initial_}, {beam_, windows_, 0, until_});
    spent_ += outcome.event;
    verdict_.widest = std::max(verdict_.widest, outcome.widest);
    if (outcome.event >= verdict_.event) {
      verdict_.event = outcome.event;
      verdict_.states = std::move(outcome.states);
      verdict_.order = ordered(sweep_->steps(), problem_, machine_, initial_);
    }
    auto at = outcome.event;
    if (outcome.end == End::EXPLAINED && until_ == INT32_MAX) return decided(Verdict::VALID);
    bool exact = !outcome.pruned || at + 1 == until_;
    if (outcome.end == End::STUCK && (exact || (at == verdict_.event && looks_impossible(at)))) return decided(Verdict::INVALID);
    auto& window = widened(at);
    if (outcome.end == End::STOPPED || (until_ != INT32_MAX && window.beam > WIDE)) return given_up();
    if (!losses_) return false;
    if (refining_) return spent_ >= problem_.events.size() && refined();
    if (until_ != INT32_MAX) return false;
    // Stuck here, though perhaps for want of what the beam left out. Count losses from a while back only: stuck even
    // so is a proof.
    auto plenty = sweep_->run({initial_}, {8 * window.beam, {}, window.from, at + 1, nullptr});
    if (plenty.end == End::STOPPED) return given_up();
    if (plenty.end == End::STUCK && !plenty.pruned) until_ = plenty.event + 1;
    return until_ == verdict_.event + 1 && decided(Verdict::INVALID);
  }

 private:
  bool descended() {
    if (W > 1 || limits_.patience < 0) return false;
    Descent<Machine> descent(machine_, problem_, initial_, limits_);
    for (auto& each : TRIES) {
      if (!LOOKS_BACK && each.share > 1) continue;
      auto outcome = descent.run(limits_.patience / each.share);
      bool valid = outcome.end == End::EXPLAINED;
      if (outcome.end == End::STOPPED && descent.over()) return false;
      if (outcome.end == End::STOPPED && !impossible(outcome.event, each)) continue;
      verdict_.event = outcome.event;
      verdict_.states = std::move(outcome.states);
      verdict_.order = descent.order();
      verdict_.widest = 1;
      return decided(valid ? Verdict::VALID : Verdict::INVALID);
    }
    return false;
  }

  Sweep<Machine, W>& sweeping() {
    if (!sweep_) sweep_ = std::make_unique<Sweep<Machine, W>>(machine_, problem_, limits_.stop);
    return *sweep_;
  }

  struct Try {
    int share;           // of the patience
    std::int32_t back;   // events to look back at where that was not enough, at most,
    std::int32_t width;  // while so many operations that return are open
  };

  // Whether a return cannot be explained by what came just before it, whatever came before that.
  bool impossible(std::int32_t event, const Try& far) {
    if constexpr (LOOKS_BACK) {
      auto from = began(event, far);
      auto states = from ? machine_.alike(problem_, from, event + 1) : std::vector{initial_};
      if (states.size() > NEAR) return false;
      auto stuck = [&](std::size_t beam, std::int32_t plenty) {
        auto outcome = sweeping().run(states, {beam, {}, plenty, event + 1, nullptr, from});
        return outcome.end == End::STUCK && !outcome.pruned;
      };
      return stuck(NEAR, event + 1) || (losses_ && stuck(NEAR / 4, 0));
    } else
      return false;
  }

  // Whether all is decided by supposing that there is plenty of all that never returned but for what is scarce.
  bool refined() {
    auto end = until_ == INT32_MAX ? INT32_MAX : until_ - 1;  // nothing survives that event
    refined_++;
    scarce_.resize(problem_.facts.size());
    auto outcome = sweep_->run({initial_}, {WIDE, {}, INT32_MAX, end, scarce_.data()});
    if (outcome.end == End::STOPPED) return given_up();
    refining_ = !outcome.pruned;
    if (outcome.pruned) return false;
    if (outcome.end == End::STUCK) {
      until_ = outcome.event + 1;
      states_ = std::move(outcome.states);
      return until_ == verdict_.event + 1 && decided(Verdict::INVALID);
    }
    auto steps = sweep_->steps();
    if (!enough(steps)) return false;
    verdict_.order = ordered(steps, problem_, machine_, initial_);
    verdict_.event = outcome.event;
    verdict_.states = states_;
    return decided(until_ == INT32_MAX ? Verdict::VALID : Verdict::INVALID);
  }

  // Whether there was enough of what never returned, each time that it was used; what was short is scarce now.
  bool enough(std::vector<Step>& steps) {
    std::unordered_map<std::int32_t, std::vector<std::int32_t>> lost;  // by symbol: places of calls
    for (std::size_t at = 0; at < problem_.events.size(); at++) {
      auto op = problem_.events[at];
      if (op >= 0 && problem_.returns[op] == Problem::NEVER) lost[problem_.symbols[op]].push_back(static_cast<std::int32_t>(at));
    }
    std::unordered_map<std::int32_t, std::size_t> used;
    std::int32_t missing = -1;
    for (auto& step : steps) {
      if (problem_.returns[step.operation] != Problem::NEVER) continue;
      auto symbol = problem_.symbols[step.operation];
      auto& calls = lost[symbol];
      auto next = used[symbol]++;
      if (next < calls.size() && calls[next] < step.event)
        step.operation = problem_.events[calls[next]];
      else
        missing = symbol;
    }
    if (missing >= 0) scarce_[missing] = 1;  // what was short last: before, there may have been a choice
    return missing < 0;
  }

  // The budget is at its end, or it is not worth more.
  bool given_up() {
    if (until_ == INT32_MAX) return decided(Verdict::UNKNOWN);
    verdict_.event = until_ - 1;  // shown by plenty, though an earlier return may be impossible already
    return decided(Verdict::INVALID);
  }

  // The same, however far has to be looked back; looked at once for each event.
  bool looks_impossible(std::int32_t event) {
    if (limits_.patience < 0 || std::exchange(looked_, event) == event) return false;
    return std::any_of(TRIES.begin(), TRIES.end(), [&](auto& each) { return impossible(event, each); });
  }

  // The first event to look back at.
  std::int32_t began(std::int32_t event, const Try& far) const {
    auto change = [&](std::int32_t at) {
      auto op = problem_.events[at];
      return op < 0 ? -1 : problem_.returns[op] != Problem::NEVER;
    };
    std::int32_t open = 0;
    for (std::int32_t at = 0; at < event; at++) open += change(at);
    auto from = event;
    for (; from > 0 && from > event - far.back && open <= far.width; from--) open -= change(from - 1);
    return from;
  }

  static constexpr bool LOOKS_BACK = requires(const Machine& machine, const Problem& problem) { machine.alike(problem, 0, 0); };
  static constexpr std::array<Try, 3> TRIES{{{4, 64, 8}, {2, 256, 16}, {1, 1024, 64}}};
  static constexpr std::size_t NARROW = 2, NEAR = 128, WIDE = 4096, WINDOWS = 64;
  static constexpr int REFINED = 8;  // times in turn: that is cheap

  // Have more kept before an event where it got stuck: at first not long before, then ever more and longer.
  const Window& widened(std::int32_t at) {
    auto place = windows_.begin();
    while (place != windows_.end() && place->to <= at) ++place;
    if (place == windows_.end() || place->from > at) {
      if (windows_.size() == WINDOWS) {
        windows_.clear();
        place = windows_.begin();
        beam_ *= 8;
      }
      place = windows_.insert(place, {at, at + 1, beam_});
    }
    place->from = std::max(at - 4 * (at - place->from) - 64, 0);
    place->beam *= 4;
    while (place != windows_.begin() && std::prev(place)->to > place->from) {
      place->beam = std::max(place->beam, std::prev(place)->beam);
      place->from = std::min(place->from, std::prev(place)->from);
      place = windows_.erase(std::prev(place));
    }
    return *place;
  }

  bool decided(Verdict::Kind kind) {
    verdict_.kind = kind;
    return true;
  }

  Machine machine_;
  const Problem& problem_;
  int initial_;
  const Limits& limits_;
  std::unique_ptr<Sweep<Machine, W>> sweep_;  // made when it is needed first: it is large
  bool descended_ = false, losses_ = false;
  std::int32_t looked_ = -1;  // at last
  std::size_t beam_, spent_ = 0;
  std::vector<Window> windows_;
  bool refining_ = true;
  int refined_ = 0;
  std::vector<std::uint8_t> scarce_;  // by symbol
  std::vector<std::int32_t> states_;  // met by what is known to be impossible
  std::int32_t until_ = INT32_MAX;  // events to look at: it is known that they cannot all be explained
  Verdict verdict_;
};

}  // namespace sweep
