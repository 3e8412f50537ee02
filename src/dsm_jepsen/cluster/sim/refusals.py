"""What no deterministic loop can offer: each refused in one sentence, when it is called.

Real threads, sockets, signals and processes run at their own pace, so that one seed would no
longer give one history.
"""

import asyncio
from typing import Any, NoReturn

from dsm_jepsen.cluster.sim.errors import SimulationError


def _refuse(what: str, instead: str) -> Any:
    def refusal(*_args: object, **_options: object) -> NoReturn:
        raise SimulationError(f"a simulation has no {what}: one seed must give one history; {instead}")

    return refusal


_threads = _refuse("threads", "call the function directly, or make it a coroutine")
_sockets = _refuse("sockets", "use env.network to reach a node and env.store to reach the store")
_signals = _refuse("signals", "use the cluster's control to pause or kill a process")
_endless = _refuse("endless runs", "give run() a coroutine that ends")
_settings = _refuse("modes and factories", "all tasks are made and ordered by the loop itself")
_processes = _refuse("processes and pipes", "start node programs with the cluster's start()")


class RefusingLoop(asyncio.AbstractEventLoop):
    """An event loop without an outside world."""

    call_soon_threadsafe: Any = _threads
    run_in_executor: Any = _threads
    set_default_executor: Any = _threads

    getaddrinfo: Any = _sockets
    getnameinfo: Any = _sockets
    create_connection: Any = _sockets
    create_server: Any = _sockets
    create_unix_connection: Any = _sockets
    create_unix_server: Any = _sockets
    create_datagram_endpoint: Any = _sockets
    connect_accepted_socket: Any = _sockets
    start_tls: Any = _sockets
    sendfile: Any = _sockets
    add_reader: Any = _sockets
    remove_reader: Any = _sockets
    add_writer: Any = _sockets
    remove_writer: Any = _sockets
    sock_recv: Any = _sockets
    sock_recv_into: Any = _sockets
    sock_recvfrom: Any = _sockets
    sock_recvfrom_into: Any = _sockets
    sock_sendall: Any = _sockets
    sock_sendto: Any = _sockets
    sock_connect: Any = _sockets
    sock_accept: Any = _sockets
    sock_sendfile: Any = _sockets

    add_signal_handler: Any = _signals
    remove_signal_handler: Any = _signals

    connect_read_pipe: Any = _processes
    connect_write_pipe: Any = _processes
    subprocess_shell: Any = _processes
    subprocess_exec: Any = _processes

    run_forever: Any = _endless
    stop: Any = _endless

    set_debug: Any = _settings
    set_task_factory: Any = _settings
    get_task_factory: Any = _settings
