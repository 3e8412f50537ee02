// The kernel as Python sees it: a Table of a model's values, symbols and states, which judges histories.
//
// Rests on the limited C API alone, so that one wheel serves every Python from 3.11 on.
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "machine.hpp"
#include "search.hpp"

namespace {

using namespace sweep;

struct PythonError {};  // the interpreter knows which

struct Ref {  // owns a reference
  PyObject* it = nullptr;
  Ref() = default;
  explicit Ref(PyObject* object) : it(object) {}
  Ref(const Ref&) = delete;
  Ref& operator=(const Ref&) = delete;
  Ref(Ref&& other) noexcept : it(std::exchange(other.it, nullptr)) {}
  Ref& operator=(Ref&& other) noexcept {
    std::swap(it, other.it);
    return *this;
  }
  ~Ref() { Py_XDECREF(it); }
};

Ref owned(PyObject* object) {
  if (!object) throw PythonError{};
  return Ref(object);
}

Ref borrowed(PyObject* object) {
  Py_XINCREF(object);
  return owned(object);
}

struct Holding {  // the interpreter's lock
  PyGILState_STATE state = PyGILState_Ensure();
  ~Holding() { PyGILState_Release(state); }
};

struct PairHash {
  std::size_t operator()(const std::pair<std::int64_t, std::int64_t>& pair) const {
    auto mixed = static_cast<std::uint64_t>(pair.first) * 0x9E3779B97F4A7C15u ^ static_cast<std::uint64_t>(pair.second);
    mixed ^= mixed >> 29;
    mixed *= 0xBF58476D1CE4E5B9u;
    return static_cast<std::size_t>(mixed ^ mixed >> 32);
  }
};

// Python's values as numbers; equal numbers for values that are equal as JSON: 1, 1.0 and true are three.
class Values {
 public:
  explicit Values(PyObject* canonical) : canonical_(borrowed(canonical)), strings_(owned(PyDict_New())), others_(owned(PyDict_New())) {}

  int number(PyObject* value) {
    if (value == Py_None) return special(none_, value);
    if (PyLong_CheckExact(value)) {
      int overflow = 0;
      auto integer = PyLong_AsLongLongAndOverflow(value, &overflow);
      if (!overflow) {
        if (integer >= 0 && integer < SMALL) return special(small_[integer], value);
        auto [found, fresh] = integers_.try_emplace(integer, 0);
        if (fresh) found->second = add(value);
        return found->second;
      }
    }
    if (PyUnicode_CheckExact(value)) return in(strings_.it, value, value);
    if (PyList_CheckExact(value) && PyList_Size(value) == 2) {
      auto one = number(PyList_GetItem(value, 0)), other = number(PyList_GetItem(value, 1));
      auto [found, fresh] = pairs_.try_emplace(std::pair<std::int64_t, std::int64_t>{one, other}, 0);
      if (fresh) found->second = add(value);
      return found->second;
    }
    auto key = owned(PyObject_CallFunctionObjArgs(canonical_.it, value, nullptr));
    return in(others_.it, key.it, value);
  }

  PyObject* object(int number) const { return objects_[number].it; }

 private:
  static constexpr int SMALL = 1024;

  int add(PyObject* value) {
    objects_.push_back(borrowed(value));
    return static_cast<int>(objects_.size()) - 1;
  }
  int special(int& known, PyObject* value) { return known ? known - 1 : (known = add(value) + 1) - 1; }
  int in(PyObject* dict, PyObject* key, PyObject* value) {
    if (auto known = PyDict_GetItemWithError(dict, key)) return static_cast<int>(PyLong_AsLong(known));
    if (PyErr_Occurred()) throw PythonError{};
    auto fresh = add(value);
    auto number = owned(PyLong_FromLong(fresh));
    if (PyDict_SetItem(dict, key, number.it) < 0) throw PythonError{};
    return fresh;
  }

  Ref canonical_, strings_, others_;
  std::vector<Ref> objects_;
  int none_ = 0;
  int small_[SMALL] = {};
  std::unordered_map<std::int64_t, int> integers_;
  std::unordered_map<std::pair<std::int64_t, std::int64_t>, int, PairHash> pairs_;
};

enum Sign { NOBODY_KNOWS, OK, REFUSED };

struct Symbol {  // what a model is told
  PyObject* f;
  int argument;
  Sign sign;
  int result;
};

// A model that has to be asked.
class Asked : public Cells {
 public:
  Asked(PyObject* step, Values& values, std::vector<Symbol>& symbols)
      : step_(borrowed(step)), numbers_(owned(PyDict_New())), values_(values), symbols_(symbols) {}

