// Rollcall · LocalServices

import Foundation
import Synchronization

/// Raw sockets for the owner of a private server: choose a free port, and ask whether a server answers.
package enum LocalSocket {
    /// The most bytes of a path that `sun_path` holds with its closing NUL on all supported systems.
    package static let longestPath = 103

    /// Ports below those of outgoing connections, so that no connection takes one before its server listens.
    private static let portsForServers = 12_000..<32_000
    /// Ports that this process has chosen; their servers may not listen yet.
    private static let givenPorts = Mutex<Set<Int>>([])

    /// Returns a loopback port that is free, and that no other caller in this process gets.
    package static func freePort() throws(LocalServicesError) -> Int {
        for _ in 0..<1_000 {
            let port = Int.random(in: portsForServers)
            guard givenPorts.withLock({ $0.insert(port).inserted }), isFree(port) else { continue }
            return port
        }
        throw LocalServicesError(.startFailed, "no free loopback port: \(String(cString: strerror(errno)))")
    }

    /// Whether the port is free on every interface, since a server may listen on all of them.
    private static func isFree(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Self.stream, 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    /// Sends `question` to a unix socket and returns the first bytes of the answer, or nil if there is none.
    ///
    /// Blocks its thread for at most a quarter of a second.
    package static func ask(_ path: String, _ question: String) -> String? {
        guard let descriptor = Self.connected(to: path) else { return nil }
        defer { close(descriptor) }
        guard send(descriptor, question, question.utf8.count, Self.noSignal) == question.utf8.count else { return nil }
        var answer = [UInt8](repeating: 0, count: 256)
        let count = recv(descriptor, &answer, answer.count, 0)
        return count > 0 ? String(decoding: answer[..<count], as: UTF8.self) : nil
    }

    /// Whether a process listens at a unix socket, even a frozen one.
    package static func isOpen(_ path: String) -> Bool {
        guard let descriptor = Self.connected(to: path) else { return false }
        close(descriptor)
        return true
    }

    /// Connects to a unix socket; the caller closes the descriptor.
    private static func connected(to path: String) -> Int32? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count <= Self.longestPath else { return nil }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }

        let descriptor = socket(AF_UNIX, Self.stream, 0)
        guard descriptor >= 0 else { return nil }
        var timeout = timeval(tv_sec: 0, tv_usec: 250_000)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, size)
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        guard connected else {
            close(descriptor)
            return nil
        }
        return descriptor
    }

    #if canImport(Glibc)
        private static let stream = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        private static let noSignal = Int32(MSG_NOSIGNAL)
    #else
        private static let stream = SOCK_STREAM
        private static let noSignal: Int32 = 0
    #endif
}
