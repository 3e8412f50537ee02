#!/bin/sh
# What a host does for the harness: runs daemons, signals them, and undoes faults when the harness falls silent.
#
#     sh on_host.sh VERB [ARGUMENT...]
#
# The folder in which this lies is the run's on this host. Of each daemon NAME it holds NAME.command (which a
# shell reads, and becomes the program), NAME.log, and NAME.pid: its number and the moment of its birth, since a
# number that was given to somebody else in the meantime must be left alone. Daemons have a session of their own
# and hold none of their starter's channels. Every few seconds the harness has "heard" written: a word that is
# new each time, and the host's uptime in seconds, since clocks may be set. The first word is "begun".
#
# The member's folder is "data". Where members are to have disks of their own, there is either "own_disk", and the
# member has the image "data.disk" mounted there, which nobody else sees (see disk.py); or the folder is a link to a
# small file system that the host has had before.

set -u
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
here=$(cd "$(dirname "$0")" && pwd -P) || exit 1
. "$here/settings" # silence_s, queue, mark and small_disk

stat_of() { # PID: finds its state's letter and its birth; fails if there is no such process
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    # The program's name comes before, in brackets, and may hold anything.
    set -- ${stat##*\) }
    letter=$1 birth=${20}
}

look() { # NAME: finds its pid, and its state: up, paused or dead
    state=dead pid=
    [ -e "$here/$1.pid" ] && read -r pid born <"$here/$1.pid" && stat_of "$pid" || return 0
    [ "$birth" = "$born" ] || return 0
    case $letter in
        # While one of its threads is still ending, its ports are not free.
        Z | X) [ "$(ls "/proc/$pid/task" 2>/dev/null | wc -l)" -le 1 ] || state=up ;;
        T | t) state=paused ;;
        *) state=up ;;
    esac
}

wait_for() { # NAME STATE...: waits until it is in one of these states
    name=$1
    shift
    for _ in $(seq 400); do
        look "$name"
        case " $* " in *" $state "*) return 0 ;; esac
        sleep 0.025
    done
    echo "$name is still $state after 10 s, not $*" >&2
    return 1
}

start() { # NAME: starts a daemon, if it does not run
    look "$1"
    [ "$state" = dead ] || return 0
    rm -f "$here/$1.pid"
    setsid sh "$here/on_host.sh" become "$1" >>"$here/$1.log" 2>&1 </dev/null &
    for _ in $(seq 400); do
        [ -e "$here/$1.pid" ] && return 0
        sleep 0.025
    done
    echo "$1 did not start within 10 s" >&2
    return 1
}

become() { # NAME: turns this process into the daemon
    stat_of $$
    echo "$$ $birth" >"$here/$1.pid.new"
    mv "$here/$1.pid.new" "$here/$1.pid"
    cd "$here" || exit 1
    . "$here/$1.command"
}

unprivileged() { # USER COMMAND...: becomes it, as this ordinary user where the host has that one
    user=$1
    shift
    if id "$user" >/dev/null 2>&1 && command -v setpriv >/dev/null; then
        exec setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups -- "$@"
    fi
    exec "$@"
}

strike() { # SIGNAL NAME STATE...: sends a signal to the daemon's group and waits for its effect
    signal=$1
    shift
    look "$1"
    [ "$state" = dead ] && return 0
    kill -s "$signal" -- "-$pid" 2>/dev/null
    wait_for "$@"
}

end() { # GRACE_S NAME: asks a daemon to end, and kills it if it has not done so in time
    look "$2"
    [ "$state" = dead ] && return 0
    kill -s TERM -- "-$pid" 2>/dev/null
    kill -s CONT -- "-$pid" 2>/dev/null
    for _ in $(seq $(($1 * 20))); do
        look "$2"
        [ "$state" = dead ] && return 0
        sleep 0.05
    done
    strike KILL "$2" dead
}

queue_on() { # lets marked packets wait for the delayer; without it they pass ("bypass")
    start delayer || return 1
    for _ in $(seq 200); do
        grep -q "^ *$queue " /proc/net/netfilter/nfnetlink_queue 2>/dev/null && break
        look delayer
        if [ "$state" = dead ]; then
            tail -n 1 "$here/delayer.log" >&2
            return 1
        fi
        sleep 0.025
    done
    queue_off
    # Not every kernel has nftables' own word for it; most of those have that of iptables.
    nft -f - 2>/dev/null <<END && return 0
table ip dsm_jepsen_queue {
    chain input {
        type filter hook input priority 0
        meta mark & $mark == $mark queue flags bypass to $queue
    }
}
END
    iptables -w -I INPUT -m mark --mark "$mark/$mark" -j NFQUEUE --queue-num "$queue" --queue-bypass && return 0
    echo "(the kernel has no queues for nftables, and iptables, from Debian's package of that name, failed)" >&2
    return 1
}

queue_off() {
    nft delete table ip dsm_jepsen_queue 2>/dev/null
    iptables -w -D INPUT -m mark --mark "$mark/$mark" -j NFQUEUE --queue-num "$queue" --queue-bypass 2>/dev/null
    return 0
}

clock() { # NAME: what its process is told, a file that it maps: offset in ns, and how often it was told so
    od -An -v -t d8 "$here/$1.clock" 2>/dev/null
}

skew() { # NAME BYTES: sets the file, in place, to 16 bytes that printf understands
    printf "$2" | dd of="$here/$1.clock" bs=16 conv=notrunc 2>/dev/null
}

