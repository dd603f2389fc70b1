// Rollcall · LoadGenerator

import CLinux
import Glibc

/// One epoll descriptor on one thread, and the clients that it calls for ready sockets.
public final class Reactor {
    static let readable: UInt32 = 0x001
    static let writable: UInt32 = 0x004
    static let failed: UInt32 = 0x008
    static let hungUp: UInt32 = 0x010
    static let room = 512
    /// Space before the bytes of a read, for the rest of a line from the last read.
    static let headroom = 256
    static let readSize = 1 << 18

    private let descriptor: Int32
    private let events = UnsafeMutablePointer<epoll_event>.allocate(capacity: room)
    let input = UnsafeMutablePointer<UInt8>.allocate(capacity: headroom + readSize)
    private var clients: [any ReactorClient] = []
    /// The time at which the sockets of the last turn were found ready.
    public private(set) var now = Clock.now

    public init() {
        descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
    }

    deinit {
        close(descriptor)
        events.deallocate()
        input.deallocate()
    }

    /// Adds a client, and returns the number that ``watch(_:_:client:connection:again:)`` needs.
    func join(_ client: any ReactorClient) -> Int {
        clients.append(client)
        return clients.count - 1
    }

    func leave(_ number: Int) {
        clients[number] = NoClient()
    }

    func watch(_ socket: Int32, _ wanted: UInt32, client: Int, connection: Int, again: Bool = false) {
        var event = epoll_event()
        event.events = wanted
        event.data.u64 = UInt64(client) << 32 | UInt64(connection)
        epoll_ctl(descriptor, again ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, socket, &event)
    }

    /// Waits for ready sockets, at most this long, calls their clients, and then all clients with the time.
    public func turn(milliseconds: Int32) throws(LoadError) {
        let count = epoll_wait(descriptor, events, Int32(Self.room), milliseconds)
        now = Clock.now
        for index in 0..<max(0, Int(count)) {
            let mark = events[index].data.u64
            clients[Int(mark >> 32)].ready(Int(mark & 0xffff_ffff), events[index].events)
        }
        for client in clients { client.passTime(now) }
        try Interruption.check()
    }

    /// Turns until the condition holds; false if the time was over before.
    @discardableResult
    public func run(seconds: Double, until done: () -> Bool = { false }) throws(LoadError) -> Bool {
        let deadline = Clock.now + UInt64(seconds * 1e9)
        while !done() {
            let now = Clock.now
            if now >= deadline { return false }
            try turn(milliseconds: Int32(min(50, (deadline - now) / Clock.millisecond + 1)))
        }
        return true
    }

    /// Turns until a moment on ``Clock``, to the microsecond.
    public func run(until moment: UInt64) throws(LoadError) {
        while true {
            let now = Clock.now
            if now >= moment { return }
            try turn(milliseconds: Int32(min(50, (moment - now) / Clock.millisecond)))
        }
    }

    private final class NoClient: ReactorClient {
        func ready(_ connection: Int, _ events: UInt32) {}
    }
}
