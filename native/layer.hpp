// What the explanations of one moment are: configurations, and which of them to keep.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

namespace sweep {

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

// One explanation of all that has returned so far.
template <int W>
struct Config {
  Mask<W> done;   // have taken effect
  Mask<W> maybe;  // have, or have not: both explain the same
  std::int32_t state;
  std::uint32_t trail;   // node of what took effect last, in Trails
  std::uint32_t used;    // counts of operations that never returned, in Losses
  std::uint32_t excess;  // how often one was used that there was not, or not yet
};

// Configurations of one moment, found by state; none is dominated by another.
template <int W>
struct Layer {
  std::vector<Config<W>> items;
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

  // dominates(a, b): whatever can follow b can follow a, in the same state.
  template <class Dominates>
  void add(const Config<W>& config, Dominates dominates) {
    auto& first = first_of(config.state);
    std::int32_t before = -1;
    for (auto at = first; at >= 0;) {
      auto after = link[at];
      if (dominates(items[at], config)) return;
      if (dominates(config, items[at])) {
        dead[at] = 1;
        (before < 0 ? first : link[before]) = after;
      } else
        before = at;
      at = after;
    }
    link.push_back(first);
    dead.push_back(0);
    first = static_cast<std::int32_t>(items.size());
    items.push_back(config);
  }

  // Leave out what is dominated, and what is beyond the beam: true if there is any of that. Nothing is added after.
  template <class Cost>
  bool sift(std::size_t beam, Cost cost) {
    std::size_t kept = 0;
    for (std::size_t at = 0; at < items.size(); at++)
      if (!dead[at]) items[kept++] = items[at];
    items.resize(kept);
    if (kept <= beam) return false;
    // The best of every state first, then the second best of every state: what is in another state differs most.
    struct Ranked {
      long rank, cost;
      std::size_t at;
    };
    std::vector<Ranked> ranked;
    for (std::size_t at = 0; at < kept; at++) ranked.push_back({items[at].state, cost(items[at]), at});
    auto less = [](const Ranked& a, const Ranked& b) { return std::tie(a.rank, a.cost, a.at) < std::tie(b.rank, b.cost, b.at); };
    std::sort(ranked.begin(), ranked.end(), less);
    long state = -1, rank = 0;
    for (auto& one : ranked) {
      rank = one.rank == state ? rank + 1 : 0;
      state = one.rank;
      one.rank = rank;
    }
    std::sort(ranked.begin(), ranked.end(), less);
    std::vector<Config<W>> best;
    for (std::size_t at = 0; at < beam; at++) best.push_back(items[ranked[at].at]);
    items.swap(best);
    return true;
  }

  std::size_t held() const { return items.capacity() * sizeof(Config<W>); }

 private:
  std::int32_t& first_of(int state) {
    if (static_cast<std::size_t>(state) >= head.size()) [[unlikely]] grow(state);
    if (stamp[state] != epoch) {
      stamp[state] = epoch;
      head[state] = -1;
      states++;
    }
    return head[state];
  }

  void grow(std::size_t state) {
    head.resize(std::max(state + 1, head.size() * 2), -1);
    stamp.resize(head.size(), 0);
  }
};

}  // namespace sweep
