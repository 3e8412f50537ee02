// A hash table of pairs of numbers: what is asked of it for every operation should cost next to nothing.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

template <class Value>
class Flat {
 public:
  Flat() = default;
  // expected: how many there may well be; room is made for so many at once
  explicit Flat(std::size_t expected) : slots_(std::bit_ceil(2 * expected + 8)) {}

  // The value of a key, and whether it is new: then it is as given.
  std::pair<Value*, bool> try_emplace(std::int64_t one, std::int64_t other, Value value) {
    if (2 * (count_ + 1) > slots_.size()) grow();
    auto& slot = place(one, other);
    if (slot.used) return {&slot.value, false};
    slot = {one, other, std::move(value), true};
    count_++;
    return {&slot.value, true};
  }

  const Value* find(std::int64_t one, std::int64_t other) const {
    if (slots_.empty()) return nullptr;
    auto& slot = const_cast<Flat*>(this)->place(one, other);
    return slot.used ? &slot.value : nullptr;
  }

  std::size_t size() const { return count_; }
  std::size_t bytes() const { return slots_.size() * sizeof(Slot); }

 private:
  struct Slot {
    std::int64_t one = 0, other = 0;
    Value value{};
    bool used = false;
  };

  Slot& place(std::int64_t one, std::int64_t other) {
    auto mixed = (static_cast<std::uint64_t>(one) * 0x9E3779B97F4A7C15u) ^ (static_cast<std::uint64_t>(other) * 0xC2B2AE3D27D4EB4Fu);
    auto at = (mixed ^ mixed >> 32) & (slots_.size() - 1);
    while (slots_[at].used && (slots_[at].one != one || slots_[at].other != other)) at = (at + 1) & (slots_.size() - 1);
    return slots_[at];
  }

  void grow() {
    auto before = std::exchange(slots_, std::vector<Slot>(slots_.empty() ? 16 : 2 * slots_.size()));
    for (auto& slot : before)
      if (slot.used) place(slot.one, slot.other) = std::move(slot);
  }

  std::vector<Slot> slots_;  // a power of two, at most half of them used
  std::size_t count_ = 0;
};
