// Judges a history by porcupine, as often as asked, and prints each time's verdict, seconds, and KiB so far.
//
// Usage: peer MODEL SECONDS TIMES FILE; the file has a line of fields between tabs for each event:
// "call ID F ARGUMENT ..." or "return ID HOW RESULT ...", where HOW is ok, fail or unknown.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/anishathalye/porcupine"
)

const nothing = -1000000

// input and output of registers: comparable structs of numbers, as in porcupine's own etcd model.
type input struct {
	f    byte
	a, b int
}

type output struct {
	how   byte // o(k), f(ail) or u(nknown)
	value int
}

var register = porcupine.Model{
	Init: func() interface{} { return nothing },
	Step: func(state, in, out interface{}) (bool, interface{}) {
		s, i, o := state.(int), in.(input), out.(output)
		switch i.f {
		case 'r':
			return o.how != 'o' || o.value == s, state
		case 'w':
			return true, i.a
		}
		if o.how == 'u' {
			if s == i.a {
				return true, i.b
			}
			return true, state
		}
		if o.how == 'f' {
			return s != i.a, state
		}
		return s == i.a, i.b
	},
}

// Strings hold the elements of containers: they can be compared as they are.
type text struct {
	f     byte
	key   string
	value string
}

type got struct {
	how   byte
	value string
}

func container(take func(s string) (rest, one string)) porcupine.Model {
	return porcupine.Model{
		Init: func() interface{} { return "" },
		Step: func(state, in, out interface{}) (bool, interface{}) {
			s, i, o := state.(string), in.(text), out.(got)
			if i.f == 'e' || i.f == 'p' && i.value != "" {
				return true, s + i.value + " "
			}
			if s == "" {
				return o.how != 'o', s
			}
			rest, one := take(s)
			return o.how == 'u' || o.how == 'o' && o.value == one, rest
		},
	}
}

var queue = container(func(s string) (string, string) {
	end := strings.IndexByte(s, ' ')
	return s[end+1:], s[:end]
})

var stack = container(func(s string) (string, string) {
	start := strings.LastIndexByte(s[:len(s)-1], ' ') + 1
	return s[:start], s[start : len(s)-1]
})

var set = porcupine.Model{
	Init: func() interface{} { return "" },
	Step: func(state, in, out interface{}) (bool, interface{}) {
		s, i, o := state.(string), in.(text), out.(got)
		if i.f == 'r' {
			return o.how != 'o' || o.value == s, s
		}
		all := strings.Fields(s)
		at := sort.Search(len(all), func(k int) bool { return number(all[k]) >= number(i.value) })
		if at < len(all) && all[at] == i.value {
			return true, s
		}
		all = append(all[:at], append([]string{i.value}, all[at:]...)...)
		return true, strings.Join(all, " ")
	},
}

var kv = porcupine.Model{
	PartitionEvent: func(history []porcupine.Event) [][]porcupine.Event {
		keys := map[string][]porcupine.Event{}
		of := map[int]string{}
		for _, event := range history {
			if event.Kind == porcupine.CallEvent {
				of[event.Id] = event.Value.(text).key
			}
			keys[of[event.Id]] = append(keys[of[event.Id]], event)
		}
		var names []string
		for name := range keys {
			names = append(names, name)
		}
		sort.Strings(names)
		var parts [][]porcupine.Event
		for _, name := range names {
			parts = append(parts, keys[name])
		}
		return parts
	},
	Init: func() interface{} { return "" },
	Step: func(state, in, out interface{}) (bool, interface{}) {
		s, i, o := state.(string), in.(text), out.(got)
		switch i.f {
		case 'g':
			return o.how != 'o' || o.value == s, s
		case 'p':
			return true, i.value
		}
		return true, s + i.value
	},
}

func number(field string) int {
	if field == "" {
		return nothing
	}
	n, err := strconv.Atoi(field)
	if err != nil {
		panic(err)
	}
	return n
}

func read(path string, numbers bool) []porcupine.Event {
	file, err := os.Open(path)
	if err != nil {
		panic(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<26)
	var events []porcupine.Event
	for lines.Scan() {
		field := strings.Split(lines.Text(), "\t")
		id := number(field[1])
		how := field[2][0]
		event := porcupine.Event{Id: id}
		switch {
		case field[0] == "call" && numbers:
			event.Value = input{how, number(field[3]), number(field[4])}
		case field[0] == "call":
			event.Value = text{how, field[3], field[4]}
		case numbers:
			event.Kind, event.Value = porcupine.ReturnEvent, output{how, number(field[3])}
		default:
			event.Kind, event.Value = porcupine.ReturnEvent, got{how, field[3]}
		}
		events = append(events, event)
	}
	if err := lines.Err(); err != nil {
		panic(err)
	}
	return events
}

func main() {
	models := map[string]porcupine.Model{
		"register": register, "queue": queue, "stack": stack, "set": set, "kv": kv,
	}
	model, found := models[os.Args[1]]
	if !found {
		panic("no model " + os.Args[1])
	}
	limit, _ := strconv.ParseFloat(os.Args[2], 64)
	times := number(os.Args[3])
	events := read(os.Args[4], os.Args[1] == "register")
	spent := 0.0
	for run := 0; run < times && (run == 0 || spent < limit); run++ {
		runtime.GC()
		began := time.Now()
		verdict := porcupine.CheckEventsTimeout(model, events, time.Duration(limit*1e9))
		took := time.Since(began).Seconds()
		spent += took
		var used syscall.Rusage
		syscall.Getrusage(syscall.RUSAGE_SELF, &used)
		fmt.Printf("%s %.9f %d\n", verdict, took, used.Maxrss)
	}
}
