// Rollcall · FaultTests

import Foundation
import NIOPosix
import TestSupport

/// Clients that connect, send some bytes and drop the connection, by plain sockets: thousands in a second.
enum DroppedConnections {
    struct Manners {
        let words: String
        /// Whether it waits for the first byte of the answer.
        let waits: Bool
        /// Whether it closes with a reset, as when its process died, instead of an end.
        let resets: Bool
    }

    private static let workers = 8

    /// Makes `count` connections, as many at a time as there are workers.
    static func make(_ count: Int, to url: String, _ manners: @escaping @Sendable (Int) -> Manners) async throws {
        guard let port = url.split(separator: ":").last.flatMap({ UInt16($0) }) else {
            throw NeverHappened(description: "\(url) has no port")
        }
        let threads = NIOThreadPool(numberOfThreads: workers)
        threads.start()
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<workers {
                    group.addTask {
                        try await threads.runIfActive {
                            for number in stride(from: worker, to: count, by: workers) {
                                try drop(port, manners(number))
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
        } catch {
            try await threads.shutdownGracefully()
            throw error
        }
        try await threads.shutdownGracefully()
    }

    private static func drop(_ port: UInt16, _ manners: Manners) throws {
        let descriptor = socket(AF_INET, stream, 0)
        defer { close(descriptor) }
        var wait = timeval(tv_sec: 10 * patience, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
        var ending = linger(l_onoff: manners.resets ? 1 : 0, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &ending, socklen_t(MemoryLayout<linger>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let isConnected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected else {
            throw NeverHappened(description: "a connection: \(String(cString: strerror(errno)))")
        }
        _ = send(descriptor, manners.words, manners.words.utf8.count, noSignal)
        guard manners.waits else { return }
        var first: UInt8 = 0
        guard recv(descriptor, &first, 1, 0) == 1 else {
            throw NeverHappened(description: "an answer: \(String(cString: strerror(errno)))")
        }
    }

    #if canImport(Glibc)
        private static let stream = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        private static let noSignal = Int32(MSG_NOSIGNAL)
    #else
        private static let stream = SOCK_STREAM
        private static let noSignal: Int32 = 0
    #endif
}