  int number(PyObject* state) {
    if (auto known = PyDict_GetItemWithError(numbers_.it, state)) return static_cast<int>(PyLong_AsLong(known));
    if (PyErr_Occurred()) throw PythonError{};
    states_.push_back(borrowed(state));
    auto fresh = owned(PyLong_FromSize_t(states_.size() - 1));
    if (PyDict_SetItem(numbers_.it, state, fresh.it) < 0) throw PythonError{};
    return static_cast<int>(states_.size()) - 1;
  }
  PyObject* object(int state) const { return states_[state].it; }

 protected:
  int ask(int state, int symbol) override {
    Holding lock;
    auto& told = symbols_[symbol];
    auto sign = owned(PyLong_FromLong(told.sign));
    auto after = owned(PyObject_CallFunctionObjArgs(step_.it, states_[state].it, told.f, values_.object(told.argument),
                                                    sign.it, values_.object(told.result), nullptr));
    return after.it == Py_NotImplemented ? REJECT : number(after.it);
  }

 private:
  Ref step_, numbers_;
  std::vector<Ref> states_;
  Values& values_;
  std::vector<Symbol>& symbols_;
};

struct View {  // a column
  Py_buffer buffer{};
  View(PyObject* object, Py_ssize_t size) {
    if (PyObject_GetBuffer(object, &buffer, PyBUF_SIMPLE) < 0) throw PythonError{};
    if (buffer.itemsize != size) {
      PyBuffer_Release(&buffer);
      PyErr_Format(PyExc_TypeError, "a column has items of %zd bytes, expected %zd", buffer.itemsize, size);
      throw PythonError{};
    }
  }
  View(const View&) = delete;
  View& operator=(const View&) = delete;
  ~View() { PyBuffer_Release(&buffer); }
  std::size_t size() const { return static_cast<std::size_t>(buffer.len / buffer.itemsize); }
  template <class T>
  const T* data() const {
    return static_cast<const T*>(buffer.buf);
  }
};

struct Columns {
  const std::uint8_t* types;
  const std::int64_t *processes, *partners;
  std::size_t size;
  PyObject *fs, *values, *errors;
};

// A history's operations that the model judges, and the events they came from.
struct Encoded {
  Problem problem;
  std::vector<std::int32_t> invocations;  // by operation: index of its event
  std::vector<std::int32_t> indexes;      // by event of the problem: index of the history's
  int widest = 0;                         // operations open at once that return
};

class Table {
 public:
  // define(f, argument, sign, result) -> facts, or (test, value, then, otherwise) if guarded
  Table(PyObject* define, PyObject* step, PyObject* judges, PyObject* refusal, PyObject* canonical, PyObject* initial,
        bool guarded)
      : define_(borrowed(define)), judges_(borrowed(judges)), refusal_(borrowed(refusal)), values_(canonical),
        asked_(step, values_, symbols_), guarded_(guarded) {
    initial_ = guarded ? values_.number(initial) : asked_.number(initial);
  }

  Ref check(const Columns& columns, double seconds, std::size_t bytes) {
    auto encoded = encode(columns);
    encoded.problem.facts = facts_;
    auto began = std::chrono::steady_clock::now();
    auto signals_at = began;
    std::exception_ptr interrupted;
    Stop stop = [&](std::size_t held) {
      auto now = std::chrono::steady_clock::now();
      if (now - signals_at > std::chrono::milliseconds(50)) {
        signals_at = now;
        Holding lock;
        if (PyErr_CheckSignals() < 0) throw PythonError{};
      }
      return held > bytes || std::chrono::duration<double>(now - began).count() > seconds;
    };
    Verdict verdict;
    auto* saved = PyEval_SaveThread();
    try {
      if (guarded_) {
        Assignments machine(forms_);
        verdict = wide(machine, encoded, stop);
      } else
        verdict = wide(static_cast<Cells&>(asked_), encoded, stop);
    } catch (...) {
      PyEval_RestoreThread(saved);
      throw;
    }
    PyEval_RestoreThread(saved);
    return told(verdict, encoded);
  }

 private:
  template <class Machine>
  Verdict wide(Machine& machine, const Encoded& encoded, const Stop& stop) {
    if (encoded.widest <= 64) return decide<Machine, 1>(machine, encoded.problem, initial_, stop);
    if (encoded.widest <= 256) return decide<Machine, 4>(machine, encoded.problem, initial_, stop);
    if (encoded.widest <= 4096) return decide<Machine, 64>(machine, encoded.problem, initial_, stop);
    throw std::length_error("more than 4096 operations are open at once");
  }

