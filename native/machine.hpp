// Sequential machines as the search sees them: states and symbols are numbers, a step is a look into a table.
#pragma once

#include <cstdint>
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

}  // namespace sweep
