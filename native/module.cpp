// The kernel as Python sees it: a Table of what is known of a model, which judges histories.
//
// Rests on the limited C API alone, so that one wheel serves every Python from 3.11 on.
#include "python.hpp"

#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "columns.hpp"
#include "edn.hpp"
#include "special_columns.hpp"
#include "table.hpp"

namespace {

using namespace python;
using Clock = std::chrono::steady_clock;

// A search over a part, whatever its machine and width.
struct Case {
  virtual ~Case() = default;
  virtual bool advance() = 0;
  virtual const sweep::Verdict& verdict() const = 0;
  virtual PyObject* state(int number) = 0;  // a new reference
};

template <class Machine, int W, class Show>
struct CaseOf : Case {
  sweep::Search<Machine, W> search;
  Show show;
  template <class... Rest>
  CaseOf(Machine machine, const Part& part, int initial, const sweep::Limits& limits, Show show)
      : search(std::move(machine), part.problem, initial, limits), show(show) {}
  bool advance() override { return search.advance(); }
  const sweep::Verdict& verdict() const override { return search.verdict(); }
  PyObject* state(int number) override { return show(search.machine(), number); }
};

// Cells are shared by all parts; a search owns a handle of them.
struct Shared {
  Asked* cells;
  const std::vector<std::int32_t>* names;
  int step(int state, int symbol) { return cells->step(state, (*names)[symbol]); }
  std::size_t held() const { return cells->held(); }
};

template <class Machine, class Show>
std::unique_ptr<Case> sized(Machine machine, const Part& part, int initial, const sweep::Limits& limits, Show show) {
  if (part.widest <= 64) return std::make_unique<CaseOf<Machine, 1, Show>>(std::move(machine), part, initial, limits, show);
  if (part.widest <= 4096) return std::make_unique<CaseOf<Machine, 64, Show>>(std::move(machine), part, initial, limits, show);
  throw std::length_error("more than 4096 operations of one part are open at once");
}

// A register's part: with values that can be told apart it needs no search.
class RegisterCase : public Case {
 public:
  RegisterCase(Table& table, const Part& part, const sweep::Limits& limits) : table_(table), part_(part), limits_(limits) {}
  bool advance() override {
    if (search_) return search_->advance();
    if (shortcut()) return true;
    search_ = sized(sweep::Assignments(part_.guarded), part_, table_.initial, limits_, [this](auto&, int state) { return shown(state); });
    return search_->advance();
  }
  const sweep::Verdict& verdict() const override { return search_ ? search_->verdict() : verdict_; }
  PyObject* state(int number) override { return search_->state(number); }

 private:
  struct Over {};

  bool shortcut() try {
    auto told = settle_register(part_.guarded, part_.problem, table_.initial, [&] {
      if (limits_.stop(0)) throw Over{};
    });
    if (!told || !told->exact) return false;
    verdict_.kind = told->valid ? sweep::Verdict::VALID : sweep::Verdict::INVALID;
    verdict_.event = told->event;
    verdict_.order = std::move(told->order);
    return true;
  } catch (const Over&) {
    return true;
  }
  PyObject* shown(int state) const {
    auto* object = table_.values.object(state);
    Py_INCREF(object);
    return object;
  }

  Table& table_;
  const Part& part_;
  const sweep::Limits& limits_;
  std::unique_ptr<Case> search_;
  sweep::Verdict verdict_;
};

std::unique_ptr<Case> made(Table& table, const Part& part, const sweep::Limits& limits) {
  auto referred = [](PyObject* object) {
    Py_INCREF(object);
    return object;
  };
  if (table.kind == Kind::VALUE) return std::make_unique<RegisterCase>(table, part, limits);
  if (table.kind == Kind::SEQUENCE) {
    sweep::Sequences machine(part.edits, table.beginning);
    machine.foresee(part.problem);
    return sized(std::move(machine), part, 0, limits, [](auto& machine, int state) {
      auto bytes = machine.bytes(state);
      return PyBytes_FromStringAndSize(bytes.data(), static_cast<Py_ssize_t>(bytes.size()));
    });
  }
  return sized(Shared{&table.asked, &part.names}, part, table.initial, limits,
               [&table, referred](auto&, int state) { return referred(table.asked.object(state)); });
}

// Parts of a history, and the search of each once it has begun.
class Cases {
 public:
  using Parts = std::span<const std::unique_ptr<Part>>;

  Cases(Table& table, Parts parts, const sweep::Limits& limits)
      : table_(table), parts_(parts), limits_(limits), cases_(parts.size()), ended_(parts.size(), 0), invalid_(parts.size()) {}

  // Have all decided, those first that are easy to decide, until one is invalid.
  void decide(std::size_t threads, std::atomic<bool>& over, const std::function<void()>& poll) {
    for (left_ = true; left_ && !over && invalid_ == parts_.size();) {
      left_ = false;
      next_ = 0;
      if (threads < 2)
        advance(over);
      else
        together(threads, over, poll);
    }
  }

