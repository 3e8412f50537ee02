// What is known of a model: its values, symbols and states as numbers, kept from one history to the next.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "machine.hpp"
#include "part.hpp"
#include "search.hpp"
#include "values.hpp"

namespace python {

enum Sign { UNKNOWN, OK, REFUSED };  // of what never returned, returned and failed, numbered as Type, with INFO as INVOKE
static_assert(RETURNED % INFO == OK && FAILED % INFO == REFUSED && INFO % INFO == UNKNOWN && !INVOKE);

struct Symbol {  // what a model is told of an operation
  PyObject* f;
  int argument;
  Sign sign;
  int result;
};

// A model that has to be asked, once for each state and symbol.
class Asked : public sweep::Cells {
 public:
  Asked(PyObject* step, const Values& values, const std::vector<Symbol>& symbols)
      : step_(borrowed(step)), numbers_(owned(PyDict_New())), values_(values), symbols_(symbols) {}

  int number(PyObject* state) {
    auto known = look(numbers_, state);
    if (known >= 0) return known;
    states_.push_back(borrowed(state));
    return note(numbers_, state, static_cast<int>(states_.size()) - 1);
  }
  PyObject* object(int state) const { return states_[state].it; }

  // What holds in every state that can be reached, if they are few: by symbol, the facts.
  std::vector<std::uint8_t> facts() {
    std::vector<std::uint8_t> all(symbols_.size(), 0);
    std::vector<bool> possible(symbols_.size(), false);
    std::vector<int> leads(symbols_.size(), sweep::REJECT);
    for (auto& fact : all) fact = sweep::OBSERVES | sweep::TOTAL | sweep::RESETS;
    for (std::size_t state = 0; state < states_.size(); state++) {
      if (states_.size() * symbols_.size() > CLOSURE) return std::vector<std::uint8_t>(symbols_.size(), 0);
      for (std::size_t symbol = 0; symbol < symbols_.size(); symbol++) {
        auto after = step(static_cast<int>(state), static_cast<int>(symbol));
        if (after == sweep::REJECT) {
          all[symbol] &= sweep::OBSERVES;
          continue;
        }
        if (after != static_cast<int>(state)) all[symbol] &= ~sweep::OBSERVES;
        if (possible[symbol] && leads[symbol] != after) all[symbol] &= ~sweep::RESETS;
        possible[symbol] = true;
        leads[symbol] = after;
      }
    }
    for (auto& fact : all)
      if (fact & sweep::OBSERVES) fact &= ~sweep::RESETS;
    return all;
  }

 protected:
  int ask(int state, int symbol) override {
    Holding lock;
    auto& told = symbols_[symbol];
    auto sign = owned(PyLong_FromLong(told.sign));
    auto after = call(step_, states_[state].it, told.f, values_.object(told.argument), sign.it, values_.object(told.result));
    return after.it == Py_NotImplemented ? sweep::REJECT : number(after.it);
  }

 private:
  static constexpr std::size_t CLOSURE = 4096;

  Ref step_, numbers_;
  std::vector<Ref> states_;
  const Values& values_;
  const std::vector<Symbol>& symbols_;
};

enum class Kind { ANY, VALUE, SEQUENCE };

// Operations that are so common that a model need not be asked what they do; see Verb in Python.
enum class Verb { READS = 1, WRITES, SWAPS, APPENDS };

class Table {
 public:
  // define(f, argument, sign, result) -> (key, ...), where ... is
  //   ANY       facts, or -1: to be found out
  //   VALUE     test, value, then, otherwise: as Guarded; NotImplemented keeps the state
  //   SEQUENCE  kind, operand: as Edit; a string, or a sequence of values
  // verbs: what operations do, by f; keyed: all values are [key, value]
  Table(PyObject* define, PyObject* step, PyObject* judges, PyObject* refusal, PyObject* canonical, PyObject* initial, Kind kind,
        PyObject* verbs, bool keyed)
      : kind(kind), values(canonical), asked(step, values, symbols), define_(borrowed(define)), judges_(borrowed(judges)),
        refusal_(borrowed(refusal)), verbs_(borrowed(verbs)), keyed_(keyed) {
    nothing_ = values.number(Py_None);
    if (kind == Kind::ANY) this->initial = asked.number(initial);
    if (kind == Kind::VALUE) this->initial = values.number(initial);
    if (kind == Kind::SEQUENCE) beginning = bytes(initial);
  }
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  const Kind kind;
  Values values;
  std::vector<Symbol> symbols;  // ANY
  Asked asked;
  std::vector<sweep::Guarded> guarded;  // VALUE
  std::vector<sweep::Edit> edits;       // SEQUENCE
  std::vector<std::uint8_t> facts;
  int initial = 0;
  std::string beginning;
  bool others = false;  // the last history has operations that the model does not judge

