// What took effect on the way to each configuration: explanations share their beginnings, so they are a tree.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "problem.hpp"

namespace sweep {

// A trail is the number of the node of what took effect last; 0 has none.
class Trails {
 public:
  // Untold, all trails are 0.
  void reset(bool told, std::size_t operations) {
    told_ = told;
    if (nodes_.empty()) nodes_.resize(1);
    count_ = 1;
    common_.clear();
    common_.reserve(operations);
    compact_at_ = LEAST;
  }

  std::uint32_t node(std::uint32_t parent, Step step) {
    if (!told_) return 0;
    if (count_ == nodes_.size()) [[unlikely]] nodes_.resize(2 * nodes_.size());
    nodes_[count_] = {parent, step};
    return count_++;
  }

  // All that took effect, first to last.
  std::vector<Step> steps(std::uint32_t trail) const {
    auto all = common_;
    append(all, trail);
    return all;
  }

  // Keep only what these configurations need; what all have in common is told once.
  template <class Config>
  void tidy(std::vector<Config>& configs) {
    if (configs.size() == 1) {
      auto& only = configs.front();
      append(common_, only.trail);
      count_ = 1;
      only.trail = 0;
    } else if (count_ > compact_at_)
      compact(configs);
  }

  std::size_t held() const { return nodes_.capacity() * sizeof(Node) + common_.capacity() * sizeof(Step); }

 private:
  struct Node {
    std::uint32_t parent;
    Step step;
  };

  void append(std::vector<Step>& steps, std::uint32_t trail) const {
    auto from = steps.size();
    for (; trail; trail = nodes_[trail].parent) steps.push_back(nodes_[trail].step);
    std::reverse(steps.begin() + static_cast<std::ptrdiff_t>(from), steps.end());
  }

  template <class Config>
  void compact(std::vector<Config>& configs) {
    std::vector<std::uint32_t> moved(count_, 0);
    for (auto& config : configs)
      for (auto at = config.trail; at && !moved[at]; at = nodes_[at].parent) moved[at] = 1;
    std::uint32_t kept = 1;
    for (std::uint32_t at = 1; at < count_; at++)
      if (moved[at]) {
        nodes_[kept] = {moved[nodes_[at].parent], nodes_[at].step};
        moved[at] = kept++;
      }
    count_ = kept;
    for (auto& config : configs) config.trail = moved[config.trail];
    compact_at_ = std::max<std::size_t>(LEAST, 2 * kept);
  }

  static constexpr std::size_t LEAST = 1 << 16;  // nodes that are not worth compacting

  bool told_ = true;
  std::vector<Node> nodes_;  // count_ of them, then room: there are many, and adding one is to be quick
  std::uint32_t count_ = 0;
  std::vector<Step> common_;  // before the first node
  std::size_t compact_at_ = 0;
};

}  // namespace sweep