  // How many were looked at: the last of these is invalid, if one is.
  std::size_t size() const { return std::min(invalid_ + 1, parts_.size()); }
  const sweep::Verdict& verdict(std::size_t at) const { return cases_[at] ? cases_[at]->verdict() : undecided_; }
  Ref state(std::size_t at, int number) const { return owned(cases_[at]->state(number)); }

 private:
  // Take each case a step further; those after one that is invalid do not matter.
  void advance(std::atomic<bool>& over) {
    for (std::size_t at; (at = next_++) < parts_.size() && at < invalid_;) {
      if (ended_[at] || over) continue;
      if (!cases_[at]) cases_[at] = made(table_, *parts_[at], limits_);
      ended_[at] = cases_[at]->advance();
      if (!ended_[at])
        left_ = true;
      else if (verdict(at).kind == sweep::Verdict::INVALID)
        for (auto first = invalid_.load(); at < first && !invalid_.compare_exchange_weak(first, at);) continue;
    }
  }

  void together(std::size_t threads, std::atomic<bool>& over, const std::function<void()>& poll) {
    std::atomic<std::size_t> busy{threads};
    std::vector<std::exception_ptr> failures(threads);
    std::vector<std::thread> crew;
    crew.reserve(threads);
    auto member = [&](std::size_t one) {
      try {
        advance(over);
      } catch (...) {
        failures[one] = std::current_exception();
        over = true;
      }
      busy--;
    };
    try {
      while (crew.size() < threads) crew.emplace_back(member, crew.size());
    } catch (const std::system_error&) {  // no more threads are to be had
      busy -= threads - crew.size();
      if (crew.empty()) advance(over);
    }
    while (busy) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      poll();
    }
    for (auto& one : crew) one.join();
    for (auto& failure : failures)
      if (failure) std::rethrow_exception(failure);
  }

  Table& table_;
  Parts parts_;
  const sweep::Limits& limits_;
  std::vector<std::unique_ptr<Case>> cases_;
  std::vector<char> ended_;
  std::atomic<std::size_t> next_{0}, invalid_;  // the first that is invalid
  std::atomic<bool> left_{false};
  const sweep::Verdict undecided_;
};

struct Limit {
  double seconds;
  std::size_t bytes;
  bool others;
  Py_ssize_t effort;
  int patience;
};

Ref judge(Table& table, const Columns& columns, const Limit& limit) {
  auto parts = table.parts(columns);
  if (table.others && !limit.others) return borrowed(Py_None);
  auto began = Clock::now();
  std::atomic<std::int64_t> polled{0};
  std::atomic<bool> over{false};
  std::atomic<bool> interrupted{false};
  auto main = std::this_thread::get_id();
  auto milliseconds = [&] { return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began).count(); };
  auto poll = [&](std::int64_t now) {
    if (interrupted || now - polled < 50) return;
    polled = now;
    Holding lock;
    if (PyErr_CheckSignals() < 0) over = interrupted = true;
  };
  std::atomic<Py_ssize_t> asked{0};
  auto stop = [&](std::size_t held) {
    auto now = milliseconds();
    if (std::this_thread::get_id() == main) poll(now);
    if (limit.effort && ++asked > limit.effort) over = true;
    if (held > limit.bytes || static_cast<double>(now) > limit.seconds * 1000) over = true;
    return over.load();
  };
  sweep::Limits limits{stop, limit.patience};
  Cases cases(table, parts, limits);
  std::size_t threads = 1;
  if (table.kind != Kind::ANY && columns.size > 20000)
    threads = std::min<std::size_t>({parts.size(), std::thread::hardware_concurrency(), 16});
  auto* saved = PyEval_SaveThread();
  std::exception_ptr failed;
  try {
    cases.decide(threads, over, [&] { poll(milliseconds()); });
  } catch (...) {
    failed = std::current_exception();
  }
  PyEval_RestoreThread(saved);
  if (failed) std::rethrow_exception(failed);
  if (interrupted) throw PythonError{};

  auto told = owned(PyList_New(0));
  for (std::size_t at = 0; at < cases.size(); at++) {
    auto& part = *parts[at];
    auto& verdict = cases.verdict(at);
    auto states = owned(PyList_New(0));
    for (auto number : verdict.states) {
      auto state = cases.state(at, number);
      if (PyList_Append(states.it, state.it) < 0) throw PythonError{};
    }
    auto size = static_cast<Py_ssize_t>(verdict.order.size() * sizeof(std::int32_t));
    auto order = owned(PyBytes_FromStringAndSize(nullptr, size));
    auto* place = reinterpret_cast<std::int32_t*>(PyBytes_AsString(order.it));
    for (auto op : verdict.order) *place++ = part.invocations[op];
    bool inside = static_cast<std::size_t>(verdict.event) < part.indexes.size();
    auto integer = [](auto value) { return owned(PyLong_FromSsize_t(static_cast<Py_ssize_t>(value))); };
    auto one = tuple(borrowed(table.values.object(part.key)), integer(verdict.kind), integer(inside ? part.indexes[verdict.event] : -1),
                     std::move(states), std::move(order), integer(verdict.widest), integer(part.invocations.size()));
    if (PyList_Append(told.it, one.it) < 0) throw PythonError{};
  }
  return told;
}