  // Parts of a history, until there is another.
  std::span<const std::unique_ptr<Part>> parts(const Columns& columns) {
    for (; count_ > 0; count_--) part_of_[made(count_ - 1).key] = NONE;
    others = false;
    named_.assign(static_cast<std::size_t>(PyList_Size(columns.names)), UNMET);
    items_.are(columns.items);
    columns.invocations(invocations_);
    places_.assign(columns.size, {NONE, 0});
    std::size_t operations = 0;
    for (auto at : invocations_) {
      auto known = meaning(columns, at);
      if (known.symbol < 0) continue;
      places_[at] = {part_of(known.key), known.symbol};
      operations++;
    }
    if (count_ == 1) {
      Telling telling(made(0), operations);
      tell(columns, [&](int) -> Telling& { return telling; });
      telling.end();
    } else {
      std::vector<std::size_t> sizes(count_);
      for (auto at : invocations_)
        if (auto part = places_[at].part; part != NONE) sizes[part]++;
      std::vector<Telling> tellings;
      for (std::size_t part = 0; part < count_; part++) tellings.emplace_back(made(part), sizes[part]);
      tell(columns, [&](int part) -> Telling& { return tellings[part]; });
      for (auto& telling : tellings) telling.end();
    }
    if (kind == Kind::ANY) find_out();
    for (std::size_t part = 0; part < count_; part++) name(made(part));
    return {parts_.data(), count_};
  }

 private:
  struct Place {  // of an operation
    int part;
    std::int32_t number;  // of its symbol, then its own in the part
  };

  Part& made(std::size_t part) { return *parts_[part]; }

  // The part of a key; begun, if there is none.
  int part_of(int key) {
    if (static_cast<std::size_t>(key) >= part_of_.size()) part_of_.resize(std::max<std::size_t>(key + 1, 2 * part_of_.size()), NONE);
    if (part_of_[key] == NONE) {
      if (count_ == parts_.size()) parts_.push_back(std::make_unique<Part>());
      made(count_).begin(key);
      part_of_[key] = static_cast<int>(count_++);
    }
    return part_of_[key];
  }

  // Tell parts what was called and what happened. telling(part): who does.
  template <class Of>
  void tell(const Columns& columns, Of telling) {
    for (auto at : invocations_)
      if (auto& place = places_[at]; place.part != NONE) place.number = telling(place.part).call(at, place.number, columns.returns(at));
    for (std::size_t at = 0; at < columns.size; at++) {
      bool called = columns.types[at] == INVOKE;
      auto of = called ? static_cast<std::int64_t>(at) : columns.partners[at];
      if (of < 0) continue;
      auto place = places_[of];
      if (place.part != NONE) telling(place.part).happened(static_cast<std::int32_t>(at), place.number, called);
    }
  }

  // Number a part's symbols by themselves: a table may know many that are not its.
  void name(Part& part) {
    local_.resize(facts.size(), -1);
    part.names.reserve(std::min(facts.size(), part.invocations.size()));
    part.problem.facts.reserve(part.names.capacity());
    if (kind == Kind::VALUE) part.guarded.reserve(part.names.capacity());
    if (kind == Kind::SEQUENCE) part.edits.reserve(part.names.capacity());
    for (auto& symbol : part.problem.symbols) {
      auto& local = local_[symbol];
      if (local < 0) {
        local = static_cast<std::int32_t>(part.names.size());
        part.names.push_back(symbol);
        part.problem.facts.push_back(facts[symbol]);
        if (kind == Kind::VALUE) part.guarded.push_back(guarded[symbol]);
        if (kind == Kind::SEQUENCE) part.edits.push_back(&edits[symbol]);
      }
      symbol = local;
    }
    for (auto symbol : part.names) local_[symbol] = -1;
  }

