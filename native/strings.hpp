// Strings of bytes, each once, by number.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

class Strings {
 public:
  // expected: how many there may well be; room is made for so many at once
  explicit Strings(std::size_t expected) : slots_(std::bit_ceil(2 * expected + 8), FREE) {
    places_.reserve(expected);
    bytes_.reserve(std::min<std::size_t>(16 * expected, 512));
  }

  int number(std::string_view bytes) {
    auto start = bytes_.size();
    bytes_.append(bytes);
    return last(start, hashed(0, bytes));
  }

  // The number of one with more bytes behind it.
  int longer(int number, std::string_view more) {
    auto start = bytes_.size();
    auto [from, size, _] = places_[number];
    bytes_.resize(start + size + more.size());
    std::memcpy(&bytes_[start], &bytes_[from], size);
    std::memcpy(&bytes_[start + size], more.data(), more.size());
    return last(start, hashed(places_[number].hash, more));
  }

  std::string_view operator[](int number) const { return {bytes_.data() + places_[number].start, places_[number].size}; }
  std::size_t held() const { return bytes_.capacity() + places_.capacity() * sizeof(Place) + slots_.size() * sizeof(int); }

 private:
  static constexpr int FREE = -1;

  struct Place {
    std::size_t start, size;
    std::uint64_t hash;
  };

  // Of bytes behind others whose hash is known: those need not be looked at again.
  static std::uint64_t hashed(std::uint64_t hash, std::string_view bytes) {
    for (unsigned char byte : bytes) hash = (hash + byte + 1) * 0x9E3779B97F4A7C15u;
    return hash;
  }

  // The number of what begins there: kept, unless it is known.
  int last(std::size_t start, std::uint64_t hash) {
    if (2 * (places_.size() + 1) > slots_.size()) grow();
    std::string_view bytes(bytes_.data() + start, bytes_.size() - start);
    auto& slot = slot_of(bytes, hash);
    if (slot == FREE) {
      slot = static_cast<int>(places_.size());
      places_.push_back({start, bytes.size(), hash});
    } else
      bytes_.resize(start);
    return slot;
  }

  int& slot_of(std::string_view bytes, std::uint64_t hash) {
    auto at = (hash ^ hash >> 32) & (slots_.size() - 1);
    while (slots_[at] != FREE && (places_[slots_[at]].hash != hash || (*this)[slots_[at]] != bytes)) at = (at + 1) & (slots_.size() - 1);
    return slots_[at];
  }

  void grow() {
    slots_.assign(2 * slots_.size(), FREE);
    for (std::size_t number = 0; number < places_.size(); number++) {
      auto of = static_cast<int>(number);
      slot_of((*this)[of], places_[number].hash) = of;
    }
  }

  std::string bytes_;  // of all, one after the other
  std::vector<Place> places_;
  std::vector<int> slots_;  // a power of two, at most half of them used
};