struct Object {
  PyObject ob_base;
  Table* table;
};

template <class F>
PyObject* safely(F work) {
  try {
    auto made = work();
    return std::exchange(made.it, nullptr);
  } catch (const PythonError&) {
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::length_error& error) {
    PyErr_SetString(PyExc_OverflowError, error.what());
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_ValueError, error.what());
  }
  return nullptr;
}

PyObject* make(PyTypeObject* type, PyObject* arguments, PyObject*) {
  return safely([&] {
    PyObject *define, *step, *judges, *refusal, *canonical, *initial, *verbs;
    int kind = 0, keyed = 0;
    if (!PyArg_ParseTuple(arguments, "OOOOOOiO!p", &define, &step, &judges, &refusal, &canonical, &initial, &kind, &PyDict_Type,
                          &verbs, &keyed))
      throw PythonError{};
    auto table = std::make_unique<Table>(define, step, judges, refusal, canonical, initial, static_cast<Kind>(kind), verbs, keyed != 0);
    auto object = owned(PyType_GenericAlloc(type, 0));
    reinterpret_cast<Object*>(object.it)->table = table.release();
    return object;
  });
}

void unmake(PyObject* self) {
  delete reinterpret_cast<Object*>(self)->table;
  auto* type = Py_TYPE(self);
  PyObject_Free(self);
  Py_DECREF(type);
}

PyObject* check(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  return safely([&] {
    if (count != 6 || !PyTuple_Check(arguments[0])) throw std::invalid_argument("expected columns, seconds, bytes, others, effort, patience");
    int beyond = 0;  // more than there can be is as good as no limit
    auto bytes = PyLong_AsLongLongAndOverflow(arguments[2], &beyond);
    Limit limit{PyFloat_AsDouble(arguments[1]), beyond ? SIZE_MAX : static_cast<std::size_t>(bytes), truth(arguments[3]),
                PyLong_AsSsize_t(arguments[4]), number(arguments[5])};
    if (PyErr_Occurred()) throw PythonError{};
    Given given(arguments[0]);
    return judge(*reinterpret_cast<Object*>(self)->table, given.columns, limit);
  });
}

PyObject* read_history(PyObject*, PyObject* arguments) {
  return safely([&] {
    const char* text = nullptr;
    Py_ssize_t size = 0;
    int form = 0;
    PyObject* translate = nullptr;
    if (!PyArg_ParseTuple(arguments, "y#iO", &text, &size, &form, &translate)) throw PythonError{};
    try {
      return Reader({text, static_cast<std::size_t>(size)}, static_cast<Form>(form), translate).read();
    } catch (const Unusual&) {
      return borrowed(Py_None);
    }
  });
}

// Judge a history of a family by a case that needs no search; None if there is none, or it cannot tell.
PyObject* settle(PyObject*, PyObject* arguments) {
  return safely([&] {
    PyObject *put, *get, *judges, *refusal, *canonical, *columns;
    int family = 0;
    long long initial = 0;
    if (!PyArg_ParseTuple(arguments, "iUULOOOO!", &family, &put, &get, &initial, &judges, &refusal, &canonical, &PyTuple_Type, &columns))
      throw PythonError{};
    Given given(columns);
    Special special(static_cast<Family>(family), put, get, judges, refusal, canonical);
    if (!special.read(given.columns)) return borrowed(Py_None);
    auto told = special.settle(initial, [] {
      if (PyErr_CheckSignals() < 0) throw PythonError{};
    });
    if (!told) return borrowed(Py_None);
    auto order = bytes_of(told->order), culprits = bytes_of(told->culprits);
    return owned(Py_BuildValue("(iiiOOi)", told->valid, told->event, told->exact, order.it, culprits.it, special.size()));
  });
}

PyMethodDef functions[] = {{"settle", settle, METH_VARARGS, "Judge a history's columns by a case that needs no search."},
                           {"read_history", read_history, METH_VARARGS, "A history's columns from its text, or None if it is unusual."},
                           {nullptr, nullptr, 0, nullptr}};
PyMethodDef methods[] = {{"check", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(check)), METH_FASTCALL, "Judge a history's columns, part by part."}, {nullptr, nullptr, 0, nullptr}};
PyType_Slot slots[] = {{Py_tp_new, reinterpret_cast<void*>(make)},
                       {Py_tp_dealloc, reinterpret_cast<void*>(unmake)},
                       {Py_tp_methods, methods},
                       {0, nullptr}};
PyType_Spec spec = {"dsm_jepsen._native.Table", sizeof(Object), 0, Py_TPFLAGS_DEFAULT, slots};

PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_native", "Searches for linearizations, and reads histories, natively.", -1, functions, nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__native() {
  auto* module = PyModule_Create(&definition);
  if (!module) return nullptr;
  auto* type = PyType_FromSpec(&spec);
  if (!type || PyModule_AddObjectRef(module, "Table", type) < 0) {
    Py_XDECREF(type);
    Py_DECREF(module);
    return nullptr;
  }
  Py_DECREF(type);
  return module;
}