  struct Known {
    int key, symbol;  // symbol -1: not judged, or did not happen
  };

  static constexpr int UNMET = -1, OTHER = -2, NONE = -1;

  Known meaning(const Columns& columns, std::int32_t at) {
    auto name = named(columns, columns.fs[at]);
    if (name == OTHER) {
      others = true;
      return {0, -1};
    }
    auto end = columns.partners[at] < 0 ? at : columns.partners[at];
    auto sign = static_cast<Sign>(columns.types[end] % INFO);
    auto given = (sign == REFUSED ? columns.errors : columns.values)[end];
    auto result = sign == UNKNOWN ? nothing_ : items_.number(given, values);
    if (sign == REFUSED && (result = refused(result)) < 0) return {0, -1};
    auto argument = items_.number(columns.values[at], values);
    auto told = std::int64_t{name} << 34 | std::int64_t{sign} << 32 | argument;  // no table knows 2^29 values
    if (auto* known = known_.find(told, result)) return *known;
    return *known_.try_emplace(told, result, define(Symbol{values.object(name), argument, sign, result})).first;
  }

  // The number of a name, or OTHER if the model does not judge it.
  int named(const Columns& columns, std::int32_t place) {
    if (named_.at(place) == UNMET) {  // a model may have changed the columns meanwhile
      auto f = item(columns.names, place);
      auto name = values.number(f.it);
      auto [judged, fresh] = judged_.try_emplace(name, 0, OTHER);
      if (fresh && truth(call(judges_, f.it).it)) *judged = name;
      named_[place] = *judged;
    }
    return named_[place];
  }

  // The number of what the model is told of a failure, or -1 if it asserts nothing.
  int refused(int error) {
    if (auto* known = refusals_.find(error, 0)) return *known;
    auto answer = call(refusal_, values.object(error));
    return *refusals_.try_emplace(error, 0, answer.it == Py_None ? -1 : values.number(answer.it)).first;
  }

  // What a common operation does; no symbol if the model has to be asked after all.
  Known plain(Symbol symbol) {
    auto verb = look(verbs_, symbol.f);
    if (verb < 0 || (symbol.sign == REFUSED && static_cast<Verb>(verb) != Verb::SWAPS)) return {0, -1};
    auto key = nothing_;
    if (keyed_) {
      auto* argument = values.halves(symbol.argument);
      auto* result = symbol.sign == OK ? values.halves(symbol.result) : nullptr;
      if (!argument || (result && result->first != argument->first) || (symbol.sign == OK && !result)) return {0, -1};
      key = argument->first;
      symbol.argument = argument->second;
      if (result) symbol.result = result->second;
    }
    if (kind == Kind::SEQUENCE) return {key, plain_edit(static_cast<Verb>(verb), symbol)};
    return {key, kind == Kind::VALUE ? plain_assignment(static_cast<Verb>(verb), symbol) : -1};
  }

  int plain_edit(Verb verb, const Symbol& symbol) {
    sweep::Edit edit;
    if (verb == Verb::READS) {
      if (symbol.sign == UNKNOWN) return edited(std::move(edit));
      edit.kind = sweep::Edit::READS;
    } else
      edit.kind = verb == Verb::APPENDS ? sweep::Edit::APPENDS : sweep::Edit::REPLACES;
    auto* operand = values.object(verb == Verb::READS ? symbol.result : symbol.argument);
    if (!PyUnicode_CheckExact(operand) || verb == Verb::SWAPS) return -1;
    edit.bytes = bytes(operand);
    return edited(std::move(edit));
  }

  int plain_assignment(Verb verb, const Symbol& symbol) {
    using sweep::Guarded;
    if (verb == Verb::WRITES) return assigned({Guarded::ALWAYS, 0, symbol.argument});
    if (verb == Verb::READS && symbol.sign == OK && symbol.result == nothing_) return -1;  // models differ in that
    if (verb == Verb::READS)
      return symbol.sign == UNKNOWN ? assigned({Guarded::ALWAYS, 0, Guarded::KEEP, Guarded::KEEP}) : assigned({Guarded::EQUALS, symbol.result});
    auto* halves = values.halves(symbol.argument);
    if (!halves || verb != Verb::SWAPS) return -1;
    if (symbol.sign == REFUSED) return assigned({Guarded::DIFFERS, halves->first});
    return assigned({Guarded::EQUALS, halves->first, halves->second, symbol.sign == UNKNOWN ? Guarded::KEEP : sweep::REJECT});
  }