library() { # finds the library that shifts clocks, or makes it, and tries it
    cc=$(command -v cc || command -v gcc) || cc=
    if [ -n "$cc" ]; then "$cc" -shared -fPIC -O2 -o "$here/skew.so" "$here/skew.c" -ldl; fi
    printf '\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0' >"$here/try.clock"
    for made in "$here/skew.so" "$here/built.so"; do
        [ -e "$made" ] || continue
        told=$(LD_PRELOAD=$made DSM_JEPSEN_SKEW=$here/try.clock \
            python3 -S -c 'import time; print(int(time.time()))' 2>/dev/null)
        [ "$((${told:-0} - $(date +%s)))" -gt 1000000 ] && echo "$made" && return 0
    done
    echo "no library shifts the clock of python3 (there is ${cc:-no C compiler})" >&2
    return 1
}

own_disk() { # has the member's data lie on a small disk; says which kind, if any, and why there is no better one
    mkdir -p "$here/trial"
    if python3 "$here/disk.py" run "$here/trial.disk" "$here/trial" python3 "$here/disk.py" cut "$here/trial" >/dev/null
    then
        : >"$here/own_disk"
        echo image
    elif grep -q " $small_disk " /proc/mounts; then
        ln -s "$small_disk" "$here/data"
        echo mounted
    fi
    rm -rf "$here/trial" "$here/trial.disk"
}

on_disk() { # COMMAND...: becomes it, with the member's disk in the place of its data
    [ -e "$here/own_disk" ] && exec python3 "$here/disk.py" run "$here/data.disk" "$here/data" "$@"
    exec "$@"
}

settle() { # syncs what the member wrote so far
    look store
    [ -e "$here/own_disk" ] && sync -f "/proc/$pid/root$here/data"
    return 0
}

cut_power() { # kills the member, and takes from its disk what it had not synced; says so
    look store
    [ "$state" != dead ] || { echo "the store has just ended by itself" >&2; return 3; }
    python3 "$here/disk.py" cut "$here/data" "$pid" && wait_for store dead
}

fill() { # leaves no room on the member's disk; says how many bytes are free
    : >"$here/filled" # who undoes it has to know
    resize fill
}

free() { # gives the room back; says how many bytes are free
    resize free && rm -f "$here/filled"
}

resize() { # fill|free
    if [ -e "$here/own_disk" ]; then
        look store
        [ "$state" != dead ] && python3 "$here/disk.py" "$1" "$here/data" "$pid" && return
        # It does not run, or has died at this moment, of the full disk perhaps.
    fi
    sh "$here/on_host.sh" on_disk python3 "$here/disk.py" "$1" "$here/data"
}

undo() { # undoes the faults of network, disk, processes and their clocks; tells whether there were any
    found=1
    nft list table ip dsm_jepsen 2>/dev/null | grep -q saddr && found=0
    nft delete table ip dsm_jepsen 2>/dev/null
    [ -e "$here/filled" ] && free >/dev/null && found=0
    for role in store node; do
        look $role
        [ $state = paused ] && kill -s CONT -- "-$pid" && found=0
        read -r offset _ <<END
$(clock $role)
END
        [ "${offset:-0}" != 0 ] && skew $role '\0\0\0\0\0\0\0\0' && found=0
    done
    return $found
}

watch() { # the dead man's watch: undoes faults when nothing was heard for a while; ends with the run
    silent_s=0 last=
    while [ -e "$here/heard" ]; do
        # Its content counts, not its time: somebody may set the clock.
        heard=$(cat "$here/heard" 2>/dev/null)
        if [ "$heard" = "$last" ]; then silent_s=$((silent_s + 1)); else silent_s=0 last=$heard; fi
        if [ "$silent_s" -ge "$silence_s" ]; then
            undo && date >"$here/undone"
            silent_s=0
        fi
        sleep 1
    done
}

uptime_s() { # finds for how long the host has been up
    read -r up _ </proc/uptime
    now_s=${up%.*}
}

beat() { # WORD: hears from the harness; tells it what the daemons do, and whether faults were undone
    uptime_s
    [ -d "$here" ] && echo "$1 $now_s" >"$here/heard"
    [ -e "$here/undone" ] && echo undone since "$(cat "$here/undone")"
    state store node
}

state() { # NAME...
    for name in "$@"; do
        look "$name"
        echo "$name $state"
    done
}

others() { # removes what runs left that were killed; tells of those that live
    uptime_s
    for heard in "$here"/../../*/*/heard; do
        folder=$(cd "$(dirname "$heard")" 2>/dev/null && pwd -P) || continue
        [ "$(dirname "$folder")" = "$(dirname "$here")" ] && continue
        word= heard_s=
        read -r word heard_s 2>/dev/null <"$heard"
        case $heard_s in '' | *[!0-9]*) heard_s=$((now_s + 1)) ;; esac
        age_s=$((now_s - heard_s)) # below 0: the host was started anew since
        patience_s=$silence_s
        # Nobody beats while other hosts are still made ready.
        [ "$word" = begun ] && patience_s=$((silence_s * 8))
        if [ "$age_s" -ge 0 ] && [ "$age_s" -le "$patience_s" ]; then
            echo "alive $(basename "$(dirname "$folder")") $age_s"
        elif [ -e "$folder/on_host.sh" ]; then
            sh "$folder/on_host.sh" remove && echo "removed $(basename "$(dirname "$folder")")"
        else
            rm -rf "$folder" && echo "removed $(basename "$(dirname "$folder")")"
            rmdir "$(dirname "$folder")" 2>/dev/null
        fi
    done
    return 0
}

finish() { # ends all daemons, the programs first and gently; undoes all faults
    end 3 node
    strike KILL store dead
    undo
    queue_off
    end 0 delayer
    end 0 watch
}

remove() {
    finish
    [ -L "$here/data" ] && find "$here/data/" -mindepth 1 -delete
    rm -rf "$here"
    rmdir "$(dirname "$here")" 2>/dev/null
    return 0
}

"$@"
