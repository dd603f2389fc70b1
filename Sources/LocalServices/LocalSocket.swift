// Rollcall · LocalServices

import Foundation

/// The two things that a private server's owner does with raw sockets: choose a free port, ask whether one answers.
package enum LocalSocket {
    /// The longest path that `sun_path` holds with its closing NUL, on every system that we run on.
    package static let longestPath = 103

    /// Returns a loopback port that was free a moment ago.
    package static func freePort() throws(LocalServicesError) -> Int {
        let descriptor = socket(AF_INET, Self.stream, 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard bound else {
            throw LocalServicesError(.startFailed, "no free loopback port: \(String(cString: strerror(errno)))")
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    /// Sends `question` to a unix socket and returns the first bytes of the answer, or nil when none comes.
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

    /// Whether somebody listens at a unix socket, be it frozen.
    package static func isOpen(_ path: String) -> Bool {
        guard let descriptor = Self.connected(to: path) else { return false }
        close(descriptor)
        return true
    }

    /// Connects to a unix socket; the caller closes what it gets.
    private static func connected(to path: String) -> Int32? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count <= Self.longestPath else { return nil }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }

        let descriptor = socket(AF_UNIX, Self.stream, 0)
        guard descriptor >= 0 else { return nil }
        var patience = timeval(tv_sec: 0, tv_usec: 250_000)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, size)
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
