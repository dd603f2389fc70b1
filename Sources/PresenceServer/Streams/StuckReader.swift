// Rollcall · PresenceServer

import NIOCore

/// Finds out whether a client takes no bytes at all for too long.
struct StuckReader {
    private var timer: Scheduled<Void>?
    /// Bytes that the client had not acknowledged when the timer was set.
    private var unreadBytes = 0

    /// Sets the timer, unless it is set.
    ///
    /// - Parameter onTime: Called on the loop after `age`; calls ``isStuck(_:)``.
    mutating func watch(
        _ unreadBytes: Int, for age: TimeAmount, on loop: any EventLoop, onTime: @escaping @Sendable () -> Void
    ) {
        guard timer == nil else { return }
        self.unreadBytes = unreadBytes
        timer = loop.scheduleTask(in: age, onTime)
    }

    /// Returns whether the client has taken nothing since the timer was set, which has fired.
    ///
    /// A client that took some bytes is slow, not stuck: it keeps its stream during a large state.
    mutating func isStuck(_ unreadBytes: Int?) -> Bool {
        timer = nil
        return unreadBytes.map { $0 >= self.unreadBytes } ?? true
    }

    mutating func stop() {
        timer?.cancel()
        timer = nil
    }
}

extension Channel {
    /// Sets `TCP_USER_TIMEOUT`: the kernel drops a client that acknowledges nothing: it vanished, or never reads.
    ///
    /// Without it, small pings fill the socket's buffer for a quarter of an hour before the node notices.
    ///
    /// - Throws: When the kernel refuses; then its own time-out ends such a connection, after a quarter of an hour.
    func setStuckReaderTimeout(_ age: TimeAmount) throws {
        #if os(Linux)
            let option = ChannelOptions.Types.SocketOption(level: .tcp, name: .tcpUserTimeout)
            try syncOptions?.setOption(option, value: Int(age.nanoseconds / 1_000_000))
        #endif
    }
}

#if os(Linux)
    extension NIOBSDSocket.Option {
        /// `TCP_USER_TIMEOUT` of linux/tcp.h, which Glibc's module lacks.
        fileprivate static let tcpUserTimeout = NIOBSDSocket.Option(rawValue: 18)
    }
#endif