  Ref told(const Verdict& verdict, const Encoded& encoded) {
    auto states = owned(PyList_New(0));
    for (auto state : verdict.states)
      if (PyList_Append(states.it, guarded_ ? values_.object(state) : asked_.object(state)) < 0) throw PythonError{};
    std::vector<std::int32_t> order(verdict.order.size());
    for (std::size_t at = 0; at < order.size(); at++) order[at] = encoded.invocations[verdict.order[at]];
    auto event = static_cast<std::size_t>(verdict.event) < encoded.indexes.size() ? encoded.indexes[verdict.event] : -1;
    auto bytes = owned(PyBytes_FromStringAndSize(reinterpret_cast<const char*>(order.data()), static_cast<Py_ssize_t>(order.size() * 4)));
    return owned(Py_BuildValue("(iiOOnn)", static_cast<int>(verdict.kind), event, states.it, bytes.it,
                               static_cast<Py_ssize_t>(verdict.widest), static_cast<Py_ssize_t>(encoded.invocations.size())));
  }

  Encoded encode(const Columns& columns) {
    Encoded made;
    auto& problem = made.problem;
    std::vector<std::int32_t> operation(columns.size, -1);
    std::size_t open = 0, widest = 0;
    for (std::size_t at = 0; at < columns.size; at++) {
      if (columns.processes[at] < 0) continue;
      if (columns.types[at] != 0) {  // a completion
        auto op = operation[columns.partners[at]];
        if (op < 0 || problem.returns[op] == Problem::NEVER) continue;
        problem.returns[op] = static_cast<std::int32_t>(problem.events.size());
        problem.events.push_back(~op);
        made.indexes.push_back(static_cast<std::int32_t>(at));
        open--;
        continue;
      }
      auto symbol = symbol_of(columns, static_cast<Py_ssize_t>(at));
      if (symbol < 0) continue;
      operation[at] = static_cast<std::int32_t>(problem.symbols.size());
      problem.events.push_back(operation[at]);
      problem.symbols.push_back(symbol);
      bool returns = columns.partners[at] >= 0 && columns.types[columns.partners[at]] != 3;
      problem.returns.push_back(returns ? 0 : Problem::NEVER);
      made.invocations.push_back(static_cast<std::int32_t>(at));
      made.indexes.push_back(static_cast<std::int32_t>(at));
      if (returns) widest = std::max(widest, ++open);
    }
    made.widest = static_cast<int>(widest);
    return made;
  }

  int symbol_of(const Columns& columns, Py_ssize_t at) {
    auto* f = PyList_GetItem(columns.fs, at);
    if (!f) throw PythonError{};
    auto judged = judged_.find(f);
    if (judged == judged_.end()) {
      auto answer = owned(PyObject_CallFunctionObjArgs(judges_.it, f, nullptr));
      auto truth = PyObject_IsTrue(answer.it);
      if (truth < 0) throw PythonError{};
      names_.push_back(borrowed(f));
      judged = judged_.emplace(f, truth ? static_cast<int>(names_.size()) : 0).first;
    }
    if (!judged->second) return -1;
    auto partner = columns.partners[at];
    auto type = partner < 0 ? 3 : columns.types[partner];
    auto nothing = values_.number(Py_None);
    auto sign = NOBODY_KNOWS;
    auto result = nothing;
    if (type == 1) {
      sign = OK;
      result = values_.number(PyList_GetItem(columns.values, static_cast<Py_ssize_t>(partner)));
    } else if (type == 2) {
      sign = REFUSED;
      result = refused(columns.errors, partner);
      if (result < 0) return -1;
    }
    auto argument = values_.number(PyList_GetItem(columns.values, at));
    auto key = std::pair<std::int64_t, std::int64_t>{static_cast<std::int64_t>(judged->second) << 34 | static_cast<std::int64_t>(sign) << 32 | argument, result};
    auto [known, fresh] = known_.try_emplace(key, -1);
    if (fresh) known->second = define(Symbol{f, argument, sign, result});
    return known->second;
  }

  int refused(PyObject* errors, std::int64_t index) {
    auto key = owned(PyLong_FromLongLong(index));
    auto* error = PyDict_GetItemWithError(errors, key.it);
    if (!error && PyErr_Occurred()) throw PythonError{};
    auto number = values_.number(error ? error : Py_None);
    auto [known, fresh] = refusals_.try_emplace(number, -1);
    if (fresh) {
      auto answer = owned(PyObject_CallFunctionObjArgs(refusal_.it, error ? error : Py_None, nullptr));
      if (answer.it != Py_None) known->second = values_.number(answer.it);
    }
    return known->second;
  }