  int edited(sweep::Edit edit) {
    auto [number, fresh] = edited_.try_emplace(static_cast<char>(edit.kind) + edit.bytes, static_cast<int>(edits.size()));
    if (fresh) {
      facts.push_back(edit.facts());
      edits.push_back(std::move(edit));
    }
    return number->second;
  }

  int assigned(const sweep::Guarded& form) {
    auto like = std::int64_t{form.test} << 33 | std::int64_t{form.otherwise == sweep::Guarded::KEEP} << 32 | form.value;
    auto [number, fresh] = alike_.try_emplace(like, form.then, static_cast<int>(guarded.size()));
    if (fresh) {
      guarded.push_back(form);
      facts.push_back(form.facts());
    }
    return *number;
  }

  Known define(const Symbol& symbol) {
    if (auto known = plain(symbol); known.symbol >= 0) return known;
    auto sign = owned(PyLong_FromLong(symbol.sign));
    auto meaning = call(define_, symbol.f, values.object(symbol.argument), sign.it, values.object(symbol.result));
    PyObject *key = nullptr, *one = nullptr, *other = nullptr;
    int first = 0, last = 0;
    if (kind == Kind::ANY) {
      if (!PyArg_ParseTuple(meaning.it, "Oi", &key, &first)) throw PythonError{};
      if (first < 0) finding_ = true;
      facts.push_back(static_cast<std::uint8_t>(std::max(first, 0)));
      symbols.push_back(symbol);
      return {values.number(key), static_cast<int>(symbols.size()) - 1};
    }
    if (kind == Kind::SEQUENCE) {
      if (!PyArg_ParseTuple(meaning.it, "OiO", &key, &first, &one)) throw PythonError{};
      return {values.number(key), edited({static_cast<sweep::Edit::Kind>(first), bytes(one)})};
    }
    if (!PyArg_ParseTuple(meaning.it, "OiOOi", &key, &first, &one, &other, &last)) throw PythonError{};
    sweep::Guarded form;
    form.test = static_cast<sweep::Guarded::Test>(first);
    if (form.test != sweep::Guarded::ALWAYS) form.value = values.number(one);
    if (other != Py_NotImplemented) form.then = values.number(other);
    if (last) form.otherwise = sweep::Guarded::KEEP;
    return {values.number(key), assigned(form)};
  }

  std::string bytes(PyObject* operand) {
    std::string made;
    if (PyUnicode_Check(operand)) {
      Py_ssize_t size = 0;
      auto* text = PyUnicode_AsUTF8AndSize(operand, &size);
      if (!text) throw PythonError{};
      return {text, static_cast<std::size_t>(size)};
    }
    auto size = PySequence_Size(operand);
    if (size < 0) throw PythonError{};
    for (Py_ssize_t at = 0; at < size; at++) {
      auto item = owned(PySequence_GetItem(operand, at));
      auto number = values.number(item.it);
      made.append(reinterpret_cast<const char*>(&number), sizeof number);
    }
    return made;
  }

  // Facts that the model does not tell, of all symbols there are so far.
  void find_out() {
    if (!finding_ || found_ == symbols.size()) return;
    found_ = symbols.size();
    facts = asked.facts();
  }

  Ref define_, judges_, refusal_, verbs_;
  bool keyed_;
  int nothing_ = 0;
  // Of the columns: made anew for each, in the room that there is.
  std::vector<std::unique_ptr<Part>> parts_;
  std::size_t count_ = 0;     // of those that are in use
  std::vector<int> part_of_;  // by key's number: which, or NONE
  std::vector<std::int32_t> invocations_;
  std::vector<Place> places_;  // by invocation
  std::vector<int> named_;     // by place in names: number, UNMET or OTHER
  Items items_;

  Flat<int> judged_;    // by name's number: that, or OTHER
  Flat<int> refusals_;  // by error's number: what refused() tells
  Flat<Known> known_;
  Flat<int> alike_;
  std::unordered_map<std::string, int> edited_;
  std::vector<std::int32_t> local_;  // by symbol: its number in the part that is named, or -1
  bool finding_ = false;
  std::size_t found_ = 0;
};

}  // namespace python
