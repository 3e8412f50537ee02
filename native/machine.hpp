// Sequential machines as the search sees them: states and symbols are numbers, a step is a look into a table.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "flat.hpp"
#include "problem.hpp"
#include "strings.hpp"

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
  // States of which one is, to what happens from one event to another, as good as the one there was.
  std::vector<int> alike(const Problem& problem, std::int32_t from, std::int32_t to) const {
    int other = 0;  // a state that nothing asks for
    for (auto& one : symbols_) other = std::max({other, one.value + 1, one.then + 1});
    std::vector<int> found{other};
    std::vector<bool> looked(symbols_.size());
    for (std::int32_t at = 0; at < to; at++) {
      auto op = problem.events[at];
      if (op < 0 || problem.returns[op] < from || looked[problem.symbols[op]]) continue;
      looked[problem.symbols[op]] = true;
      if (auto& one = symbols_[problem.symbols[op]]; one.test != Guarded::ALWAYS) found.push_back(one.value);
    }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
  }
  std::size_t held() const { return 0; }

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
  std::size_t held() const { return dense_.size() * sizeof(std::int32_t) + sparse_.bytes(); }

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
    auto* found = sparse_.find(state, symbol);
    return found ? *found : UNASKED;
  }
  void put(int state, int symbol, int after) {
    if (symbol < DENSE) {
      auto rows = static_cast<std::size_t>(state + 1) * DENSE;
      if (rows > dense_.size()) dense_.resize(std::max(rows, dense_.size() * 2), UNASKED);
      dense_[static_cast<std::size_t>(state) * DENSE + symbol] = after;
    } else
      sparse_.try_emplace(state, symbol, after);
  }
  std::vector<std::int32_t> dense_;
  Flat<std::int32_t> sparse_;
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
// a sequence only grows, so that it has to be how the coming read begins; and so has what replaces it. If something
// may replace it, or no read is called any more, and nobody can read it before, it does not matter what it is: such
// states are one.
class Sequences {
 public:
  Sequences(const std::vector<const Edit*>& symbols, std::string_view initial) : symbols_(symbols), states_(symbols.size()), appended_(symbols.size()) {
    states_.number(initial);
    states_.number("\xff");  // UNREAD: no text in UTF-8 is that, and no list of numbers of four bytes
  }

  int step(int state, int symbol) {
    auto& edit = *symbols_[symbol];
    switch (edit.kind) {
      case Edit::LOOKS: return state;
      case Edit::READS: return !hides(state) && states_[state] == edit.bytes ? state : REJECT;
      case Edit::REPLACES: return states_.number(edit.bytes);
      default: break;
    }
    if (hides(state)) return state;
    auto [known, fresh] = appended_.try_emplace(state, symbol, 0);
    return fresh ? *known = states_.longer(state, edit.bytes) : *known;
  }