  int define(const Symbol& symbol) {
    auto sign = owned(PyLong_FromLong(symbol.sign));
    auto meaning = owned(PyObject_CallFunctionObjArgs(define_.it, symbol.f, values_.object(symbol.argument), sign.it,
                                                      values_.object(symbol.result), nullptr));
    if (!guarded_) {
      facts_.push_back(static_cast<std::uint8_t>(PyLong_AsLong(meaning.it)));
      if (PyErr_Occurred()) throw PythonError{};
      symbols_.push_back(symbol);
      return static_cast<int>(symbols_.size()) - 1;
    }
    int test = 0, otherwise = 0;
    PyObject *value = nullptr, *then = nullptr;
    if (!PyArg_ParseTuple(meaning.it, "iOOi", &test, &value, &then, &otherwise)) throw PythonError{};
    Guarded form;
    form.test = static_cast<Guarded::Test>(test);
    if (form.test != Guarded::ALWAYS) form.value = values_.number(value);
    form.then = then == Py_NotImplemented ? Guarded::KEEP : values_.number(then);
    form.otherwise = otherwise ? Guarded::KEEP : REJECT;
    auto like = std::pair<std::int64_t, std::int64_t>{static_cast<std::int64_t>(form.test) << 33 | static_cast<std::int64_t>(otherwise) << 32 | form.value, form.then};
    auto [known, fresh] = alike_.try_emplace(like, static_cast<int>(forms_.size()));
    if (fresh) {
      forms_.push_back(form);
      facts_.push_back(form.facts());
    }
    return known->second;
  }

  Ref define_, judges_, refusal_;
  Values values_;
  std::vector<Symbol> symbols_;
  Asked asked_;
  bool guarded_;
  int initial_ = 0;
  std::vector<Guarded> forms_;
  std::vector<std::uint8_t> facts_;
  std::vector<Ref> names_;
  std::unordered_map<PyObject*, int> judged_;
  std::unordered_map<int, int> refusals_;
  std::unordered_map<std::pair<std::int64_t, std::int64_t>, int, PairHash> known_, alike_;
};

struct Object {
  PyObject ob_base;
  Table* table;
};

template <class F>
PyObject* guarded(F work) {
  try {
    return work();
  } catch (const PythonError&) {
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_ValueError, error.what());
  }
  return nullptr;
}

PyObject* make(PyTypeObject* type, PyObject* arguments, PyObject*) {
  return guarded([&]() -> PyObject* {
    PyObject *define, *step, *judges, *refusal, *canonical, *initial;
    int forms = 0;
    if (!PyArg_ParseTuple(arguments, "OOOOOOp", &define, &step, &judges, &refusal, &canonical, &initial, &forms)) throw PythonError{};
    auto table = std::make_unique<Table>(define, step, judges, refusal, canonical, initial, forms != 0);
    auto* made = reinterpret_cast<Object*>(PyType_GenericAlloc(type, 0));
    if (!made) throw PythonError{};
    made->table = table.release();
    return reinterpret_cast<PyObject*>(made);
  });
}

void unmake(PyObject* self) {
  delete reinterpret_cast<Object*>(self)->table;
  auto* type = Py_TYPE(self);
  PyObject_Free(self);
  Py_DECREF(type);
}

PyObject* check(PyObject* self, PyObject* arguments) {
  return guarded([&]() -> PyObject* {
    PyObject *types, *processes, *partners, *fs, *values, *errors;
    double seconds = 0;
    Py_ssize_t bytes = 0;
    if (!PyArg_ParseTuple(arguments, "OOOO!O!O!dn", &types, &processes, &partners, &PyList_Type, &fs, &PyList_Type, &values,
                          &PyDict_Type, &errors, &seconds, &bytes))
      throw PythonError{};
    View kinds(types, 1), who(processes, 8), whose(partners, 8);
    Columns columns{kinds.data<std::uint8_t>(), who.data<std::int64_t>(), whose.data<std::int64_t>(), kinds.size(), fs, values, errors};
    auto size = static_cast<Py_ssize_t>(columns.size);
    if (who.size() != columns.size || whose.size() != columns.size || PyList_Size(fs) != size || PyList_Size(values) != size)
      throw std::invalid_argument("the columns differ in length");
    auto answer = reinterpret_cast<Object*>(self)->table->check(columns, seconds, static_cast<std::size_t>(bytes));
    return std::exchange(answer.it, nullptr);
  });
}

PyMethodDef methods[] = {{"check", check, METH_VARARGS, "Judge a history's columns."}, {nullptr, nullptr, 0, nullptr}};
PyType_Slot slots[] = {{Py_tp_new, reinterpret_cast<void*>(make)},
                       {Py_tp_dealloc, reinterpret_cast<void*>(unmake)},
                       {Py_tp_methods, methods},
                       {0, nullptr}};
PyType_Spec spec = {"dsm_jepsen.checkers._kernel.Table", sizeof(Object), 0, Py_TPFLAGS_DEFAULT, slots};

PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_kernel", "The search for linearizations, natively.", -1, nullptr, nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__kernel() {
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
