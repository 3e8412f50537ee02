// Operations that never returned: equal ones are a number, not a set, and each configuration counts what it used.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "problem.hpp"

namespace sweep {

// A kind is a symbol of operations that never return; a row has, by kind, how many one configuration used.
class Losses {
 public:
  static constexpr long SCALE = 1 << 16;  // cost of the last of a kind

  explicit Losses(const Problem& problem) : kind_of_(problem.facts.size(), -1) {
    for (std::size_t op = 0; op < problem.symbols.size(); op++)
      if (problem.returns[op] == Problem::NEVER) {
        auto symbol = problem.symbols[op];
        if (problem.facts[symbol] & OBSERVES) continue;  // it need not happen, and nobody could tell
        auto& kind = kind_of_[symbol];
        if (kind < 0) {
          kind = static_cast<int>(symbols_.size());
          symbols_.push_back(symbol);
          total_of_.push_back(0);
        }
        auto most = ++total_of_[kind];
        if (most >= harmonic_.size()) harmonic_.push_back(harmonic_.back() + SCALE / most);
      }
    calls_.resize(symbols_.size());
  }

  // Before the first call; row 0 is of a configuration that used none.
  void reset() {
    supply_.assign(symbols_.size(), 0);
    offered_.clear();
    for (auto& calls : calls_) calls.clear();
    used_.assign(symbols_.size(), 0);
  }

  void call(std::int32_t op, std::int32_t symbol) {
    auto kind = kind_of_[symbol];
    if (kind < 0) return;
    if (supply_[kind]++ == 0) offered_.push_back(kind);
    calls_[kind].push_back(op);
  }

  int kind(std::int32_t symbol) const { return kind_of_[symbol]; }
  std::int32_t symbol(int kind) const { return symbols_[kind]; }
  std::uint32_t total(int kind) const { return total_of_[kind]; }
  std::uint32_t supply(int kind) const { return supply_[kind]; }
  std::int32_t operation(int kind, std::size_t number) const { return calls_[kind][number]; }
  const std::vector<std::int32_t>& offered() const { return offered_; }
  std::uint32_t used(std::uint32_t row, int kind) const { return used_[row + kind]; }

  // A row with one more used than in another.
  std::uint32_t use(std::uint32_t row, int kind) {
    auto made = static_cast<std::uint32_t>(used_.size());
    used_.resize(used_.size() + symbols_.size());
    std::copy_n(used_.begin() + row, symbols_.size(), used_.begin() + made);
    used_[made + kind]++;
    return made;
  }

  // The last of a kind is dearer than one of many: what is still possible counts.
  long cost(std::uint32_t row) const {
    long sum = 0;
    for (auto kind : offered_) {
      auto count = std::min(used_[row + kind], supply_[kind]);
      sum += harmonic_[supply_[kind]] - harmonic_[supply_[kind] - count];
    }
    return sum;
  }

  // Keep only the rows of these configurations.
  template <class Config>
  void tidy(std::vector<Config>& configs) {
    auto kinds = symbols_.size();
    if (!kinds || used_.size() <= kinds * (2 * configs.size() + 64)) return;
    std::vector<std::uint32_t> kept;
    kept.reserve(kinds * configs.size());
    for (auto& config : configs) {
      auto from = used_.begin() + config.used;
      config.used = static_cast<std::uint32_t>(kept.size());
      kept.insert(kept.end(), from, from + static_cast<std::ptrdiff_t>(kinds));
    }
    used_.swap(kept);
  }

  std::size_t held() const { return used_.capacity() * sizeof(used_[0]); }

 private:
  std::vector<std::int32_t> symbols_;  // by kind
  std::vector<std::int32_t> kind_of_;  // by symbol, or -1
  std::vector<long> harmonic_{0};        // by number: the sum of SCALE / 1, SCALE / 2, ...
  std::vector<std::uint32_t> total_of_;  // by kind: how many there are
  std::vector<std::uint32_t> supply_;    // by kind: how many were called so far
  std::vector<std::int32_t> offered_;    // kinds with a supply
  std::vector<std::vector<std::int32_t>> calls_;  // by kind: the operations
  std::vector<std::uint32_t> used_;               // row after row
};

}  // namespace sweep
