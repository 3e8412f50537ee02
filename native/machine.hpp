// Sequential machines as the search sees them: states and symbols are numbers, a step is a look into a table.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sweep.hpp"

namespace sweep {

// What a symbol does to a machine whose state is one value: if the state passes the test it becomes `then`, else
// `otherwise`. KEEP leaves it.
struct Guarded {
  enum Test : std::uint8_t { ALWAYS, EQUALS, DIFFERS };
  static constexpr std::int32_t KEEP = -2;
  Test test = ALWAYS;
  std::int32_t value = 0;
  std::int32_t then = KEEP;
  std::int32_t otherwise = REJECT;

  std::uint8_t facts() const {
    bool keeps = then == KEEP && (otherwise == KEEP || otherwise == REJECT || test == ALWAYS);
    if (keeps) return OBSERVES | (test == ALWAYS || otherwise == KEEP ? TOTAL : 0);
    if (test == ALWAYS) return TOTAL | RESETS;
    return otherwise == REJECT ? 0 : TOTAL;
  }
  friend bool operator==(const Guarded&, const Guarded&) = default;
};

// All symbols are guarded assignments: nothing to look up, however many values there are.
class Assignments {
 public:
  explicit Assignments(const std::vector<Guarded>& symbols) : symbols_(symbols) {}
  int step(int state, int symbol) const {
    auto& one = symbols_[symbol];
    auto to = one.test == Guarded::ALWAYS || (state == one.value) == (one.test == Guarded::EQUALS) ? one.then : one.otherwise;
    return to == Guarded::KEEP ? state : to;
  }

 private:
  const std::vector<Guarded>& symbols_;
};

// Any machine: asked once for each state and symbol. Rows are dense while there are few symbols.
class Cells {
 public:
  virtual ~Cells() = default;

  int step(int state, int symbol) {
    if (auto known = find(state, symbol); known != UNASKED) return known;
    auto after = ask(state, symbol);
    put(state, symbol, after);
    return after;
  }

 protected:
  virtual int ask(int state, int symbol) = 0;

 private:
  static constexpr int UNASKED = -3;
  static constexpr int DENSE = 64;

  int find(int state, int symbol) const {
    if (symbol < DENSE) {
      auto at = static_cast<std::size_t>(state) * DENSE + symbol;
      return at < dense_.size() ? dense_[at] : UNASKED;
    }
    auto found = sparse_.find(key(state, symbol));
    return found == sparse_.end() ? UNASKED : found->second;
  }
  void put(int state, int symbol, int after) {
    if (symbol < DENSE) {
      auto rows = static_cast<std::size_t>(state + 1) * DENSE;
      if (rows > dense_.size()) dense_.resize(std::max(rows, dense_.size() * 2), UNASKED);
      dense_[static_cast<std::size_t>(state) * DENSE + symbol] = after;
    } else
      sparse_.emplace(key(state, symbol), after);
  }
  static std::uint64_t key(int state, int symbol) {
    return static_cast<std::uint64_t>(state) << 32 | static_cast<std::uint32_t>(symbol);
  }

  std::vector<std::int32_t> dense_;
  std::unordered_map<std::uint64_t, std::int32_t> sparse_;
};

// What a symbol does to a machine whose state is a sequence, here a string of bytes.
struct Edit {
  enum Kind : std::uint8_t { APPENDS, REPLACES, READS, LOOKS };  // READS finds just these bytes, LOOKS any
  Kind kind = LOOKS;
  std::string bytes;

  std::uint8_t facts() const {
    switch (kind) {
      case APPENDS: return TOTAL;
      case REPLACES: return TOTAL | RESETS;
      case READS: return OBSERVES;
      default: return OBSERVES | TOTAL;
    }
  }
};

// All symbols are edits. A state that the next read cannot come from is never entered: until something replaces it
// a sequence only grows, so that it has to be how a coming read begins.
class Sequences {
 public:
  Sequences(const std::vector<Edit>& symbols, std::string initial) : symbols_(symbols) { number(std::move(initial)); }

  int step(int state, int symbol) {
    auto& edit = symbols_[symbol];
    switch (edit.kind) {
      case Edit::LOOKS: return state;
      case Edit::READS: return *states_[state] == edit.bytes ? state : REJECT;
      case Edit::REPLACES: return number(edit.bytes);
      default: break;
    }
    auto [known, fresh] = appended_.try_emplace(static_cast<std::uint64_t>(state) << 32 | static_cast<std::uint32_t>(symbol), 0);
    if (fresh) known->second = number(*states_[state] + edit.bytes);
    return known->second;
  }

  // Look at which read, called after each event, returns first, and whether anything can replace the state before.
  void foresee(const Problem& problem) {
    auto size = problem.events.size();
    coming_.assign(size, nullptr);
    std::vector<std::int32_t> replacing(size + 1, 0);  // calls of replacements up to an event
    std::vector<std::int32_t> open(size + 1, 0);       // replacements open after an event
    for (std::size_t at = 0; at < size; at++) {
      auto op = problem.events[at] < 0 ? ~problem.events[at] : problem.events[at];
      bool replaces = symbols_[problem.symbols[op]].kind == Edit::REPLACES;
      replacing[at + 1] = replacing[at] + (replaces && problem.events[at] >= 0);
      open[at + 1] = open[at] + (replaces ? (problem.events[at] >= 0 ? 1 : -1) : 0);
    }
    std::int32_t next = -1;
    for (auto at = size; at-- > 0;) {
      if (next >= 0) {
        auto returns = problem.returns[next];
        if (open[at + 1] == 0 && open[at] == 0 && replacing[returns] == replacing[at]) coming_[at] = &symbols_[problem.symbols[next]].bytes;
      }
      auto op = problem.events[at];
      if (op >= 0 && symbols_[problem.symbols[op]].kind == Edit::READS && (next < 0 || problem.returns[op] < problem.returns[next])) next = op;
    }
  }

  bool viable(int state, std::int32_t event) const {
    auto* coming = coming_[event];
    return !coming || coming->starts_with(*states_[state]);
  }

  const std::string& bytes(int state) const { return *states_[state]; }

 private:
  int number(const std::string& bytes) {
    auto [known, fresh] = numbers_.try_emplace(bytes, static_cast<int>(states_.size()));
    if (fresh) states_.push_back(&known->first);
    return known->second;
  }

  const std::vector<Edit>& symbols_;
  std::unordered_map<std::string, int> numbers_;
  std::vector<const std::string*> states_;
  std::unordered_map<std::uint64_t, int> appended_;
  std::vector<const std::string*> coming_;
};

}  // namespace sweep