  // Look at which read, called after each event, returns first, and what could replace or read the state before. At a
  // read's own return it is that one: whatever goes on there goes on because it has not taken effect.
  void foresee(const Problem& problem) {
    coming_.assign(problem.events.size(), -1);
    comings_.clear();
    others_.clear();
    replacements_.clear();
    std::vector<std::int32_t> calls(problem.symbols.size());
    Lost lost;
    bool losses = false;
    std::size_t reads = 0;
    for (std::size_t at = 0; at < problem.events.size(); at++)
      if (auto op = problem.events[at]; op >= 0) {
        calls[op] = static_cast<std::int32_t>(at);
        reads += edit(problem, op).kind == Edit::READS;
        if (problem.returns[op] != Problem::NEVER) continue;
        losses |= !(edit(problem, op).facts() & OBSERVES);
        if (edit(problem, op).kind == Edit::REPLACES)
          lost[edit(problem, op).bytes.size()].try_emplace(edit(problem, op).bytes, op);
      }
    comings_.reserve(2 * reads + 2);  // a read's call and its return change what comes, little else does
    std::vector<std::int32_t> replacing, reading;  // return at the event or later
    reading.reserve(16);  // it grows one by one
    auto add = [&](std::int32_t read) {
      auto before = [&](auto one) { return calls[one] < problem.returns[read]; };
      auto& coming = comings_.emplace_back();
      coming.read = &edit(problem, read).bytes;
      coming.others.from = others_.size();
      coming.lost.from = replacements_.size();
      for (auto op : replacing) coming.replaced |= before(op) && coming.read->starts_with(edit(problem, op).bytes);
      for (auto& [size, of] : lost)
        if (auto found = of.find(coming.read->substr(0, size)); found != of.end() && before(found->second))
          replacements_.push_back(problem.symbols[found->second]);
      coming.lost.to = replacements_.size();
      if (coming.replaced || coming.lost.from < coming.lost.to)
        for (auto op : reading)
          if (op != read && before(op)) others_.push_back(&edit(problem, op).bytes);
      coming.others.to = others_.size();
      return static_cast<std::int32_t>(comings_.size()) - 1;
    };
    std::int32_t next = -1, now = -1;
    bool changed = false;
    for (auto at = problem.events.size(); at-- > 0;) {
      auto op = problem.events[at] < 0 ? ~problem.events[at] : problem.events[at];
      auto kind = edit(problem, op).kind;
      bool returns = problem.events[at] < 0;
      if (returns && kind == Edit::REPLACES) replacing.push_back(op);
      if (returns && kind == Edit::READS) reading.push_back(op);
      changed |= returns && (kind == Edit::REPLACES || kind == Edit::READS);
      if (changed && next >= 0) {
        auto later = [&](auto one) { return calls[one] >= problem.returns[next]; };
        std::erase_if(replacing, later);
        std::erase_if(reading, later);
        now = add(next);
      } else if (changed || now < 0) {
        auto& none = comings_.emplace_back();
        none.replaced = true;
        none.others = {others_.size(), others_.size() + reading.size()};
        for (auto read : reading) others_.push_back(&edit(problem, read).bytes);
        now = static_cast<std::int32_t>(comings_.size()) - 1;
      }
      changed = false;
      coming_[at] = losses && returns && kind == Edit::READS ? add(op) : now;
      if (!returns && kind == Edit::READS && (next < 0 || problem.returns[op] < problem.returns[next])) {
        next = op;
        changed = true;
      }
    }
  }

  // What a state is to what comes after an event: itself, UNREAD, or REJECT if the coming read cannot come of it.
  // left(symbol): whether there is one of it that never returned.
  template <class Left>
  int seen(int state, std::int32_t event, Left left) const {
    auto& coming = comings_[coming_[event]];
    auto begins = [&](auto* read) { return state != UNREAD && read && read->starts_with(states_[state]); };
    if (begins(coming.read)) return state;
    auto lost = coming.lost.of(replacements_);
    if (!coming.replaced && std::none_of(lost.begin(), lost.end(), left)) return REJECT;
    auto others = coming.others.of(others_);
    return std::any_of(others.begin(), others.end(), begins) ? state : UNREAD;
  }

  bool hides(int state) const { return state == UNREAD; }
  std::string_view bytes(int state) const { return states_[state]; }
  std::size_t held() const { return states_.held() + appended_.bytes(); }

 private:
  static constexpr int UNREAD = 1;

  struct Places {  // of some that stand together
    std::size_t from = 0, to = 0;
    template <class One>
    std::span<const One> of(const std::vector<One>& all) const {
      return {all.data() + from, to - from};
    }
  };
  struct Coming {
    const std::string* read = nullptr;  // or none is called any more
    bool replaced = false;              // something that returns may replace the state by how the read begins
    Places others{};                    // what is read by others that may come before, if it may be replaced
    Places lost{};                      // symbols of what never returned, and may replace it
  };
  using Lost = std::map<std::size_t, std::unordered_map<std::string, std::int32_t>>;  // by size and operand, the first called

  const Edit& edit(const Problem& problem, std::int32_t op) const { return *symbols_[problem.symbols[op]]; }

  const std::vector<const Edit*>& symbols_;
  Strings states_;
  Flat<int> appended_;
  std::vector<std::int32_t> coming_;  // by event: place in comings_
  std::vector<Coming> comings_;
  std::vector<const std::string*> others_;  // of all comings
  std::vector<std::int32_t> replacements_;  // that were lost, of all comings
};

}  // namespace sweep
